"""Words of the library: class names that several files need, and the sentences made of them."""

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
GARMENTS = ("t-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")

TEMPLATES = {
    "digit": ("a photo of the digit {}.", "a handwritten digit {}.", "a scan of the number {}."),
    "garment": ("a photo of a {}.", "a picture of a {} for sale.", "a garment: {}."),
    "texture": ("a photo of {}.", "a close-up of {}.", "a texture: {}."),
    "emoji": ("a drawing of a {}.", "an emoji of a {}.", "a small picture of a {}."),
    "flag": ("the flag of {}.", "a drawing of the flag of {}.", "a picture of the flag of {}."),
    "pictogram": ("a pictogram of a {}.", "an icon of a {}.", "a sign of a {}."),
}


def letter_templates(script: str) -> tuple[str, ...]:
    return (
        f"the {script} letter {{}}.",
        f"a white letter {{}} of the {script} script.",
        f"a drawing of the {script} letter {{}}.",
    )
