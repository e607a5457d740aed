"""Background pictures of the user's own: found, opened and hashed before any work starts."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from share_dist.errors import BadBackgrounds

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
LEAST_SIDE_PX = 32


@dataclass(frozen=True, slots=True)
class Picture:
    """One file of the folder: its name and the sha256 of its bytes."""

    name: str
    sha256: str

    @property
    def judge_only(self) -> bool:
        """Whether it belongs to the fifth of the pictures that only the judge sees; told by its hash."""
        return int(self.sha256[:8], 16) % 5 == 0


def find_pictures(folder: Path) -> tuple[Picture, ...]:
    """Every picture of a folder, by name; each one is read to its last pixel.

    Raises:
        BadBackgrounds: no such folder, no picture in it, or one that cannot be read (named).
    """
    if not folder.is_dir():
        raise BadBackgrounds(
            f"The background folder {folder} does not exist or is no folder.\n"
            "  Set scene.background_folder to a folder of pictures, or leave it out for painted backgrounds."
        )
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
        stamps = tuple((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in paths)
    except OSError as error:
        raise BadBackgrounds(f"The background folder {folder} cannot be read: {error}.\n  Check its rights.") from error
    if not paths:
        raise BadBackgrounds(
            f"The background folder {folder} holds no picture.\n"
            f"  Looked for files ending in {', '.join(ENDINGS)}; put some there, or leave scene.background_folder out."
        )
    return _checked(folder, stamps)


@functools.lru_cache(maxsize=8)
def _checked(folder: Path, stamps: tuple[tuple[str, int, int], ...]) -> tuple[Picture, ...]:
    """Read each file once; sizes and times are part of the key, so a changed folder is read again."""
    return tuple(_read(folder / name) for name, _, _ in stamps)


def _read(path: Path) -> Picture:
    try:
        with Image.open(path) as image:
            image.convert("RGB").load()
            size = image.size
        content = path.read_bytes()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadBackgrounds(
            f"The background picture {path} cannot be read: {error}.\n"
            "  Remove or replace it; every picture is opened before work starts."
        ) from error
    if min(size) < LEAST_SIDE_PX:
        raise BadBackgrounds(
            f"The background picture {path} is {size[0]} × {size[1]} pixels, but its sides must be at least "
            f"{LEAST_SIDE_PX}.\n  Remove or replace it."
        )
    return Picture(path.name, hashlib.sha256(content).hexdigest())
