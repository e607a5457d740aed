"""The actors that draw: view numbers in, records out. None of them imports torch."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import ray
from jaxtyping import Int64

from share_dist.body import BodyConfig
from share_dist.data import shard_bytes, shard_is_done, shard_numbers, write_shard
from share_dist.fleet.actors import Opened, Parcel, Receipt, Worker
from share_dist.render import Records, RenderConfig, Renderer, make_renderer
from share_dist.scene import ViewPlan, factor_columns
from share_dist.storage import Store, once, open_store, read_arrays

Block = tuple[dict[str, np.ndarray], Records]
_BLOCK = "block.npz"


def save_block(block: Block, store: Store) -> None:
    """Keep the factors and the records of consecutive views, as they are."""
    factors, records = block
    named = {f"factor.{name}": array for name, array in factors.items()}
    sink = io.BytesIO()
    np.savez(sink, allow_pickle=False, **named, **{f"record.{name}": array for name, array in records.arrays().items()})
    store.write_once(_BLOCK, sink.getvalue())


def load_block(store: Store) -> Block:
    """Read them back; nothing in the file can run code."""
    arrays = read_arrays(store, _BLOCK)
    factors, records = (
        {name.removeprefix(kind): array for name, array in arrays.items() if name.startswith(kind)}
        for kind in ("factor.", "record.")
    )
    return factors, Records(**records)


@ray.remote(max_restarts=-1, max_task_retries=-1)
class RenderActor(Worker):
    """View numbers in, records out."""

    def __init__(self, body: BodyConfig, body_hash: str, render: RenderConfig):
        super().__init__(body, body_hash)
        self.render_config = render
        self.made_renderer: Renderer | None = None
        self.plans = Opened(ViewPlan.from_json)

    @property
    def renderer(self) -> Renderer:
        """The renderer, made at its first use."""
        if self.made_renderer is None:
            self.made_renderer = make_renderer(self.body, self.render_config)
        return self.made_renderer

    def ready(self) -> Receipt:
        """Load the body and make the renderer."""
        _ = self.renderer
        return super().ready()

    def records(self, plan: Parcel, numbers: Int64[np.ndarray, " view"]) -> Records:
        """Return the records with these view numbers, in their order."""
        return self.renderer.records(self.plans[plan].views(numbers, self.body))

    def block(self, plan: Parcel, start: int, stop: int, kept: Store | None = None) -> Block:
        """Return the factors and the records of consecutive views, from where they are kept if they are."""

        def render() -> Block:
            views = self.plans[plan].views(range(start, stop), self.body)
            return factor_columns(views), self.renderer.records(views)

        return render() if kept is None else once(kept, f"views-{start:06d}-{stop:06d}", render, save_block, load_block)

    def shard(self, plan: Parcel, card: dict[str, Any], index: int, uri: str) -> int:
        """Write one shard of a data set into a store that every node sees, and return its number of views."""
        store, numbers = open_store(uri), shard_numbers(index, card["count"])
        if not shard_is_done(store, index):
            write_shard(store, index, shard_bytes(self.records(plan, np.array(numbers)), card))
        return len(numbers)
