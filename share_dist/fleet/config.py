"""Settings of the fleet, and the one place where pool sizes are computed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from share_dist.errors import BadSetting, require_numbers, require_positive, require_ranges

MOST_PROCESSES = 100_000
MOST_MB = 10**8
"""A hundred terabytes."""

LONGEST_S = 1e7
"""Four months; a longer wait was meant otherwise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FleetConfig:
    """How many processes render and evaluate, and where.

    None of it changes a survey or a data set, but for a GPU's rounding; `cpus` also sets a training's threads, and with
    them its rounding.
    """

    address: str | None = None
    """A Ray cluster to join, as host:port or auto. None takes RAY_ADDRESS, which `ray job submit` sets, and without
    it starts Ray on this machine."""

    cpus: int | None = None
    """Cores that a Ray started here may use; None takes all that this process may run on, but no more than its
    container's quota pays for."""

    labels: str | None = None
    """Only nodes with these labels render, and evaluate without a GPU: ``share-role=render``. None takes every node
    that has cores."""

    render_actors: int | None = None
    """Renderers. None means one a core: rendering is what a survey mostly waits for."""

    evaluators: int | None = None
    """Evaluators. None means one a core, because network and metrics cost more than the picture at 96 px; or one for
    each share of a GPU when they use GPUs."""

    evaluator_gpus: float = 0.0
    """Part of a GPU that each evaluator books. 0 evaluates on CPUs, with the same rows on every machine of a kind; a
    large network wants 0.5 or 1, and the GPU is given back after each survey, for training."""

    booked_share: float = 0.25
    """Part of the cluster's CPUs that the actors book with Ray, all together. They may use more; what they do not
    book is left for training ranks, which would otherwise wait for ever on a small machine."""

    object_store_mb: int = 400
    """Shared memory of a Ray started here. Enough for ten blocks of 256 pictures at 224 px in flight."""

    start_timeout_s: float = 180.0
    """Give up when no actor has become ready after this long; a cold start takes about 15 s."""

    stall_timeout_s: float = 600.0
    """Give up when no block was finished for this long; one takes seconds, a lost actor's about half a minute."""

    cache_mb: int = 2048
    """Memory in which a training rank keeps pictures for later passes: 70,000 at 96 px. What does not fit is
    rendered again."""

    worker_output: bool = False
    """Print what Ray's worker processes print. Their errors are shown anyway."""

    def __post_init__(self) -> None:
        require_numbers(self, "--fleet.")
        for name in ("cpus", "render_actors", "evaluators"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise BadSetting(
                    f"--fleet.{name.replace('_', '-')} is {value}, but at least 1 is needed; leave it out to have "
                    "it chosen from the machine."
                )
        for name in ("booked_share", "start_timeout_s", "stall_timeout_s"):
            require_positive(getattr(self, name), f"--fleet.{name.replace('_', '-')}")
        if self.booked_share > 1 or self.evaluator_gpus < 0 or self.cache_mb < 0:
            raise BadSetting(
                f"--fleet.booked-share is {self.booked_share}, --fleet.evaluator-gpus {self.evaluator_gpus}, "
                f"--fleet.cache-mb {self.cache_mb}; wanted: a share up to 1, and two numbers that are not negative."
            )
        if self.evaluator_gpus > 1 and self.evaluator_gpus % 1:
            raise BadSetting(
                f"--fleet.evaluator-gpus is {self.evaluator_gpus}, but above 1 Ray gives whole GPUs only.\n"
                f"  Set it to 1, to {math.ceil(self.evaluator_gpus)}, or to a part of one such as 0.5."
            )
        if self.object_store_mb < 80:
            raise BadSetting(f"--fleet.object-store-mb is {self.object_store_mb}, but Ray needs at least 80.")
        counts = ("cpus", "render_actors", "evaluators")
        require_ranges(self, "--fleet.", **{name: (1, MOST_PROCESSES) for name in counts})
        require_ranges(self, "--fleet.", evaluator_gpus=(0.0, 1024.0), booked_share=(0.0, 1.0))
        require_ranges(self, "--fleet.", object_store_mb=(80, MOST_MB), cache_mb=(0, MOST_MB))
        require_ranges(self, "--fleet.", start_timeout_s=(0.0, LONGEST_S), stall_timeout_s=(0.0, LONGEST_S))


@dataclass(frozen=True, slots=True)
class PoolSizes:
    """How many actors of each kind, and the CPUs that each books."""

    renderers: int
    evaluators: int
    cpus_each: float


def pool_sizes(config: FleetConfig, resources: Mapping[str, float], can_grow: bool = False) -> PoolSizes:
    """Fit the pools to a cluster.

    Args:
        config: asks for numbers, or leaves them open.
        resources: what `ray.cluster_resources()` says.
        can_grow: somebody adds nodes when actors wait for them, so that one evaluator may wait for a GPU.

    Raises:
        BadSetting: evaluators want GPUs where there are none and will be none.
    """
    cpus = max(1, int(resources.get("CPU", 1)))
    gpus = resources.get("GPU", 0.0)
    if can_grow:
        gpus = max(gpus, config.evaluator_gpus)
    if config.evaluator_gpus and gpus < config.evaluator_gpus:
        raise BadSetting(
            f"--fleet.evaluator-gpus is {config.evaluator_gpus}, but the cluster has {gpus:g} GPUs.\n"
            "  Set it to 0 to evaluate on CPUs."
        )
    renderers = config.render_actors or cpus
    usual = math.floor(gpus / config.evaluator_gpus) if config.evaluator_gpus else cpus
    evaluators = config.evaluators or usual
    # Ray counts resources in ten-thousandths.
    cpus_each = max(math.floor(1e4 * cpus * config.booked_share / (renderers + evaluators)) / 1e4, 1e-4)
    return PoolSizes(renderers, evaluators, cpus_each)
