"""The driver's part of a training: is it done, may it start, start it, listen, hand back the network."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import ray
import torch

from share_dist.body import load_body
from share_dist.errors import DamagedFile, ShareDistError, WorkersLost
from share_dist.fleet import ClusterNode, cluster_nodes, labels_of, staying
from share_dist.fleet.asking import reason_of
from share_dist.models import settled_precision
from share_dist.storage import Store, arrow_place
from share_dist.training import checkpoints
from share_dist.training.config import TrainingConfig, TrainingJob, require_even_batches
from share_dist.training.elastic import Watch, await_room
from share_dist.training.pictures import Pictures
from share_dist.training.progress import DriverEcho
from share_dist.training.rank import RankTask, run_rank, starting_model, worker_environment

log = logging.getLogger("share_dist")

_KNOBS = {
    # Ray Train looks at its workers every two seconds; a finished training would wait that long for nothing.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
    # For the ranks' reservation. There was room a moment ago; if a node that had it is lost, we start with fewer.
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "30",
    # Nodes that must leave are our own watch's affair: Ray Train would end the ranks, and we want a checkpoint first.
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_CONTROLLER_STRUCTURED_LOGGING": "0",
    "RAY_TRAIN_ENABLE_WORKER_STRUCTURED_LOGGING": "0",
}


def train(
    job: TrainingJob,
    store: Store,
    pictures: Pictures,
    config: TrainingConfig | None = None,
    say: Callable[[str], None] = log.info,
) -> bytes:
    """Train on Ray and return the trained checkpoint as bytes of a safetensors file.

    Everything is checked before Ray is asked for anything. Called again with the same job and store it goes on from
    the last checkpoint, or returns the finished network at once.

    Args:
        job: what is learned.
        store: this training's own folder, which every worker's node must see.
        pictures: where ranks get their records.
        config: on how much machinery.
        say: called in this process with a progress line, at most every ten seconds.

    Raises:
        errors.OtherRun: the store holds another training, or one begun in another precision.
        errors.BadSetting: the batch cannot be shared evenly.
        errors.WrongBody, errors.WrongArchitecture, errors.DamagedFile: the starting checkpoint cannot be used, or each
            checkpoint of this training is damaged; of several, an intact one is gone on with.
        errors.WorkersLost: the cluster has no room for the workers, or they died more often than allowed.
        errors.NotWritable: a worker's node does not see the store.
        errors.TrainingDiverged: the gradient became infinite.
    """
    config = config or TrainingConfig()
    require_even_batches(job.learning, config)
    job = with_settled_precision(job, config)
    checkpoints.claim(job, store)
    finished = checkpoints.finished_model(store)
    if finished is not None:
        return finished
    starting_model(job, load_body(job.body).hash)
    if not ray.is_initialized():
        raise RuntimeError("Ray is not connected: train inside `with Fleet(...)`, or call fleet.connect() before.")
    started, step = time.monotonic(), checkpoints.latest_step(store)
    if step:
        say(f"{job.name} training  goes on after step {step:,}")
    _fit(job, store, pictures, config, say)
    checkpoints.finish(store)
    say(f"{job.name} training  done in {time.monotonic() - started:,.0f} s")
    trained = checkpoints.finished_model(store)
    assert trained is not None
    return trained


def with_settled_precision(job: TrainingJob, config: TrainingConfig) -> TrainingJob:
    """Return the job with `auto` replaced by what this machine's device has, for all ranks and for every resume."""
    device = torch.device("cuda" if config.use_gpu else "cpu")
    precision = settled_precision(job.learning.precision, device)
    return replace(job, learning=replace(job.learning, precision=precision))


def _fit(
    job: TrainingJob, store: Store, pictures: Pictures, config: TrainingConfig, say: Callable[[str], None]
) -> None:
    """Run the ranks to the end: again when some died or were to stop, not when one raised, which it would do again."""
    # Ranks of a cluster that was there before work in folders of their own.
    body, channel = job.body.absolute(), f"progress/{job.name}/{uuid.uuid4().hex}"
    failures, since = 0, checkpoints.latest_step(store)
    while not store.exists(checkpoints.MODEL):
        size = await_room(config, job.learning.batch_size, lambda line: say(f"{job.name} training  {line}"))
        sized = replace(config, workers=size)
        threads = threads_each(sized, cluster_nodes())
        task = RankTask(job, body, sized, store, pictures, channel, threads, checkpoints.latest_step(store))
        try:
            with DriverEcho(channel, say), Watch(channel, config, size, job.learning.batch_size) as watch:
                lost = _run_ranks(task)
        except DamagedFile as damage:
            # Found by the ranks, who read it anyway, and looked at again here only then.
            if not checkpoints.drop_damaged(store):
                raise
            reached = checkpoints.latest_step(store)
            say(f"{job.name} training  {str(damage).splitlines()[0]} It is deleted; goes on after step {reached:,}")
            continue
        reached = checkpoints.latest_step(store)
        failures, since = (failures + 1 if reached == since else 1) if lost else 0, reached
        if lost and failures > config.worker_failures:
            raise _lost(lost, job.name) from lost
        why = "lost a worker" if lost else f"stopped because {watch.reason}"
        if lost or watch.reason:
            say(f"{job.name} training  {why}, goes on after step {reached:,}")


def _run_ranks(task: RankTask) -> Exception | None:
    """Start the ranks once and wait for their end; return what was lost, if workers were.

    Raises:
        errors.WorkersLost: Ray Train's own process is gone.
        Exception: whatever a rank's own code raised.
    """
    # Ray Train takes seconds to import; the checks before this should answer at once.
    from ray.exceptions import ActorDiedError
    from ray.train import TrainingFailedError

    interrupt = signal.getsignal(signal.SIGINT)
    try:
        _trainer(task).fit()
    except ActorDiedError as death:
        # What it had reserved for the ranks is freed when this driver ends, and not before.
        raise WorkersLost(
            f"the controller of the training '{task.job.name}' died: {reason_of(death)}\n"
            "  Run the same command again: it goes on from the last checkpoint."
        ) from death
    except TrainingFailedError as failure:
        raised = _raised_by_a_rank(failure, task.config.workers)
        if raised is not None:
            raise raised from failure
        return failure
    except SystemExit as stop:
        # Ray Train answers Ctrl-C by ending the process with success.
        raise KeyboardInterrupt from stop
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, interrupt)
    return None


def _trainer(task: RankTask) -> Any:
    from ray.train import FailureConfig, RunConfig, ScalingConfig

    from share_dist.training.network import LeanTrainer, NodeConfig

    for name, value in _KNOBS.items():
        os.environ.setdefault(name, value)
    config = task.config
    resources = {"CPU": config.cpus_per_worker, **({"GPU": 1.0} if config.use_gpu else {})}
    return LeanTrainer(
        # Bound here, the task is opened by the ranks only; in train_loop_config Ray Train's controller would open it
        # too, and import torch and all our rooms for that.
        lambda: run_rank(task),
        backend_config=NodeConfig(backend="nccl" if config.use_gpu else "gloo", timeout_s=300),
        scaling_config=ScalingConfig(
            num_workers=config.workers,
            use_gpu=config.use_gpu,
            resources_per_worker=resources,
            label_selector=labels_of(config.labels, "--training.labels") or None,
        ),
        run_config=RunConfig(
            name=f"{checkpoints.RAY}/{uuid.uuid4().hex[:8]}",
            **arrow_place(task.store, checkpoints.RAY),
            # Left alone, Ray Train tries again for ever with as many ranks as before when a start failed, or when a
            # node was lost that had been told to leave.
            failure_config=FailureConfig(max_failures=0, controller_failure_limit=0, max_preemption_failures=0),
            worker_runtime_env={"env_vars": worker_environment(task.threads)},
        ),
    )


def threads_each(config: TrainingConfig, nodes: Sequence[ClusterNode]) -> int:
    """Return how many cores each worker computes with: its share of the smallest node that can hold one.

    Args:
        config: how many workers, and whether with GPUs.
        nodes: the cluster's; a head node is often there without a core.
    """
    if config.threads_per_worker is not None:
        return config.threads_per_worker
    holders = staying(nodes, labels_of(config.labels, "--training.labels"))
    cores = [int(node.cpus) for node in holders if node.cpus >= 1 and (node.gpus >= 1 or not config.use_gpu)]
    here = -(-config.workers // max(len(cores), 1))
    return max(min(cores, default=1) // here, 1)


def _raised_by_a_rank(failure: Exception, workers: int) -> Exception | None:
    """Return what a rank's own code raised and would raise again, or None when starting again may help."""
    from ray.train.v2.api.exceptions import RayTrainError  # pyright: ignore[reportPrivateImportUsage]  # no other door

    # What the loop raised comes as it was; a worker that died is one of Ray Train's own errors.
    causes = getattr(failure, "worker_failures", {}).values()
    raised = [cause for cause in causes if not isinstance(cause, RayTrainError)]
    ours = [cause for cause in raised if isinstance(cause, ShareDistError)]
    if ours:
        return ours[0]
    # When one of several ranks dies, the others raise too: their connection broke.
    return raised[0] if raised and workers == 1 else None


def _lost(failure: Exception, name: str) -> WorkersLost:
    causes = getattr(failure, "worker_failures", {})
    lines = str(next(iter(causes.values()), failure)).strip().splitlines()
    return WorkersLost(
        f"the training '{name}' lost {len(causes) or 'its'} workers: {lines[0] if lines else repr(failure)}\n"
        "  Run the same command again: it goes on from the last checkpoint. A worker that dies again and again is "
        "often out of memory: lower fleet.cache-mb, or learning.batch-size with another --out."
    )
