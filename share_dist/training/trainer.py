"""The driver's part of a training: is it done, may it start, start it, listen, hand back the network."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import ray
import torch

from share_dist.body import load_body
from share_dist.errors import ShareDistError, WorkersLost
from share_dist.models import settled_precision
from share_dist.storage import Store
from share_dist.training import checkpoints
from share_dist.training.config import TrainingConfig, TrainingJob, require_even_batches
from share_dist.training.pictures import Pictures
from share_dist.training.progress import DriverEcho
from share_dist.training.rank import RankTask, run_rank, starting_model, worker_environment

log = logging.getLogger("share_dist")

_KNOBS = {
    # Ray Train looks at its workers every two seconds; a finished training would wait that long for nothing.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
    # A loaded machine needs longer than the default minute to import torch in every worker.
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "240",
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
        errors.WrongBody, errors.WrongArchitecture, errors.DamagedFile: the starting checkpoint cannot be used.
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
    _require_room(config)
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
    """Run the ranks to the end, starting again when one dies but not when one raises: that it would do again."""
    # Ray Train takes seconds to import; the checks before this should answer at once.
    from ray.train import TrainingFailedError

    interrupt, channel = signal.getsignal(signal.SIGINT), f"progress/{job.name}/{uuid.uuid4().hex}"
    # Ranks of a cluster that was there before work in folders of their own.
    body = job.body.absolute()
    task = RankTask(job, body, config, store, pictures, channel, threads_each(config, ray.nodes()))
    for failures in range(config.worker_failures + 1):
        try:
            with DriverEcho(channel, say):
                _trainer(task).fit()
            return
        except TrainingFailedError as failure:
            raised = _raised_by_a_rank(failure, config.workers)
            if raised is not None or failures == config.worker_failures:
                raise raised or _lost(failure, job.name) from failure
            say(f"{job.name} training  lost a worker, goes on after step {checkpoints.latest_step(store):,}")
        except SystemExit as stop:
            # Ray Train answers Ctrl-C by ending the process with success.
            raise KeyboardInterrupt from stop
        finally:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, interrupt)


def _trainer(task: RankTask) -> Any:
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    from share_dist.training.network import NodeTorchConfig

    for name, value in _knobs().items():
        os.environ.setdefault(name, value)
    config = task.config
    resources = {"CPU": config.cpus_per_worker, **({"GPU": 1.0} if config.use_gpu else {})}
    return TorchTrainer(
        # Bound here, the task is opened by the ranks only; in train_loop_config Ray Train's controller would open it
        # too, and import torch and all our rooms for that.
        lambda: run_rank(task),
        torch_config=NodeTorchConfig(backend="nccl" if config.use_gpu else "gloo", timeout_s=300),
        scaling_config=ScalingConfig(
            num_workers=config.workers, use_gpu=config.use_gpu, resources_per_worker=resources
        ),
        run_config=RunConfig(
            name=f"{checkpoints.RAY}/{uuid.uuid4().hex[:8]}",
            storage_path=task.store.uri(),
            failure_config=FailureConfig(max_failures=0),
            worker_runtime_env={"env_vars": worker_environment(task.threads)},
        ),
    )


def _knobs() -> dict[str, str]:
    # On one node there is nobody to announce a preemption, and its watcher is one more process to start.
    alone = len(ray.nodes()) == 1
    return {**_KNOBS, **({"RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0"} if alone else {})}


def threads_each(config: TrainingConfig, nodes: Sequence[Mapping[str, Any]]) -> int:
    """Return how many cores each worker computes with: its share of the smallest node that can hold one.

    Args:
        config: how many workers, and whether with GPUs.
        nodes: as `ray.nodes()` describes them; a head node is often there without a core.
    """
    if config.threads_per_worker is not None:
        return config.threads_per_worker
    needed = ("CPU", "GPU") if config.use_gpu else ("CPU",)
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    cores = [int(has["CPU"]) for has in alive if all(has.get(kind, 0.0) >= 1 for kind in needed)]
    here = -(-config.workers // max(len(cores), 1))
    return max(min(cores, default=1) // here, 1)


def _require_room(config: TrainingConfig) -> None:
    """Raise WorkersLost when the cluster is too small, now or until the deadline; Ray itself would wait for ever."""
    if not ray.is_initialized():
        raise RuntimeError("Ray is not connected: train inside `with Fleet(...)`, or call fleet.connect() before.")
    wanted = {"CPU": config.workers * config.cpus_per_worker}
    if config.use_gpu:
        wanted["GPU"] = float(config.workers)
    whole = ray.cluster_resources()
    cores = whole.get("CPU", 0.0)
    if config.workers > cores or any(whole.get(kind, 0.0) < amount for kind, amount in wanted.items()):
        raise WorkersLost(
            f"training.workers is {config.workers}, which need {_amounts(wanted)} and a core each, "
            f"but the whole cluster has {_amounts({kind: whole.get(kind, 0.0) for kind in wanted})}.\n"
            "  Set training.workers lower, or add nodes."
        )
    deadline = time.monotonic() + config.start_deadline_s
    while any(ray.available_resources().get(kind, 0.0) < amount for kind, amount in wanted.items()):
        if time.monotonic() > deadline:
            free = {kind: ray.available_resources().get(kind, 0.0) for kind in wanted}
            raise WorkersLost(
                f"{config.workers} training workers need {_amounts(wanted)}, but after {config.start_deadline_s:.0f} s "
                f"only {_amounts(free)} of {_amounts(whole)} are free.\n"
                "  Give the fleet fewer render actors, or training.cpus-per-worker less."
            )
        time.sleep(0.2)


def _amounts(resources: Mapping[str, float]) -> str:
    return ", ".join(f"{resources.get(kind, 0.0):g} {kind}" for kind in ("CPU", "GPU") if kind in resources)


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
