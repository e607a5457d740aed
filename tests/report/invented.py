"""An invented run with the shape of a real one: a model that fails from above, repaired in two of three attempts."""

from __future__ import annotations

import numpy as np

from share_dist.body import PeopleDistribution, people_rotmats, pose_body
from share_dist.geometry import angles_from_direction, direction_from_angles, fibonacci_directions
from share_dist.report import (
    AFTER_RGB,
    BEFORE_RGB,
    GalleryItem,
    RegionMark,
    RoundMark,
    SphereSample,
    Story,
    SurveyRows,
    overlay,
)
from share_dist.report.figure import view_axes


def error_mm(direction, hurt: float):
    """Low in front, higher behind, a hill above and one low at the left; `hurt` scales what can be repaired."""
    above = np.exp(4.5 * (direction @ np.array([0.15, 0.95, -0.27]) - 1))
    left = np.exp(9 * (direction @ direction_from_angles(1.9, -0.15) - 1))
    behind = 0.5 - 0.5 * direction[:, 2]
    below = np.exp(5 * (-direction[:, 1] - 1))
    return 62 + 14 * behind + hurt * (150 * above + 60 * left + 120 * below)


def figures(mean: float, fixed: float, own: float) -> dict:
    """One distribution's figures."""
    return {"mpjpe_mm": mean, "pa_mpjpe_mm": mean * 0.62, "pve_mm": mean * 1.21, "root_error_deg": mean / 5,
            "flip_share": mean / 2500, "mpjpe_root_aligned_mm": mean * 0.7, "worst_tenth_fixed_mpjpe_mm": fixed,
            "worst_tenth_own_mpjpe_mm": own, "by_elevation": [], "views": 2048}  # fmt: skip


def summary(accepted: bool = True) -> dict:
    """As a run would write it."""
    return {
        "before": {"all_cameras": figures(131.2, 253.4, 240.0), "everyday": figures(71.0, 90.0, 95.0),
                   "full_sphere": figures(151.0, 270.0, 265.0), "close_up": figures(140.0, 214.0, 222.0)},
        "after": {"all_cameras": figures(92.4, 149.1, 151.0), "everyday": figures(71.9, 89.0, 91.0),
                  "full_sphere": figures(118.0, 190.0, 188.0), "close_up": figures(143.5, 210.0, 208.0)},
        "rounds": [{"round": 0, "attempt": 0, "accepted": accepted, "why": "all_cameras fell"}],
        "seconds": {"base survey": 31.0, "round 1": {"survey": 22.0, "train": 88.5}, "total": 260.0},
        "versions": {"python": "3.11.2", "torch": "2.13.0", "share_dist": "0.1.0"},
        "plans": {"judge": "2b7e"}, "body": {"name": "figure", "hash": "ab12"}, "seed": 7,
    }  # fmt: skip


def rounds(directions) -> list[RoundMark]:
    """Kept, refused, kept."""

    def region(azimuth, elevation, mass, peak):
        rng = np.random.default_rng(int(peak))
        spread = rng.normal(size=(120, 2)) * 11
        return RegionMark(
            azimuth_deg=azimuth, elevation_deg=elevation, distance_m=2.1, mass=mass, peak_mm=peak, mean_mm=peak - 34,
            member_azimuth_deg=azimuth + spread[:, 0] / np.cos(np.radians(elevation)).clip(0.2),
            member_elevation_deg=np.clip(elevation + spread[:, 1], -90, 90),
        )  # fmt: skip

    return [
        RoundMark(round=1, accepted=True, why="all_cameras 133.0 → 104.1 mm, everyday +0.9 % (at most +2 %)",
                  steer_before_mm={"all_cameras": 133.0, "everyday": 70.1},
                  steer_after_mm={"all_cameras": 104.1, "everyday": 70.7},
                  settings={"learning_rate": 5e-4, "replay_share": 0.5}, mean_mm=error_mm(directions, 1.0),
                  regions=[region(150, 72, 0.71, 222), region(108, -9, 0.29, 139)]),
        RoundMark(round=2, accepted=False, why="everyday rose by 3.4 %, more than the 2 % allowed",
                  steer_before_mm={"all_cameras": 104.1, "everyday": 70.7},
                  steer_after_mm={"all_cameras": 90.3, "everyday": 73.1},
                  settings={"learning_rate": 5e-4, "replay_share": 0.5}, mean_mm=error_mm(directions, 0.62),
                  regions=[region(170, 66, 1.0, 160)]),
        RoundMark(round=2, attempt=2, accepted=True, why="all_cameras 104.1 → 93.0 mm, everyday +0.6 %",
                  steer_before_mm={"all_cameras": 104.1, "everyday": 70.7},
                  steer_after_mm={"all_cameras": 93.0, "everyday": 71.1},
                  settings={"learning_rate": 2.5e-4, "replay_share": 0.67},
                  regions=[region(170, 66, 1.0, 160)]),
    ]  # fmt: skip


def survey(count: int = 2048) -> SurveyRows:
    """Judge views from above the floor."""
    rng = np.random.default_rng(3)
    directions = rng.normal(size=(4 * count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    directions = directions[directions[:, 1] > -0.33][:count]
    azimuth, elevation = angles_from_direction(directions)
    noise = rng.gamma(9, 1 / 9, size=(2, len(directions)))
    return SurveyRows(
        azimuth_deg=np.degrees(azimuth), elevation_deg=np.degrees(elevation),
        distance_m=np.exp(rng.uniform(np.log(1.2), np.log(6), len(directions))),
        before_mm=error_mm(directions, 1.0) * noise[0], after_mm=error_mm(directions, 0.35) * noise[1],
    )  # fmt: skip


def gallery(figure, count: int, size: int = 96) -> list[GalleryItem]:
    """The built-in figure seen from odd places, with meshes that are wrong before and nearly right after."""
    items = []
    for k in range(count):
        people = PeopleDistribution().sample([np.random.default_rng([k, 5])], "judge")
        azimuth, elevation = (k * 67) % 360 - 180, 20 + (k * 29) % 65
        right, up, toward = view_axes(azimuth, elevation)
        rotmats = people_rotmats(people)
        pixels = []
        for wrong in (0.0, 1.0, 0.12):
            rng = np.random.default_rng(k)
            bent = rotmats.copy()
            bent[:, 1:] = _near(rotmats[:, 1:], 0.5 * wrong, rng)
            seen = pose_body(figure, bent, people[0].betas[None]).vertices_m[0] @ np.stack([right, -up, -toward]).T
            turn = 0.8 * wrong
            seen = seen @ np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]).T
            pixels.append((size / 2 + size * 0.42 * seen[:, :2], size * 0.42 * seen[:, 2]))
        ramp = np.linspace(120, 190, size)[:, None, None] * np.array([1.0, 0.96, 0.9])
        ground = np.broadcast_to(ramp, (size, size, 3)).astype(np.uint8)
        picture = overlay(ground, *pixels[0], figure.faces, colour=(150, 120, 105), size_px=size, opacity=1.0)
        items.append(GalleryItem(
            view_number=1000 + 37 * k, picture=picture, azimuth_deg=azimuth, elevation_deg=elevation, distance_m=2.2,
            mesh_before=overlay(picture, *pixels[1], figure.faces, colour=BEFORE_RGB),
            mesh_after=overlay(picture, *pixels[2], figure.faces, colour=AFTER_RGB),
            before_mm=312.0 - 5 * k, after_mm=104.0 + 9 * k if k != 3 else 330.0, note=people[0].family,
        ))  # fmt: skip
    return items


def _near(rotmats, amount, rng):
    """Rotations bent a little."""
    from share_dist.geometry import rotmat_from_rotvec

    bend = rotmat_from_rotvec(rng.normal(size=(*rotmats.shape[:2], 3)).astype(np.float32) * np.float32(amount))
    return np.matmul(rotmats, bend).astype(np.float32)


def make_story(figure, items: int = 24) -> Story:
    """A whole run."""
    directions = fibonacci_directions(4096)
    deviation = np.full(4096, 6.0) + 8 * (directions[:, 1] < -0.4)
    return Story(
        summary=summary(), title="demo", directions=directions, reference_distance_m=2.5,
        settings={"rome": {"explore_share": 0.2, "method": "rome"}, "learning": {"batch_size": 64}},
        before=SphereSample(mean_mm=error_mm(directions, 1.0), deviation_mm=deviation),
        after=SphereSample(mean_mm=error_mm(directions, 0.35), deviation_mm=deviation),
        reachable=directions[:, 1] > -0.33, survey=survey(), rounds=rounds(directions),
        gallery=gallery(figure, items),
    )  # fmt: skip
