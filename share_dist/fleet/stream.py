"""Blocks through two pools: rendered here, evaluated there, a bounded number at a time, lost ones again."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import ray
from ray import exceptions as lost

from share_dist.errors import NetworkFailed, WorkersLost
from share_dist.fleet.asking import LOSSES, fetch, users_error, was_lost
from share_dist.fleet.pools import Pool

EACH = 2
"""Requests an actor has at a time: one in work and one waiting, so that it never stands idle."""
LOSSES_BORNE = 20
"""How often one block may be lost before we believe that the block itself kills its workers."""

Block = range
Ask = Callable[[Any, Any], Any]


class _Stage:
    """One pool and the requests its actors have under way."""

    def __init__(self, pool: Pool, ask: Ask):
        self.pool, self.ask = pool, ask
        self.running: dict[Any, tuple[Block, Any]] = {}

    def idlest(self) -> Any | None:
        """Return the actor with the fewest requests, or None when all have enough or none is there."""
        load = Counter(actor for _, actor in self.running.values())
        idlest = min(self.pool.actors, key=lambda actor: load[actor], default=None)
        return idlest if idlest is not None and load[idlest] < EACH else None

    def start(self, actor: Any, block: Block, work: Any) -> None:
        self.running[self.ask(actor, work)] = (block, actor)

    def blocks(self) -> list[Block]:
        return [block for block, _ in self.running.values()]

    def end(self, reference: Any) -> Block:
        return self.running.pop(reference)[0]


def stream_blocks(
    blocks: Sequence[Block],
    renderers: Pool,
    evaluators: Pool,
    render: Ask,
    evaluate: Ask,
    stall_timeout_s: float,
) -> Iterator[tuple[Block, Any]]:
    """Yield each block with its evaluator's answer, as they come.

    The driver handles references to pictures, never pictures; at most `EACH` blocks an actor exist at any time.

    Args:
        blocks: ranges of view numbers.
        renderers: the first pool; who joins it gets blocks, and what is lost with those who leave is asked for again.
        evaluators: the second.
        render: (renderer, block) to the reference of its records.
        evaluate: (evaluator, reference of records) to the reference of the answer.
        stall_timeout_s: give up after so long without an answer.

    Raises:
        WorkersLost: nothing was finished for too long, or a block was lost again and again.
        NetworkFailed: of all views the first for which the network fails, once every block before it is finished: it
            is the same view whoever is quickest, and asked again there is nothing left to do before it.
    """
    failure: tuple[Block, NetworkFailed] | None = None
    first, second = _Stage(renderers, render), _Stage(evaluators, evaluate)
    waiting, rendered, losses = deque(blocks), deque[tuple[Block, Any]](), Counter[Block]()
    last = time.monotonic()
    while _is_left(failure, chain(waiting, map(_block, rendered), first.blocks(), second.blocks())):
        while rendered and (actor := second.idlest()) is not None:
            second.start(actor, *rendered.popleft())
        limit = EACH * (renderers.size + evaluators.size) - len(rendered) - len(second.running)
        while waiting and len(first.running) < limit and (actor := first.idlest()) is not None:
            block = waiting.popleft()
            first.start(actor, block, block)
        under_way = [*second.running, *first.running]
        if not under_way:
            time.sleep(0.2)  # every actor is gone; new ones are on their way
            done = []
        else:
            # Without fetch_local=False, Ray would copy finished pictures to the driver's node.
            done, _ = ray.wait(under_way, num_returns=1, timeout=1.0, fetch_local=False)
        for reference in done:
            if reference in first.running:
                rendered.append((first.end(reference), reference))
                continue
            block = second.end(reference)
            answer = _answer(reference, block)
            if isinstance(answer, NetworkFailed):
                if failure is None or block.start < failure[0].start:
                    failure = block, answer
                    waiting = deque(each for each in waiting if each.start < block.start)
                    rendered = deque(each for each in rendered if _block(each).start < block.start)
                continue
            if isinstance(answer, BaseException):
                losses[block] += 1
                _refuse_deadly(block, losses[block], answer)
                waiting.appendleft(block)
                continue
            last = time.monotonic()
            yield block, answer
        if time.monotonic() - last > stall_timeout_s:
            raise WorkersLost(_stall(stall_timeout_s, len(first.running), len(second.running)))
    if failure is not None:
        raise failure[1]


def in_order(
    jobs: Sequence[int], ask: Callable[[int], Any], in_flight: int, timeout_s: float, doing: str
) -> Iterator[tuple[int, Any]]:
    """Yield each job with its answer, in order, a bounded number being under way; lost ones are asked for again."""
    under_way = deque[tuple[int, Any]]()
    for job in [*jobs, *[None] * in_flight]:
        if job is not None:
            under_way.append((job, ask(job)))
        if under_way and (job is None or len(under_way) >= in_flight):
            first, reference = under_way.popleft()
            yield first, fetch(lambda first=first: ask(first), reference, timeout_s, f"{doing} {first}")


def _is_left(failure: tuple[Block, NetworkFailed] | None, blocks: Iterable[Block]) -> bool:
    """Whether there is work to wait for; after a failure only what comes before it."""
    return any(failure is None or block.start < failure[0].start for block in blocks)


def _block(pair: tuple[Block, Any]) -> Block:
    return pair[0]


def _answer(reference: Any, block: Block) -> Any:
    """Return the answer, the error by which it was lost, or what the network failed by."""
    try:
        return ray.get(reference)
    except (*LOSSES, lost.RayTaskError) as error:
        if was_lost(error):
            return error
        found = users_error(error, f"working on views {block.start} to {block.stop - 1}")
        if isinstance(found, NetworkFailed):
            return found
        raise found from error


def _refuse_deadly(block: Block, count: int, error: BaseException) -> None:
    if count > LOSSES_BORNE:
        raise WorkersLost(
            f"views {block.start} to {block.stop - 1} were lost {count} times with the process that worked on them "
            f"({type(error).__name__}).\n"
            "  Often a node is short of memory: see `ray status`, and lower fleet.render-actors."
        )


def _stall(seconds: float, rendering: int, evaluating: int) -> str:
    total = ray.cluster_resources()
    return (
        f"no block of views was finished for {seconds:g} s; {rendering} are being rendered and {evaluating} evaluated "
        f"on a cluster that has {total.get('CPU', 0):g} CPUs and {total.get('GPU', 0):g} GPUs now.\n"
        "  If nodes were lost, add some; then run the same command again: it computes only what is missing."
    )
