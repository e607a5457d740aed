"""Why a run is not advancing, in one line, then in detail; each diagnosis reads one snapshot of the cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from share_dist import errors
from share_dist.errors import Finding
from share_dist.fleet.reach import given_address, naming_origin
from share_dist.ops.snapshot import ANSWER_S, NodeState, Snapshot, Wish, take_snapshot

SILENT_S = 30.0
"""A run that lives renews its reservation every few seconds; one silent for longer is dead, or its head was."""


def explain(address: str | None) -> list[Finding]:
    """Return what holds runs up on the cluster at `address`, likeliest first; one good line when nothing does.

    None takes RAY_ADDRESS, or the cluster that this machine belongs to.
    """
    try:
        with naming_origin(address):
            return diagnose(take_snapshot(given_address(address) or "auto"))
    except errors.ShareDistError as error:
        first, *rest = str(error).splitlines()
        return [Finding("head", False, first, " ".join(line.strip() for line in rest))]


def diagnose(snapshot: Snapshot) -> list[Finding]:
    """Return the findings of every diagnosis that applies."""
    found = [finding for look in DIAGNOSES if (finding := look(snapshot)) is not None]
    return found or [Finding("cluster", True, f"nothing waits for room: {_used(snapshot)}.")]


def explanation(findings: list[Finding]) -> str:
    """The first finding's line, then every finding with its remedy."""
    lines = [findings[0].detail]
    for finding in findings:
        lines += ["", f"{finding.name}: {finding.detail}", *([f"  -> {finding.remedy}"] if finding.remedy else [])]
    return "\n".join(lines if len(findings) > 1 or findings[0].remedy else lines[:1])


def no_workers(snapshot: Snapshot) -> Finding | None:
    """No living node has a core for work."""
    if any(node.total.get("CPU", 0) > 0 and not node.is_draining for node in snapshot.nodes):
        return None
    there = ", ".join(f"{node.name}{' (draining)' if node.is_draining else ''}" for node in snapshot.nodes) or "none"
    detail = f"no worker node is alive: the nodes {there} have no core for work"
    if snapshot.autoscaler:
        return Finding(
            "nodes",
            False,
            f"{detail}; the autoscaler should add some",
            "`ray status` says what it launches and what failed; look at max_workers, quotas and spot capacity.",
        )
    return Finding("nodes", False, detail, "Start workers: `ray start --address=HEAD:6379 --num-cpus=N` on each.")


def infeasible(snapshot: Snapshot) -> Finding | None:
    """Something is larger than every node there is."""
    for wish in snapshot.wishes:
        shape = next((s for s in wish.shapes if not any(_fits(s, node.total) for node in snapshot.nodes)), None)
        if shape is None or not snapshot.nodes:
            continue
        may_grow = "; the autoscaler may know a larger kind of node" if snapshot.autoscaler else ""
        return Finding(
            "shape",
            False,
            f"{wish} can never start: no node has {_words(shape)}; the largest has "
            f"{_words(_largest(snapshot.nodes, shape), shape)}{may_grow}",
            "Ask for less (training.cpus-per-worker, training.use-gpu, fleet.evaluator-gpus), or add such a node.",
        )
    return None


def label_mismatch(snapshot: Snapshot) -> Finding | None:
    """Nodes are large enough, but none of them bears the labels that are asked for."""
    for wish in snapshot.wishes:
        roomy = [node for node in snapshot.nodes if all(_fits(shape, node.total) for shape in wish.shapes)]
        if wish.labels and roomy and not any(_bears(node, wish) for node in roomy):
            ours = {f"{key}={node.labels[key]}" for node in roomy for key in wish.labels if key in node.labels}
            have = ", ".join(sorted(ours)) or f"no label {', '.join(wish.labels)} at all"
            return Finding(
                "labels",
                False,
                f"{wish} can never start: of {len(roomy)} nodes that are large enough none bears the label; "
                f"they have {have}",
                "Start nodes with `ray start --labels=KEY=VALUE` (`labels:` in the cluster file), or ask for theirs.",
            )
    return None


def stale_reservation(snapshot: Snapshot) -> Finding | None:
    """A run that is dead still has the cluster's resources reserved."""
    stale = [one for one in snapshot.reservations if one.silent_s > SILENT_S and one.left_s > 0]
    if not stale:
        return None
    longest = max(stale, key=lambda one: one.left_s)
    return Finding(
        "reservation",
        False,
        f"'{longest.requester}' reserved room and has been silent for {longest.silent_s:.0f} s: it is dead, and "
        f"its reservation ends by itself in {longest.left_s:.0f} s",
        "Wait for that, or restart the cluster; nothing stored is lost by either.",
    )


def build_lock(snapshot: Snapshot) -> Finding | None:
    """A build of a torch extension was killed, and whoever needs it waits for ever."""
    if not snapshot.locks:
        return None
    lock, more = snapshot.locks[0], len(snapshot.locks) - 1
    others = f" (and {more} more)" if more else ""
    return Finding(
        "build lock",
        False,
        f"on {lock.node} a killed build left {lock.path}{others}; who needs that extension waits for ever",
        f"Delete it there: rm {lock.path}",
    )


def draining(snapshot: Snapshot) -> Finding | None:
    """Nodes that will be taken accept nothing new."""
    leaving = [node.name for node in snapshot.nodes if node.is_draining]
    if not leaving or not snapshot.wishes:
        return None
    return Finding(
        "draining",
        False,
        f"{', '.join(leaving)} will be taken and accept nothing new, and {_list(snapshot.wishes)} wait",
        "Nothing is lost: what waits starts when another node joins, or a booking ends.",
    )


def busy(snapshot: Snapshot) -> Finding | None:
    """There is room, but others have it."""
    waiting = [wish for wish in snapshot.wishes if _would_fit(wish, snapshot)]
    if not waiting:
        return None
    return Finding(
        "busy",
        False,
        f"{_list(waiting)} wait for room: {_used(snapshot)}",
        "Wait, stop another run (`ray job list`), book less with fleet.booked-share, or add nodes.",
    )


def silent(snapshot: Snapshot) -> Finding | None:
    """Nodes that count as alive, but do nothing."""
    if not snapshot.silent:
        return None
    return Finding(
        "answers",
        False,
        f"{', '.join(snapshot.silent)} did not answer within {ANSWER_S:g} s, or cannot run our code",
        "Run `share-dist doctor`, and look at logs/raylet.out there; a node that stays silent is best ended.",
    )


DIAGNOSES: tuple[Callable[[Snapshot], Finding | None], ...] = (
    no_workers,
    infeasible,
    label_mismatch,
    stale_reservation,
    build_lock,
    draining,
    busy,
    silent,
)
"""Likeliest and most final first."""


def _fits(shape: Mapping[str, float], room: Mapping[str, float]) -> bool:
    return all(room.get(kind, 0.0) >= amount - 1e-9 for kind, amount in shape.items() if not _is_internal(kind))


def _is_internal(kind: str) -> bool:
    # What Ray adds to a shape to keep it on a node or in a placement group.
    return kind.startswith(("node:", "bundle_group")) or "_group_" in kind


def _bears(node: NodeState, wish: Wish) -> bool:
    return all(node.labels.get(key) in values for key, values in wish.labels.items())


def _would_fit(wish: Wish, snapshot: Snapshot) -> bool:
    nodes = [node for node in snapshot.nodes if not node.is_draining and _bears(node, wish)]
    return all(any(_fits(shape, node.total) for node in nodes) for shape in wish.shapes)


def _largest(nodes: tuple[NodeState, ...], shape: Mapping[str, float]) -> Mapping[str, float]:
    kinds = [kind for kind in shape if not _is_internal(kind)]
    return max((node.total for node in nodes), key=lambda has: [min(has.get(kind, 0.0), shape[kind]) for kind in kinds])


def _words(resources: Mapping[str, float], wanted: Mapping[str, float] | None = None) -> str:
    kinds = [kind for kind in wanted or resources if not _is_internal(kind)]
    return " + ".join(f"{resources.get(kind, 0.0):g} {kind}" for kind in kinds)


def _list(wishes: tuple[Wish, ...] | list[Wish]) -> str:
    return ", ".join(map(str, wishes[:3])) + (f" and {len(wishes) - 3} more" if len(wishes) > 3 else "")


def _used(snapshot: Snapshot) -> str:
    parts = []
    for kind in ("CPU", "GPU"):
        total = sum(node.total.get(kind, 0.0) for node in snapshot.nodes)
        free = sum(node.free.get(kind, 0.0) for node in snapshot.nodes)
        if total:
            parts.append(f"{total - free:g} of {total:g} {kind} are booked")
    return f"{', '.join(parts) or 'no cores'} on {len(snapshot.nodes)} nodes"
