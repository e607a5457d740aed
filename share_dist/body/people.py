"""People to photograph: poses drawn around key poses, kept anatomical and free of self-collision, and shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32, Int

from share_dist.body.families import FAMILIES, NOISE_SD_DEG
from share_dist.body.joints import SMPL24
from share_dist.body.quaternions import rotmats_from_rotvecs
from share_dist.body.sampling import UNIFORMS, sample_poses
from share_dist.errors import (
    BadSetting,
    nearest_name,
    require_numbers,
    require_positive,
    require_ranges,
    require_share,
)

ATTEMPTS = 6
"""Draws a person gets to find a pose free of self-collision; about one in eleven needs a second."""


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One person's pose and shape."""

    family: str
    pose_rotvec: Float32[np.ndarray, "24 3"]
    """Axis times angle of each joint relative to its parent, radians; the first is the body's tilt, without yaw."""
    betas: Float32[np.ndarray, "10"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PeopleDistribution:
    """Which people there are; a value that serialises, and each person follows from one random stream."""

    version: Literal["people-v1"] = "people-v1"
    """Families, key poses and limits behind the numbers; another set of them is another version."""

    pose_noise: float = 1.0
    """Factor on how freely joints vary around a blend of key poses. 1 looks like people going about their day."""

    tilt_sd_deg: float = 3.0
    """How far the whole body leans, beyond the tilt of its pose: nobody stands quite upright."""

    betas_sd: float = 1.0
    """Spread of the shape; SMPL's betas are scaled so that people have 1."""

    betas_limit: float = 3.0
    """Betas are clipped here: beyond 3, shapes stop looking like people."""

    judge_only_share: float = 0.2
    """Part of the judge's people in families that nobody trained or steered on; a fifth is seen in the mean and
    still leaves the judge's figures comparable with steer's."""

    max_overlap_m: float = 0.03
    """Poses that drive a limb deeper into the body are drawn again; soft tissue gives about this much."""

    def __post_init__(self) -> None:
        if self.version != "people-v1":
            raise BadSetting(f"people.version is '{self.version}', but this release knows only people-v1.")
        require_numbers(self, "people.")
        require_share(self.judge_only_share, "people.judge_only_share")
        require_positive(self.betas_limit, "people.betas_limit")
        require_positive(self.max_overlap_m, "people.max_overlap_m")
        for name in ("pose_noise", "tilt_sd_deg", "betas_sd"):
            if not getattr(self, name) >= 0:
                raise BadSetting(f"people.{name} is {getattr(self, name)}, but a spread cannot be negative.")
        require_ranges(self, "people.", pose_noise=(0.0, 100.0), tilt_sd_deg=(0.0, 360.0), betas_sd=(0.0, 100.0))
        require_ranges(self, "people.", betas_limit=(0.0, 100.0), max_overlap_m=(0.0, 10.0))

    def sample(self, rngs: Sequence[np.random.Generator], split: str) -> list[Person]:
        """Draw one person from each stream; a person depends on its own stream only.

        Args:
            rngs: one random stream a person.
            split: train, steer or judge; only judge meets the families marked judge_only.
        """
        if not rngs:
            return []
        uniforms = np.empty((len(rngs), 1 + ATTEMPTS * UNIFORMS))
        normals = np.empty((len(rngs), 10 + ATTEMPTS * 72))
        for n, rng in enumerate(rngs):
            rng.random(out=uniforms[n])
            rng.standard_normal(out=normals[n])
        names, families = self._families(uniforms[:, 0], split)
        noise = np.ascontiguousarray(normals[:, 10:]).reshape(-1, ATTEMPTS, 24, 3)
        choices = np.ascontiguousarray(uniforms[:, 1:]).reshape(-1, ATTEMPTS, UNIFORMS)
        noise *= self._noise_sd_rad(families)[:, None, :, None]
        poses = sample_poses(families, choices, noise, self.max_overlap_m)
        betas = np.clip(normals[:, :10] * self.betas_sd, -self.betas_limit, self.betas_limit).astype(np.float32)
        return [Person(names[family], pose, shape) for family, pose, shape in zip(families, poses, betas, strict=True)]

    def family_shares(self, split: str) -> dict[str, float]:
        """How often each family occurs in a split."""
        if split not in ("train", "steer", "judge"):
            raise BadSetting(f"there is no split '{split}'; views belong to train, steer or judge.")
        extra = self.judge_only_share if split == "judge" else 0.0
        totals = {kind: sum(f.weight for f in FAMILIES.values() if f.judge_only == kind) for kind in (False, True)}
        return {
            name: (extra if family.judge_only else 1.0 - extra) * family.weight / totals[family.judge_only]
            for name, family in FAMILIES.items()
        }

    def to_json(self) -> dict[str, str | float]:
        """Plain numbers and the version's name."""
        return asdict(self)

    @staticmethod
    def from_json(content: Mapping[str, str | float]) -> PeopleDistribution:
        """The inverse of `to_json`.

        Raises:
            BadSetting: a number that people do not have, or one out of its range.
        """
        known = PeopleDistribution.__dataclass_fields__
        for name in content:
            if name not in known:
                raise BadSetting(f"people have no number '{name}'{nearest_name(name, known)}")
        return PeopleDistribution(**content)  # pyright: ignore[reportArgumentType]

    def _families(self, uniform: np.ndarray, split: str) -> tuple[list[str], Int[np.ndarray, "person"]]:
        shares = self.family_shares(split)
        edges = np.cumsum(list(shares.values()))
        return list(shares), np.searchsorted(edges / edges[-1], uniform, side="right").astype(np.int64)

    def _noise_sd_rad(self, families: Int[np.ndarray, "person"]) -> np.ndarray:
        parts = [joint.removeprefix("left_").removeprefix("right_") for joint in SMPL24.joints]
        joint_sd = np.deg2rad([NOISE_SD_DEG[part] for part in parts])
        factor = np.array([family.noise for family in FAMILIES.values()])[families]
        spread = self.pose_noise * factor[:, None] * joint_sd
        spread[:, 0] = np.deg2rad(self.tilt_sd_deg)
        return spread


def people_rotmats(people: Sequence[Person]) -> Float32[np.ndarray, "person 24 3 3"]:
    """Joint rotations of several people, as `pose_body` takes them; the first is the body's tilt."""
    return rotmats_from_rotvecs(np.stack([person.pose_rotvec for person in people]))


def person_rotmats(person: Person) -> Float32[np.ndarray, "24 3 3"]:
    """Joint rotations of one person."""
    return people_rotmats([person])[0]


def mirror_person(person: Person) -> Person:
    """The person seen in a mirror: sides swapped, same shape (the built-in figure and SMPL are near symmetric)."""
    pose = person.pose_rotvec[list(SMPL24.mirror)] * np.array([1, -1, -1], np.float32)
    return Person(person.family, pose, person.betas)
