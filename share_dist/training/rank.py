"""One training process: the loop that every rank runs."""

from __future__ import annotations

import itertools
import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from share_dist.body import BodyConfig, BodyLayer, load_body
from share_dist.errors import NotWritable
from share_dist.fleet import KEPT_MEMORY
from share_dist.learning import Learner, StepReport, batch_numbers, learning_rate_at, total_steps
from share_dist.models import Regressor, checkpoint_bytes, fit_weights, load_checkpoint, make_model
from share_dist.seeds import derived_seed
from share_dist.storage import Store
from share_dist.training import checkpoints
from share_dist.training.config import TrainingConfig, TrainingJob
from share_dist.training.elastic import announce_rank, asked_to_stop
from share_dist.training.engine import Engine
from share_dist.training.pictures import Pictures
from share_dist.training.progress import RankLog

_NOT_SHARED = (
    "a training worker on node {node} does not find {uri}, which the driver wrote.\n"
    "  Its checkpoints would stay on that node: give --out one that every node mounts."
)


@dataclass(frozen=True)
class RankTask:
    """What travels to each rank."""

    job: TrainingJob
    body: BodyConfig
    """The job's, found from any folder."""

    config: TrainingConfig
    store: Store
    pictures: Pictures
    channel: str
    threads: int
    start: int = 0
    """After how many steps to go on; the driver says so, lest ranks look at different moments and disagree."""


class BatchSlices(Sequence[Int64[np.ndarray, " slice"]]):
    """The view numbers of one rank, step by step: its equal, contiguous part of each step's batch."""

    def __init__(self, job: TrainingJob, steps: range, rank: int, ranks: int) -> None:
        self.job, self.steps, self.rank, self.ranks = job, steps, rank, ranks

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        numbers = batch_numbers(self.job.learning, self.job.seed, self.steps[index])
        return np.split(numbers, self.ranks)[self.rank]


def run_rank(task: RankTask) -> None:
    """Train from the last checkpoint to the end; called by Ray Train in each worker.

    Raises:
        errors.NotWritable: this node does not see the driver's store.
    """
    # A folder of this node's own by the same name would take hours of work that nobody finds.
    if not task.store.exists(checkpoints.JOB):
        raise NotWritable(_NOT_SHARED.format(node=platform.node(), uri=task.store.uri(checkpoints.JOB)))

    import ray.train
    import ray.train.torch

    context = ray.train.get_context()
    rank, ranks = context.get_world_rank(), context.get_world_size()
    torch.set_num_threads(task.threads)
    device = ray.train.torch.get_device()
    start, total = task.start, total_steps(task.job.learning)
    steps = range(start, total)
    feed = iter(task.pictures.feed(BatchSlices(task.job, steps, rank, ranks), task.config.ahead_steps))
    engine, feed = make_engine(task, torch.device(device), ranks, start, feed)
    announce_rank(task.channel, rank)
    rank_log = None if rank else RankLog(task.job.name, task.channel, task.store, start, task.job.learning.batch_size)
    for step, records, waited in timed(steps, feed):
        report, stop = take_step(engine, records, step, waited, total, rank == 0 and asked_to_stop(task.channel))
        if rank_log is not None:
            rank_log.step(report)
        keep_what_is_due(task, engine, rank, step + 1, stop and step + 1 < total, rank_log)
        if stop and step + 1 < total:
            break
    else:
        write_model(task, engine, rank, checkpoints.MODEL)
    if rank_log is not None:
        rank_log.close()


def keep_what_is_due(
    task: RankTask, engine: Engine, rank: int, done: int, stop: bool, rank_log: RankLog | None
) -> None:
    """Store what is to be stored after `done` steps: a checkpoint, a snapshot for the curve, both or nothing."""
    due = done % task.job.learning.checkpoint_every == 0 and done < total_steps(task.job.learning)
    if due or stop:
        if rank_log is not None:
            rank_log.keep()
        save_checkpoint(task, engine, rank, done)
    if task.config.snapshot_every and done % task.config.snapshot_every == 0:
        write_model(task, engine, rank, checkpoints.snapshot_key(done))


def timed(steps: range, feed: Iterator[Any]) -> Iterator[tuple[int, Any, float]]:
    """Yield each step with its records and the seconds spent waiting for them."""
    for step in steps:
        asked = time.perf_counter()
        records = next(feed)
        yield step, records, time.perf_counter() - asked


def make_engine(
    task: RankTask, device: torch.device, ranks: int, start: int, feed: Iterator[Any]
) -> tuple[Engine, Iterator[Any]]:
    """Build the network as it is after `start` steps, AdamW's moments too, and return it with the whole feed."""
    job = task.job
    state = checkpoints.load_state(task.store, start) if start else {}
    body = load_body(task.body)
    model = starting_model(job, body.hash)
    if state:
        weights = {name.removeprefix("model."): value for name, value in state.items() if name.startswith("model.")}
        fit_weights(model, weights, f"the checkpoint after {start} steps in {task.store.uri()}")
    anchor = load_checkpoint(job.anchor, body.hash)[0] if job.anchor else None
    learner = Learner(model.to(device), BodyLayer(body), job.losses, job.learning, job.seed, anchor)
    engine = Engine(learner, task.config, job.learning.batch_size // ranks)
    if state:
        first = next(feed)
        engine.restore(state, start, first)
        feed = itertools.chain([first], feed)
    return engine, feed


def starting_model(job: TrainingJob, body_hash: str) -> Regressor:
    """Return the network as it is before the first step.

    Raises:
        errors.WrongBody, errors.WrongArchitecture, errors.DamagedFile: as `models.load_checkpoint`.
    """
    if not isinstance(job.start, bytes):
        return make_model(job.start, derived_seed(job.seed, "weights"))
    return load_checkpoint(job.start, body_hash)[0]


def take_step(
    engine: Engine, records: Any, step: int, waited: float, total: int, stop: bool = False
) -> tuple[StepReport, bool]:
    """Take one step and report it, loss and terms averaged over the ranks; and whether any rank wants to stop now.

    The wish travels with the averages, so that all ranks stop after the same step and none asks for it twice.
    """
    begun = time.perf_counter()
    loss, terms, norm = engine.step(records, step)
    numbers = average([loss, *terms.values(), loss.new_tensor(float(stop))])
    seconds = time.perf_counter() - begun + waited
    rate = learning_rate_at(step, engine.learner.config)
    means = dict(zip(terms, numbers[1:-1], strict=True))
    return StepReport(step, total, numbers[0], means, rate, norm, seconds, waited), numbers[-1] > 0


def average(values: list[Tensor]) -> list[float]:
    """Return scalars averaged over the ranks."""
    stacked = torch.stack([value.detach().float() for value in values])
    if torch.distributed.get_world_size() > 1:
        torch.distributed.all_reduce(stacked)
        stacked /= torch.distributed.get_world_size()
    return stacked.tolist()


def save_checkpoint(task: RankTask, engine: Engine, rank: int, step: int) -> None:
    """Gather the state on all ranks, store it from rank 0, and let nobody go on before it is safe."""
    state = engine.state()
    if rank == 0:
        checkpoints.save_state(task.store, step, state)
    torch.distributed.barrier()


def write_model(task: RankTask, engine: Engine, rank: int, key: str) -> None:
    """Store the network as it is now, with its card."""
    weights = engine.model_state()
    if rank:
        return
    job = task.job
    body = load_body(task.body)
    model = starting_model(job, body.hash)
    fit_weights(model, weights, "the trained network")
    card = {**job.card, "body_hash": body.hash, "training": {"name": job.name, **job.description()}}
    if key == checkpoints.MODEL:
        task.store.write_once(key, checkpoint_bytes(model, card))
    else:
        task.store.overwrite(key, checkpoint_bytes(model, card))


def worker_environment(threads: int) -> dict[str, str]:
    """Return the environment a rank's process must start with, because libraries read it once.

    Threads that go to sleep at every barrier lost a quarter of all steps' time on two cores, and threads that spin for
    long take the cores from renderers; a millisecond is neither.
    """
    return {"OMP_NUM_THREADS": str(threads), "GOMP_SPINCOUNT": "20000", **KEPT_MEMORY}
