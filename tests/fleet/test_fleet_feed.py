"""Pictures for training arrive in exactly the order asked for, whoever draws them and whoever dies."""

from __future__ import annotations

import numpy as np
import pytest

from share_dist import errors
from share_dist.fleet import ViewFeed
from share_dist.fleet.asking import fetch

pytestmark = pytest.mark.slow


def assert_same_records(found, wanted):
    for name, array in wanted.arrays().items():
        np.testing.assert_array_equal(getattr(found, name), array, err_msg=name)


def test_records_of_a_few_views_are_what_one_process_draws(fleet, plan, renderer, figure):
    numbers = [5, 1000, 3, *range(200, 330)]
    assert_same_records(fleet.records(plan, numbers), renderer.records(plan.views(numbers, figure)))


def test_a_feed_keeps_the_order_of_its_numbers_and_draws_each_view_once(fleet, plan, renderer, figure):
    steps = [np.array([9, 2, 9, 0]), np.arange(150), np.arange(149, 99, -1), np.array([2, 149])]
    feed = ViewFeed(fleet.handles, plan, steps, ahead=0)
    for numbers, records in zip(steps, feed, strict=True):
        assert_same_records(records, renderer.records(plan.views(numbers, figure)))
        assert records.image.flags.writeable
    assert feed.rendered == 150


def test_a_feed_without_room_to_keep_pictures_draws_them_again(fleet, plan):
    steps = [np.arange(10), np.arange(10)]
    feed = ViewFeed(fleet.handles, plan, steps, ahead=0, cache_mb=0)
    first, second = feed
    assert_same_records(first, second)
    assert feed.rendered == 20


def test_a_feed_asks_no_further_ahead_than_it_may(fleet, plan):
    asked = []

    def numbers():
        for step in range(6):
            asked.append(step)
            yield np.arange(step * 4, step * 4 + 4)

    feed = iter(ViewFeed(fleet.handles, plan, numbers(), ahead=2))
    assert next(feed).numbers.tolist() == [0, 1, 2, 3]
    assert asked == [0, 1, 2]
    assert [records.numbers[0] for records in feed] == [4, 8, 12, 16, 20]


def test_a_killed_renderer_does_not_disturb_the_feed(fleet, plan, renderer, figure, kill):
    steps = [np.arange(step * 100, step * 100 + 100) for step in range(6)]
    for number, records in enumerate(ViewFeed(fleet.handles, plan, steps, ahead=3)):
        assert_same_records(records, renderer.records(plan.views(steps[number], figure)))
        if number == 1:
            kill(fleet.renderers.actors[-1])


def test_the_source_travels_into_another_process(fleet, plan, renderer, figure):
    import ray

    @ray.remote(num_cpus=0.1)
    def rank(pictures):
        return [records.image for records in pictures.feed([np.array([4, 5]), np.array([6])], ahead=2)]

    images = ray.get(rank.remote(fleet.pictures(plan)))
    np.testing.assert_array_equal(np.concatenate(images), renderer.records(plan.views([4, 5, 6], figure)).image)


def test_shards_written_by_renderers_are_those_of_the_plain_loop(fleet, plan, renderer, figure, tmp_path):
    from share_dist.data import index_card, read_shards, shard_bytes, shard_numbers, write_index, write_shard
    from share_dist.storage import FolderStore

    here, there = FolderStore(tmp_path / "here"), FolderStore(tmp_path / "there")
    card = index_card(plan, 300, figure.hash, renderer.config)
    write_index(here, card)
    for index in range(card["shards"]):
        records = renderer.records(plan.views(shard_numbers(index, 300), figure))
        write_shard(here, index, shard_bytes(records, card))
    assert fleet.write_shards(plan, 300, there) == card
    assert here.list() == there.list()
    assert all(here.read(key) == there.read(key) for key in here.list())
    assert sum(len(records) for records in read_shards(there, figure.hash)) == 300


def test_an_error_for_the_user_keeps_its_class_on_the_way_out(fleet):
    import ray

    @ray.remote(num_cpus=0.1)
    def refuse():
        raise errors.BadBackgrounds("the folder /pictures is empty on this node")

    with pytest.raises(errors.BadBackgrounds, match="is empty on this node"):
        fetch(refuse.remote, refuse.remote(), 30, "rendering")


def test_an_actor_that_stays_silent_is_an_error_in_time(fleet):
    import ray

    @ray.remote(num_cpus=0.1)
    def sleep():
        import time

        time.sleep(60)

    reference = sleep.remote()
    with pytest.raises(errors.WorkersLost, match="no answer for 0.5 s while rendering views"):
        fetch(sleep.remote, reference, 0.5, "rendering views 0 to 63")
    ray.cancel(reference, force=True)
