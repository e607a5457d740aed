"""`bench cluster`: what a second node brings, and what checkpoints, lost workers and a bucket cost. Needs root.

A head and two nodes of namespaces with a core each, moto's S3 server behind our proxy. Clocks are read in the drivers,
on the head, and in the ranks. Rendering takes turns on the one node, the other and both; rates are marginal, from a
small and a large number of views, so that starting up cancels, and the ratio is the median over the turns. Then a
training into the bucket loses a worker, another one and a node; and what it had kept at the last of these moments
goes on from the bucket and from a folder by turns. The head, its driver, the bucket and the nodes share this machine's
cores: with two of them, both nodes together have less than twice what one has.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from statistics import median
from typing import Any

from share_dist.errors import WorkersLost
from share_dist.storage import Store, inside, open_store
from share_dist.studies import cluster_speed, cluster_work
from share_dist.studies.cluster_speed import TOGETHER
from share_dist.studies.cluster_work import NOTED, Work
from share_dist.studies.faults import Fault, strike
from share_dist.studies.ground import Ground, ground
from share_dist.studies.worlds import await_checkpoint
from share_dist.survey import BLOCK

WANTED = 1.7
Notes = Sequence[dict[str, Any]]
_WORK = Work(out="", parts=("train",), steps=32, checkpoint_every=4, workers=2, min_workers=1)
_RENDERED, _DRIVEN = (512, 2560), (1024, 5120)
_TURNS = 5


def run() -> dict[str, Any]:
    """Rendering on two nodes against one, a checkpoint's cost, recovery after a kill, and resuming from S3."""
    with ground(2, "bench", "10.77.5", pinned=True) as where, tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        figures = {**_rendering(where), **_driver(where)}
        recovered, kept = _recovery(where)
        figures |= {**recovered, **_resuming(where, folder, kept)}
    _print(figures)
    return figures


def marginal_rate(seconds: Sequence[float], sizes: Sequence[int]) -> float:
    """Return views/s of what the large number of views took longer than the small one."""
    return (sizes[1] - sizes[0]) / (seconds[1] - seconds[0])


def gain_of_nodes(seconds: dict[str, list[list[float]]], sizes: Sequence[int]) -> list[float]:
    """Return, for each turn, the rate of all nodes together over the mean rate of one of them."""
    rates = {name: [marginal_rate(turn, sizes) for turn in turns] for name, turns in seconds.items()}
    together = rates.pop(TOGETHER)
    alone = [sum(some) / len(some) for some in zip(*rates.values(), strict=True)]
    return [both / one for both, one in zip(together, alone, strict=True)]


def _rendering(where: Ground) -> dict[str, Any]:
    found = _ask(where, "rendering", sizes=_RENDERED, repeats=_TURNS)
    gains = gain_of_nodes(found["seconds"], _RENDERED)
    rates = {name: median(marginal_rate(turn, _RENDERED) for turn in turns) for name, turns in found["seconds"].items()}
    return {
        "ratio": median(gains),
        "wanted": WANTED,
        "ratio_of_each_turn": gains,
        "rendered_views": _RENDERED,
        "rendering_seconds": found["seconds"],
        "rendered_views_per_s": rates,
        "bytes_per_view": found["bytes_per_view"],
    }


def _driver(where: Ground) -> dict[str, Any]:
    """Measure what each further block of a survey costs its driver: seconds on its processor, and requests."""
    out = f"{where.bucket.uri}/driving"
    seconds = _ask(where, "driving", out=out, sizes=_DRIVEN)["seconds"]
    blocks = (_DRIVEN[1] - _DRIVEN[0]) // BLOCK
    small, large = (requests_by_stage(where.proxy.log, f"/driving/{count}/block-") for count in _DRIVEN)
    return {
        "driver_cpu_s_per_block": (seconds[1] - seconds[0]) / blocks,
        "driver_cpu_s": seconds,
        "surveyed_views": _DRIVEN,
        "requests_per_block": {
            stage: {method: (count - small[stage][method]) / blocks for method, count in sorted(found.items())}
            for stage, found in large.items()
        },
    }


def requests_by_stage(log: Sequence[tuple[str, str]], place: str) -> dict[str, Counter[str]]:
    """Count the requests to a survey's blocks `before` the first one was put, `while` they came in, and `after`.

    Args:
        log: method and path of each request, in order.
        place: what the paths of its blocks hold.
    """
    methods = [method for method, path in log if place in path]
    puts = [index for index, method in enumerate(methods) if method == "PUT"]
    parts = {"before": slice(puts[0]), "while": slice(puts[0], puts[-1] + 1), "after": slice(puts[-1] + 1, None)}
    return {stage: Counter(methods[part]) for stage, part in parts.items()}


def _recovery(where: Ground) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Train into the bucket through three losses; return figures, and the training as the last of them left it."""
    work = replace(_WORK, out=f"{where.bucket.uri}/recovery")
    store = open_store(work.out)
    driver = where.ray.start_driver(cluster_work.command([work]), log="recovery")
    worker = Fault(kind="training worker", stage="training", progress=0.0, node=0, seconds=0.0)
    blows: list[Callable[[], object]] = [
        lambda: strike(where, worker),
        lambda: strike(where, replace(worker, node=1)),
        where.workers[1].power_off,
    ]
    moments = []
    for index, blow in enumerate(blows):
        await_checkpoint(work, (1 + 2 * index) * work.checkpoint_every, driver)
        moments.append(time.time())
        blow()
    kept = _kept(inside(store, "training"))
    if driver.wait(timeout=300):
        raise WorkersLost(f"the driver failed: {(where.head.disk / 'recovery.log').read_text('utf-8')[-2000:]}")
    noted = json.loads(store.read(NOTED))
    *workers, node = [seconds_until_a_step(noted, moment) for moment in moments]
    figures = {
        "worker_kill_to_first_step_s": workers,
        "node_loss_to_first_step_s": node,
        "bucket_checkpoints": checkpoint_costs(noted, work),
    }
    return figures, kept


def _kept(training: Store) -> dict[str, bytes]:
    """Return what a training needs to go on; nobody writes while its ranks are gone."""
    return {key: training.read(key) for key in training.list() if not key.startswith(("ray/", "tensorboard/"))}


def _resuming(where: Ground, folder: str, kept: dict[str, bytes]) -> dict[str, Any]:
    """Go on from copies in the bucket and in a folder that all nodes see, by turns."""
    where.come_back(where.workers[1])
    where.ray.wait_for([where.head, *where.workers])
    places = {"bucket": f"{where.bucket.uri}/resuming", "folder": folder}
    # The first start in a driver is slower than the others, and is left out.
    turns = ["folder", "bucket", "folder", "folder", "bucket"]
    works = [replace(_WORK, out=f"{places[place]}/{turn}") for turn, place in enumerate(turns)]
    for work in works:
        training = inside(open_store(work.out), "training")
        for key, data in kept.items():
            training.write_once(key, data)
    _, *found = _ask(where, "resuming", works=[asdict(work) for work in works])
    figures: dict[str, Any] = {"state_bytes": max(map(len, kept.values()))}
    for place in places:
        some = [answer for turn, answer in zip(turns[1:], found, strict=True) if turn == place]
        figures[f"{place}_load_s"] = [seconds for answer in some for seconds in answer["load_s"]]
        figures[f"{place}_first_step_s"] = [answer["first_step_s"] for answer in some]
        figures[f"{place}_resumed_checkpoints"] = [checkpoint_costs(answer["notes"], _WORK) for answer in some]
    for what in ("load", "first_step"):
        ratio = median(figures[f"bucket_{what}_s"]) / median(figures[f"folder_{what}_s"])
        figures[f"{what}_bucket_over_folder"] = ratio
    return figures


def seconds_until_a_step(notes: Notes, moment: float) -> float:
    """Return the seconds from a moment until the first step of the first start after it was taken, by rank 0's clock.

    Args:
        notes: of all starts; see `NotedPictures`.
        moment: seconds since 1970.
    """
    later = [note for note in notes if note["begun"] > moment and note["rank"] == 0 and len(note["times"]) > 1]
    return min(note["times"][1][0] for note in later) - moment


def checkpoint_costs(notes: Notes, work: Work) -> dict[str, list[float]]:
    """Return for how long rank 0 stood still for each checkpoint: what such a step took longer than its start's median.

    The time of a step is that from having its records to asking for the next ones, so that waiting for pictures does
    not count. The first step of each start, which warms up, is left out.

    Returns:
        `step_s`, the median step of each start, and `stall_s` of each checkpoint.
    """
    usual, stalls = list[float](), list[float]()
    for note in (note for note in notes if note["rank"] == 0):
        took: dict[bool, list[float]] = {True: [], False: []}
        pairs = zip(note["given"], note["times"], note["times"][1:], strict=False)
        for (step, _), (_, given), (done, _) in list(pairs)[1:]:
            took[(step + 1) % work.checkpoint_every == 0].append(done - given)
        if took[False]:
            usual.append(median(took[False]))
            stalls += [seconds - usual[-1] for seconds in took[True]]
    return {"step_s": usual, "stall_s": stalls}


def _ask(where: Ground, part: str, **arguments: Any) -> Any:
    """Let a driver on the head measure a part, and return its figures."""
    done = where.ray.driver(cluster_speed.command(part, **arguments))
    if done.returncode:
        raise WorkersLost(f"the driver that measures {part} failed:\n{done.stdout[-1000:]}\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def _print(figures: dict[str, Any]) -> None:
    one = [f"{rate:.0f}" for name, rate in figures["rendered_views_per_s"].items() if name != TOGETHER]
    asked = sum(sum(found.values()) for found in figures["requests_per_block"].values())
    workers, kept = figures["worker_kill_to_first_step_s"], figures["bucket_checkpoints"]
    in_folder = [seconds for found in figures["folder_resumed_checkpoints"] for seconds in found["stall_s"]]
    print(
        f"views/s rendered by one node {' and '.join(one)}, by both {figures['rendered_views_per_s'][TOGETHER]:.0f}: "
        f"{figures['ratio']:.2f} x, wanted {WANTED}\n"
        f"a survey's driver: {1000 * figures['driver_cpu_s_per_block']:.1f} ms of processor, {asked:g} requests/block\n"
        f"a checkpoint of {figures['state_bytes'] / 1e6:.0f} MB into the bucket: ranks stand still for "
        f"{median(kept['stall_s']):.2f} s, into a folder {median(in_folder):.2f} s; "
        f"a step takes {median(kept['step_s']):.2f} s\n"
        f"from the kill of a worker to the next step: {' and '.join(f'{s:.1f} s' for s in workers)}; "
        f"of a node: {figures['node_loss_to_first_step_s']:.1f} s\n"
        f"to load a state from the bucket takes {figures['load_bucket_over_folder']:.1f} x as long as from a folder "
        f"({1000 * median(figures['bucket_load_s']):.0f} ms), to resume and take a step "
        f"{figures['first_step_bucket_over_folder']:.2f} x ({median(figures['bucket_first_step_s']):.1f} s)"
    )
