"""Trainings over real nodes: every number of ranks learns the same from the same samples, also when a node dies."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def where(namespaces):
    """A head, two worker nodes and a bucket."""
    from share_dist.studies.ground import ground

    with ground(2, "ranks", "10.77.3") as where:
        yield where


@pytest.fixture
def whole(where):
    """The same with both its worker nodes, of which an earlier test may have killed one."""
    last = where.workers[-1]
    if not last.is_on:
        where.come_back(last)
        where.ray.wait_for([where.head, *where.workers])
    return where


@pytest.mark.proof
def test_two_nodes_of_which_one_is_killed_learn_what_one_alone_learns_from_the_same_samples(where):
    from share_dist.studies.ray_nodes import NODE_LABEL
    from share_dist.studies.worlds import STEPS, WITHIN, changing, steady

    last = where.workers[-1].name
    (alone,) = steady(where, [(0, 1)], labels={0: f"{NODE_LABEL}={last}"}, passes=4)
    killed = changing(where, ("kill",), zero_stage=2, steps=STEPS, passes=4)
    assert alone.hosts == (last,)
    assert (alone.ranks, killed.ranks) == ((1,), (2, 1))
    assert killed.steps_repeated[0] <= 5
    assert killed.furthest_from(alone) < WITHIN
    for world in (alone, killed):
        assert (world.steps_out_of_order, world.steps_missing, len(world.losses)) == (0, 0, STEPS)


@pytest.mark.proof
def test_other_stages_and_numbers_of_ranks_learn_the_same_too(whole):
    from share_dist.studies.worlds import WITHIN, steady

    worlds = steady(whole, [(0, 1), (0, 2), (2, 1)], passes=4)
    assert [world.ranks for world in worlds] == [(1,), (2,), (1,)]
    assert max(world.furthest_from(worlds[0]) for world in worlds) < WITHIN


@pytest.mark.proof
def test_a_node_lost_between_the_reservation_of_ranks_and_their_start_costs_that_start_and_no_more(whole):
    from share_dist.studies.worlds import changing

    world = changing(whole, ("kill at the start",), steps=10)
    assert (world.ranks, world.steps_repeated, world.steps_missing) == ((1,), (), 0)
    assert "lost a worker, goes on after step 0" in (whole.head.disk / "kill at the start.log").read_text()
