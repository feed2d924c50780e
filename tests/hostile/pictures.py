"""Pictures of a library's tables that are none, are of other sizes or formats, or start a foreign program."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from tests.hostile.case import Case, Damage, Expected, vouched

TABLES = {"calibration": "tasks/green/calibration.parquet", "test": "tasks/green/test.parquet"}
LABELS = [0, 1, 2] * 2
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 16\n%%EndComments\n0.5 setgray showpage\n"


@cache
def picture(width: int = 16, height: int = 16, mode: str = "RGB", kind: str = "PNG") -> bytes:
    """An even picture."""
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (width, height), (90, 40, 200)).convert(mode).save(file, kind)
    return file.getvalue()


def written(path: str, images: Any, labels: Any = LABELS) -> Damage:
    """A table of these images and labels in the place of a split's own."""

    def damage(root: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"image": images, "label": labels}), root / path)

    return vouched(path, damage)


def _all_alike() -> dict[str, tuple[Any, Expected]]:
    """What every cell of the column of images holds."""
    png, jpeg = picture(), picture(kind="JPEG")
    return {
        "of 24 pixels": (picture(24, 24), "read"),
        "of one pixel": (picture(1, 1), "read"),
        "not square": (picture(16, 32), "read"),
        "grey": (picture(mode="L"), "either"),
        "black and white": (picture(mode="1"), "either"),
        "of a palette": (picture(mode="P"), "either"),
        "see-through": (picture(mode="RGBA"), "either"),
        "of sixteen bits": (picture(mode="I;16"), "either"),
        "JPEG": (jpeg, "read"),
        "GIF": (picture(kind="GIF"), "either"),
        "TIFF": (picture(kind="TIFF"), "either"),
        "BMP": (picture(kind="BMP"), "either"),
        "ICO": (picture(kind="ICO"), "either"),
        "PostScript, which a program draws": (EPS, "refused"),
        "text": (b"x", "refused"),
        "empty": (b"", "refused"),
        "no picture at all": (None, "refused"),
        "cut short": (png[: len(png) // 2], "refused"),
        "a JPEG cut short": (jpeg[: len(jpeg) // 2], "refused"),
        "of a damaged checksum": (png[:20] + b"\xff" + png[21:], "refused"),
        "a name": ("/etc/passwd", "refused"),
        "numbers": (7, "refused"),
        "a list": ([1, 2], "refused"),
        "bytes and a name": ({"bytes": png, "path": "a.png"}, "either"),
        "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://127.0.0.1:9/x"/></svg>', "refused"),
    }


def cases() -> Iterator[Case]:
    """A case for every kind of picture in either table."""
    import pyarrow as pa

    for split, path in TABLES.items():
        for label, (cell, expected) in _all_alike().items():
            cells = pa.nulls(len(LABELS), pa.binary()) if cell is None else [cell] * len(LABELS)
            yield Case(f"{split} pictures are {label}", written(path, cells), expected)
        mixed = [picture(), picture(24, 24)] * 3
        yield Case(f"{split} pictures are of two sizes", written(path, mixed), "read")
        yield Case(f"{split} pictures are missing in part", written(path, [picture(), None] * 3))


def huge(width: int, height: int) -> bytes:
    """A picture whose few bytes unpack to very many."""
    from PIL import Image

    file = io.BytesIO()
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        Image.new("1", (width, height)).save(file, "PNG")
    finally:
        Image.MAX_IMAGE_PIXELS = limit
    return file.getvalue()
