from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from share_dist.body import VERTEX_IDS, pose_joints
from share_dist.camera import apply_affine, project
from share_dist.errors import BadBackgrounds, BadSetting
from share_dist.render import Records, RenderConfig, make_renderer
from share_dist.scene import Background, Occluder

EVERYTHING = RenderConfig(size_px=64, depth=True, parts=True, visibility=True)
LEFT_WRIST, RIGHT_WRIST, HEAD = 20, 21, 15
LEFT_AND_RIGHT_FOREARM = (19, 21, 23), (20, 22, 24)
"""Labels in `parts`: 1 + elbow, wrist and hand of each side."""


@pytest.fixture(scope="module")
def draw(figure):
    renderer = make_renderer(figure, EVERYTHING)
    return lambda *views: renderer.records(views)


def same(first: Records, second: Records) -> bool:
    a, b = first.arrays(), second.arrays()
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def test_a_picture_has_the_same_bits_in_any_batch(figure, draw, views):
    together = draw(*views)
    alone = Records.join([draw(view) for view in views])
    assert same(together, alone)
    assert same(together.take([5, 2]), make_renderer(figure, EVERYTHING).records([views[5], views[2]]))
    assert len(draw()) == 0
    assert draw().image.shape == (0, 64, 64, 3)


SCRIPT = """
import hashlib
from share_dist.body import PeopleDistribution, load_body
from share_dist.camera import AllCameras
from share_dist.render import RenderConfig, make_renderer
from share_dist.scene import SceneDistribution, ViewPlan
body = load_body()
plan = ViewPlan(PeopleDistribution(), AllCameras(), SceneDistribution(occluder_share=0.5), "steer", 3)
records = make_renderer(body, RenderConfig(size_px=64)).records(plan.views(range(8), body))
print(hashlib.sha256(records.image.tobytes() + records.joints_px.tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_a_picture_has_the_same_bits_in_any_process():
    runs = [subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True) for _ in "ab"]
    assert runs[0].stdout == runs[1].stdout


def test_the_truth_is_one_consistent_geometry(figure, draw, views):
    records = draw(*views)
    for i in range(len(records)):
        in_frame = project(records.joints_cam_m[i], float(records.focal_px[i]))
        np.testing.assert_allclose(apply_affine(records.crop_from_frame[i], in_frame), records.joints_px[i], atol=0.02)
        cx, cy, side = records.bbox_px[i]
        box = np.array([[cx - side / 2, cy - side / 2], [cx + side / 2, cy + side / 2]])
        np.testing.assert_allclose(apply_affine(records.crop_from_frame[i], box), [[0, 0], [64, 64]], atol=0.01)
    posed = pose_joints(figure, records.pose, records.betas)
    moved = posed - posed[:, :1] + records.joints_cam_m[:, :1]
    np.testing.assert_allclose(moved, records.joints_cam_m, atol=1e-5)


def test_from_the_front_the_left_hand_is_on_the_right_and_from_behind_on_the_left(draw, seen_from):
    front, back = draw(seen_from(0)), draw(seen_from(180))
    assert front.joints_px[0, LEFT_WRIST, 0] > front.joints_px[0, RIGHT_WRIST, 0]
    assert back.joints_px[0, LEFT_WRIST, 0] < back.joints_px[0, RIGHT_WRIST, 0]
    for records, side in ((front, 1), (back, -1)):
        left, right = (np.nonzero(np.isin(records.parts[0], hand))[1].mean() for hand in LEFT_AND_RIGHT_FOREARM)
        assert side * (left - right) > 3
    head = np.nonzero(front.parts[0] == 1 + HEAD)
    assert abs(head[0].mean() - front.joints_px[0, HEAD, 1]) < 5


def test_the_nose_is_seen_from_the_front_only(draw, seen_from):
    front, back = draw(seen_from(0)), draw(seen_from(180))
    assert front.vertex_visible[0, VERTEX_IDS["nose"]]
    assert not back.vertex_visible[0, VERTEX_IDS["nose"]]
    assert 0.25 < front.vertex_visible[0].mean() < 0.6


def test_depth_parts_and_joints_tell_of_the_same_person(draw, views):
    records = draw(*views)
    assert ((records.depth_m > 0) == (records.parts > 0)).all()
    for i in range(len(records)):
        seen = records.depth_m[i][records.depth_m[i] > 0]
        nearest, farthest = records.joints_cam_m[i, :, 2].min(), records.joints_cam_m[i, :, 2].max()
        assert nearest - 0.3 < seen.min() <= seen.max() < farthest + 0.3


def test_what_is_in_front_hides_the_person(draw, seen_from):
    view = seen_from(0)
    board = Occluder("rectangle", 0.5, 0.25, 0.5, 0.25, 0.0, (0.2, 0.4, 0.8))
    covered = draw(dataclasses.replace(view, scene=dataclasses.replace(view.scene, occluders=(board,))))
    bare = draw(view)
    assert not covered.parts[0, :32].any()
    assert not covered.vertex_visible[0, VERTEX_IDS["nose"]]
    assert np.array_equal(covered.parts[0, 33:], bare.parts[0, 33:])
    assert np.array_equal(covered.joints_px, bare.joints_px)


def test_a_longer_sleeve_changes_arms_only(draw, seen_from):
    view = seen_from(20)

    def with_sleeves(length: float):
        clothes = dataclasses.replace(view.scene.clothes, sleeve_length=length)
        return dataclasses.replace(view, scene=dataclasses.replace(view.scene, clothes=clothes))

    short, long = draw(with_sleeves(0.1)), draw(with_sleeves(0.9))
    changed = np.abs(short.image[0].astype(int) - long.image[0]).max(-1) > 12
    parts = short.parts[0][changed & (short.parts[0] > 0)]
    assert len(parts) > 20
    assert np.isin(parts - 1, (13, 14, 16, 17, 18, 19, 20, 21)).mean() > 0.95


def test_outside_the_frame_is_black(figure, seen_from):
    """A camera that looks past the person: the crop hangs over the frame's edge, where nothing was recorded."""
    renderer = make_renderer(figure, RenderConfig(size_px=64, noise=0, depth=True))
    records = renderer.records([seen_from(0, offset_right_rad=0.35)])
    left = apply_affine(records.crop_from_frame[0], np.zeros((1, 2), np.float32))[0, 0]
    outside = int(left)
    assert outside >= 3
    assert not records.image[0, :, :outside].any()
    assert not records.depth_m[0, :, :outside].any()


@pytest.mark.parametrize("distance_m", [0.1, 0.35, 0.6])
def test_a_camera_at_or_inside_the_body_still_gives_a_finite_record(draw, seen_from, distance_m):
    records = draw(seen_from(10, distance_m=distance_m))
    assert all(np.isfinite(array).all() for array in records.arrays().values())


def test_noise_stays_within_its_bound(figure, seen_from):
    quiet = make_renderer(figure, RenderConfig(size_px=64, noise=0)).records([seen_from(0)]).image.astype(int)
    noisy = make_renderer(figure, RenderConfig(size_px=64, noise=6)).records([seen_from(0)]).image.astype(int)
    assert 0 < np.abs(noisy - quiet).max() <= 7
    assert abs((noisy - quiet).mean()) < 0.3


@pytest.mark.parametrize("kind", ["gradient", "clouds", "stripes", "checks", "blocks", "room", "field"])
def test_backgrounds_have_structure_and_follow_their_seed(draw, seen_from, kind):
    view = seen_from(0, 10)

    def behind(seed: int) -> np.ndarray:
        place = dataclasses.replace(view.scene.background, kind=kind, texture_seed=seed, third=(0.9, 0.2, 0.1))
        records = draw(dataclasses.replace(view, scene=dataclasses.replace(view.scene, background=place)))
        return np.where(records.parts[0][..., None] > 0, 0, records.image[0]).astype(float)

    assert behind(1).std() > 5
    assert np.array_equal(behind(1), behind(1))
    assert np.abs(behind(1) - behind(2)).mean() > 1


def test_a_users_picture_stands_behind_the_person(draw, seen_from, tmp_path):
    halves = np.zeros((80, 120, 3), np.uint8)
    halves[:, :60], halves[:, 60:] = (200, 0, 0), (0, 0, 200)
    Image.fromarray(halves).save(tmp_path / "halves.png")
    view, colour = seen_from(0), (0.5, 0.5, 0.5)

    def before(path: str):
        behind = Background("picture", colour, colour, colour, 1.0, 0.0, 7, path)
        return dataclasses.replace(view, scene=dataclasses.replace(view.scene, background=behind))

    records = draw(before(str(tmp_path / "halves.png")))
    bare = records.parts[0] == 0
    red, blue = records.image[0, :, :20][bare[:, :20]].mean(0), records.image[0, :, -20:][bare[:, -20:]].mean(0)
    assert red[0] > 150 > 50 > red[2]
    assert blue[2] > 150 > 50 > blue[0]
    with pytest.raises(BadBackgrounds, match=r"gone\.png cannot be read here"):
        draw(before(str(tmp_path / "gone.png")))


def test_records_are_cut_and_joined_by_rows(figure, draw, views):
    records = draw(*views[:4])
    assert same(Records.join([records.take(slice(0, 1)), records.take([1, 2, 3])]), records)
    plain = make_renderer(figure, RenderConfig(size_px=64)).records(views[:1])
    assert set(plain.arrays()) == set(records.arrays()) - {"depth_m", "parts", "vertex_visible"}
    with pytest.raises(ValueError, match="cannot be joined"):
        Records.join([records, plain])
    with pytest.raises(ValueError, match="no records"):
        Records.join([])


@pytest.mark.parametrize(
    ("setting", "words"),
    [({"size_px": 8}, "16…2048"), ({"samples": 3}, "1, 2"), ({"noise": -1.0}, "0…64"), ({"engine": "gl"}, "raster")],
)
def test_a_setting_that_cannot_work_is_refused(setting, words):
    with pytest.raises(BadSetting, match=words):
        RenderConfig(**setting)
