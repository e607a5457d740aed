"""Each cause that keeps a run waiting is told apart, in one line with its values, and by what a real cluster says."""

from __future__ import annotations

import re
import time

import pytest

from share_dist.ops.explain import diagnose, explanation
from share_dist.ops.snapshot import BuildLock, NodeState, Reservation, Snapshot, Wish, abandoned_locks

HEAD = NodeState(name="10.0.0.1", total={"memory": 2e9}, free={"memory": 2e9})


def worker(name="10.0.0.2", cpus=4.0, free=4.0, **more):
    return NodeState(name=name, total={"CPU": cpus, "memory": 8e9}, free={"CPU": free}, **more)


def cluster(*nodes, **more):
    return Snapshot(address="10.0.0.1:6379", nodes=(HEAD, *nodes), **more)


GPU = Wish(shapes=({"GPU": 1.0, "CPU": 1.0},))
RENDERERS = Wish(shapes=({"CPU": 2.0},), count=3)
ELSEWHERE = Wish(shapes=({"CPU": 1.0},), labels={"share-role": ("train",)})
GANG = Wish(shapes=({"CPU": 2.0}, {"CPU": 2.0}))


@pytest.mark.parametrize(
    ("snapshot", "cause", "said"),
    [
        (cluster(), "nodes", "no worker node is alive: the nodes 10.0.0.1 have no core for work"),
        (cluster(autoscaler=True), "nodes", "the autoscaler should add some"),
        (cluster(worker(is_draining=True)), "nodes", "10.0.0.2 (draining)"),
        (cluster(worker(), wishes=(GPU,)), "shape", "no node has 1 GPU + 1 CPU; the largest has 0 GPU + 4 CPU"),
        (cluster(worker(), wishes=(Wish(shapes=({"CPU": 9.0},)),)), "shape", "the largest has 4 CPU"),
        (
            cluster(worker(labels={"share-role": "render"}), wishes=(ELSEWHERE,)),
            "labels",
            "labelled share-role=train can never start: of 1 nodes that are large enough none bears the label; "
            "they have share-role=render",
        ),
        (cluster(worker(), wishes=(ELSEWHERE,)), "labels", "they have no label share-role at all"),
        (
            cluster(worker(), reservations=(Reservation("train_dead", 100.0, 80.0),)),
            "reservation",
            "'train_dead' reserved room and has been silent for 100 s: it is dead, "
            "and its reservation ends by itself in 80",
        ),
        (cluster(worker(), locks=(BuildLock("10.0.0.2", "/c/lock"),)), "build lock", "a killed build left /c/lock"),
        (
            cluster(worker(free=0.0), worker("10.0.0.3", is_draining=True), wishes=(RENDERERS,)),
            "draining",
            "10.0.0.3 will be taken and accept nothing new, and 3 × (2 CPU) wait",
        ),
        (cluster(worker(free=1.0), wishes=(RENDERERS,)), "busy", "3 × (2 CPU) wait for room: 3 of 4 CPU are booked"),
        (cluster(worker(free=1.0), wishes=(GANG,)), "busy", "2 × (2 CPU) wait for room"),
        (cluster(worker(), silent=("10.0.0.2",)), "answers", "10.0.0.2 did not answer within 60 s"),
        (cluster(worker(free=3.0)), "cluster", "nothing waits for room: 1 of 4 CPU are booked on 2 nodes"),
    ],
)  # fmt: skip
def test_each_cause_is_told_by_its_name_and_values(snapshot, cause, said):
    first, *_ = diagnose(snapshot)
    assert first.name == cause
    assert said in first.detail
    assert first.ok == (cause == "cluster")
    assert first.ok or first.remedy


def test_a_reservation_that_its_run_renews_is_no_cause():
    (finding,) = diagnose(cluster(worker(), reservations=(Reservation("train_alive", 2.0, 178.0),)))
    assert finding.ok


def test_a_run_that_waits_for_its_own_turn_is_not_called_infeasible_because_of_ray_internals():
    pinned = Wish(shapes=({"CPU": 1.0, "node:10.0.0.9": 0.01},))
    assert [finding.name for finding in diagnose(cluster(worker(free=0.0), wishes=(pinned,)))] == ["busy"]


def test_the_first_line_is_the_likeliest_cause_and_the_rest_follows():
    said = explanation(diagnose(cluster(worker(free=0.0), wishes=(GPU, RENDERERS)))).splitlines()
    assert "can never start" in said[0]
    assert [line.split(":")[0] for line in said if line.startswith(("shape", "busy"))] == ["shape", "busy"]


def test_a_build_lock_that_is_held_is_not_abandoned(tmp_path):
    held, left = tmp_path / "py311/held/lock", tmp_path / "py311/left/lock"
    for lock in (held, left):
        lock.parent.mkdir(parents=True)
        lock.touch()
    with open(held):
        assert abandoned_locks(tmp_path) == [str(left)]


WAIT = """
import ray, sys, time
ray.init(address="auto", logging_level="ERROR")
@ray.remote(num_cpus=0)
def work():
    return True
waiting = [work.options(num_gpus=1).remote(), work.options(label_selector={"share-role": "train"}).remote()]
print("asked", flush=True)
time.sleep(120)
"""


RESERVE_AND_DIE = """
import json, ray
from ray.data._internal.cluster_autoscaler.default_autoscaling_coordinator import get_or_create_autoscaling_coordinator
ray.init(address="auto", logging_level="ERROR")
coordinator = get_or_create_autoscaling_coordinator()
# As Ray Train's runs reserve, 60 s ago: each reservation holds for 180 s from when it was last renewed.
asked = coordinator.request_resources.remote(requester_id="train_lost", resources=[{"CPU": 1}], expire_after_s=120)
print(json.dumps(ray.get(asked)))
"""


def explained(cluster, address, *words, patience_s=60.0):
    """What `share-dist explain` says, once the cluster knows what waits and it says these words."""
    deadline = time.monotonic() + patience_s
    while True:
        done = cluster.share_dist("explain", "--address", address)
        if all(each in done.stdout for each in words) or time.monotonic() > deadline:
            return done


@pytest.mark.slow
def test_what_a_real_cluster_can_never_start_is_explained(cluster):
    with cluster.driving(WAIT, said="asked"):
        reasons = "no node has 1 GPU; the largest has 0 GPU", "none bears the label; they have share-role=render"
        done = explained(cluster, cluster.address, *reasons)
    assert done.returncode == 1
    assert "can never start" in done.stdout.splitlines()[0]
    assert [reason for reason in reasons if reason not in done.stdout] == []


@pytest.mark.slow
def test_a_cluster_without_workers_is_explained_and_refused_by_a_run_at_once(bare_head):
    done = explained(bare_head, bare_head.address, "no worker node")
    assert f"no worker node is alive: the nodes {bare_head.head.address}" in done.stdout
    run = bare_head.share_dist("render", "smoke", "--count", "4", "--out", "/tmp/views")
    assert run.returncode == 4
    assert (
        f"no node of the cluster may render: {bare_head.head.name} ({bare_head.head.address}) has 0 CPUs" in run.stderr
    )


@pytest.mark.proof
@pytest.mark.slow
def test_what_a_dead_run_and_a_killed_build_left_on_a_real_cluster_is_explained(bare_head):
    bare_head.python(RESERVE_AND_DIE)
    lock = bare_head.head.disk / "torch_extensions/py311_cpu/fused_adam/lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    said = bare_head.share_dist("explain", "--address", bare_head.address).stdout
    silent, left = map(float, re.search(r"'train_lost' .* silent for (\d+) s: .* by itself in (\d+) s", said).groups())
    assert 60 <= silent < 100
    assert silent + left == pytest.approx(180, abs=1)
    inside = "/tmp/torch_extensions/py311_cpu/fused_adam/lock"
    assert f"on {bare_head.head.address} a killed build left {inside}" in said
    assert f"rm {inside}" in said


@pytest.mark.slow
def test_a_head_that_is_gone_is_explained(bare_head):
    done = bare_head.share_dist("explain", "--address", f"{bare_head.head.address}:6380")
    assert done.returncode == 1
    assert f"no Ray cluster answers at {bare_head.head.address}:6380" in done.stdout.splitlines()[0]
