"""The driver's part of a training: is it done, may it start, start it, listen, hand back the network."""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections.abc import Callable

import ray

from share_dist.body import load_body
from share_dist.errors import ShareDistError, WorkersLost
from share_dist.storage import Store
from share_dist.training import checkpoints
from share_dist.training.config import TrainingConfig, TrainingJob, require_even_batches
from share_dist.training.pictures import Pictures
from share_dist.training.progress import DriverEcho
from share_dist.training.rank import RankTask, run_rank, starting_model, worker_environment

log = logging.getLogger(__name__)

_KNOBS = {
    # Ray Train looks at its workers every two seconds; a finished training would wait that long for nothing.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
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
        errors.OtherRun: the store holds another training.
        errors.BadSetting: the batch cannot be shared evenly.
        errors.WrongBody, errors.WrongArchitecture, errors.DamagedFile: the starting checkpoint cannot be used.
        errors.WorkersLost: the cluster has no room for the workers, or they died more often than allowed.
        FloatingPointError: the gradient became infinite.
    """
    config = config or TrainingConfig()
    require_even_batches(job, config)
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


def _fit(
    job: TrainingJob, store: Store, pictures: Pictures, config: TrainingConfig, say: Callable[[str], None]
) -> None:
    """Run the ranks to the end under Ray Train."""
    for name, value in _knobs().items():
        os.environ.setdefault(name, value)
    # Ray Train takes seconds to import; the checks above should answer at once.
    from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
    from ray.train.torch import TorchConfig, TorchTrainer

    channel, threads = f"progress/{job.name}/{uuid.uuid4().hex}", _threads(config)
    resources = {"CPU": config.cpus_per_worker, **({"GPU": 1.0} if config.use_gpu else {})}
    trainer = TorchTrainer(
        lambda task: run_rank(task["task"]),
        train_loop_config={"task": RankTask(job, config, store, pictures, channel, threads)},
        torch_config=TorchConfig(backend="nccl" if config.use_gpu else "gloo", timeout_s=300),
        scaling_config=ScalingConfig(
            num_workers=config.workers, use_gpu=config.use_gpu, resources_per_worker=resources
        ),
        run_config=RunConfig(
            name="ray",
            storage_path=store.uri(),
            failure_config=FailureConfig(max_failures=config.worker_failures),
            worker_runtime_env={"env_vars": worker_environment(threads)},
        ),
    )
    with DriverEcho(channel, say):
        try:
            trainer.fit()
        except TrainingFailedError as failure:
            raise _reason(failure, job.name) from failure


def _knobs() -> dict[str, str]:
    # On one node there is nobody to announce a preemption, and its watcher is one more process to start.
    alone = len(ray.nodes()) == 1
    return {**_KNOBS, **({"RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0"} if alone else {})}


def _threads(config: TrainingConfig) -> int:
    if config.threads_per_worker is not None:
        return config.threads_per_worker
    cores = min(int(node["Resources"].get("CPU", 1)) for node in ray.nodes() if node["Alive"])
    here = -(-config.workers // max(sum(node["Alive"] for node in ray.nodes()), 1))
    return max(cores // here, 1)


def _require_room(config: TrainingConfig) -> None:
    """Raise WorkersLost when the cluster is too small, now or until the deadline; Ray itself would wait for ever."""
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


def _amounts(resources: dict[str, float]) -> str:
    return ", ".join(f"{resources.get(kind, 0.0):g} {kind}" for kind in ("CPU", "GPU") if kind in resources)


def _reason(failure: Exception, name: str) -> Exception:
    """Return the error a rank raised for the user, or WorkersLost when ranks died."""
    causes = list(getattr(failure, "worker_failures", {}).values())
    for cause in causes:
        inner = getattr(cause, "_base_exc", cause)
        if isinstance(inner, ShareDistError | FloatingPointError):
            return inner
    first = str(causes[0] if causes else failure).strip().splitlines()
    return WorkersLost(
        f"the training '{name}' failed on {len(causes) or 'all'} of its workers: {first[-1] if first else failure!r}\n"
        "  Run the same command again: it goes on from the last checkpoint. The workers' logs are under /tmp/ray."
    )
