"""Settings of rendering."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from share_dist.errors import BadSetting, require_numbers

_SMALL_PX = 160


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderConfig:
    """How a view becomes a picture."""

    engine: Literal["raster", "pyrender"] = "raster"
    """`raster` is our own: no OpenGL, no display, and the same bits on every run. `pyrender` draws through EGL with
    physically based shading; it is the check on ours and some ten times slower."""

    size_px: int = 96
    """Side of the square picture. 96 is what the compact network sees; published networks want 224."""

    samples: Literal[1, 2] | None = None
    """Samples of the person per pixel and direction. 2 smooths outlines and hems and keeps thin arms whole in small
    pictures, at half as much time again. None takes 2 up to 160 px and 1 above, where a pixel is finer than a hem."""

    noise: float = 6.0
    """Sensor noise: the greatest change of a channel, in grey levels. A little keeps a network from trusting flat
    colours; 0 for none."""

    depth: bool = False
    """Also keep the depth of every pixel; nothing here trains on it, so it is not paid for by default."""

    parts: bool = False
    """Also keep the body part seen in every pixel."""

    visibility: bool = False
    """Also keep which vertices are seen: 6,890 bytes more a picture, for studies of occlusion."""

    def __post_init__(self) -> None:
        require_numbers(self, "--render.")
        if self.engine not in ("raster", "pyrender"):
            raise BadSetting(f"--render.engine is '{self.engine}', but it must be raster or pyrender.")
        if not 16 <= self.size_px <= 2048:
            raise BadSetting(
                f"--render.size-px: render.size_px is {self.size_px}, but it must lie in 16…2048; 96 and 224 are usual."
            )
        if self.samples not in (None, 1, 2):
            raise BadSetting(f"--render.samples is {self.samples}, but it must be 1, 2, or left out.")
        if not 0 <= self.noise <= 64:
            raise BadSetting(f"--render.noise is {self.noise} grey levels, but it must lie in 0…64; 6 is a little.")

    @property
    def samples_taken(self) -> int:
        """`samples`, or what goes with the size."""
        return self.samples or (2 if self.size_px <= _SMALL_PX else 1)
