"""Pictures that a user brings, made to fit the library's backbone."""

from __future__ import annotations

import base64
import binascii
import io
import warnings

from PIL import Image, ImageOps

from otmf_core.errors import InputError
from otmf_core.library.library import Library

MOST_UPLOAD_BYTES = 10_000_000
MOST_PIXELS = 40_000_000
PNG_URI = "data:image/png;base64,"


def image_side(library: Library) -> int:
    """Pixels along each side of the images that the library's backbone takes."""
    config = library.backbone_config
    size = config.get("preprocess_cfg", {}).get("size") or config["model_cfg"]["vision_cfg"]["image_size"]
    return int(size[0] if isinstance(size, list) else size)


def fit(data: bytes, name: str, pixels: int) -> bytes:
    """A PNG of `pixels` × `pixels` in RGB: the middle square of a PNG or JPEG, resized bicubically as CLIP does.

    Transparent parts become white. Raises InputError on anything else, on damaged files and on ones that are too large.
    """
    if len(data) > MOST_UPLOAD_BYTES:
        most = MOST_UPLOAD_BYTES // 10**6
        raise InputError(f"a picture has at most {most} MB, received {len(data) / 1e6:.1f} MB in {name}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the next lines refuse less than it would
            picture = Image.open(io.BytesIO(data), formats=("PNG", "JPEG"))
        if picture.width * picture.height > MOST_PIXELS:
            raise InputError(
                f"a picture has at most {MOST_PIXELS // 10**6} million pixels, "
                f"received {picture.width} × {picture.height} in {name}"
            )
        picture = ImageOps.exif_transpose(picture).convert("RGBA")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"a picture is a whole PNG or JPEG file, received {name}") from None
    white = Image.new("RGBA", picture.size, "white")
    square = ImageOps.fit(
        Image.alpha_composite(white, picture).convert("RGB"), (pixels, pixels), Image.Resampling.BICUBIC
    )
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
