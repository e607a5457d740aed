"""What the two kinds of worker process share. Each holds nothing that cannot be rebuilt from what it is sent."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import ray

from share_dist.body import Body, BodyConfig, load_body
from share_dist.errors import WrongBody
from share_dist.scene import ViewPlan

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


class Opened(Generic[T]):
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


class Worker:
    """What both kinds share: one thread, a body, and loading at the first call, so that errors keep their class."""

    def __init__(self, body: BodyConfig, body_hash: str):
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
