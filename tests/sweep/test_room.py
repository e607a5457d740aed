"""How many trials run at a time: as many as the cluster has trainers' room for, and no more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from share_dist import errors
from share_dist.config import RunConfig
from share_dist.fleet import ClusterNode, FleetConfig, pool_sizes
from share_dist.sweep.room import room_for_trials, share_of_room
from share_dist.training import TrainingConfig
from share_dist.training.elastic import ranks_with_room


def nodes(*cpus, gpus=0.0):
    return [
        ClusterNode(id=str(i), name=f"node{i}", address="", cpus=c, gpus=gpus, free_cpus=c, free_gpus=gpus)
        for i, c in enumerate(cpus)
    ]


def config(**training):
    return replace(RunConfig(), training=TrainingConfig(**training))


@pytest.mark.parametrize(
    ("training", "cluster", "trials"),
    [
        ({}, nodes(2), 1),
        ({}, nodes(16, 16, 16), 3),
        ({}, nodes(0, 16, 16), 2),
        ({"threads_per_worker": 4}, nodes(16, 16), 8),
        ({"workers": 2}, nodes(16, 16, 16), 1),
        ({"workers": 2, "threads_per_worker": 8}, nodes(16, 16, 16), 3),
        ({"use_gpu": True}, nodes(16, gpus=8), 8),
        ({"use_gpu": True, "workers": 3}, nodes(16, 16, gpus=8), 5),
    ],
)
def test_a_rank_has_its_cores_or_its_gpu_to_itself(training, cluster, trials):
    assert room_for_trials(config(**training), cluster).trials == trials


@pytest.mark.parametrize(
    ("training", "cluster", "arithmetic"),
    [
        ({"workers": 3}, nodes(4, 4), "needs 3 times 4 cores(.*)node0 has 1 times 4 cores(.*)room for 0"),
        ({"use_gpu": True, "workers": 2}, nodes(8, gpus=1), "needs 2 GPUs(.*)node0 has 1 GPUs"),
        ({"threads_per_worker": 8}, nodes(4), "needs 1 times 8 cores(.*)node0 has 0 times 8 cores"),
        ({"labels": "share-role=train"}, nodes(4), "no node has a core"),
    ],
)
def test_what_cannot_run_is_refused_with_the_arithmetic(training, cluster, arithmetic):
    with pytest.raises(errors.WorkersLost, match=arithmetic):
        room_for_trials(config(**training), cluster)


@pytest.mark.parametrize(
    ("training", "share", "cluster", "trials", "evaluators"),
    [
        # Evaluators take the GPUs that their trial's ranks have given back.
        ({"use_gpu": True}, 0.5, nodes(16, gpus=4), 4, 2),
        ({"use_gpu": True, "workers": 4}, 1.0, nodes(16, 16, gpus=4), 2, 4),
        ({"threads_per_worker": 2}, 1.0, nodes(16, gpus=2), 2, 1),
        ({"threads_per_worker": 2}, 0.25, nodes(16, gpus=2), 8, 1),
        ({"threads_per_worker": 8}, 0.5, nodes(16, gpus=2), 2, 2),
    ],
)
def test_evaluators_on_gpus_never_want_those_of_another_trial(training, share, cluster, trials, evaluators):
    run = replace(config(**training), fleet=FleetConfig(evaluator_gpus=share))
    room = room_for_trials(run, cluster)
    each = share_of_room(run, room, cluster)
    assert (room.trials, each.fleet.evaluators) == (trials, evaluators)
    assert trials * evaluators * share <= sum(node.gpus for node in cluster)


def test_evaluators_that_find_no_gpu_are_refused_with_the_arithmetic():
    run = replace(config(), fleet=FleetConfig(evaluator_gpus=1.0))
    with pytest.raises(errors.WorkersLost, match="and 1 of a GPU for an evaluator(.*)0 GPUs in all: room for 0"):
        room_for_trials(run, nodes(4))


@pytest.mark.parametrize("cluster", [nodes(2), nodes(4, 4), nodes(16, 16, 16), nodes(64)])
@pytest.mark.parametrize("threads", [None, 1, 2])
def test_all_trials_together_find_room_and_one_more_rank_would_not(cluster, threads):
    run = config(threads_per_worker=threads)
    room = room_for_trials(run, cluster)
    each = share_of_room(run, room, cluster)
    cpus = sum(node.cpus for node in cluster)
    sizes = pool_sizes(each.fleet, {"CPU": cpus})
    fleets = room.trials * sizes.cpus_each * (sizes.renderers + sizes.evaluators)
    assert room.trials * sizes.renderers <= cpus
    assert fleets <= 0.25 * cpus + 1e-6
    # Fleets take their part where it is free; here the same of every node.
    left = [replace(node, free_cpus=node.cpus * (1 - fleets / cpus)) for node in cluster]
    ranks = ranks_with_room(each.training, left)
    assert room.trials <= ranks <= room.trials * 1.1
