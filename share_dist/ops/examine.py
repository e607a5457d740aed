"""The doctor's round over a cluster: the same questions to every node, each with its deadline."""

from __future__ import annotations

import time
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from share_dist.body import BodyConfig
from share_dist.errors import Finding
from share_dist.fleet.cluster import KEPT_MEMORY, join
from share_dist.ops.doctor import NodeReport, examine
from share_dist.ops.facts import NodeFacts, node_facts, node_findings

DEADLINE_S = 180.0
"""For a node's answers to all questions. A cold one imports torch and compiles kernels, which takes a minute and a half
on a busy machine."""


class Examiner:
    """What runs on a node. Books nothing, so that a full cluster can be examined too."""

    def facts(self, body: BodyConfig) -> NodeFacts:
        """What must be equal everywhere."""
        return node_facts(body)

    def findings(self, out: str | None) -> list[Finding]:
        """Every room's `check()`, and what only nodes of a cluster need."""
        return [*examine(out), *node_findings()]

    def now(self) -> float:
        """This node's clock."""
        return time.time()


def examine_cluster(
    address: str, out: str | None = None, body: BodyConfig | None = None, deadline_s: float = DEADLINE_S
) -> list[NodeReport]:
    """Examine every living node of the cluster at `address`, which this machine must be part of.

    A node that does not answer in time has a report too, with that as its one finding.

    Raises:
        errors.NoCluster, errors.WrongToken, errors.OtherVersion, errors.BadSetting: see `fleet.reach`.
    """
    if not ray.is_initialized():
        join(address)
    kind = ray.remote(num_cpus=0, runtime_env={"env_vars": KEPT_MEMORY})(Examiner)
    examiners = {}
    for node in ray.nodes():
        if node["Alive"]:
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
            examiners[name] = kind.options(scheduling_strategy=there).remote()
    body, ends = (body or BodyConfig()).absolute(), time.monotonic() + deadline_s
    asked = {name: (each.findings.remote(out), each.facts.remote(body)) for name, each in examiners.items()}
    return [_report(name, examiners[name], asked[name], ends, deadline_s) for name in sorted(asked)]


def _report(name: str, examiner: Any, asked: tuple[Any, Any], ends: float, deadline_s: float) -> NodeReport:
    try:
        findings, facts = ray.get(list(asked), timeout=max(ends - time.monotonic(), 0.1))
        return NodeReport(name, tuple(findings), facts, _clock_off_s(examiner))
    except RayError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        why = f"does not answer within {deadline_s:g} s" if isinstance(error, TimeoutError) else lines[-1][:200]
        remedy = "See `share-dist explain`, and logs/raylet.out on that node; is share_dist installed there?"
        return NodeReport(name, (Finding("answers", False, why, remedy),))


def _clock_off_s(examiner: Any, times: int = 3) -> float:
    """The difference of the clocks that the quickest of some round trips leaves unexplained."""
    left = []
    for _ in range(times):
        before = time.time()
        there = float(ray.get(examiner.now.remote(), timeout=10))  # pyright: ignore[reportArgumentType]  # one answer
        after = time.time()
        off, doubt = there - (before + after) / 2, (after - before) / 2
        left.append(max(abs(off) - doubt, 0.0) * (1 if off > 0 else -1))
    return min(left, key=abs)
