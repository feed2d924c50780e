"""Names and texts that mean something to a screen, a shell or a disk; to a reader of OTMF they are letters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.hostile.case import Case, json_file, setting

TEXTS = {
    "HTML": "<img src=x onerror=alert(1)>",
    "a picture of another site": "![x](http://127.0.0.1:9/t.png)",
    "a link that is a script": "[x](javascript:alert(1))",
    "mathematics": "$5$ and $10$",
    "a table": "| a | b |",
    "an icon": ":material/home:",
    "markup of a terminal": "[bold]x[/] [/nothing] \x1b[2J\x1b]0;x\x07",
    "a zero byte": "a\0b",
    "lines": "a\nb\r\nc",
    "half a character": "\ud800",
    "letters from right to left": "\u202egpj.exe",
    "a path": "../../../outside",
    "a device": "CON",
    "nothing": "",
    "a hundred thousand letters": "z" * 100_000,
    "three hundred letters": "x" * 300,
    "a formula": '=HYPERLINK("http://127.0.0.1:9","x")',
    "an option": "--out=/tmp",
    "a comma": "red,green",
}


def library_cases() -> Iterator[Case]:
    """Every text in every place of a manifest where one may stand."""
    for label, text in TEXTS.items():
        for key in ("id", "name"):
            yield Case(f"library's {key} is {label}", json_file("manifest.json", setting(key, to=text)), "either")
        for key in ("id", "name", "licence"):
            change = setting("tasks", 2, key, to=text)
            yield Case(f"task's {key} is {label}", json_file("manifest.json", change), "either")
        classes = setting("tasks", 1, "classes", 0, to=text)
        yield Case(f"a class is {label}", json_file("manifest.json", classes), "either")
        suite = json_file("manifest.json", lambda manifest, text=text: manifest["suites"].update({text: ["red"]}))
        yield Case(f"a suite's name is {label}", suite, "either")


def run_cases() -> Iterator[Case]:
    """Every text in some of the places of a run where one may stand."""
    places = [("status.json", "message"), ("config.json", "library"), ("notes.json", "name"), ("notes.json", "note")]
    places += [("record.json", key) for key in ("library", "labels", "calibration_split", "device", "method")]
    for number, (label, text) in enumerate(TEXTS.items()):
        for file, key in places[number % 3 :: 3]:  # in turns
            damage = json_file(file, setting(key, to=text))
            yield Case(f"{file}'s {key} is the text of {label}", damage, "either", "either")

        def renamed(run: Path, text: str = text) -> None:
            for file in ("config.json", "progress.json", "record.json"):
                json_file(file, setting("tasks", 0, to=text))(run)

        yield Case(f"a run's task is {label}", renamed, "either", "either")
