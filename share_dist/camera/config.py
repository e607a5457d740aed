"""Settings of where cameras may stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from share_dist.camera.draw import CameraDistribution, require_distances, require_elevations
from share_dist.camera.named import AllCameras, Everyday, FullSphere
from share_dist.errors import require_numbers, require_one_of

Target = Literal["all_cameras", "full_sphere", "everyday"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraConfig:
    """The cameras a run surveys and repairs; the figures that judge always use the whole of each distribution."""

    target: Target = "all_cameras"
    """Which distribution is searched for weak views. `all_cameras` is wherever a camera can stand. Close-ups are only
    reported: nearer than 1.2 m another part of the body fills the picture, and a landscape of both would blur."""

    elevation_low_deg: float = -90.0
    """Lowest camera searched. −90 leaves it to the floor; 0 looks for trouble from above only."""

    elevation_high_deg: float = 90.0
    """Highest camera searched. 90 is straight overhead; 0 looks for trouble from below only."""

    distance_low_m: float = 1.2
    """Nearest camera searched: nearer ones cut the person off and belong to `close_up`."""

    distance_high_m: float = 6.0
    """Farthest camera searched: beyond 6 m perspective hardly changes and the crop looks alike."""

    def __post_init__(self) -> None:
        """Check angles and distances."""
        require_one_of(self.target, "--camera.target", get_args(Target))
        require_numbers(self, "--camera.")
        require_elevations(self.elevation_low_deg, self.elevation_high_deg, "camera", are_options=True)
        require_distances(self.distance_low_m, self.distance_high_m, "camera", are_options=True)

    def target_distribution(self) -> CameraDistribution:
        """The distribution these settings describe; limits apply to the two that cover the sphere."""
        kinds = {"all_cameras": AllCameras, "full_sphere": FullSphere}
        if self.target in kinds:
            return kinds[self.target](
                elevation_low_deg=self.elevation_low_deg,
                elevation_high_deg=self.elevation_high_deg,
                distance_low_m=self.distance_low_m,
                distance_high_m=self.distance_high_m,
            )
        return Everyday()
