"""A survey on Ray is the plain loop's, whatever is killed meanwhile."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace

import numpy as np
import psutil
import pytest
import ray
import torch

from share_dist import errors
from share_dist.models import ModelConfig, checkpoint_bytes, make_model
from share_dist.storage import FolderStore
from share_dist.survey import Survey, SurveyConfig

pytestmark = pytest.mark.slow


def assert_same_rows(found, plain):
    assert found["view_number"].tolist() == list(range(len(found)))
    for name, values in plain.columns.items():
        np.testing.assert_array_equal(found[name], values[: len(found)], err_msg=name)


def test_a_survey_is_the_plain_loops_and_is_found_when_asked_for_again(fleet, model, plan, plain, tmp_path):
    found = fleet.survey(model, plan, 300, FolderStore(tmp_path))
    assert_same_rows(found, plain)
    assert found.meta == plain.meta | {"count": 300}
    started = time.perf_counter()
    assert_same_rows(fleet.survey(model, plan, 300, FolderStore(tmp_path)), plain)
    assert time.perf_counter() - started < 2


def test_processes_that_draw_never_import_torch(fleet, model, plan, tmp_path):
    fleet.survey(model, plan, 10, FolderStore(tmp_path))

    def have_torch(pool):
        numbers = [ray.get(actor.ready.remote(), timeout=60).process for actor in pool.actors]
        return {any("libtorch" in part.path for part in psutil.Process(number).memory_maps()) for number in numbers}

    assert have_torch(fleet.renderers) == {False}
    assert have_torch(fleet.evaluators) == {True}


def test_kept_pictures_serve_another_model_with_the_same_rows(fleet, model, plan, plain, tmp_path, monkeypatch):
    other = make_model(ModelConfig(input_px=48), seed=3).eval()
    fresh = fleet.survey(other, plan, 300, FolderStore(tmp_path / "fresh"))
    monkeypatch.setattr(fleet, "kept", FolderStore(tmp_path / "kept"))
    assert_same_rows(fleet.survey(model, plan, 300, FolderStore(tmp_path / "first")), plain)
    stored = sorted((tmp_path / "kept").rglob("block.npz"))
    times = [path.stat().st_mtime_ns for path in stored]
    again = fleet.survey(other, plan, 300, FolderStore(tmp_path / "again"))
    assert_same_rows(again, fresh)
    assert len(stored) == 2
    assert [path.stat().st_mtime_ns for path in stored] == times


def test_a_survey_is_named_after_all_that_decides_its_rows(fleet, model, plan):
    key = fleet.survey_key(model, plan, 300)
    assert key == fleet.survey_key(checkpoint_bytes(model, {"body_hash": fleet.body.hash}), plan, 300)
    others = [
        fleet.survey_key(make_model(ModelConfig(input_px=48), seed=3), plan, 300),
        fleet.survey_key(model, replace(plan, seed=12), 300),
        fleet.survey_key(model, plan, 301),
        fleet.survey_key(model, plan, 300, SurveyConfig(batch_size=32)),
    ]
    assert len({key, *others}) == 5


def test_pictures_never_reach_the_driver(fleet, model, plan, tmp_path, monkeypatch):
    import ray

    fetched, get = [], ray.get

    def watched(reference, **options):
        value = get(reference, **options)
        fetched.append(value)
        return value

    monkeypatch.setattr(ray, "get", watched)
    fleet.survey(model, plan, 512, FolderStore(tmp_path))
    rows = [value for value in fetched if isinstance(value, bytes)]
    assert len(rows) == 2
    assert sum(map(len, rows)) < 512 * 500
    assert {type(value).__name__ for value in fetched} <= {"bytes", "Receipt"}


def overflowing(plan, renderer, blocks) -> tuple[object, int]:
    """A network whose answer overflows for one picture, and its number: that one which excites it most, in `blocks`."""
    from share_dist.models import normalise_images

    network = make_model(ModelConfig(input_px=48, iterations=1), seed=2).eval()
    head = network.head
    numbers = np.arange(blocks[0] * 256, blocks[1] * 256)
    images = normalise_images(renderer.records(plan.views(numbers, renderer.body)).image)
    with torch.inference_mode():
        # In parts as a survey takes them, for sums of another size differ in their last bits.
        cameras = torch.cat([network(part).camera for part in images.split(64)])
        said = (cameras - head.init_cam).double().abs().max(dim=1).values
        highest, next_one = said.topk(2).values.tolist()
        # In two factors, none of which is too large for a weight; pose and shape stay those of the mean person.
        most = torch.finfo(torch.float32).max / math.sqrt(highest * next_one)
        for layer in (head.fc2.weight, head.fc2.bias):
            layer *= 1e20
        head.deccam.weight *= most / 1e20
        for layer in (head.decpose.weight, head.decshape.weight):
            layer.zero_()
    return network, int(numbers[int(said.argmax())])


@pytest.mark.proof
def test_a_network_that_overflows_is_named_with_its_view_and_keeps_what_was_measured(fleet, plan, renderer, tmp_path):
    network, view = overflowing(plan, renderer, (0, 4))
    checkpoint = tmp_path / "hot.safetensors"
    checkpoint.write_bytes(checkpoint_bytes(network, {"body_hash": renderer.body.hash}))
    kept = []
    for _ in range(2):
        with pytest.raises(
            errors.NetworkFailed, match=rf"checkpoint .*hot.safetensors .* infinity for view {view}: its"
        ):
            fleet.survey(checkpoint, plan, 1024, FolderStore(tmp_path / "survey"))
        kept.append({path: path.stat().st_mtime_ns for path in (tmp_path / "survey").rglob("rows.parquet")})
    blocks = {int(path.parent.name.removeprefix("block-")) for path in kept[1]}
    assert set(range(view // 256)) <= blocks
    assert view // 256 not in blocks
    assert kept[0].items() <= kept[1].items()


def test_killed_renderers_and_evaluators_cost_time_but_no_row(fleet, model, plan, plain, tmp_path, kill, capfd):
    """SIGKILL a renderer and the only evaluator in mid-survey; every row is there once, with the same bits.

    Ray says nothing of having asked again: that the work was done again is what a good run does.
    """
    fleet.survey(model, plan, 1, FolderStore(tmp_path / "warm"))
    killed = []

    def strike():
        while not (tmp_path / "survey").exists():
            time.sleep(0.01)
        for actor in (fleet.renderers.actors[0], fleet.evaluators.actors[0], fleet.renderers.actors[-1]):
            killed.append(kill(actor))
            time.sleep(0.3)

    murderer = threading.Thread(target=strike)
    murderer.start()
    found = fleet.survey(model, plan, len(plain), FolderStore(tmp_path / "survey"))
    murderer.join(timeout=60)
    assert len(set(killed)) == 3
    assert not any(psutil.pid_exists(process) for process in killed)
    assert_same_rows(found, plain)
    assert found.meta == plain.meta
    assert "infinite retries" not in "".join(capfd.readouterr())


DRIVER = """
    from pathlib import Path
    from share_dist.fleet import Fleet, FleetConfig
    from share_dist.render import RenderConfig
    from share_dist.scene import ViewPlan
    from share_dist.storage import FolderStore

    plan = ViewPlan.from_json(Path({folder!r}, "plan.json").read_text())
    config = FleetConfig(cpus=2, render_actors=1, evaluators=1, object_store_mb=100)
    with Fleet(config, render=RenderConfig(size_px={size_px})) as fleet:
        fleet.survey(Path({folder!r}, "model.safetensors"), plan, {count}, FolderStore({folder!r} + "/survey"))
"""


@pytest.mark.proof
def test_a_driver_killed_in_mid_survey_goes_on_where_it_was(fleet, figure, model, plan, plain, tmp_path):
    (tmp_path / "plan.json").write_text(json.dumps(plan.to_json()))
    (tmp_path / "model.safetensors").write_bytes(checkpoint_bytes(model, {"body_hash": figure.hash}))
    script = textwrap.dedent(DRIVER).format(folder=str(tmp_path), count=len(plain), size_px=fleet.render_config.size_px)
    driver = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    first = tmp_path / "survey" / "block-00000" / "manifest.json"
    while not first.exists():
        assert driver.poll() is None, "the driver ended by itself"
        time.sleep(0.02)
    children = [(child, child.name()) for child in psutil.Process(driver.pid).children(recursive=True)]
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    store, written = FolderStore(tmp_path / "survey"), first.stat().st_mtime_ns
    done = len([key for key in store.list() if key.endswith("manifest.json")])
    assert 1 <= done < 5
    with pytest.raises(errors.DamagedFile, match="only what is missing"):
        Survey.load(store)
    found = fleet.survey(tmp_path / "model.safetensors", plan, len(plain), store)
    assert first.stat().st_mtime_ns == written
    assert_same_rows(found, plain)
    # Ray's own two agents notice too, but only look now and then.
    workers = [child for child, name in children if "Actor" in name or "raylet" in name]
    assert len(workers) >= 3
    psutil.wait_procs(workers, timeout=30)
    assert not [child for child in workers if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


def test_another_model_in_the_same_place_is_refused_before_work(fleet, model, plan, tmp_path):
    fleet.survey(model, plan, 10, FolderStore(tmp_path))
    with pytest.raises(errors.OtherRun, match="differs in model_hash"):
        fleet.survey(
            make_model(ModelConfig(input_px=fleet.render_config.size_px), seed=9), plan, 10, FolderStore(tmp_path)
        )


def test_a_model_of_another_body_or_a_broken_one_is_refused_before_work(fleet, model, plan, tmp_path):
    with pytest.raises(errors.WrongBody):
        fleet.survey(checkpoint_bytes(model, {"body_hash": "f" * 64}), plan, 10, FolderStore(tmp_path / "a"))
    broken = checkpoint_bytes(model, {"body_hash": fleet.body.hash})[:-100]
    with pytest.raises(errors.DamagedFile):
        fleet.survey(broken, plan, 10, FolderStore(tmp_path / "b"))
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fills_up_keeps_finished_blocks(fleet, model, plan, plain, mounted):
    small = mounted("size=200k")
    with pytest.raises(errors.StorageFull, match="Everything finished so far is kept"):
        fleet.survey(model, plan, len(plain), FolderStore(small / "survey"))
    kept = [key for key in FolderStore(small).list() if key.endswith("manifest.json")]
    assert kept
    mounted("remount,size=2m")
    assert_same_rows(fleet.survey(model, plan, len(plain), FolderStore(small / "survey")), plain)


def test_actors_that_find_no_room_are_an_error_that_says_so(fleet, plan, tmp_path):
    import ray

    from share_dist.fleet import Fleet, FleetConfig

    @ray.remote(num_cpus=1.2)
    class Greedy:
        def ready(self):
            return True

    greedy = Greedy.remote()
    ray.get(greedy.ready.remote())
    config = FleetConfig(render_actors=1, evaluators=1, booked_share=1.0, start_timeout_s=2)
    with Fleet(config, render=fleet.render_config) as other, pytest.raises(errors.WorkersLost) as caught:
        other.records(plan, [0])
    ray.kill(greedy)
    assert "none of 1 renderers became ready within 2 s" in str(caught.value)
    assert "The cluster has 2 CPUs and 0 GPUs" in str(caught.value)
    assert "fleet.render-actors" in str(caught.value)
