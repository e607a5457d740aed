"""A user's picture as an image viewer shows it: upright, flattened, in sRGB and 8 bits, and no larger than needed."""

from __future__ import annotations

import threading
import warnings
from contextlib import nullcontext, suppress
from typing import IO, NamedTuple, cast

from PIL import Image

from share_dist.scene.colours import Stored, conversion, stored_in, strips
from share_dist.scene.reading import NotShown, Patient, require_few_scans

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "GIF", "TIFF", "AVIF", "PPM")
"""What is opened, whatever a file's name says. Others stay closed: Pillow hands PostScript, for one, to Ghostscript."""

LEAST_SIDE_PX = 32

KEPT_SIDE_PX = 512
"""The shorter side is kept at least this long: finer detail would not survive the resize to a crop."""

MOST_PIXELS = 108_000_000
"""The largest sensors in use. Decoded it takes 0.4 GB, and a progressive JPEG 0.3 GB more meanwhile."""

MOST_PIXELS_OF = {"WEBP": 48_000_000, "AVIF": 48_000_000, "CMYK": 64_000_000}
"""Their decoders hold a picture three and more times, and CMYK has a channel more."""

MOST_TILE_PIXELS = 16_000_000
"""Of a TIFF that is stored in tiles, most of which are of 256 × 256."""

_TILE_WIDTH, _TILE_LENGTH = 322, 323

_HALVED_PIXELS = 32_000_000
"""A JPEG that is larger is decoded at half its size, or it would take more than a gigabyte."""

_ALONE_PIXELS = 16_000_000
"""One picture at a time that is larger, however many threads decode."""

_MOST_SCANS = 500
"""A progressive JPEG has about ten; with thousands, a small file would be decoded for hours."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112

_STRANGERS = (
    (b"ftyphei", 4, "a HEIC picture"),
    (b"ftyphev", 4, "a HEIC picture"),
    (b"ftypmif1", 4, "a HEIF picture"),
    (b"ftypavi", 4, "a damaged AVIF picture, or this Pillow reads none"),
    (b"ftyp", 4, "a video or another file of that family"),
    (b"%!PS", 0, "PostScript"),
    (b"%PDF", 0, "a PDF"),
    (b"8BPS", 0, "a Photoshop file"),
    (b"\xff\x0a", 0, "a JPEG XL picture"),
    (b"\x00\x00\x00\x0cJXL ", 0, "a JPEG XL picture"),
    (b"\x00\x00\x00\x0cjP", 0, "a JPEG 2000 picture"),
    (b"<svg", 0, "an SVG drawing"),
    (b"<?xml", 0, "an SVG drawing or other XML"),
    (b"<!DOCTYPE", 0, "a web page"),
    (b"<html", 0, "a web page"),
    (b"version https://git-lfs", 0, "a Git LFS pointer: run `git lfs pull`"),
    (b"PK\x03\x04", 0, "a ZIP archive"),
    (b"II*\0", 0, "a camera's raw file, or a TIFF of numbers that are not read"),
    (b"MM\0*", 0, "a camera's raw file, or a TIFF of numbers that are not read"),
)

_MOST_TEXT_BYTES = 32 << 20
"""Compressed text and colour profiles in a PNG: Pillow stops at 1 MB, which a picture that was edited for long has."""

_alone = threading.Lock()

# Sizes are refused here, below the one at which Pillow warns of some.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# Damaged EXIF turns nothing, as in a viewer, and other remarks beside the pixels are left alone.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


class Decoded(NamedTuple):
    """A picture in RGB, its shorter side at most twice KEPT_SIDE_PX, and how many pixels its file has."""

    picture: Image.Image
    pixels: int


def decoded(file: IO[bytes]) -> Decoded:
    """Return the picture in an open file.

    An animation gives its first frame. What is transparent shows white, as on a page.

    Raises:
        NotShown: the file is no picture that can be read, is damaged, or too small or too large.
    """
    from PIL import PngImagePlugin

    PngImagePlugin.MAX_TEXT_CHUNK = max(PngImagePlugin.MAX_TEXT_CHUNK, _MOST_TEXT_BYTES)
    try:
        patient = Patient(file)
        with Image.open(cast("IO[bytes]", patient), formats=FORMATS) as image:
            _require_size(image)
            if image.format in ("JPEG", "MPO"):
                require_few_scans(file, _MOST_SCANS if "progressive" in image.info else None)
            patient.opened()
            pixels = image.width * image.height
            with _alone if pixels > _ALONE_PIXELS else nullcontext():
                return Decoded(_shown(image), pixels)
    except NotShown:
        raise
    except Image.UnidentifiedImageError:
        raise NotShown(f"cannot be read: {_stranger(file)}") from None
    except Image.DecompressionBombError as error:
        raise NotShown(f"cannot be read: {error}") from error
    # Pillow's readers raise almost anything on damaged bytes: struct.error, KeyError, ZeroDivisionError, …
    except Exception as error:
        raise NotShown(f"cannot be read: {str(error).strip() or type(error).__name__}") from error


def _require_size(image: Image.Image) -> None:
    """Refuse sizes before anything is allocated for them."""
    width, height = image.size
    if min(width, height) < LEAST_SIDE_PX:
        raise NotShown(f"is {width} × {height} pixels, but its sides must be at least {LEAST_SIDE_PX}")
    kind = "CMYK" if image.mode == "CMYK" else image.format or ""
    most = MOST_PIXELS_OF.get(kind, MOST_PIXELS)
    if width * height > most:
        raise NotShown(
            f"has {width * height / 1e6:,.0f} megapixels ({width} × {height}), but a {kind} picture may have at "
            f"most {most / 1e6:,.0f}; a picture of 2 is shown as well"
        )
    tags = getattr(image, "tag_v2", {})
    # The decoder allocates a whole one, however small the picture.
    if tags.get(_TILE_WIDTH, 1) * tags.get(_TILE_LENGTH, 1) > MOST_TILE_PIXELS:
        raise NotShown(f"has tiles of over {MOST_TILE_PIXELS / 1e6:,.0f} megapixels")


def _stranger(file: IO[bytes]) -> str:
    with suppress(OSError, ValueError):
        file.seek(0)
        head = file.read(64)
        if not head:
            return "it is empty"
        for words, at, kind in _STRANGERS:
            if head.lstrip(b"\xef\xbb\xbf \r\n")[at:].startswith(words):
                return f"it is {kind}"
    return "it is no picture, or of a kind that is not read"


def _shown(image: Image.Image) -> Image.Image:
    if image.format in ("JPEG", "MPO") and image.width * image.height > _HALVED_PIXELS:
        image.draft(None, (image.width // 2, image.height // 2))
    stored = stored_in(image)
    # Before anything else is asked: PNG keeps its EXIF behind the pixels, and TIFF turns itself.
    image.load()
    orientation = _orientation(image)
    shrink = max(min(image.size) // KEPT_SIDE_PX, 1)
    turn = _TURNS.get(orientation)
    if image.mode == "RGB" and not image.info.keys() & {"icc_profile", "transparency"}:
        shown = image.reduce(shrink) if shrink > 1 else image.copy()
    else:
        shown = _converted(image, stored, shrink)
    return shown if turn is None else shown.transpose(turn)


def _converted(image: Image.Image, stored: Stored, shrink: int) -> Image.Image:
    convert = conversion(image, stored)
    shown = Image.new("RGB", (-(-image.width // shrink), -(-image.height // shrink)))
    for top, strip in strips(image, shrink):
        rgb = convert(strip)
        shown.paste(rgb.reduce(shrink) if shrink > 1 else rgb, (0, top // shrink))
    return shown


def _orientation(image: Image.Image) -> int:
    """Return how the camera was held, EXIF's number; 1 where that cannot be read, as viewers do."""
    with suppress(Exception):
        return int(image.getexif().get(_ORIENTATION, 1))
    return 1
