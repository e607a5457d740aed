"""The two kinds of worker process. Each holds nothing that cannot be rebuilt from what it is sent."""

from __future__ import annotations

import io
import json
import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import ray
import torch
from jaxtyping import Int64

from share_dist.body import Body, BodyConfig, BodyLayer, load_body
from share_dist.data import shard_bytes, shard_is_done, shard_numbers, write_shard
from share_dist.errors import WrongBody
from share_dist.models import Regressor, load_checkpoint
from share_dist.render import Records, RenderConfig, Renderer, make_renderer
from share_dist.scene import ViewPlan
from share_dist.storage import Store, once, open_store
from share_dist.survey import SurveyConfig, error_rows, factor_columns, parquet_from_rows

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parcel:
    """Something that many calls need, sent once: its name, and the reference in a list, so that Ray leaves it closed.

    Attributes:
        key: a hash of the content; an actor that has it does not open the parcel.
        content: one reference to bytes or text in Ray's object store.
    """

    key: str
    content: list[Any]

    @staticmethod
    def of(key: str, content: bytes | str) -> Parcel:
        """Put the content into the object store of this node."""
        return Parcel(key, [ray.put(content)])


def plan_parcel(plan: ViewPlan) -> Parcel:
    """Put a plan into the object store, once for all the calls that need it."""
    return Parcel.of(plan.hash, json.dumps(plan.to_json()))


class _Opened(Generic[T]):
    """The last few parcels, opened."""

    def __init__(self, open_content: Callable[[Any], T], kept: int = 4):
        self.open_content, self.kept = open_content, kept
        self.values: OrderedDict[str, T] = OrderedDict()

    def __getitem__(self, parcel: Parcel) -> T:
        if parcel.key not in self.values:
            self.values[parcel.key] = self.open_content(ray.get(parcel.content[0]))
            while len(self.values) > self.kept:
                self.values.popitem(last=False)
        self.values.move_to_end(parcel.key)
        return self.values[parcel.key]


@dataclass(frozen=True, slots=True)
class Receipt:
    """Who an actor is."""

    process: int
    node: str


class _Worker:
    """What both kinds share: one thread, a body, and loading at the first call, so that errors keep their class."""

    def __init__(self, body: BodyConfig, body_hash: str):
        torch.set_num_threads(1)
        self.body_config, self.body_hash = body, body_hash
        self.loaded_body: Body | None = None

    @property
    def body(self) -> Body:
        """The body, loaded at its first use."""
        if self.loaded_body is None:
            body = load_body(self.body_config)
            if body.hash != self.body_hash:
                raise WrongBody(
                    f"node {ray.get_runtime_context().get_node_id()[:12]} has body {body.hash[:12]}, but the driver "
                    f"has {self.body_hash[:12]}.\n"
                    "  Put the same body files on every node: body.folder is read on each."
                )
            self.loaded_body = body
        return self.loaded_body

    def ready(self) -> Receipt:
        """Load what every call needs and say who this is."""
        _ = self.body
        return Receipt(os.getpid(), ray.get_runtime_context().get_node_id())


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
    with np.load(io.BytesIO(store.read(_BLOCK)), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    factors, records = (
        {name.removeprefix(kind): array for name, array in arrays.items() if name.startswith(kind)}
        for kind in ("factor.", "record.")
    )
    return factors, Records(**records)


@ray.remote(max_restarts=-1, max_task_retries=-1)
class RenderActor(_Worker):
    """View numbers in, records out."""

    def __init__(self, body: BodyConfig, body_hash: str, render: RenderConfig):
        super().__init__(body, body_hash)
        self.render_config = render
        self.made_renderer: Renderer | None = None
        self.plans = _Opened(ViewPlan.from_json)

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

    def block(
        self, plan: Parcel, start: int, stop: int, kept: Store | None = None
    ) -> tuple[dict[str, np.ndarray], Records]:
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


@ray.remote(max_restarts=-1, max_task_retries=-1)
class EvaluatorActor(_Worker):
    """Records in, rows out."""

    def __init__(self, body: BodyConfig, body_hash: str, device: torch.device):
        super().__init__(body, body_hash)
        self.device = device
        self.made_layer: BodyLayer | None = None
        self.models = _Opened(self._open_model, kept=2)

    def _open_model(self, weights: bytes) -> Regressor:
        model, _ = load_checkpoint(weights, self.body.hash)
        return model.to(self.device).eval()

    @property
    def layer(self) -> BodyLayer:
        """The body for the metrics, made at its first use."""
        if self.made_layer is None:
            self.made_layer = BodyLayer(self.body).to(self.device)
        return self.made_layer

    def rows(self, model: Parcel, config: SurveyConfig, block: tuple[dict[str, np.ndarray], Records]) -> bytes:
        """Return a block's rows as a Parquet file."""
        factors, records = block
        return parquet_from_rows({**factors, **error_rows(self.models[model], self.layer, records, config)})
