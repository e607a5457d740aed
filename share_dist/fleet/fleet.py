"""`Fleet`: what the loop asks for, done by two pools of actors."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import ray
import torch
from jaxtyping import Int64

from share_dist import errors
from share_dist.body import Body, BodyConfig, load_body
from share_dist.data import index_card, shard_is_done, shard_numbers, write_index
from share_dist.fleet.actors import Parcel, plan_parcel
from share_dist.fleet.cluster import connect
from share_dist.fleet.config import FleetConfig, PoolSizes
from share_dist.fleet.evaluator import EvaluatorActor
from share_dist.fleet.feed import CHUNK, FleetPictures
from share_dist.fleet.keeper import Keeper, sizes_now
from share_dist.fleet.nodes import labels_of, require_room
from share_dist.fleet.pools import Pool, RenderHandles
from share_dist.fleet.progress import ViewProgress
from share_dist.fleet.renderer import RenderActor
from share_dist.fleet.stream import EACH, in_order, stream_blocks
from share_dist.models import (
    Regressor,
    checkpoint_bytes,
    load_checkpoint,
    model_hash,
    read_source,
    settled_precision,
)
from share_dist.render import Records, RenderConfig
from share_dist.scene import ViewPlan
from share_dist.storage import Background, Store, content_key, inside, together
from share_dist.survey import BLOCK, Survey, SurveyConfig, block_ranges, open_survey, survey_meta, write_block
from share_dist.survey.blocks import done_blocks, read_block

_NOT_SHARED = (
    "a renderer wrote a shard to {uri}, but this process does not find it there.\n"
    "  Renderers on other nodes have a folder of their own by that name: give --out one that every node mounts."
)


class Fleet:
    """Renderers and evaluators on Ray, for as long as the ``with`` block lasts.

    Joins the cluster that is there, or starts Ray on this machine and ends it afterwards. Actors start at their
    first use. A killed one is started again and its work repeated; nodes that join get actors, and those of a node that
    leaves are given up. Results are the same bits.

    Attributes:
        surveyed: views measured so far, without those that a store held already.
        survey_seconds: how long that took once actors were there.
    """

    def __init__(
        self,
        config: FleetConfig | None = None,
        body: BodyConfig | None = None,
        render: RenderConfig | None = None,
        kept: Store | None = None,
    ):
        """Prepare a fleet; nothing starts before the ``with`` block.

        Args:
            config: how many actors, and where.
            body: who is rendered.
            render: how.
            kept: where the pictures of surveys are kept for other surveys of the same views, which then need not
                render them again; None keeps none.
        """
        self.config, self.render_config, self.kept = config or FleetConfig(), render or RenderConfig(), kept
        # Actors of a cluster that was there before work in folders of their own.
        self.body_config = (body or BodyConfig()).absolute()
        self.name = f"fleet-{uuid.uuid4().hex[:8]}"
        self.surveyed, self.survey_seconds = 0, 0.0
        self._started_ray = False
        self._pools: dict[str, Pool] = {}
        self._keeper = Keeper(self.config, lambda: dict(self._pools))

    def __enter__(self) -> Fleet:
        """Connect to Ray, or start it.

        Raises:
            errors.ShareDistError: see `fleet.connect` and `fleet.require_room`.
        """
        self._started_ray = connect(self.config)
        try:
            require_room(self.config)
        except BaseException:
            if self._started_ray:
                ray.shutdown()
            raise
        self._keeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the actors, and Ray if it was started here."""
        self._keeper.stop()
        for name in list(self._pools):
            self._pools.pop(name).drop()
        if self._started_ray:
            ray.shutdown()

    @cached_property
    def body(self) -> Body:
        """The body, as this process has it."""
        return load_body(self.body_config)

    @cached_property
    def sizes(self) -> PoolSizes:
        """How many actors of each kind there are at first; later pools follow the cluster."""
        return sizes_now(self.config)

    @property
    def device(self) -> torch.device:
        """Where evaluators run the network."""
        return torch.device("cuda" if self.config.evaluator_gpus else "cpu")

    @property
    def renderers(self) -> Pool:
        """The render actors, at least one of them ready."""
        return self._pool("renderers", RenderActor, (self.body_config, self.body.hash, self.render_config), 0.0)

    @property
    def evaluators(self) -> Pool:
        """The evaluator actors, at least one of them ready."""
        arguments = (self.body_config, self.body.hash, self.device)
        return self._pool("evaluators", EvaluatorActor, arguments, self.config.evaluator_gpus)

    def _pool(self, what: str, kind: Any, arguments: tuple[Any, ...], gpus: float) -> Pool:
        if what not in self._pools:
            name = f"{self.name}-{what}-{uuid.uuid4().hex[:4]}"
            labels = {} if gpus else labels_of(self.config.labels, "--fleet.labels")
            pool = Pool(kind, name, arguments, self.sizes.cpus_each, gpus, labels)
            pool.start(getattr(sizes_now(self.config), what), self.config.start_timeout_s, what)
            self._pools[what] = pool
        return self._pools[what]

    @property
    def handles(self) -> RenderHandles:
        """The renderers as a value for other processes; see `ViewFeed`."""
        return RenderHandles(self.renderers.name)

    def pictures(self, plan: ViewPlan) -> FleetPictures:
        """Return the source of a plan's records that training ranks open for themselves."""
        return FleetPictures(self.handles, plan, self.config.cache_mb, self.config.stall_timeout_s)

    def survey(
        self,
        model: Path | str | bytes | Regressor,
        plan: ViewPlan,
        count: int,
        store: Store,
        config: SurveyConfig | None = None,
        label: str = "survey",
    ) -> Survey:
        """Measure a model on the views 0…count−1 and keep the rows in `store`, a block of 256 at a time.

        Blocks that the store holds already are not computed again, so a killed survey goes on where it was.

        Args:
            model: a checkpoint's path or bytes, or the network itself.
            plan: which views.
            count: how many.
            store: the survey's own place, such as ``inside(run, "round-00/survey")``.
            config: batch size and precision; `auto` is settled here, so that every node computes alike.
            label: how progress lines begin.

        Raises:
            errors.OtherRun: the store holds another survey, or one begun in another precision.
            errors.DamagedFile: the checkpoint or a stored block is damaged.
            errors.WrongBody: the checkpoint belongs to another body.
            errors.NetworkFailed: the network answers NaN or infinity; finished blocks are kept.
            errors.WorkersLost: no actor became ready, or nothing was finished for too long.
            errors.StorageFull: the disk filled up; finished blocks are kept.
        """
        config = self._settled(config)
        weights, network_hash = self._read_model(model)
        blocks = block_ranges(count)
        open_survey(store, self._meta(network_hash, plan, count, config))
        done = done_blocks(store)
        missing = [block for index, block in enumerate(blocks) if index not in done]
        if missing:
            # A damaged stored block is an error now, and not after the work on those that are missing.
            together(lambda index: read_block(store, index), sorted(done))
            try:
                self._compute(Parcel.of(network_hash, weights), plan, missing, store, config, label, count)
            except errors.NetworkFailed as error:
                named = f"checkpoint {model}" if isinstance(model, Path | str) else f"the network of '{label}'"
                raise errors.NetworkFailed(error.view, error.part, named, network_hash) from error
        return Survey.load(store)

    def survey_key(
        self, model: Path | str | bytes | Regressor, plan: ViewPlan, count: int, config: SurveyConfig | None = None
    ) -> str:
        """Name a survey after all that decides its rows: surveys of one name are one survey."""
        return content_key(self._meta(self._read_model(model)[1], plan, count, self._settled(config)))

    def _settled(self, config: SurveyConfig | None) -> SurveyConfig:
        config = config or SurveyConfig()
        return replace(config, precision=settled_precision(config.precision, self.device))

    def _meta(self, network_hash: str, plan: ViewPlan, count: int, config: SurveyConfig) -> dict[str, Any]:
        return survey_meta(plan, count, network_hash, self.body.hash, self.render_config, config)

    def _compute(
        self,
        model: Parcel,
        plan: ViewPlan,
        blocks: Sequence[range],
        store: Store,
        config: SurveyConfig,
        label: str,
        count: int,
    ) -> None:
        renderers, evaluators, parcel = self.renderers, self.evaluators, plan_parcel(plan)
        pictures = self.kept and inside(self.kept, content_key(plan.hash, self.body.hash, asdict(self.render_config)))
        progress = ViewProgress(label, count, count - sum(map(len, blocks)), f"{renderers.size} renderers")
        answers = stream_blocks(
            blocks,
            renderers,
            evaluators,
            lambda actor, block: actor.block.remote(parcel, block.start, block.stop, pictures),
            lambda actor, records: actor.rows.remote(model, config, records),
            self.config.stall_timeout_s,
        )
        started = time.monotonic()
        with Background[int]() as commits:
            for block, parquet in answers:
                commits.start(lambda block=block, parquet=parquet: _commit(store, block, parquet))
                for views in commits.finished():
                    progress.add(views)
            for views in commits.finished(all_of_it=True):
                progress.add(views)
        self.surveyed += sum(map(len, blocks))
        self.survey_seconds += time.monotonic() - started
        if self.config.evaluator_gpus:
            self._pools.pop("evaluators").drop()

    def _read_model(self, model: Path | str | bytes | Regressor) -> tuple[bytes, str]:
        """Return a checkpoint's bytes and its network's hash, having checked that it can be used."""
        if isinstance(model, Regressor):
            return checkpoint_bytes(model, {"body_hash": self.body.hash}), model_hash(model)
        weights = read_source(model)
        name = None if isinstance(model, bytes) else f"checkpoint {model}"
        return weights, load_checkpoint(weights, self.body.hash, name)[1]["model_hash"]

    def records(self, plan: ViewPlan, numbers: Sequence[int] | Int64[np.ndarray, " view"]) -> Records:
        """Return the records of a few views, in order. They come into this process: for galleries, not for data."""
        chosen = np.asarray(numbers, dtype=np.int64)
        if not len(chosen):
            raise ValueError("no view numbers were given, but a picture needs one")
        parcel, pool = plan_parcel(plan), self.renderers
        starts = range(0, len(chosen), CHUNK)

        def ask(start: int) -> Any:
            return pool.next(self.config.stall_timeout_s).records.remote(parcel, chosen[start : start + CHUNK])

        answers = in_order(starts, ask, EACH * pool.size, self.config.stall_timeout_s, "rendering picture")
        return Records.join([part for _, part in answers])

    def write_shards(self, plan: ViewPlan, count: int, store: Store, label: str = "render") -> dict[str, Any]:
        """Write the views 0…count−1 as shards; renderers write them, and only receipts come back.

        Shards that the store holds already are not made again.

        Args:
            plan: which views.
            count: how many.
            store: the data set's own place, seen by every node.
            label: how progress lines begin.

        Returns:
            The data set's index.

        Raises:
            errors.OtherRun: the store holds another data set.
            errors.NotWritable: a renderer wrote where this process cannot see it.
            errors.StorageFull: the disk filled up; finished shards are kept.
        """
        card = index_card(plan, count, self.body.hash, self.render_config)
        write_index(store, card)
        missing = [index for index in range(card["shards"]) if not shard_is_done(store, index)]
        if not missing:
            return card
        pool, parcel = self.renderers, plan_parcel(plan)

        def ask(index: int) -> Any:
            return pool.next(self.config.stall_timeout_s).shard.remote(parcel, card, index, store.uri())

        found = count - sum(len(shard_numbers(index, count)) for index in missing)
        progress = ViewProgress(label, count, found, f"{pool.size} renderers")
        for index, views in in_order(missing, ask, EACH * pool.size, self.config.stall_timeout_s, "writing shard"):
            if not shard_is_done(store, index):
                raise errors.NotWritable(_NOT_SHARED.format(uri=store.uri()))
            progress.add(views)
        return card


def _commit(store: Store, block: range, parquet: bytes) -> int:
    write_block(store, block.start // BLOCK, parquet)
    return len(block)
