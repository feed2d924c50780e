"""Pictures that a user brings, made to fit the library's backbone."""

from __future__ import annotations

import base64
import binascii
import io

from PIL import Image, ImageOps

from otmf_core.errors import InputError
from otmf_core.library.library import Library
from otmf_core.library.pictures import open_picture
from otmf_core.models.clip_config import image_size

MOST_UPLOAD_BYTES = 10_000_000
PNG_URI = "data:image/png;base64,"


def image_side(library: Library) -> int:
    """Pixels along each side of the images that the library's backbone takes."""
    return image_size(library.backbone_config)[0]


def fit(data: bytes, name: str, pixels: int) -> bytes:
    """A PNG of `pixels` × `pixels` in RGB: the middle square of a PNG or JPEG, resized bicubically as CLIP does.

    Transparent parts become white. Raises InputError on anything else, on damaged files and on ones that are too large.
    """
    if len(data) > MOST_UPLOAD_BYTES:
        most = MOST_UPLOAD_BYTES // 10**6
        raise InputError(f"a picture has at most {most} MB, received {len(data) / 1e6:.1f} MB in {name}")
    picture = open_picture(data, name, formats=("PNG", "JPEG"))
    square = ImageOps.fit(picture, (pixels, pixels), Image.Resampling.BICUBIC)
    png = io.BytesIO()
    square.save(png, format="PNG")
    return png.getvalue()


def png_of_uri(uri: str) -> bytes:
    """The PNG file in a data URI; raises InputError when it is none."""
    try:
        if uri.startswith(PNG_URI):
            return base64.b64decode(uri.removeprefix(PNG_URI), validate=True)
    except binascii.Error:
        pass
    raise InputError(f"a drawing comes as a PNG data URI, received {uri[:30]!r}")
