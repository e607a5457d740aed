"""What a report tells: plain numbers and pictures, gathered by whoever ran the experiment.

A `Story` holds no model, no store and no plan, so a page can be written again from what a run left on disk. Every
part but the summary may be missing; the page then leaves that section out. Angles are degrees and errors
millimetres, because this is what readers see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8


@dataclass(frozen=True, kw_only=True, slots=True)
class SphereSample:
    """A landscape read at `Story.directions`, at `Story.reference_distance_m`."""

    mean_mm: Float[np.ndarray, "point"]
    """Predicted error; NaN where nothing is known."""

    deviation_mm: Float[np.ndarray, "point"]
    """One standard deviation of that prediction."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SurveyRows:
    """The same judge views seen by both models, one entry a view."""

    azimuth_deg: Float[np.ndarray, "view"]
    elevation_deg: Float[np.ndarray, "view"]
    distance_m: Float[np.ndarray, "view"]
    before_mm: Float[np.ndarray, "view"]
    """MPJPE of the base model."""

    after_mm: Float[np.ndarray, "view"]
    """MPJPE of the final model."""

    def __post_init__(self) -> None:
        """Refuse columns of different lengths."""
        counts = {name: len(getattr(self, name)) for name in self.__slots__}
        if len(set(counts.values())) > 1:
            raise ValueError(f"SurveyRows needs columns of one length, found {counts}.")

    def __len__(self) -> int:
        """Count the views."""
        return len(self.azimuth_deg)


@dataclass(frozen=True, kw_only=True, slots=True)
class RegionMark:
    """A region of maximal error as the page shows it."""

    azimuth_deg: float
    elevation_deg: float
    distance_m: float
    """Azimuth, elevation and distance are those of the region's peak."""

    mass: float
    """The region's excess over the level, as a share of all regions' excess in that round, in [0, 1]."""

    peak_mm: float
    mean_mm: float
    member_azimuth_deg: Float[np.ndarray, "member"]
    member_elevation_deg: Float[np.ndarray, "member"]
    """Where the region's pool points lie; a few hundred are enough."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RoundMark:
    """One round, or one attempt at it."""

    round: int
    """Counted from 1."""

    accepted: bool
    why: str
    """One sentence: why it was accepted or not."""

    attempt: int = 1
    """Counted from 1; each further one goes a shorter step from the base model towards the same trained weights."""

    steer_before_mm: Mapping[str, float] = field(default_factory=dict)
    """MPJPE on steer views by camera distribution, as {"all_cameras": 131.2, "everyday": 71.0}."""

    steer_after_mm: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What this attempt used that is worth a line, as {"step": 0.8, "folder": "round-00/attempt-1"}."""

    regions: Sequence[RegionMark] = ()
    mean_mm: Float[np.ndarray, "point"] | None = None
    """This round's landscape at `Story.directions`, drawn under its regions."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GalleryItem:
    """One judge view: the picture, and the mesh each model saw in it."""

    view_number: int
    picture: UInt8[np.ndarray, "height width 3"]
    mesh_before: UInt8[np.ndarray, "tall wide 3"]
    """The picture with the base model's mesh over it, from `overlay`; may be larger than the picture."""

    mesh_after: UInt8[np.ndarray, "tall wide 3"]
    azimuth_deg: float
    elevation_deg: float
    distance_m: float
    before_mm: float
    after_mm: float
    note: str = ""
    """A few words more, such as the pose family."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """All that the page and the README picture show."""

    summary: Mapping[str, Any]
    """summary.json as written: before, after, rounds, seconds, versions, plans, body, seed."""

    title: str = ""
    """The run's name: its recipe, or its folder."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    """config.json, resolved."""

    directions: Float[np.ndarray, "point 3"] | None = None
    """Unit vectors from the pelvis to the camera, person's frame; `geometry.fibonacci_directions(4096)` will do."""

    before: SphereSample | None = None
    after: SphereSample | None = None
    reachable: Bool[np.ndarray, "point"] | None = None
    """False where all_cameras has no camera at the reference distance (below the floor); the page hatches it."""

    reference_distance_m: float = 2.5
    survey: SurveyRows | None = None
    rounds: Sequence[RoundMark] = ()
    gallery: Sequence[GalleryItem] = ()
    gallery_rule: str = "The judge views on which the base model erred most."
    """How the gallery was chosen, printed above it."""

    def __post_init__(self) -> None:
        """Refuse landscapes that were not read at `directions`."""
        for name, values in self._on_sphere().items():
            found = np.shape(values)
            wanted = (0 if self.directions is None else len(self.directions),)
            if found != wanted:
                raise ValueError(
                    f"Story.{name} has shape {found}, but Story.directions asks for {wanted}: one value a direction."
                )

    def _on_sphere(self) -> dict[str, np.ndarray]:
        """Everything that must have one value a direction."""
        found: dict[str, np.ndarray | None] = {"reachable": self.reachable}
        for name, sample in (("before", self.before), ("after", self.after)):
            if sample is not None:
                found[f"{name}.mean_mm"], found[f"{name}.deviation_mm"] = sample.mean_mm, sample.deviation_mm
        for mark in self.rounds:
            found[f"rounds[{mark.round}].mean_mm"] = mark.mean_mm
        return {name: values for name, values in found.items() if values is not None}

    @property
    def repaired(self) -> bool:
        """True if some round was accepted."""
        rounds = self.summary.get("rounds") or ()
        accepted = [mark.accepted for mark in self.rounds] + [bool(row.get("accepted")) for row in rounds]
        return any(accepted)
