"""Scenes: ranges, shares, what belongs to the judge; the user's pictures; the room that people take up."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from share_dist.body import PeopleDistribution, people_rotmats, pose_body
from share_dist.errors import BadBackgrounds, BadSetting
from share_dist.scene import FLAT_KINDS, PLACE_KINDS, Light, SceneConfig, SceneDistribution, person_spaces
from share_dist.scene.palettes import JUDGE_BACKGROUND_KINDS, JUDGE_CLOTHES
from share_dist.seeds import stream


def scenes_of(distribution: SceneDistribution, split="train", count=1000):
    return distribution.sample([stream(0, f"{split}/scenes", i) for i in range(count)], split)


@pytest.fixture(scope="module")
def scenes():
    return scenes_of(SceneDistribution())


def test_every_colour_and_share_lies_in_its_range(scenes):
    for scene in scenes:
        clothes = scene.clothes
        colours = [clothes.shirt.colour, clothes.shirt.mark, clothes.trousers.colour, clothes.shoes, clothes.skin,
                   clothes.hair, scene.ambient_colour, *scene.background.colours]  # fmt: skip
        colours += [light.colour for light in scene.lights] + [occluder.colour for occluder in scene.occluders]
        assert all(len(colour) == 3 and min(colour) >= 0 and max(colour) <= 1 for colour in colours)
        assert all(0 <= share <= 1 for share in (clothes.sleeve_length, clothes.trouser_length, clothes.hair_length))
        assert scene.background.kind in FLAT_KINDS + PLACE_KINDS
        assert 0 <= scene.background.texture_seed < 2**31


def test_shares_are_as_set(scenes):
    assert np.mean([bool(scene.occluders) for scene in scenes]) == pytest.approx(0.15, abs=0.03)
    assert np.mean([scene.second_light is not None for scene in scenes]) == pytest.approx(0.4, abs=0.05)
    assert np.mean([scene.clothes.shirt.pattern != "plain" for scene in scenes]) == pytest.approx(0.35, abs=0.05)
    assert not any(scene.clothes.trousers.pattern == "patch" for scene in scenes)


def test_occluders_can_be_everywhere_or_nowhere_and_keep_their_size():
    none, every = (scenes_of(SceneDistribution(occluder_share=share), count=200) for share in (0.0, 1.0))
    assert not any(scene.occluders for scene in none)
    assert all(scene.occluders for scene in every)
    sizes = [2 * size for scene in every for o in scene.occluders for size in (o.half_width, o.half_height)]
    assert 0.1 <= min(sizes) <= 0.12
    assert 0.33 <= max(sizes) <= 0.35
    # Another share changes nothing else of a scene.
    assert [dataclasses.replace(scene, occluders=()) for scene in every] == none


def test_some_palettes_and_backgrounds_are_the_judges_alone(scenes):
    judge = scenes_of(SceneDistribution(), "judge")
    for own, of in (
        (set(JUDGE_CLOTHES), lambda scene: scene.clothes.palette),
        (set(JUDGE_BACKGROUND_KINDS), lambda scene: scene.background.kind),
    ):
        assert not own & {of(scene) for scene in scenes + scenes_of(SceneDistribution(), "steer")}
        assert own <= {of(scene) for scene in judge}
        assert np.mean([of(scene) in own for scene in judge]) == pytest.approx(0.2, abs=0.04)


def test_lamps_hang_above_and_point_along_unit_vectors(scenes):
    for scene in scenes:
        for light in scene.lights:
            assert np.linalg.norm(light.direction) == pytest.approx(1)
            assert light.direction[1] > 0
    assert Light(0.0, 0.0, 1.0, (1, 1, 1)).direction == pytest.approx((0, 0, 1))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (dict(occluder_share=1.5), "scene.occluder_share is 1.5"),
        (dict(judge_only_share=-0.1), "scene.judge_only_share"),
        (dict(occluder_low=0.5, occluder_high=0.2), "occluder_low and occluder_high"),
    ],
)
def test_settings_out_of_range_are_refused(values, words):
    with pytest.raises(BadSetting, match=words):
        SceneConfig(**values)
    with pytest.raises(BadSetting, match=words):
        SceneDistribution(**values)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for i in range(20):
        pixels = rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i:02d}.{'jpg' if i % 2 else 'png'}")
    (tmp_path / "notes.txt").write_text("not a picture")
    return tmp_path


def test_a_users_pictures_appear_behind_people(folder):
    distribution = SceneDistribution.from_config(SceneConfig(background_folder=folder, picture_share=0.6))
    assert len(distribution.pictures) == 20
    backgrounds = [scene.background for scene in scenes_of(distribution)]
    shown = [background for background in backgrounds if background.kind == "picture"]
    assert len(shown) / 1000 == pytest.approx(0.6, abs=0.05)
    assert all(Path(background.picture or "").is_file() for background in shown)
    assert SceneDistribution.from_json(distribution.to_json()) == distribution


def test_some_of_the_pictures_are_the_judges_alone(folder):
    distribution = SceneDistribution.from_config(SceneConfig(background_folder=folder))
    train, judge = ({s.background.picture for s in scenes_of(distribution, split)} for split in ("train", "judge"))
    assert train < judge


def test_changed_pictures_change_the_plan(folder):
    before = SceneDistribution.from_config(SceneConfig(background_folder=folder))
    Image.new("RGB", (80, 80), "red").save(folder / "03.jpg")
    assert SceneDistribution.from_config(SceneConfig(background_folder=folder)) != before


def test_a_missing_an_empty_and_a_broken_folder_are_refused_by_name(folder):
    def refused(words: str) -> None:
        with pytest.raises(BadBackgrounds, match=words):
            SceneDistribution.from_config(SceneConfig(background_folder=folder))

    whole = (folder / "03.jpg").read_bytes()
    (folder / "03.jpg").write_bytes(whole[: len(whole) // 2])
    refused(r"03\.jpg cannot be read(.|\n)*Remove or replace it")
    (folder / "03.jpg").write_bytes(b"GIF? no")
    refused(r"03\.jpg cannot be read")
    Image.new("RGB", (8, 200)).save(folder / "03.jpg")
    refused(r"03\.jpg is 8 × 200 pixels")
    for path in folder.glob("[0-9]*"):
        path.unlink()
    refused(r"holds no picture(.|\n)*\.jpg")
    shutil.rmtree(folder)
    refused("does not exist")


@pytest.fixture(scope="module")
def crowd(figure):
    people = PeopleDistribution().sample([stream(1, "people", i) for i in range(100)], "judge")
    posed = pose_body(figure, people_rotmats(people), np.stack([person.betas for person in people]))
    return people, posed.vertices_m - posed.joints_m[:, :1]


def test_the_floor_lies_under_the_lowest_vertex_within_five_centimetres(figure, crowd):
    people, vertices_m = crowd
    floors = np.array([space.floor_m for space in person_spaces(people, figure)])
    assert np.abs(floors - vertices_m[..., 1].min(axis=1)).max() < 0.05


def test_no_part_of_the_body_is_far_outside_its_spheres(figure, crowd):
    """So a camera 0.3 m from every sphere is at least 0.2 m from the skin."""
    people, vertices_m = crowd
    for space, own in zip(person_spaces(people, figure), vertices_m[:, ::7], strict=True):
        away = np.linalg.norm(own[:, None] - space.points_m, axis=-1) - space.radii_m
        assert away.min(axis=1).max() < 0.1


def test_a_persons_space_does_not_depend_on_the_others(figure, crowd):
    people, _ = crowd
    together = person_spaces(people, figure)
    for i in (0, 17, 99):
        alone = person_spaces([people[i]], figure)[0]
        assert alone.floor_m == together[i].floor_m
        assert alone.points_m.tobytes() == together[i].points_m.tobytes()
