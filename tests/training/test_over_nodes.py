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


def test_one_and_two_nodes_learn_the_same_from_the_same_samples_also_when_one_is_killed(where):
    from share_dist.studies.ray_nodes import NODE_LABEL
    from share_dist.studies.worlds import STEPS, WITHIN, changing, steady

    last = where.workers[-1].name
    worlds = steady(where, [(0, 1), (0, 2), (2, 1)], labels={0: f"{NODE_LABEL}={last}"})
    assert worlds[0].hosts == (last,)
    worlds.append(changing(where, ("kill",), zero_stage=2, steps=STEPS))
    assert [world.ranks for world in worlds] == [(1,), (2,), (1,), (2, 1)]
    assert worlds[-1].steps_repeated[0] <= 5
    assert max(world.furthest_from(worlds[0]) for world in worlds) < WITHIN
    assert [(world.steps_out_of_order, world.steps_missing, len(world.losses)) for world in worlds] == [(0, 0, 20)] * 4
