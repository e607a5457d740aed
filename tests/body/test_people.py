"""People: each from a stream of its own, within what joints can do, not through themselves, in families by split."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from share_dist.body import PeopleDistribution, mirror_person, people_rotmats, person_rotmats, pose_joints
from share_dist.body.collision import COLLISION_TABLES, collision_depth_m, segment_distance
from share_dist.body.families import FAMILIES
from share_dist.body.key_poses import KEY_POSES
from share_dist.body.limits import LIMIT_TABLES, within_limits
from share_dist.body.quaternions import from_rotvec, product, to_rotvec
from share_dist.errors import BadSetting
from share_dist.geometry import rotmat_from_rotvec
from share_dist.seeds import stream

PEOPLE = PeopleDistribution()
JUDGE_ONLY = {"kneel", "wave", "cross_arms", "throw", "lunge"}


def draw(count, split="train", seed=0, people=PEOPLE):
    return people.sample([stream(seed, "test-people", n) for n in range(count)], split)


@pytest.fixture(scope="module")
def crowd():
    return draw(3000, "judge")


def test_a_person_is_the_same_alone_and_in_a_crowd(crowd):
    for n in (0, 1, 1234, 2999):
        (alone,) = PEOPLE.sample([stream(0, "test-people", n)], "judge")
        assert alone.family == crowd[n].family
        np.testing.assert_array_equal(alone.pose_rotvec, crowd[n].pose_rotvec)
        np.testing.assert_array_equal(alone.betas, crowd[n].betas)


def test_other_streams_are_other_people(crowd):
    assert len({person.pose_rotvec.tobytes() for person in crowd}) == len(crowd)


def test_nobody_is_an_empty_list():
    assert PEOPLE.sample([], "train") == []


def test_judge_alone_meets_its_own_families(crowd):
    met = Counter(person.family for person in crowd)
    assert sum(met[family] for family in JUDGE_ONLY) / len(crowd) == pytest.approx(0.2, abs=0.025)
    assert set(met) == set(FAMILIES)
    for split in ("train", "steer"):
        assert not JUDGE_ONLY & {person.family for person in draw(500, split)}


def test_nearly_half_of_everyday_people_stand_or_walk():
    shares = PEOPLE.family_shares("train")
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["standing"] + shares["walking"] == pytest.approx(0.45, abs=0.02)


def test_an_unknown_split_is_refused():
    with pytest.raises(BadSetting, match="train, steer or judge"):
        draw(1, "test")


@pytest.mark.slow
def test_every_joint_stays_within_its_limits(crowd):
    """Clipping once more changes nothing: each drawn turn is inside already."""
    for person in crowd[:150]:
        for joint in range(1, 24):
            turn = from_rotvec(*person.pose_rotvec[joint].astype(float))
            clipped = within_limits(turn, joint, *LIMIT_TABLES)
            away = to_rotvec(product((turn[0], -turn[1], -turn[2], -turn[3]), clipped))
            assert np.linalg.norm(away) < 1e-3, (person.family, joint)


@pytest.mark.slow
@pytest.mark.parametrize("joint", range(1, 24))
def test_any_turn_is_brought_within_limits_and_left_there(joint):
    for rotvec in stream(0, "test-limits").normal(size=(200, 3)) * 1.2:
        once = within_limits(from_rotvec(*rotvec), joint, *LIMIT_TABLES)
        twice = within_limits(once, joint, *LIMIT_TABLES)
        assert abs(np.dot(once, twice)) == pytest.approx(1, abs=2e-4)


def test_key_poses_need_no_clipping():
    for name, pose in KEY_POSES.items():
        for joint in range(1, 24):
            turn = from_rotvec(*pose[joint])
            clipped = within_limits(turn, joint, *LIMIT_TABLES)
            assert abs(np.dot(turn, clipped)) > np.cos(np.deg2rad(2) / 2), (name, joint)


@pytest.mark.slow
def test_nobody_reaches_through_themselves(crowd, figure):
    joints = pose_joints(figure, people_rotmats(crowd), np.zeros((len(crowd), 10), np.float32)).astype(np.float64)
    depths = np.array([collision_depth_m(person, *COLLISION_TABLES) for person in joints])
    # Six attempts all but always find a free pose; what is left is the best of six.
    assert (depths > PEOPLE.max_overlap_m + 1e-3).mean() < 0.005
    assert depths.max() < 0.06


def test_segment_distance_equals_a_dense_search():
    rng = stream(0, "test-segments")
    share = np.linspace(0, 1, 200)[:, None]
    for a, b, c, d in rng.normal(size=(30, 4, 3)):
        first, second = a + share * (b - a), c + share * (d - c)
        searched = np.linalg.norm(first[:, None] - second[None], axis=-1).min()
        assert segment_distance(a, b, c, d) == pytest.approx(searched, abs=0.02)
        assert segment_distance(a, b, c, d) <= searched + 1e-9


def test_the_first_turn_is_a_tilt_without_yaw(crowd):
    """The head's axis may lean, but the chest keeps facing forward (or down, or up): never sideways."""
    tilts = people_rotmats(crowd)[:, 0]
    forward_sideways = tilts[:, 0, 2]
    assert np.abs(forward_sideways).max() < 0.25
    upright = [person.family in ("standing", "walking") for person in crowd]
    lean = np.rad2deg(np.arccos(np.clip(tilts[upright, 1, 1], -1, 1)))
    assert lean.mean() == pytest.approx(3.0 * np.sqrt(np.pi / 2), abs=0.4)
    assert tilts[[person.family == "lying" for person in crowd]][:, 1, 2].mean() > 0.95  # the belly points up


def test_shapes_are_standard_normal_and_clipped(crowd):
    betas = np.stack([person.betas for person in crowd])
    assert np.abs(betas).max() <= 3
    np.testing.assert_allclose(betas.mean(0), 0, atol=0.07)
    np.testing.assert_allclose(betas.std(0), 1, atol=0.05)


def test_no_noise_leaves_people_upright_and_different():
    calm = PeopleDistribution(pose_noise=0, tilt_sd_deg=0, betas_sd=0)
    people = draw(50, people=calm)
    standing = [person for person in people if person.family == "standing"]
    assert all(not person.pose_rotvec[0].any() for person in standing)
    assert all(not person.betas.any() for person in people)
    assert len({person.pose_rotvec.tobytes() for person in people}) == 50


def test_rotations_agree_with_the_general_formula(crowd):
    rotvecs = np.stack([person.pose_rotvec for person in crowd[:20]])
    expected = rotmat_from_rotvec(rotvecs.astype(np.float64))
    np.testing.assert_allclose(people_rotmats(crowd[:20]), expected, atol=1e-6)
    np.testing.assert_array_equal(person_rotmats(crowd[7]), people_rotmats(crowd[:20])[7])


def test_a_mirrored_person_twice_is_the_person(crowd):
    np.testing.assert_array_equal(mirror_person(mirror_person(crowd[0])).pose_rotvec, crowd[0].pose_rotvec)


def test_the_distribution_survives_json():
    people = PeopleDistribution(pose_noise=0.5, betas_limit=2.0)
    assert PeopleDistribution.from_json(json.loads(json.dumps(people.to_json()))) == people


@pytest.mark.parametrize(
    ("setting", "value"),
    [("judge_only_share", 20), ("betas_limit", 0), ("pose_noise", -1), ("version", "people-v0"), ("betas_sd", -0.1)],
)
def test_settings_out_of_range_name_themselves(setting, value):
    with pytest.raises(BadSetting, match=f"people.{setting}"):
        PeopleDistribution(**{setting: value})
