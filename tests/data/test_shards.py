"""Shards hold every record exactly, tell their body, and are readable by others."""

from __future__ import annotations

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from share_dist import errors
from share_dist.body import PeopleDistribution
from share_dist.camera import Everyday
from share_dist.data import index_card, read_shards, shard_bytes, write_shard, write_shards
from share_dist.render import RenderConfig, make_renderer
from share_dist.scene import SceneConfig, SceneDistribution, ViewPlan
from share_dist.storage import FolderStore

COUNT = 260


@pytest.fixture(scope="module")
def plan():
    return ViewPlan(PeopleDistribution(), Everyday(), SceneDistribution.from_config(SceneConfig()), "train", 3)


@pytest.fixture(scope="module")
def draw(figure, plan):
    renderer = make_renderer(figure, RenderConfig(size_px=32, parts=True))
    return lambda numbers: renderer.records(plan.views(numbers, figure))


@pytest.fixture(scope="module")
def card(figure, plan):
    return index_card(plan, COUNT, figure.hash, RenderConfig(size_px=32, parts=True))


@pytest.fixture(scope="module")
def records(draw):
    return draw(range(COUNT))


@pytest.fixture
def store(tmp_path, card, records):
    folder = FolderStore(tmp_path)
    write_shards(COUNT, lambda numbers: records.take(numbers), folder, card)
    return folder


def test_every_array_comes_back_exactly(store, records, figure):
    first, second = read_shards(store, figure.hash)
    assert (len(first), len(second)) == (256, 4)
    for name, array in records.arrays().items():
        found = np.concatenate([getattr(first, name), getattr(second, name)])
        assert found.dtype == array.dtype, name
        np.testing.assert_array_equal(found, array, err_msg=name)


def test_a_shard_reads_as_webdataset_samples(store, records, figure):
    """Consecutive members that share a name up to the first dot are one sample: picture, arrays, JSON."""
    with tarfile.open(store.local_path("shard-00001/records.tar")) as tar:
        names = tar.getnames()
        assert names[:3] == ["00000256.png", "00000256.npz", "00000256.json"]
        picture = np.array(Image.open(tar.extractfile(names[0])))
        truth = np.load(io.BytesIO(tar.extractfile(names[1]).read()))
        about = json.load(tar.extractfile(names[2]))
    np.testing.assert_array_equal(picture, records.image[256])
    np.testing.assert_array_equal(truth["pose"], records.pose[256])
    assert about["body_hash"] == figure.hash


def test_the_same_records_are_the_same_bytes(records, card):
    part = records.take(range(3))
    assert shard_bytes(part, card) == shard_bytes(part, card)


def test_finished_shards_are_not_made_again(store, card):
    write_shards(COUNT, lambda numbers: pytest.fail("made again"), store, card)


def test_another_data_set_in_the_same_place_is_refused(store, card, draw):
    with pytest.raises(errors.OtherRun, match="another data set"):
        write_shards(COUNT, draw, store, card | {"plan_hash": "other"})


def test_data_of_another_body_is_refused(store):
    with pytest.raises(errors.WrongBody, match="set body.folder"):
        next(read_shards(store, "0" * 64))


def test_one_shard_of_another_body_among_ours_is_refused(tmp_path, card, records, figure):
    store = FolderStore(tmp_path)
    write_shard(store, 1, shard_bytes(records.take(range(256, COUNT)), card | {"body_hash": "f" * 64}))
    write_shards(COUNT, lambda numbers: records.take(numbers), store, card)
    shards = read_shards(store, figure.hash)
    next(shards)
    with pytest.raises(errors.WrongBody, match="shard-00001"):
        next(shards)


def test_a_truncated_shard_is_named(store):
    path = store.local_path("shard-00000/records.tar")
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(errors.DamagedFile, match=r"shard-00000.*\n.*Delete the folder"):
        next(read_shards(store))


def test_a_missing_shard_or_index_says_what_to_do(store, tmp_path):
    store.local_path("shard-00001/manifest.json").unlink()
    with pytest.raises(errors.DamagedFile, match="only what is missing"):
        list(read_shards(store))
    with pytest.raises(errors.DamagedFile, match="holds no data set"):
        next(read_shards(FolderStore(tmp_path / "nothing")))
