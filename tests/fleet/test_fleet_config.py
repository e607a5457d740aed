"""Pool sizes fit the cluster, and settings that cannot work are refused."""

from __future__ import annotations

import socket

import numpy as np
import pytest

from share_dist.errors import BadSetting, NoCluster, OtherRun, WorkersLost
from share_dist.fleet import ClusterNode, Fleet, FleetConfig, cluster, pool_sizes, start
from share_dist.fleet.feed import PictureCache
from share_dist.fleet.nodes import emptiest
from share_dist.fleet.progress import ViewProgress
from share_dist.models import model_hash
from share_dist.render import Records, RenderConfig
from share_dist.storage import FolderStore
from share_dist.survey import SurveyConfig, open_survey, survey_meta


def test_two_cores_hold_the_fleet_and_a_training_worker():
    sizes = pool_sizes(FleetConfig(), {"CPU": 2.0})
    assert (sizes.renderers, sizes.evaluators) == (2, 2)
    booked = sizes.cpus_each * (sizes.renderers + sizes.evaluators)
    assert 0 < booked <= 0.5


def test_pools_grow_with_the_cluster_and_settings_win():
    assert pool_sizes(FleetConfig(), {"CPU": 64.0}).renderers == 64
    assert pool_sizes(FleetConfig(render_actors=3, evaluators=1), {"CPU": 64.0}).evaluators == 1
    assert pool_sizes(FleetConfig(evaluator_gpus=0.5), {"CPU": 8.0, "GPU": 2.0}).evaluators == 4


def test_however_small_the_cluster_every_actor_books_something():
    assert pool_sizes(FleetConfig(render_actors=5000), {"CPU": 1.0}).cpus_each >= 1e-4


def test_evaluators_on_gpus_need_gpus():
    with pytest.raises(BadSetting, match="the cluster has 0 GPUs"):
        pool_sizes(FleetConfig(evaluator_gpus=0.5), {"CPU": 2.0})


def test_where_nodes_may_be_added_one_evaluator_waits_for_a_gpu():
    assert pool_sizes(FleetConfig(evaluator_gpus=0.5), {"CPU": 2.0}, can_grow=True).evaluators == 1
    assert pool_sizes(FleetConfig(evaluator_gpus=0.5), {"CPU": 8.0, "GPU": 2.0}, can_grow=True).evaluators == 4


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("render_actors", 0, r"fleet\.render-actors is 0"),
        ("evaluators", -1, r"fleet\.evaluators is -1"),
        ("cpus", 0, r"fleet\.cpus is 0"),
        ("booked_share", 1.5, r"fleet\.booked-share is 1\.5"),
        ("object_store_mb", 10, r"fleet\.object-store-mb is 10"),
        ("stall_timeout_s", 0, r"fleet\.stall-timeout-s is 0"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(name, value, said):
    with pytest.raises(BadSetting, match=said):
        FleetConfig(**{name: value})


def test_progress_speaks_at_most_every_ten_seconds_and_at_the_end():
    now, lines = [0.0], []
    progress = ViewProgress("round 02 survey", 4096, 0, "6 renderers", lines.append, lambda: now[0])
    for _ in range(16):
        now[0] += 4
        progress.add(256)
    assert len(lines) == 6
    assert lines[0] == "round 02 survey     768/4,096 views   18 %     64.0 views/s  eta 0:00:52  6 renderers"
    assert "4,096/4,096 views  100 %" in lines[-1]
    assert "in 64 s" in lines[-1]


def test_progress_says_what_was_found_and_does_not_count_it_as_speed():
    now, lines = [0.0], []
    progress = ViewProgress("survey", 1000, 500, "", lines.append, lambda: now[0])
    now[0] = 10
    progress.add(100)
    assert lines[0] == "survey  500/1,000 views were there already"
    assert "10.0 views/s  eta 0:00:40" in lines[1]


@pytest.mark.parametrize("failures", [2, 3])
def test_a_ray_that_is_slow_to_start_is_tried_again_before_we_give_up(monkeypatch, failures):
    tries = []

    def begin(config, namespace):
        tries.append(config)
        if len(tries) <= failures:
            raise Exception("The current node timed out during startup.\nMore about it.")

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(cluster.ray, "is_initialized", lambda: False)
    monkeypatch.setattr(cluster.ray, "shutdown", lambda: None)
    monkeypatch.setattr(start, "_init_here", begin)
    if failures < start.ATTEMPTS:
        assert cluster.connect(FleetConfig())
    else:
        with pytest.raises(WorkersLost, match=r"did not start on this machine \(The current node timed out"):
            cluster.connect(FleetConfig())


def test_a_cluster_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr(cluster.ray, "is_initialized", lambda: False)
    with socket.socket() as bound:  # a port of ours where nobody listens
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        with pytest.raises(NoCluster, match=rf"no Ray cluster answers at 127\.0\.0\.1:{port} \(Connection refused\)"):
            cluster.connect(FleetConfig(address=f"127.0.0.1:{port}"))


@pytest.mark.parametrize(
    "address", ["http://10.0.0.1:8265", "10.0.0.1", "10.0.0.1:head", "h:70000", f"h:{10**99}", "me:secret@h:6379"]
)
def test_an_address_of_another_kind_is_refused_with_an_example(monkeypatch, address):
    monkeypatch.setattr(cluster.ray, "is_initialized", lambda: False)
    with pytest.raises(BadSetting, match=r"host:port.* such as 10\.0\.0\.1:6379") as refused:
        cluster.connect(FleetConfig(address=address))
    assert "secret" not in str(refused.value)


def test_the_check_knows_this_machine():
    looked_at = [
        "ray",
        "Ray's token",
        "home",
        "Ray's folder",
        "Ray's disk",
        "open files",
        "threads",
        "loopback",
        "shared memory",
    ]
    assert [finding.name for finding in cluster.check()] == looked_at


def some_records(numbers):
    count = len(numbers)
    shapes = {
        "image": (4, 4, 3), "pose": (24, 3, 3), "betas": (10,), "joints_cam_m": (24, 3), "joints_px": (24, 2),
        "focal_px": (), "principal_px": (2,), "frame_size_px": (2,), "bbox_px": (3,), "crop_from_frame": (2, 3),
        "everyday": (),
    }  # fmt: skip
    kinds = {"image": np.uint8, "everyday": bool}
    arrays = {name: np.zeros((count, *shape), kinds.get(name, np.float32)) for name, shape in shapes.items()}
    return Records(numbers=np.array(numbers, np.int64), **arrays)


def test_the_cache_keeps_what_fits_and_hands_out_the_rest_unkept():
    size = sum(array.nbytes for array in some_records(range(10)).arrays().values())
    cache = PictureCache(2 * size)
    for first in (0, 10, 20):
        assert set(cache.add(some_records(range(first, first + 10)))) == set(range(first, first + 10))
    assert set(cache.rows) == set(range(20))
    assert cache.used_bytes == 2 * size


def test_a_survey_goes_on_only_in_the_precision_that_it_was_begun_in(figure, model, plan, tmp_path, monkeypatch):
    """`auto` is settled by the driver and stored; a machine with other arithmetic must not add its rows."""
    store, automatic = FolderStore(tmp_path), SurveyConfig(precision="auto")
    begun = survey_meta(plan, 300, model_hash(model), figure.hash, RenderConfig(), SurveyConfig(precision="bf16"))
    open_survey(store, begun)
    monkeypatch.setattr("share_dist.models.regressor.has_bf16", lambda device: False)
    with pytest.raises(OtherRun, match=r"differs in precision \(there: bf16; now: fp32\)"):
        Fleet().survey(model, plan, 300, store, automatic)


def node(name, cpus, free_cpus=None, gpus=0.0):
    free = cpus if free_cpus is None else free_cpus
    return ClusterNode(
        id=name, name=name, address=name, cpus=cpus, gpus=gpus, free_cpus=free, free_gpus=gpus, labels={}
    )


@pytest.mark.parametrize(
    ("nodes", "held", "chosen"),
    [
        ([node("a", 1), node("b", 1)], {"a": 1}, "b"),
        ([node("small", 1), node("large", 4)], {"small": 1, "large": 3}, "large"),
        ([node("busy", 4, free_cpus=0.05), node("b", 1)], {"b": 9}, "b"),
        ([node("head", 0), node("busy", 4, free_cpus=0.0)], {}, None),
        ([], {}, None),
    ],
)
def test_an_actor_goes_where_there_is_room_and_fewest_stand_for_the_nodes_size(nodes, held, chosen):
    found = emptiest(nodes, cpus=0.1, gpus=0.0, held=held)
    assert (found.name if found else None) == chosen


def test_an_actor_with_a_gpu_goes_where_gpus_are_and_not_where_cores_are():
    nodes = [node("cores", 64), node("one", 8, gpus=1.0), node("four", 8, gpus=4.0)]
    assert emptiest(nodes, cpus=0.1, gpus=0.5, held={"one": 1, "four": 2}).name == "four"
