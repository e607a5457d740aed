"""People to photograph: poses drawn around key poses, kept anatomical and free of self-collision, and shapes."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float32, Int

from share_dist.body.collision import COLLISION_TABLES, collision_depth_m
from share_dist.body.families import FAMILIES, NOISE_SD_DEG
from share_dist.body.joints import SMPL24
from share_dist.body.key_poses import KEY_POSES
from share_dist.body.limits import LIMIT_TABLES, within_limits
from share_dist.body.quaternions import (
    blend,
    compiled,
    from_rotvec,
    product,
    rotmats_from_rotvecs,
    to_matrix,
    to_rotvec,
)
from share_dist.body.skeleton import PARENTS, REST_JOINTS_M
from share_dist.errors import BadSetting, require_positive, require_share

Split = Literal["train", "steer", "judge"]
ATTEMPTS = 6


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
        require_share(self.judge_only_share, "people.judge_only_share")
        require_positive(self.betas_limit, "people.betas_limit")
        require_positive(self.max_overlap_m, "people.max_overlap_m")
        for name in ("pose_noise", "tilt_sd_deg", "betas_sd"):
            if not getattr(self, name) >= 0:
                raise BadSetting(f"people.{name} is {getattr(self, name)}, but a spread cannot be negative.")

    def sample(self, rngs: Sequence[np.random.Generator], split: str) -> list[Person]:
        """Draw one person from each stream; a person depends on its own stream only.

        Args:
            rngs: one random stream a person.
            split: train, steer or judge; only judge meets the families marked judge_only.
        """
        if not rngs:
            return []
        uniforms = np.empty((len(rngs), 1 + ATTEMPTS * _UNIFORMS))
        normals = np.empty((len(rngs), 10 + ATTEMPTS * 72))
        for n, rng in enumerate(rngs):
            rng.random(out=uniforms[n])
            rng.standard_normal(out=normals[n])
        names, families = self._families(uniforms[:, 0], split)
        poses = np.empty((len(rngs), 24, 3), np.float32)
        turns = np.ascontiguousarray(normals[:, 10:]).reshape(-1, ATTEMPTS, 24, 3)
        choices = np.ascontiguousarray(uniforms[:, 1:]).reshape(-1, ATTEMPTS, _UNIFORMS)
        _sample_poses(
            families, choices, turns * self._noise_sd_rad(families)[:, None, :, None], self.max_overlap_m,
            _family_tables(), _key_quaternions(), LIMIT_TABLES, COLLISION_TABLES, REST_JOINTS_M, PARENTS, poses,
        )  # fmt: skip
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
        """The inverse of `to_json`."""
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


_UNIFORMS = 12
_LOWER, _TRUNK, _LEFT_ARM, _RIGHT_ARM = 0, 1, 2, 3
_GROUP = np.array([
    _LEFT_ARM if joint.startswith("left_") and part else _RIGHT_ARM if part else
    _LOWER if any(word in joint for word in ("hip", "knee", "ankle", "foot")) else _TRUNK
    for joint in SMPL24.joints
    for part in [any(word in joint for word in ("collar", "shoulder", "elbow", "wrist", "hand"))]
])  # fmt: skip


class _FamilyTables(NamedTuple):
    """For each family the numbers of its own keys, of those that lend legs, and of those that lend arms."""

    keys: np.ndarray  # [family, 3, longest]
    counts: np.ndarray  # [family, 3]


@functools.cache
def _family_tables() -> _FamilyTables:
    number = {name: n for n, name in enumerate(KEY_POSES)}
    lists = [
        [
            [number[key] for key in family.keys],
            [number[key] for lender in family.legs_from for key in FAMILIES[lender].keys],
            [number[key] for lender in family.arms_from for key in FAMILIES[lender].keys],
        ]
        for family in FAMILIES.values()
    ]
    longest = max(len(keys) for family in lists for keys in family)
    keys = np.zeros((len(lists), 3, longest), np.int64)
    for f, family in enumerate(lists):
        for k, own in enumerate(family):
            keys[f, k, : len(own)] = own
    return _FamilyTables(keys, np.array([[len(own) for own in family] for family in lists], np.int64))


@functools.cache
def _key_quaternions() -> np.ndarray:
    """Key poses and their mirror images, [2, key, 24, 4]."""
    plain = np.array([[from_rotvec(*joint) for joint in pose] for pose in KEY_POSES.values()])
    return np.stack([plain, plain[:, list(SMPL24.mirror)] * np.array([1.0, 1.0, -1.0, -1.0])])


@compiled()
def _quaternion(row):
    return (row[0], row[1], row[2], row[3])


@compiled()
def _pick(keys, count, uniform):
    return keys[int(uniform * count)]


@compiled()
def _blended(joint, family, u, tables, keys):
    """One joint of the blend: two key poses of the family, then legs or arms that others lend."""
    side = 1 if u[0] < 0.5 else 0
    own, counts = tables.keys[family], tables.counts[family]
    first, second = _pick(own[0], counts[0], u[1]), _pick(own[0], counts[0], u[2])
    turn = blend(_quaternion(keys[side, first, joint]), _quaternion(keys[side, second, joint]), 0.5 * u[3])
    group = _GROUP[joint]
    lent = 1 if group == _LOWER else 2
    if group == _TRUNK or counts[lent] == 0:
        return turn
    share = u[6] if lent == 1 else 0.8 * (u[7] if group == _LEFT_ARM else u[8])
    lender = _pick(own[lent], counts[lent], u[4] if lent == 1 else u[5])
    lender_side = 1 if u[9 + (lent - 1)] < 0.5 else 0
    return blend(turn, _quaternion(keys[lender_side, lender, joint]), share)


@compiled()
def _fill_pose(family, u, noise, tables, keys, limits, pose):
    """Pose [24,4] as quaternions: blend, noise, limits. The tilt's noise has no yaw and turns the whole body."""
    for joint in range(24):
        turn = _blended(joint, family, u, tables, keys)
        if joint == 0:
            turn = product(from_rotvec(noise[0, 0], 0.0, noise[0, 2]), turn)
        else:
            turn = product(turn, from_rotvec(noise[joint, 0], noise[joint, 1], noise[joint, 2]))
            turn = within_limits(turn, joint, limits[0], limits[1], limits[2], limits[3])
        pose[joint] = turn


@compiled()
def _fill_joints(pose, rest_joints_m, parents, turns, joints_m):
    matrix = np.empty((3, 3))
    turns[0] = pose[0]
    joints_m[0] = rest_joints_m[0]
    for joint in range(1, 24):
        parent = parents[joint]
        above = _quaternion(turns[parent])
        to_matrix(above, matrix)
        for r in range(3):
            total = joints_m[parent, r]
            for c in range(3):
                total += matrix[r, c] * (rest_joints_m[joint, c] - rest_joints_m[parent, c])
            joints_m[joint, r] = total
        turns[joint] = product(above, _quaternion(pose[joint]))


@compiled()
def _sample_poses(
    families, uniforms, noise, max_overlap_m, tables, keys, limits, collisions, rest_joints_m, parents, poses
):
    """Try a fixed number of draws for each person; the least entangled one stands when all collide."""
    pose, best = np.empty((24, 4)), np.empty((24, 4))
    turns, joints_m = np.empty((24, 4)), np.empty((24, 3))
    for n in range(families.shape[0]):
        least = np.inf
        for attempt in range(uniforms.shape[1]):
            _fill_pose(families[n], uniforms[n, attempt], noise[n, attempt], tables, keys, limits, pose)
            _fill_joints(pose, rest_joints_m, parents, turns, joints_m)
            depth = collision_depth_m(joints_m, collisions[0], collisions[1])
            if depth < least:
                least = depth
                best[:] = pose
            if depth <= max_overlap_m:
                break
        for joint in range(24):
            x, y, z = to_rotvec(_quaternion(best[joint]))
            poses[n, joint, 0], poses[n, joint, 1], poses[n, joint, 2] = x, y, z
