"""Emoji, flags and pictograms drawn from the icon packages of several vendors."""

from __future__ import annotations

import io
import json
import re
from functools import lru_cache
from pathlib import Path

import numpy as np

SIDE, BOX = 40, 36


@lru_cache(maxsize=32)
def icons(cache: Path, vendor: str) -> dict:
    """The vendor's icon set: {"icons": {name: {"body": svg, ...}}, "aliases": ..., "width": ..., "height": ...}."""
    folder = cache / "sources" / f"npm-iconify-json-{vendor}" / "package"
    found = json.loads((folder / "icons.json").read_text())
    found["plain"] = {_plain(name): name for name in [*found.get("aliases", {}), *found["icons"]]}
    return found


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def find(cache: Path, vendor: str, names) -> str | None:
    """The first of the names that this vendor draws, in its own spelling."""
    plain = icons(cache, vendor)["plain"]
    return next((plain[_plain(name)] for name in names if _plain(name) in plain), None)


def render(cache: Path, vendor: str, name: str) -> np.ndarray | None:
    """One icon as RGBA (40, 40, 4), its ink fitted into the middle 36×36; None if it is blank."""
    import resvg_py
    from PIL import Image

    body, width, height = _body(icons(cache, vendor), name)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}" color="black">{body}</svg>'
    )
    png = resvg_py.svg_to_bytes(svg_string=svg, zoom=max(1, round(144 / max(width, height))))
    drawn = Image.open(io.BytesIO(png)).convert("RGBA")
    box = drawn.getchannel("A").point([0] * 17 + [255] * 239).getbbox()  # ink that is more than a shadow's edge
    if box is None:
        return None
    drawn = drawn.crop(box)
    scale = BOX / max(drawn.size)
    width, height = (max(1, round(side * scale)) for side in drawn.size)
    canvas = Image.new("RGBA", (SIDE, SIDE))
    drawn = drawn.resize((width, height), Image.Resampling.LANCZOS)
    canvas.paste(drawn, ((SIDE - width) // 2, (SIDE - height) // 2))
    pixels = np.asarray(canvas)
    return pixels if (pixels[..., 3] > 96).sum() >= 12 else None


def _body(found: dict, name: str) -> tuple[str, float, float]:
    alias = found.get("aliases", {}).get(name)
    if alias:
        return _body(found, alias["parent"])
    icon = found["icons"][name]
    return icon["body"], icon.get("width", found.get("width", 16)), icon.get("height", found.get("height", 16))


def draw(cache: Path, classes: dict[str, tuple[str, ...]], vendors: dict[str, str]):
    """Every class by every vendor that has it.

    classes: class name -> spellings, of which the first that exists is drawn; vendors: vendor -> suffixes, as in
    "|-fill|-bold", of the styles to draw. Returns images (n, 40, 40, 4), labels (n,), vendors (n,).
    """
    images, labels, origins = [], [], []
    for vendor, suffixes in vendors.items():
        for label, spellings in enumerate(classes.values()):
            styles = [[spelling + suffix for spelling in spellings] for suffix in suffixes.split("|")]
            names = {name for style in styles if (name := find(cache, vendor, style))}
            for name in sorted(names):
                image = render(cache, vendor, name)
                if image is not None:
                    images.append(image)
                    labels.append(label)
                    origins.append(vendor)
    return np.array(images, np.uint8), np.array(labels, np.int64), np.array(origins, dtype=str)
