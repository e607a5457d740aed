"""Settings of the scene."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from share_dist.errors import BadSetting, require_numbers, require_share


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneConfig:
    """What surrounds the person in a picture."""

    background_folder: Path | None = None
    """Folder of your own background pictures (jpg, png, webp, tiff, gif, bmp, avif), subfolders included. None paints
    them: nothing to download. On a cluster every node must see it under the same path."""

    picture_share: float = 0.8
    """Share of views with one of your pictures behind the person, when there is a folder; the others stay painted,
    because pictures of few places are soon known by heart."""

    occluder_share: float = 0.15
    """Share of views with something in front of the person: enough that a network has met it, few enough that the
    figures speak of cameras."""

    occluder_low: float = 0.1
    """Smallest width or height of an occluder, as a share of the crop."""

    occluder_high: float = 0.35
    """Largest width or height of an occluder, as a share of the crop; a bit more than an arm or a head."""

    pattern_share: float = 0.35
    """Share of shirts with stripes, checks or a patch; of trousers it is half of it."""

    second_light_share: float = 0.4
    """Share of views with a second lamp, such as a window beside the ceiling light."""

    judge_only_share: float = 0.2
    """Share of the judge's views with a palette that no other split has, and, independently, with such a
    background; a fifth shows in the mean and keeps the judge comparable with steer."""

    def __post_init__(self) -> None:
        """Check shares and sizes."""
        require_numbers(self, "--scene.")
        for name in ("picture_share", "occluder_share", "pattern_share", "second_light_share", "judge_only_share"):
            require_share(getattr(self, name), f"--scene.{name}")
        if not 0 < self.occluder_low <= self.occluder_high <= 1:
            raise BadSetting(
                f"scene.occluder_low and occluder_high are {self.occluder_low} and {self.occluder_high}, but they are "
                "shares of the crop: they must lie in (0, 1] and rise.\n"
                "  Give --scene.occluder-low and --scene.occluder-high."
            )
