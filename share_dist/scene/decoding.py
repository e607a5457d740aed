"""A user's picture as an image viewer shows it: upright, flattened, in sRGB and 8 bits, and no larger than needed."""

from __future__ import annotations

import functools
import io
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from typing import IO, NamedTuple

import numpy as np
from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "GIF", "TIFF", "AVIF", "PPM")
"""What is opened, whatever a file's name says. Others stay closed: Pillow hands PostScript, for one, to Ghostscript."""

LEAST_SIDE_PX = 32

KEPT_SIDE_PX = 512
"""The shorter side is kept at least this long: finer detail would not survive the resize to a crop."""

MOST_PIXELS = 108_000_000
"""The largest sensors in use. Decoded it takes 0.4 GB, and a progressive JPEG 0.3 GB more meanwhile."""

MOST_PIXELS_OF = {"WEBP": 48_000_000, "AVIF": 48_000_000}
"""Their decoders hold a picture three and more times."""

_HALVED_PIXELS = 32_000_000
"""A JPEG that is larger is decoded at half its size, or it would take more than a gigabyte."""

_ALONE_PIXELS = 16_000_000
"""One picture at a time that is larger, however many threads decode."""

_STRIP_PIXELS = 1_000_000
"""Colours are converted strip by strip, so that no second picture of full size is in memory."""

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
)

_alone = threading.Lock()

# Sizes are refused here, below the one at which Pillow warns of some.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# Damaged EXIF turns nothing, as in a viewer.
warnings.filterwarnings("ignore", "Corrupt EXIF data")


class NotShown(ValueError):
    """Why a file cannot be shown, in words that follow the file's name."""


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
    try:
        with Image.open(file, formats=FORMATS) as image:
            _require_size(image)
            _require_few_scans(image, file)
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
    most = MOST_PIXELS_OF.get(image.format or "", MOST_PIXELS)
    if width * height > most:
        raise NotShown(
            f"has {width * height / 1e6:,.0f} megapixels ({width} × {height}), but a {image.format} file may have at "
            f"most {most / 1e6:,.0f}; a picture of 2 is shown as well"
        )


def _require_few_scans(image: Image.Image, file: IO[bytes]) -> None:
    if image.format != "JPEG" or "progressive" not in image.info:
        return
    at, scans = file.tell(), 0
    file.seek(0)
    # Compressed data never holds these two bytes in a row.
    while chunk := file.read(1 << 20):
        scans += chunk.count(b"\xff\xda")
    file.seek(at)
    if scans > _MOST_SCANS:
        raise NotShown(f"has {scans:,} scans, but a progressive JPEG has about ten")


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
    # Before anything else is asked: PNG keeps its EXIF behind the pixels, and TIFF turns itself.
    image.load()
    orientation = _orientation(image)
    shrink = max(min(image.size) // KEPT_SIDE_PX, 1)
    convert = _conversion(image)
    shown = Image.new("RGB", (-(-image.width // shrink), -(-image.height // shrink)))
    for top, strip in _strips(image, shrink):
        rgb = convert(strip)
        shown.paste(rgb.reduce(shrink) if shrink > 1 else rgb, (0, top // shrink))
    return shown.transpose(_TURNS[orientation]) if orientation in _TURNS else shown


def _strips(image: Image.Image, shrink: int) -> Iterator[tuple[int, Image.Image]]:
    """Cut a picture into strips whose heights are multiples of `shrink`; yield each with its first row."""
    rows = max(_STRIP_PIXELS // image.width // shrink, 1) * shrink
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _orientation(image: Image.Image) -> int:
    """Return how the camera was held, EXIF's number; 1 where that cannot be read, as viewers do."""
    with suppress(Exception):
        return int(image.getexif().get(_ORIENTATION, 1))
    return 1


def _conversion(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """Return the function that turns strips of this picture into RGB."""
    profile = image.info.get("icc_profile")
    scale = _full_scale(image)
    clear = image.info.get("transparency")

    def convert(strip: Image.Image) -> Image.Image:
        alpha = None
        if strip.mode in ("I", "F") or strip.mode.startswith("I;16"):
            strip, alpha = _eight_bits(strip, scale, clear)
        elif strip.mode in ("LA", "La", "PA", "RGBA", "RGBa") or clear is not None:
            strip, alpha = _without_alpha(strip)
        rgb = _in_srgb(strip, profile) if profile else _plain_rgb(strip)
        if alpha is None:
            return rgb
        return Image.composite(rgb, Image.new("RGB", rgb.size, "white"), alpha)

    return convert


def _full_scale(image: Image.Image) -> float:
    """Return the value that is white: of 16 bits the largest; of wider numbers the usual one that none exceeds."""
    if image.mode not in ("I", "F"):
        return 65535.0
    brightest = 0.0
    for _, strip in _strips(image, 1):
        values = np.asarray(strip)
        brightest = max(brightest, float(np.max(values, initial=0.0, where=np.isfinite(values))))
    # A 16-bit PNG or PGM is opened in mode I.
    usual = (65535.0, 2.0**31 - 1) if image.mode == "I" else (1.0, 255.0, 65535.0, 2.0**32 - 1)
    return next((white for white in usual if brightest <= white), brightest)


def _eight_bits(strip: Image.Image, white: float, clear: object) -> tuple[Image.Image, Image.Image | None]:
    """Scale wide grey values to 8 bits; the alpha is there when one value stands for transparent."""
    values = np.asarray(strip)
    scaled = np.nan_to_num(values.astype(np.float64) * (255.0 / white), nan=0.0, posinf=255.0, neginf=0.0)
    grey = Image.fromarray(np.clip(scaled + 0.5, 0, 255).astype(np.uint8))
    if not isinstance(clear, int):
        return grey, None
    return grey, Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8))


def _without_alpha(strip: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Return colours and alpha apart, the colours never multiplied by it."""
    clear = strip.info.get("transparency")
    if strip.mode == "RGB" and isinstance(clear, tuple) and max(clear) > 255:
        # Of a PNG of 16 bits, whose colours Pillow has cut to 8.
        strip.info["transparency"] = tuple(value >> 8 for value in clear)
    elif strip.mode in ("La", "LA"):
        strip = strip.convert("LA")
        return strip.getchannel("L"), strip.getchannel("A")
    strip = strip.convert("RGBA")
    return strip.convert("RGB"), strip.getchannel("A")


def _plain_rgb(strip: Image.Image) -> Image.Image:
    if strip.mode == "LAB":
        return _lab_transform()(strip)
    return strip.convert("RGB")


def _in_srgb(strip: Image.Image, profile: bytes) -> Image.Image:
    """Apply a colour profile, where it is of this picture's kind and says something else than sRGB."""
    if strip.mode in ("1", "P"):
        strip = strip.convert("L" if strip.mode == "1" else "RGB")
    transform = _srgb_transform(profile, strip.mode)
    return _plain_rgb(strip) if transform is None else transform(strip)


@functools.lru_cache(maxsize=16)
def _srgb_transform(profile: bytes, mode: str) -> Callable[[Image.Image], Image.Image] | None:
    """Return how colours of a mode become sRGB; None for a damaged profile, one of other colours, or sRGB itself."""
    from PIL import ImageCms

    probe = _probe(mode)
    if probe is None:
        return None
    with suppress(Exception):
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        to_srgb = ImageCms.buildTransform(given, ImageCms.createProfile("sRGB"), mode, "RGB")
        shown = ImageCms.applyTransform(probe, to_srgb)
        if shown is not None and not _nearly_same(shown, probe):
            return lambda strip: ImageCms.applyTransform(strip, to_srgb) or strip.convert("RGB")
    return None


def _probe(mode: str) -> Image.Image | None:
    """Return colours of a mode that tell profiles apart; None for modes that have none."""
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    if mode not in ("RGB", "CMYK", "LAB"):
        return None
    levels = np.linspace(0, 255, 6).astype(np.uint8)
    channels = 4 if mode == "CMYK" else 3
    grid = np.stack(np.meshgrid(*[levels] * channels), -1).reshape(1, -1, channels)
    return Image.frombytes(mode, (grid.shape[1], 1), grid.tobytes())


def _nearly_same(shown: Image.Image, probe: Image.Image) -> bool:
    """Whether a profile moves no colour by more than its own rounding: it is sRGB, and the pixels stay as they are."""
    if probe.mode == "CMYK":
        return False
    difference = np.asarray(shown, np.int16) - np.asarray(probe.convert("RGB"), np.int16)
    return bool(np.abs(difference).max() <= 2)


@functools.cache
def _lab_transform() -> Callable[[Image.Image], Image.Image]:
    from PIL import ImageCms

    to_srgb = ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
    return lambda strip: ImageCms.applyTransform(strip, to_srgb) or strip.convert("RGB")
