"""Texts that stand on any page: plurals, numbers, sizes, durations, sentences. No screen, so charts use them too."""

from __future__ import annotations

import html
import re

LONGEST_NAME, LONGEST_SENTENCE = 80, 400  # characters: of a name from the address bar, and of what an exception says

# Characters that are acted upon and not seen: controls, halves of a character, changes of the writing direction.
UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# What Streamlit replaces even behind a backslash: addresses become links; arrows, :names: of icons a character.
REPLACED = (
    r":(?=//|[\w+-]+:|material/)|(?<=www)\.|(?<=[\w.+-])@(?=\w)"
    r"|(?<=(?<!\S)<)-(?=>?(?!\S))|(?<=(?<!\S)-)[->](?!\S)|(?<=(?<!\S)[<>~])=(?!\S)"
)
MARKDOWN = re.compile(
    rf"(?P<replaced>{REPLACED})|[\\`*\[\]<>&$~#]|(?<![^\W_])_|_(?![^\W_])|:(?!\s)|^[-+=|]", re.IGNORECASE
)
NUMBERED = re.compile(r"^(\d+)([.)])(?=\s|$)")


def letters(text: str) -> str:
    """Markdown that shows a text from a file or an address letter by letter, on one line, and acts on none of it."""
    return NUMBERED.sub(r"\1\\\2", MARKDOWN.sub(_letter, _seen(text)))


def from_link(name: str) -> str:
    """A name from the address bar as Markdown that shows it letter by letter, its middle left out where it is long."""
    return excerpt(name, LONGEST_NAME)


def excerpt(text: str, most: int) -> str:
    """A text as `letters` has it, its middle left out where it has more than `most` characters."""
    return letters(shortened(text, most))


def chart_letters(text: str) -> str:
    """The same for Plotly, which acts on tags and entities in everything that it writes."""
    return html.escape(_seen(text), quote=False)


def html_letters(text: str) -> str:
    """The same for HTML, as text or as the value of an attribute in double quotes."""
    return html.escape(_seen(text))


def bare_letters(text: str) -> str:
    """The same for what reads neither: a text that is set as text, on one line, unseen characters as their escapes."""
    return _seen(text)


def reason(error: Exception) -> str:
    """What an exception says, as a sentence in Markdown that shows it letter by letter, its middle left out if long."""
    return letters(sentence(shortened(str(error), LONGEST_SENTENCE)))


def _letter(found: re.Match[str]) -> str:
    """A character with a backslash; in an element of its own, without a colour, where that does not help."""
    return rf":color[\{found[0]}]" if found["replaced"] else rf"\{found[0]}"


def shortened(text: str, most: int) -> str:
    """A text of about `most` characters, its middle left out where it has more."""
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-most // 2 :]}"


def _seen(text: str) -> str:
    """A text on one line, unseen characters as their escapes."""
    return UNSEEN.sub(lambda found: ascii(found[0])[1:-1], " ".join(text.split()))


def sentence(message: str) -> str:
    """A message of the engine as a sentence: a capital first, a full stop last."""
    return f"{message[:1].upper()}{message[1:]}{'' if message.endswith('.') else '.'}" if message else ""


def plural(count: int, noun: str) -> str:
    """1 merge, 3 merges, 0 merges; of nouns whose plural ends in s."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def rounded(value: float, digits: int) -> float:
    """`value` to `digits` decimals, and never −0.0."""
    return round(value, digits) + 0.0


def with_minus(number: str) -> str:
    """A formatted number with a minus sign for its hyphen."""
    return number.replace("-", "−")


def number_text(value: float, digits: int, signed: bool = False) -> str:
    """−4.2 or 4.1 and, where `signed`, +4.1; a rounded zero has no sign."""
    number = rounded(value, digits)
    return with_minus(f"{number:{'+' if signed and number else ''}.{digits}f}")


def with_unit(value: float | None, unit: str, signed: bool = False) -> str | None:
    """67.6% where `unit` is %, and −4.2 where it is pt, for percentage points; None where there is no value."""
    if value is None or value != value:
        return None
    return number_text(value, 1, signed) + ("%" if unit == "%" else "")


def duration(seconds: float) -> str:
    """7.2 s, 48 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size_text(count: float) -> str:
    """Bytes in words: 640 MiB, 1.4 GiB."""
    if count < 1000 * 2**20:
        return f"{count / 2**20:.0f} MiB"
    return f"{count / 2**30:.1f} GiB"


def disk_text(count: float) -> str:
    """Bytes on a disk in words, as disks are counted: 0.4 MB, 640 MB, 1.4 GB, 20 GB."""
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if count >= size or unit == "MB":
            number = count / size
            break
    return f"{number:.0f} {unit}" if number >= 100 or number == int(number) else f"{number:.1f} {unit}"
