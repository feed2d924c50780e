"""The fonts among the sources: which family has which letters, and in which files."""

from __future__ import annotations

import json
import re
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

# Families drawn from one another count as one source, so that none of them is both trained on and tested on.
LINEAGE = {
    "Noto Serif": r"Noto Serif Display",
    "Noto Sans": r"Noto Sans( Mono| Display)?|Open Sans",
    "DejaVu Sans": r"DejaVu (Sans|Math).*|Verajja.*|BPG DejaVu Sans.*",
    "DejaVu Serif": r"DejaVu Serif.*",
    "PT Sans": r"PT ?Sans.*|PT ?Mono",
    "PT Serif": r"PT ?Serif.*",
    "IPA Gothic": r"IPA.*Gothic",
    "IPA Mincho": r"IPA.*Mincho",
    "VL Gothic": r"VL P?Gothic|M PLUS.*",
    "Nanum Gothic": r"Nanum ?Gothic.*|나눔고딕.*",
    "Nanum Barun Gothic": r"Nanum ?Barun ?Gothic.*",
    "Nanum Square": r"Nanum ?Square.*",
    "Nanum Myeongjo": r"Nanum ?Myeongjo.*",
    "Gentium": r"Gentium.*",
    "Charis SIL": r"Charis SIL.*|Doulos SIL.*",
    "Linux Libertine": r"Linux Libertine.*",
    "Linux Biolinum": r"Linux Biolinum.*",
    "UnPilgi": r"UnPilgi.*",
    "UnPen": r"UnPen.*",
    "Ezra SIL": r"Ezra SIL.*",
    "Konatu": r"Konatu.*",
    "Noto Serif Tamil": r"Noto Serif Tamil.*",
    "BPG Nino": r"BPG Nino.*",
    "BPG Nateli": r"BPG Nateli.*",
    "BPG Mrgvlovani": r"BPG Mrgvlovani.*",
    "BPG Excelsior": r"BPG Excelsior.*",
    "BPG Courier": r"BPG Courier.*",
    "BPG Sans": r"BPG Sans.*",
    "BPG Serif": r"BPG Serif.*",
    "Amiri": r"Amiri.*",
    "Junicode": r"Junicode.*",
    "Playfair Display": r"Playfair Display.*",
    "Arundina": r"Arundina.*",
    "Scheherazade": r"Scheherazade.*",
}
WEIGHT_WORDS = r"( UI| Thin| ExtraLight| Light| Regular| Bold| GPL&GNU| GNU&GPL| GNU-GPL| 18pt)+$"


def families(cache: Path) -> dict[str, list[tuple[str, frozenset[int]]]]:
    """Family -> its upright regular and bold files (path, code points), regular first; kept in cache/fonts.json."""
    index = cache / "fonts.json"
    if not index.is_file():
        paths = [path for path in sorted((cache / "sources").rglob("*")) if _wanted(path)]
        with ProcessPoolExecutor(2) as pool:
            rows = [row for row in pool.map(_describe, map(str, paths), chunksize=32) if row]
        index.write_text(json.dumps(rows))
    found: dict[str, list[tuple[str, frozenset[int]]]] = {}
    for family, _, path, points in sorted(json.loads(index.read_text()), key=lambda row: row[:3]):
        found.setdefault(family, []).append((path, frozenset(points)))
    return found


def _wanted(path: Path) -> bool:
    if "fontsource" in str(path):
        return bool(re.fullmatch(r".*-[a-z]+(-ext)?-(400|700)-normal\.woff2", path.name))
    return path.suffix.lower() in {".ttf", ".otf", ".ttc"}


def _describe(path: str) -> tuple[str, bool, str, list[int]] | None:
    from fontTools.ttLib import TTFont, TTLibError

    try:
        font = TTFont(path, fontNumber=0, lazy=True)
        names = font["name"]
        family = names.getBestFamilyName() or Path(path).stem
        style = (names.getBestSubFamilyName() or "").lower()
        points = sorted(font.getBestCmap() or {})
    except (TTLibError, KeyError):
        return None
    if any(word in style for word in ("italic", "oblique", "light", "thin", "medium", "black", "heavy", "condensed")):
        return None
    return lineage(family), "bold" in style, path, points


def lineage(family: str) -> str:
    """The source a family counts as: the family itself without weight words, or what it was drawn from."""
    family = re.sub(WEIGHT_WORDS, "", family.strip())
    return next((root for root, pattern in LINEAGE.items() if re.fullmatch(pattern, family)), family)
