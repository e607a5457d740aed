"""What `bench cluster` times inside drivers on the head: rendering by node, the driver's own work, and resuming.

`python -m share_dist.studies.cluster_speed PART JSON` does one part and prints its figures as JSON on the last line.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import ray

from share_dist.fleet import Fleet, FleetConfig, cluster_nodes
from share_dist.fleet.actors import plan_parcel
from share_dist.fleet.stream import EACH
from share_dist.models import ModelConfig, make_model
from share_dist.render import RenderConfig
from share_dist.storage import inside, open_store
from share_dist.studies.cluster_work import PLAN, SURVEYED, NotedPictures, Work, notes
from share_dist.survey import block_ranges
from share_dist.training import checkpoints, train

TOGETHER = "together"
_SMALL_PX = 32
"""The driver sees references to pictures only, whose size costs it nothing; small pictures come faster."""


def rendering(sizes: Sequence[int], repeats: int) -> dict[str, Any]:
    """Time rendering on each node alone and on all of them together, by turns.

    Args:
        sizes: views of each timing, such as a small and a large number.
        repeats: how often each is timed.

    Returns:
        `seconds`, by node and `TOGETHER`: for each repeat, those of each size; and `bytes_per_view` in Ray's memory.
    """
    with ExitStack() as stack:
        fleets: dict[str, Fleet] = {}
        for node in (node for node in cluster_nodes() if node.cpus):
            config = FleetConfig(labels=f"ray.io/node-id={node.id}")
            fleets[node.name] = stack.enter_context(Fleet(config, render=RenderConfig()))
        actors = {name: fleet.renderers.actors for name, fleet in fleets.items()}
        actors[TOGETHER] = [actor for some in list(actors.values()) for actor in some]
        _render(actors[TOGETHER], sizes[0])
        seconds: dict[str, list[list[float]]] = {name: [] for name in actors}
        for _ in range(repeats):
            for name, some in actors.items():
                seconds[name].append([_render(some, count) for count in sizes])
        records = next(iter(fleets.values())).records(SURVEYED, range(64))
    weight = sum(array.nbytes for array in records.arrays().values()) / len(records)
    return {"seconds": seconds, "bytes_per_view": weight}


def _render(actors: Sequence[Any], count: int) -> float:
    """Render views in a survey's blocks, kept where they were made and dropped there; return the seconds."""
    parcel, waiting = plan_parcel(SURVEYED), deque(block_ranges(count))
    under_way: dict[Any, Any] = {}
    began = time.perf_counter()
    while waiting or under_way:
        load = Counter(under_way.values())
        for actor in [actor for _ in range(EACH) for actor in actors]:
            if waiting and load[actor] < EACH:
                block = waiting.popleft()
                under_way[actor.block.remote(parcel, block.start, block.stop)] = actor
                load[actor] += 1
        done, _ = ray.wait(list(under_way), fetch_local=False)
        for reference in done:
            del under_way[reference]
    return time.perf_counter() - began


def driving(out: str, sizes: Sequence[int]) -> dict[str, Any]:
    """Survey in a store `out`/views for each number of views; return the driver's own seconds on its processor."""
    model = make_model(ModelConfig(input_px=_SMALL_PX)).eval()
    with Fleet(FleetConfig(), render=RenderConfig(size_px=_SMALL_PX)) as fleet:
        fleet.survey(model, SURVEYED, 1024, open_store(f"{out}/first"))
        seconds = [_driver_seconds(fleet, model, count, f"{out}/{count}") for count in sizes]
    return {"seconds": seconds}


def _driver_seconds(fleet: Fleet, model: Any, count: int, out: str) -> float:
    before = time.process_time()
    fleet.survey(model, SURVEYED, count, open_store(out), label="bench cluster")
    return time.process_time() - before


def resuming(works: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Go on with trainings, one after the other, from the checkpoints that their stores hold.

    Returns:
        For each: `load_s` of its newest state, `first_step_s` from asking for the training until its first step was
        taken, and the `notes` of its ranks.
    """
    with Fleet(FleetConfig(), render=RenderConfig()) as fleet:
        pictures = fleet.pictures(PLAN)
        return [_resume(Work(**{**work, "parts": tuple(work["parts"])}), pictures) for work in works]


def _resume(work: Work, pictures: Any) -> dict[str, Any]:
    store, channel = inside(open_store(work.out), "training"), f"noted/{work.out}"
    step = checkpoints.latest_step(store)
    loads = [_seconds(lambda: checkpoints.load_state(store, step)) for _ in range(3)]
    asked = time.time()
    train(work.job, store, NotedPictures(pictures, channel), work.training)
    found = notes(channel)
    taken = min(note["times"][1][0] for note in found if note["rank"] == 0)
    return {"load_s": loads, "first_step_s": taken - asked, "notes": found}


def _seconds(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


PARTS: dict[str, Callable[..., Any]] = {"rendering": rendering, "driving": driving, "resuming": resuming}


def command(part: str, **arguments: Any) -> list[str]:
    """Return the command line of the driver that does a part."""
    return ["python", "-m", "share_dist.studies.cluster_speed", part, json.dumps(arguments)]


if __name__ == "__main__":
    from share_dist.fleet.cluster import connect

    connect(FleetConfig())
    print(json.dumps(PARTS[sys.argv[1]](**json.loads(sys.argv[2]))))
