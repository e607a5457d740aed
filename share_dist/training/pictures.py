"""Where a rank's records come from: one small protocol, and the two sources that need no render actors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import ray
from jaxtyping import Int64

if TYPE_CHECKING:
    from share_dist.body import BodyConfig
    from share_dist.render import Records, RenderConfig
    from share_dist.scene import ViewPlan


class Pictures(Protocol):
    """A source of records that travels to each rank by pickle and is opened there."""

    def feed(self, numbers_by_step: Sequence[Int64[np.ndarray, " batch"]], ahead: int) -> Iterator[Records]:
        """Yield the records of each step, in exactly these numbers' order, asking up to `ahead` steps in advance."""
        ...


@dataclass(frozen=True)
class HeldPictures:
    """Records in memory: number i is the i-th. For benches and tests, where drawing must not count.

    Attributes:
        records: a Records value, or a Ray reference to one, so that ranks on one node share its memory.
    """

    records: Any

    def feed(self, numbers_by_step: Sequence[Int64[np.ndarray, " batch"]], ahead: int) -> Iterator[Records]:
        """Yield the records of each step; nothing needs to be asked for in advance."""
        held = ray.get(self.records) if isinstance(self.records, ray.ObjectRef) else self.records
        for numbers in numbers_by_step:
            yield held.take(numbers)


@dataclass(frozen=True)
class PlainPictures:
    """Records drawn by the rank itself, each view once, as the plain loop without render actors does.

    Attributes:
        body: of which people are drawn.
        render: how they are drawn.
        plan: what the numbers mean.
    """

    body: BodyConfig
    render: RenderConfig
    plan: ViewPlan

    def feed(self, numbers_by_step: Sequence[Int64[np.ndarray, " batch"]], ahead: int) -> Iterator[Records]:
        """Yield the records of each step, drawing the views not seen before."""
        from share_dist.body import load_body
        from share_dist.render import Records, make_renderer

        renderer = make_renderer(load_body(self.body), self.render)
        kept: dict[int, Records] = {}
        for numbers in numbers_by_step:
            new = np.array([number for number in numbers if number not in kept], dtype=np.int64)
            if len(new):
                drawn = renderer.records(self.plan.views(new))
                kept.update((int(number), drawn.take(np.array([i]))) for i, number in enumerate(new))
            yield Records.join([kept[int(number)] for number in numbers])
