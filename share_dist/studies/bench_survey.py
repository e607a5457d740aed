"""`bench survey`: what Ray costs a survey, and what a second core brings.

Both sides measure the same network on the same views, one core each: the plain loop pinned to a core, then Ray with
everything it starts pinned to that core. Rates are marginal, from a small and a large survey, so that starting up and
committing the first block cancel. Runs alternate and the fastest of each counts: other work on the machine only slows.
Processor time is compared too: of this process alone for the loop, of it and all that Ray started for the other side.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from share_dist.body import BodyLayer, PeopleDistribution, load_body
from share_dist.camera import AllCameras
from share_dist.fleet import Fleet, FleetConfig
from share_dist.models import make_model
from share_dist.render import RenderConfig, make_renderer
from share_dist.scene import SceneConfig, SceneDistribution, ViewPlan
from share_dist.storage import FolderStore
from share_dist.survey import Survey, plain_survey

Measure = Callable[[int], Survey]
Times = list[list[tuple[float, float]]]
"""For each repeat, (seconds, processor seconds) of the small and of the large survey."""

WALL, CPU = 0, 1


def run(small: int = 512, large: int = 2048, repeats: int = 3) -> dict[str, Any]:
    """Survey with the plain loop and with Ray, and print the rates.

    Args:
        small: views of the smaller survey, a multiple of 256.
        large: views of the larger one.
        repeats: how often each is measured.

    Returns:
        The figures; `ratio` is the rate of Ray on one core over that of the plain loop (`cpu_ratio` the same by
        processor time, which other work on the machine does not touch), `two_actors_ratio` that of two render actors
        on two cores, None on a machine with one.
    """
    # Ray's workers step back for everything else on a machine, which the plain loop does not.
    os.environ.setdefault("RAY_worker_niceness", "0")
    cores = sorted(os.sched_getaffinity(0))
    sizes = (small, large)
    plain, alone = _compare(cores[:1], sizes, repeats)
    figures: dict[str, Any] = {
        "views": list(sizes),
        "plain_times": plain,
        "ray_one_core_times": alone,
        "plain_views_per_s": _rate(plain, sizes),
        "ray_one_core_views_per_s": _rate(alone, sizes),
        "ratio": _ratio(alone, plain, sizes),
        "cpu_ratio": _ratio(alone, plain, sizes, CPU),
        "ray_two_cores_views_per_s": None,
        "two_actors_ratio": None,
    }
    if len(cores) > 1:
        plain_again, both = _compare(cores[:2], sizes, repeats)
        figures |= {
            "plain_again_times": plain_again,
            "ray_two_cores_times": both,
            "ray_two_cores_views_per_s": _rate(both, sizes),
            "two_actors_ratio": _ratio(both, plain_again, sizes),
        }
    _print(figures)
    return figures


def _compare(cores: list[int], sizes: tuple[int, int], repeats: int) -> tuple[Times, Times]:
    """Time the plain loop on the first core and Ray on all of them, by turns."""
    plan = ViewPlan(PeopleDistribution(), AllCameras(), SceneDistribution.from_config(SceneConfig()), "steer", 1)
    body, model = load_body(), make_model().eval()
    renderer, layer = make_renderer(body, RenderConfig()), BodyLayer(body)
    config = FleetConfig(cpus=len(cores), render_actors=len(cores), evaluators=len(cores))
    plain: Times = []
    ray: Times = []
    with _pinned(cores), Fleet(config) as fleet, tempfile.TemporaryDirectory() as folder:

        def on_ray(count: int) -> Survey:
            store = FolderStore(Path(folder, f"{count}-{len(ray)}-{time.monotonic_ns()}"))
            return fleet.survey(model, plan, count, store, label="bench")

        def in_a_loop(count: int) -> Survey:
            with _pinned(cores[:1]):
                return plain_survey(model, plan, count, renderer, layer)  # pyright: ignore[reportArgumentType]

        # Every actor loads and compiles before the clock runs, and so does the loop.
        on_ray(256 * 4 * len(cores))
        in_a_loop(64)
        for _ in range(repeats):
            plain.append([_time(in_a_loop, count, time.process_time) for count in sizes])
            ray.append([_time(on_ray, count, _processor_seconds) for count in sizes])
    return plain, ray


@contextmanager
def _pinned(cores: list[int]) -> Iterator[None]:
    """Keep this process, and all it starts meanwhile, on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _time(measure: Measure, count: int, processor: Callable[[], float]) -> tuple[float, float]:
    started, worked = time.perf_counter(), processor()
    measure(count)
    return time.perf_counter() - started, processor() - worked


def _processor_seconds() -> float:
    """Return the processor time that this process and all its descendants have used, from /proc."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text("utf-8").rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        process = int(path.parent.name)
        parents[process], ticks[process] = int(fields[1]), int(fields[11]) + int(fields[12])
    ours = {os.getpid()}
    while more := {process for process, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return sum(ticks[process] for process in ours) / os.sysconf("SC_CLK_TCK")


def _rate(times: Times, sizes: tuple[int, int], kind: int = WALL) -> float:
    """Marginal views/s of the fastest runs; NaN when a busy machine made the small survey outlast the large one."""
    small, large = (min(pair[size][kind] for pair in times) for size in (0, 1))
    return (sizes[1] - sizes[0]) / (large - small) if large > small else math.nan


def _ratio(ray: Times, plain: Times, sizes: tuple[int, int], kind: int = WALL) -> float:
    return _rate(ray, sizes, kind) / _rate(plain, sizes, kind)


def _print(figures: dict[str, Any]) -> None:
    rows = [
        ("plain loop, one core", figures["plain_views_per_s"], 1.0, ""),
        ("Ray, one core", figures["ray_one_core_views_per_s"], figures["ratio"], "0.9"),
        ("Ray, two cores", figures["ray_two_cores_views_per_s"], figures["two_actors_ratio"], "1.6"),
    ]
    print(f"{'marginal rates':<24}{'views/s':>10}{'ratio':>8}{'wanted':>8}")
    for name, rate, ratio, wanted in rows:
        if rate is not None:
            print(f"{name:<24}{rate:>10.1f}{ratio:>8.2f}{wanted:>8}")
    print(f"by processor time, Ray on one core does {figures['cpu_ratio']:.2f} of the plain loop's work")
