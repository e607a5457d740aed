"""Where a rank's records come from: one small protocol, which `fleet.pictures(plan)` fulfils, and records in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import ray
from jaxtyping import Int64

if TYPE_CHECKING:
    from share_dist.render import Records


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
