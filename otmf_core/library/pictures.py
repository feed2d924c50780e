"""Pictures that may come from anyone: bytes in, RGB out, at one door.

Only formats that are decoded in this process are opened (an EPS would start a program), and none of more pixels than
stated. What is no 8-bit RGB becomes it so: 16-bit grey is scaled by 1/257 and floats of 0 to 1 by 255, not clipped; a
camera's turn (EXIF) is applied; transparent parts lie on white.
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

from otmf_core.errors import InputError
from otmf_core.files import brief

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
MAX_PIXELS = 50_000_000
ORIENTATION = 0x0112  # the EXIF tag of a camera's turn


def open_picture(data: bytes, where: str, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    """The picture in `data` as RGB; raises InputError about `where` when it is damaged, too large or of another format.

    An RGB picture of 8 bits without a turn comes back with the bytes that it was stored with.
    """
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes, refused below, and of damage, which shows when it is read
            picture = Image.open(io.BytesIO(data), formats=formats)
            if picture.width * picture.height > MAX_PIXELS:
                raise InputError(
                    f"a picture has at most {MAX_PIXELS // 10**6} million pixels, "
                    f"received {picture.width} × {picture.height} in {where}"
                )
            picture.load()
            if picture.getexif().get(ORIENTATION, 1) != 1:
                picture = ImageOps.exif_transpose(picture)
            return _as_rgb(picture)
    except InputError:
        raise
    except Exception as error:  # decoders of six formats, in C and Python: whatever they raise, the file is damaged
        raise _damaged(error, formats, where) from None


def picture_size(data: bytes, where: str) -> tuple[int, int]:
    """Height and width of the picture in `data` as it will be read, from its header; raises as `open_picture` does."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture = Image.open(io.BytesIO(data), formats=FORMATS)
            turned = picture.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8)
    except Exception as error:
        raise _damaged(error, FORMATS, where) from None
    return (picture.width, picture.height) if turned else (picture.height, picture.width)


def _damaged(error: Exception, formats: tuple[str, ...], where: str) -> InputError:
    from PIL import UnidentifiedImageError

    unknown = isinstance(error, UnidentifiedImageError)  # which says no more than that
    reason = "" if unknown else f" ({type(error).__name__}: {brief(error)})"
    names = f"{', '.join(formats[:-1])} or {formats[-1]}"
    return InputError(f"a picture is a whole {names} file, received {where}{reason}")


def _as_rgb(picture: Image.Image) -> Image.Image:
    from PIL import Image

    if picture.mode == "RGB" and "transparency" not in picture.info:
        return picture
    if picture.mode.startswith(("I", "F")):
        picture = _eight_bits(picture)
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB")


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Grey of 16 bits, or of floats in 0 to 1, as grey of 8 bits."""
    import numpy as np
    from PIL import Image

    values = np.asarray(picture, np.float64)
    most = 1.0 if picture.mode.startswith("F") else 65535.0
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > most:
        raise ValueError(f"grey of mode {picture.mode} is 0 to {most:g}, not {values.min():g} to {values.max():g}")
    return Image.fromarray(np.rint(values * (255 / most)).astype(np.uint8))
