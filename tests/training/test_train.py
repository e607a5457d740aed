"""Trainings under real Ray: the plain loop's bits, several ranks, and real SIGKILLs."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray
import torch
from ray import cloudpickle
from toys import JOB, LEARNING, MODEL, records

from share_dist import errors
from share_dist.body import BodyLayer
from share_dist.fleet import FleetConfig, connect
from share_dist.learning import Learner, total_steps, train_plain
from share_dist.loop import run_share
from share_dist.models import load_checkpoint, make_model
from share_dist.recipes import find_recipe
from share_dist.seeds import derived_seed
from share_dist.storage import FolderStore
from share_dist.training import HeldPictures, TrainingConfig, checkpoints, require_room, train

pytestmark = pytest.mark.slow
# Workers cannot import this file, so what it defines travels whole.
cloudpickle.register_pickle_by_value(sys.modules[__name__])
ONE_THREAD = TrainingConfig(threads_per_worker=1)


@pytest.fixture(scope="module")
def local_ray():
    """Ray on two cores, for the tests of this file."""
    started = connect(FleetConfig(cpus=2))
    yield
    if started:
        ray.shutdown()


@pytest.fixture(scope="module")
def plain(figure):
    """The toy trained by the plain loop: its weights and its losses."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    model = make_model(MODEL, derived_seed(JOB.seed, "weights"))
    losses = []
    learner = Learner(model, BodyLayer(figure), JOB.losses, LEARNING, JOB.seed)
    train_plain(learner, records().take, JOB.seed, lambda report: losses.append(report.loss))
    torch.set_num_threads(threads)
    return model.state_dict(), losses


def weights_of(path: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(path)[0].state_dict()


def assert_same_bits(path: Path, wanted: dict[str, torch.Tensor]) -> None:
    found = weights_of(path)
    assert [name for name, value in wanted.items() if not torch.equal(found[name], value)] == []


def losses_in(folder: Path) -> list[float]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(total_steps(LEARNING)))
    return [json.loads(line)["loss"] for line in lines]


# A sum over two halves rounds otherwise than over the whole, and 24 steps of AdamW let that grow.
ROUNDING = 2e-4


@dataclass(frozen=True)
class DeadlyPictures:
    """Records in memory, and a death on the way, once."""

    records: Any
    step: int
    scar: Path

    def feed(self, numbers_by_step, ahead):
        for turn, numbers in enumerate(numbers_by_step):
            if turn == self.step and not self.scar.exists():
                self.scar.write_text("killed")
                os.kill(os.getpid(), signal.SIGKILL)
            yield self.records.take(numbers)


def test_a_killed_worker_costs_at_most_the_steps_since_its_checkpoint(local_ray, plain, tmp_path):
    said: list[str] = []
    store, deadly = FolderStore(tmp_path / "run"), DeadlyPictures(records(), 13, tmp_path / "scar")
    trained = train(JOB, store, deadly, ONE_THREAD, said.append)
    assert "toy training  lost a worker, goes on after step 8" in said
    assert_same_bits(tmp_path / "run/trained/model.safetensors", plain[0])
    assert len(losses_in(tmp_path / "run")) == total_steps(LEARNING)

    # The same job again is answered from the store, before Ray is asked for anything.
    started = time.monotonic()
    assert train(JOB, store, deadly, ONE_THREAD, said.append) == trained
    assert time.monotonic() - started < 1


@dataclass(frozen=True)
class BrokenPictures:
    """Records in memory, and after 13 steps an error that is for the user."""

    records: Any

    def feed(self, numbers_by_step, ahead):
        for numbers in numbers_by_step[:13]:
            yield self.records.take(numbers)
        raise errors.WrongBody("node 3 has another body.\n  Put the same body files on every node.")


def break_off(folder):
    """Train until a rank raises, which is after a checkpoint."""
    store = FolderStore(folder)
    with pytest.raises(errors.WrongBody, match="node 3 has another body"):
        train(JOB, store, BrokenPictures(records()), ONE_THREAD)
    assert checkpoints.latest_step(store) == 8
    return store


def test_what_a_rank_raises_is_heard_and_a_damaged_newest_checkpoint_costs_the_steps_since_the_one_before(
    local_ray, plain, tmp_path
):
    store = break_off(tmp_path)
    newest = tmp_path / "checkpoints/step-000016"
    shutil.copytree(tmp_path / "checkpoints/step-000008", newest)
    (state,) = newest.glob("state-*.safetensors")
    state.write_bytes(state.read_bytes()[:1000])
    said: list[str] = []
    train(JOB, store, HeldPictures(records()), ONE_THREAD, said.append)
    assert any(re.search(r"step-000016/state.* has 1,000 bytes.*goes on after step 8", line) for line in said)
    assert_same_bits(tmp_path / "trained/model.safetensors", plain[0])
    assert len(losses_in(tmp_path)) == total_steps(LEARNING)


@pytest.mark.proof
def test_a_training_goes_on_with_other_workers_and_stage(local_ray, plain, tmp_path):
    store = break_off(tmp_path)
    two = TrainingConfig(workers=2, zero_stage=3, threads_per_worker=1)
    train(JOB, store, HeldPictures(records()), two)
    assert losses_in(tmp_path) == pytest.approx(plain[1], rel=ROUNDING)


def test_more_workers_than_cores_are_refused_with_the_arithmetic_at_once(local_ray, tmp_path):
    started = time.monotonic()
    with pytest.raises(errors.NoRoom, match="no room for 4 training workers, each with a core.*has 2 of 2 CPU"):
        train(JOB, FolderStore(tmp_path), HeldPictures(None), TrainingConfig(workers=4))
    with pytest.raises(errors.NoRoom, match="each with a core and a GPU.*0 of 0 GPU free"):
        train(JOB, FolderStore(tmp_path), HeldPictures(None), TrainingConfig(use_gpu=True))
    assert time.monotonic() - started < 5
    assert errors.NoRoom.exit_status == 2, "submit repeats what lost workers end with, and must not repeat this"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"training": TrainingConfig(workers=4, cpus_per_worker=2)}, "room for 4 training workers.*books 2: .*2 of 2"),
        ({"training": TrainingConfig(cpus_per_worker=3)}, "no room for 1 training workers.*of which it books 3"),
        ({"training": TrainingConfig(use_gpu=True)}, "each with a core and a GPU"),
        ({"training": TrainingConfig(labels="share-role=train")}, "training.labels is share-role=train, but no node"),
        ({"fleet": FleetConfig(labels="share-role=render")}, "fleet.labels is share-role=render, but no node.* none"),
        ({"fleet": FleetConfig(evaluator_gpus=0.5)}, "fleet.evaluator-gpus is 0.5, but the cluster has no node with"),
    ],
)
def test_what_can_never_fit_is_refused_before_any_view_is_rendered(local_ray, tmp_path, settings, said):
    with pytest.raises(errors.NoRoom, match=said):
        run_share(replace(find_recipe("smoke"), **settings), tmp_path / "run")
    assert not list((tmp_path / "run").rglob("*.parquet"))


def test_what_fits_with_fewer_workers_is_not_refused(local_ray):
    require_room(TrainingConfig(workers=4, min_workers=1), batch_size=64)
    require_room(TrainingConfig(workers=2, cpus_per_worker=1), batch_size=64)


def test_a_cluster_that_stays_busy_ends_in_an_error_not_in_waiting(local_ray, tmp_path):
    holder = ray.remote(num_cpus=1.75)(_Holder).remote()
    ray.get(holder.ready.remote())
    with pytest.raises(errors.WorkersLost, match="has 0.25 of 2 CPU"):
        train(JOB, FolderStore(tmp_path), HeldPictures(None), replace(ONE_THREAD, start_deadline_s=0.5))
    ray.kill(holder)


class _Holder:
    def ready(self) -> bool:
        return True


@dataclass(frozen=True)
class WatchedPictures:
    """Records in memory; each rank writes down where it listens while it trains."""

    records: Any
    folder: Path

    def feed(self, numbers_by_step, ahead):
        for step, numbers in enumerate(numbers_by_step):
            yield self.records.take(numbers)
            if step == 2:
                found = psutil.Process().net_connections("tcp")
                places = [each.laddr.ip for each in found if each.status == psutil.CONN_LISTEN]
                (self.folder / f"rank-{os.getpid()}").write_text(json.dumps(places))


def test_ranks_of_one_machine_listen_on_loopback_alone(local_ray, tmp_path):
    places = tmp_path / "places"
    places.mkdir()
    two = TrainingConfig(workers=2, threads_per_worker=1)
    train(JOB, FolderStore(tmp_path / "run"), WatchedPictures(records(), places), two)
    ranks = [json.loads(path.read_text()) for path in places.iterdir()]
    assert len(ranks) == 2
    assert all(ranks)
    assert {place.removeprefix("::ffff:") for place in sum(ranks, [])} == {"127.0.0.1"}


@dataclass(frozen=True)
class HeadlessPictures:
    """Records in memory, and after 13 steps the death of the process that Ray Train itself runs."""

    records: Any

    def feed(self, numbers_by_step, ahead):
        for numbers in numbers_by_step[:13]:
            yield self.records.take(numbers)
        siblings = psutil.Process().parent().children()
        (controller,) = [process for process in siblings if "TrainController" in process.name()]
        controller.kill()
        time.sleep(60)


def test_the_death_of_the_controller_is_a_loss_after_which_the_same_command_may_be_repeated(local_ray, tmp_path):
    store = FolderStore(tmp_path)
    with pytest.raises(errors.WorkersLost, match="controller of the training 'toy' died.*\n.*Run the same command"):
        train(JOB, store, HeadlessPictures(records()), ONE_THREAD)
    assert checkpoints.latest_step(store) == 8
