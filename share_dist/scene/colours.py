"""Any picture's colours as a screen shows them: sRGB of 8 bits, flattened on white, strip by strip."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from PIL import Image

_STRIP_PIXELS = 1_000_000
"""Colours are converted strip by strip, so that no second picture of full size is in memory."""

_GREY_LEVELS = {"L;2": 255 // 3, "L;4": 255 // 15}
"""What Pillow multiplies greys of 2 and 4 bits by, but not the one that stands for transparent."""

_PHOTOMETRIC, _SAMPLE_FORMAT = 262, 339


class Stored(NamedTuple):
    """How a file holds its numbers, which an image no longer says once it is read.

    Attributes:
        raw_mode: Pillow's name for the file's pixels.
        negative: zero is white, and Pillow has left it so.
        unsigned: whole numbers of 32 bits have no sign, although Pillow reads them with one.
    """

    raw_mode: str
    negative: bool
    unsigned: bool


def stored_in(image: Image.Image) -> Stored:
    """Tell how a file that is opened, and not read yet, holds its numbers."""
    tile = next(iter(getattr(image, "tile", ())), None)
    args = tile[3] if tile else ""
    raw_mode = str(args[0] if isinstance(args, tuple) and args else args)
    tags = getattr(image, "tag_v2", {})
    wide = image.mode == "F" or image.mode.startswith("I")
    return Stored(
        raw_mode,
        negative=wide and tags.get(_PHOTOMETRIC) == 0,
        unsigned=image.mode == "I" and tags.get(_SAMPLE_FORMAT, (1,)) == (1,) and image.format == "TIFF",
    )


def strips(image: Image.Image, shrink: int) -> Iterator[tuple[int, Image.Image]]:
    """Cut a picture into strips whose heights are multiples of `shrink`; yield each with its first row."""
    rows = max(_STRIP_PIXELS // image.width // shrink, 1) * shrink
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def conversion(image: Image.Image, stored: Stored) -> Callable[[Image.Image], Image.Image]:
    """Return the function that turns strips of this picture into RGB."""
    profile = image.info.get("icc_profile")
    scale = _full_scale(image, stored)
    _match_clear(image, stored.raw_mode)
    clear = image.info.get("transparency")

    def convert(strip: Image.Image) -> Image.Image:
        alpha = None
        if strip.mode in ("I", "F") or strip.mode.startswith("I;16"):
            strip, alpha = _eight_bits(strip, scale, clear, stored)
        elif strip.mode in ("LA", "La", "PA", "RGBA", "RGBa") or clear is not None:
            strip, alpha = _without_alpha(strip)
        rgb = _in_srgb(strip, profile) if profile else _plain_rgb(strip)
        if alpha is None:
            return rgb
        return Image.composite(rgb, Image.new("RGB", rgb.size, "white"), alpha)

    return convert


def _match_clear(image: Image.Image, raw_mode: str) -> None:
    """Scale the colour that stands for transparent as Pillow has scaled all others."""
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        image.info["transparency"] = clear * _GREY_LEVELS.get(raw_mode, 1)
    elif isinstance(clear, tuple) and raw_mode == "RGB;16B":
        image.info["transparency"] = tuple(value >> 8 for value in clear)


def _values(strip: Image.Image, stored: Stored) -> np.ndarray:
    values = np.asarray(strip)
    return values.view(np.uint32) if stored.unsigned else values


def _full_scale(image: Image.Image, stored: Stored) -> float:
    """Return the value that is white: of 16 bits the largest; of wider numbers the usual one that none exceeds."""
    if image.mode not in ("I", "F"):
        return 4095.0 if stored.raw_mode == "I;12" else 65535.0
    brightest = 0.0
    for _, strip in strips(image, 1):
        values = _values(strip, stored)
        brightest = max(brightest, float(np.max(values, initial=0.0, where=np.isfinite(values))))
    # A 16-bit PNG or PGM is opened in mode I.
    whole = 2.0**32 - 1 if stored.unsigned else 2.0**31 - 1
    usual = (65535.0, whole) if image.mode == "I" else (1.0, 255.0, 65535.0, 2.0**32 - 1)
    return next((white for white in usual if brightest <= white), brightest)


def _eight_bits(
    strip: Image.Image, white: float, clear: object, stored: Stored
) -> tuple[Image.Image, Image.Image | None]:
    """Scale wide grey values to 8 bits; the alpha is there when one value stands for transparent."""
    values = _values(strip, stored)
    if stored.negative:
        values = white - values
    scaled = np.nan_to_num(values.astype(np.float64) * (255.0 / white), nan=0.0, posinf=255.0, neginf=0.0)
    grey = Image.fromarray(np.clip(scaled + 0.5, 0, 255).astype(np.uint8))
    if not isinstance(clear, int):
        return grey, None
    return grey, Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8))


def _without_alpha(strip: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Return colours and alpha apart, the colours never multiplied by it."""
    if strip.mode in ("La", "LA"):
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
