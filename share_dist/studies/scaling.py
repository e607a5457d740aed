"""A survey from 1 to 256 nodes, simulated from measured rates: what it gains, and what holds it up first.

python -m share_dist.studies.scaling
python -m share_dist.studies.scaling gather
"""

from __future__ import annotations

import heapq
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from share_dist.fleet.stream import EACH
from share_dist.storage import write_whole
from share_dist.storage.together import AT_ONCE
from share_dist.survey import BLOCK

RESULTS = Path("results")
NODES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
VIEWS = 1_000_000
SLOWER = 10.0
"""How much longer a core takes for a view in the tables' second half: a ResNet-50 at 224 px, roughly."""

WAITING, DRIVER = "driver's waiting for S3", "driver's processor"
PUTS, GETS = "S3 PUT rate", "S3 GET rate"
CORES, BLOCKS, NETWORK = "cores", "fewer blocks than cores", "network"
_NODE = "c7i.8xlarge, the render node of ray_cluster.yaml"
_S3 = "Amazon S3 user guide, optimizing performance"


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the simulation is fed with; results/scaling.json says of each where it comes from."""

    views_per_s_per_core: float
    """Rendered and evaluated under Ray."""

    bytes_per_view: float
    """Of a rendered view on its way from renderer to evaluator."""

    driver_cpu_s_per_block: float
    """On the driver's processor: handing out, committing, loading."""

    puts_per_block: float
    """Of the driver, while blocks come in."""

    gets_per_block: float
    """GET and HEAD, of the driver, while blocks come in."""

    gets_around_per_block: float
    """GET and HEAD, of the driver, before the first block is handed out and after the last came in."""

    requests_at_once: float
    """Of the driver: their waiting is shared."""

    s3_request_s: float
    s3_puts_per_s: float
    s3_gets_per_s: float
    cores_per_node: int
    memory_bytes_per_node: float
    network_bytes_per_s: float
    object_store_share: float
    """Part of a node's memory that Ray takes for objects."""

    @staticmethod
    def read(path: Path = RESULTS / "scaling.json") -> Inputs:
        """Read the committed inputs."""
        return Inputs(**{name: entry["value"] for name, entry in json.loads(path.read_text("utf-8")).items()})


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a survey went."""

    seconds: float
    views_per_s: float
    busy: dict[str, float]
    """For each part of the system, the share of the time it worked; the largest one held the rest up."""

    @property
    def held_up_by(self) -> str:
        """Return the part that worked most."""
        return max(self.busy, key=lambda part: self.busy[part])


def survey(inputs: Inputs, nodes: int, views: int = VIEWS) -> Outcome:
    """Simulate one survey into a bucket.

    Each core has up to two blocks, one in work and one waiting, and gets the next when the driver takes one of its
    answers. The driver's processor does one thing at a time; its requests share their waiting, `requests_at_once`.

    Args:
        inputs: rates and limits.
        nodes: render nodes, each with a renderer and an evaluator for every core.
        views: how many.
    """
    blocks, cores = math.ceil(views / BLOCK), nodes * inputs.cores_per_node
    shared = shared_seconds(inputs)
    core_s, network_s = BLOCK / inputs.views_per_s_per_core, _network_seconds(inputs, nodes)
    get_s, waited_s = 1 / inputs.s3_gets_per_s, inputs.s3_request_s / inputs.requests_at_once
    asked_s = max((inputs.puts_per_block + inputs.gets_per_block) * waited_s, inputs.gets_per_block * get_s)
    commit_s = max(shared[DRIVER], asked_s, shared[PUTS])
    around_s = inputs.gets_around_per_block * max(waited_s, get_s)
    seconds = _flow(blocks, cores, max(core_s, network_s), commit_s) + blocks * around_s
    each = max(blocks / cores, 1)
    working = {part: blocks * used for part, used in shared.items()}
    working |= {BLOCKS if blocks < cores else CORES: each * core_s, NETWORK: each * network_s}
    busy = {part: used / seconds for part, used in working.items()}
    return Outcome(seconds=seconds, views_per_s=views / seconds, busy=busy)


def shared_seconds(inputs: Inputs) -> dict[str, float]:
    """Return for how long a block occupies each of the parts that all nodes share: the driver and the bucket."""
    gets = inputs.gets_per_block + inputs.gets_around_per_block
    return {
        WAITING: (inputs.puts_per_block + gets) * inputs.s3_request_s / inputs.requests_at_once,
        DRIVER: inputs.driver_cpu_s_per_block,
        PUTS: inputs.puts_per_block / inputs.s3_puts_per_s,
        GETS: gets / inputs.s3_gets_per_s,
    }


def _network_seconds(inputs: Inputs, nodes: int) -> float:
    """Return for how long a block occupies a core's share of its node's network."""
    # A block's evaluator is on any of the nodes, with the same chance each.
    moved = BLOCK * inputs.bytes_per_view * (nodes - 1) / nodes
    return moved * inputs.cores_per_node / inputs.network_bytes_per_s


def _flow(blocks: int, cores: int, core_s: float, commit_s: float) -> float:
    """Return when the last block is committed: an answer comes, is committed, and its core gets another block."""
    free = [0.0] * cores
    answers: list[tuple[float, int]] = []

    def hand_out(core: int, now: float) -> None:
        free[core] = max(free[core], now) + core_s
        heapq.heappush(answers, (free[core], core))

    handed = min(blocks, EACH * cores)
    for block in range(handed):
        hand_out(block % cores, 0.0)
    driver = 0.0
    while answers:
        came, core = heapq.heappop(answers)
        driver = max(driver, came) + commit_s
        if handed < blocks:
            hand_out(core, driver)
            handed += 1
    return driver


def object_store_bytes(inputs: Inputs) -> float:
    """Return what lies in a node's shared memory at most, on average over the nodes, whatever their number.

    There are `EACH` blocks an actor; an evaluator also holds copies of those it fetched from other nodes.
    """
    renderers = evaluators = inputs.cores_per_node
    return BLOCK * inputs.bytes_per_view * EACH * (renderers + 2 * evaluators)


def limits_table(inputs: Inputs) -> str:
    """Lay out at which rate each part is fully occupied, and by how many nodes, as Markdown."""
    node_rate = inputs.cores_per_node * inputs.views_per_s_per_core
    alone = {
        f"{WAITING}, if it asked one thing at a time": shared_seconds(replace(inputs, requests_at_once=1))[WAITING]
    }
    rates = {part: BLOCK / used for part, used in (shared_seconds(inputs) | alone).items()}
    lines = ["| part | full at, views/s | that is, nodes |", "|---|---|---|"]
    for part, rate in sorted(rates.items(), key=lambda item: item[1]):
        lines.append(f"| {part} | {rate:,.0f} | {rate / node_rate:,.2f} |")
    network = node_rate * inputs.bytes_per_view / inputs.network_bytes_per_s
    has = inputs.object_store_share * inputs.memory_bytes_per_node
    store = object_store_bytes(inputs)
    lines.append(f"| {NETWORK} | never: {network:.0%} of each node's at most | |")
    lines.append(f"| object store | never: {store / 1e9:.1f} of each node's {has / 1e9:.1f} GB at most | |")
    return "\n".join(lines)


def gains_table(inputs: Inputs) -> str:
    """Lay out a survey at every number of nodes, and the same of a slower network, as Markdown."""
    head = ["nodes", "cores", "cores alone, views/s", "views/s", "minutes", "held up by"]
    head += [f"{SLOWER:g} x slower network, views/s", "minutes", "held up by"]
    slower = replace(inputs, views_per_s_per_core=inputs.views_per_s_per_core / SLOWER)
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for nodes in NODES:
        cores = nodes * inputs.cores_per_node
        cells = [f"{nodes}", f"{cores:,}", f"{cores * inputs.views_per_s_per_core:,.0f}"]
        for found in (survey(inputs, nodes), survey(slower, nodes)):
            cells += [f"{found.views_per_s:,.0f}", f"{found.seconds / 60:.1f}", found.held_up_by]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def inputs_table(entries: dict[str, dict[str, Any]]) -> str:
    """Lay out the inputs and where each comes from, as Markdown."""
    lines = ["| input | value | where from |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| `{name}` | {e['value']:,.6g} | {e['from']} |" for name, e in entries.items())])


def gather(results: Path = RESULTS) -> dict[str, dict[str, Any]]:
    """Return the inputs with their origins: measured ones from the benches' committed figures, and documented ones."""
    survey_bench, cluster = (
        json.loads((results / f"bench/{name}.json").read_text("utf-8")) for name in ("survey", "cluster")
    )
    asked = cluster["requests_per_block"]
    reads = {when: sum(count for method, count in some.items() if method != "PUT") for when, some in asked.items()}
    here = "measured: results/bench/cluster.json, "
    rows: dict[str, tuple[float, str]] = {
        "views_per_s_per_core": (
            survey_bench["ray_one_core_views_per_s"],
            "measured: results/bench/survey.json, ray_one_core_views_per_s, 96 px, compact network",
        ),
        "bytes_per_view": (cluster["bytes_per_view"], f"{here}bytes_per_view, 96 px"),
        "driver_cpu_s_per_block": (cluster["driver_cpu_s_per_block"], f"{here}driver_cpu_s_per_block"),
        "puts_per_block": (asked["while"]["PUT"], f"{here}requests_per_block"),
        "gets_per_block": (reads["while"], f"{here}requests_per_block"),
        "gets_around_per_block": (reads["before"] + reads["after"], f"{here}requests_per_block"),
        "requests_at_once": (AT_ONCE, "ours: share_dist/storage/together.py"),
        "s3_request_s": (0.1, f"documented: {_S3}: small objects take roughly 100–200 ms"),
        "s3_puts_per_s": (3500, f"documented: {_S3}, for each prefix"),
        "s3_gets_per_s": (5500, f"documented: {_S3}, for each prefix"),
        "cores_per_node": (32, f"documented: {_NODE}"),
        "memory_bytes_per_node": (64 * 2**30, f"documented: {_NODE}"),
        "network_bytes_per_s": (12.5e9 / 8, f"assumed: 12.5 Gbit/s for a {_NODE}"),
        "object_store_share": (0.3, "documented: Ray's default"),
    }
    assert set(rows) == {field.name for field in fields(Inputs)}
    return {name: {"value": value, "from": origin} for name, (value, origin) in rows.items()}


def main(words: Sequence[str]) -> None:
    """Print the tables, after gathering the inputs where that is asked for."""
    path = RESULTS / "scaling.json"
    if list(words) == ["gather"]:
        write_whole(path, json.dumps(gather(), indent=1, ensure_ascii=False) + "\n")
    inputs = Inputs.read(path)
    print("\n\n".join([inputs_table(json.loads(path.read_text("utf-8"))), limits_table(inputs), gains_table(inputs)]))


if __name__ == "__main__":
    main(sys.argv[1:])
