"""The table: columns, what they were measured with, and their home in Parquet."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from share_dist import errors
from share_dist.camera import CAMERA_TABLE_COLUMNS, FARTHEST_M
from share_dist.storage import Store, read_sealed, sealed, together
from share_dist.survey.blocks import BLOCK, block_name, block_ranges, parquet_from_rows, read_block, write_block
from share_dist.survey.config import MOST_VIEWS, SurveyConfig
from share_dist.survey.rows import ERROR_COLUMNS

if TYPE_CHECKING:
    from share_dist.render import RenderConfig
    from share_dist.scene import ViewPlan

META = "meta.json"
FORMAT = "survey-v1"


@dataclass(frozen=True, slots=True)
class Survey:
    """Errors of one model on the views 0…count−1 of one plan.

    Attributes:
        columns: arrays of one entry a view, in the order of view numbers; camera's `CAMERA_TABLE_COLUMNS` and
            `ERROR_COLUMNS`, besides view_number, split, family and the scene's.
        meta: what was measured with what: plan (JSON) and plan_hash, model_hash, body_hash, protocol, render, count.
    """

    columns: dict[str, np.ndarray]
    meta: dict[str, Any]

    def __len__(self) -> int:
        return len(self.columns["view_number"])

    def __getitem__(self, name: str) -> np.ndarray:
        """Return a column by name."""
        if name not in self.columns:
            raise KeyError(f"a survey has no column '{name}'{errors.nearest_name(name, self.columns)}")
        return self.columns[name]

    @property
    def blocks(self) -> int:
        """The number of blocks of 256 views, the last perhaps shorter."""
        return -(-len(self) // BLOCK)

    def block(self, index: int) -> Survey:
        """Return the rows of one block."""
        return self.take(slice(index * BLOCK, (index + 1) * BLOCK))

    def take(self, rows: slice | np.ndarray) -> Survey:
        """Return some rows, by slice, mask or positions."""
        return Survey({name: values[rows] for name, values in self.columns.items()}, self.meta)

    def save(self, store: Store) -> None:
        """Write the survey into a store of its own, one Parquet file a block; blocks already there stay."""
        open_survey(store, self.meta)
        for index in range(self.blocks):
            write_block(store, index, parquet_from_rows(self.block(index).columns))

    @staticmethod
    def load(store: Store) -> Survey:
        """Read a survey and check it.

        Raises:
            errors.DamagedFile: a block is missing, truncated or altered, rows are not the views they should be, or an
                error or a camera of one is no number.
        """
        meta = read_meta(store)
        ranges = block_ranges(meta["count"])
        parts = together(lambda index: read_block(store, index), range(len(ranges)))
        if other := [index for index, part in enumerate(parts) if part.keys() != parts[0].keys()]:
            raise errors.DamagedFile(
                f"{store.uri(block_name(other[0]))} has other columns than the survey's first block.\n"
                "  Delete that folder and run the command that made it again."
            )
        survey = Survey({name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, meta)
        if not np.array_equal(survey["view_number"], np.arange(meta["count"])):
            raise errors.DamagedFile(
                f"the survey in {store.uri()} does not hold the views 0 to {meta['count'] - 1} once each, in order.\n"
                "  Delete that folder and run the command that made it again."
            )
        _require_numbers(survey, store)
        return survey


def _require_numbers(survey: Survey, store: Store) -> None:
    """Refuse errors that are none and cameras that stand nowhere, of which no mean or landscape can be made."""
    limits = {name: (-360.0, 360.0) for name in CAMERA_TABLE_COLUMNS if name.endswith("_deg")}
    limits |= {"elevation_deg": (-90.0, 90.0), "distance_m": (1e-3, FARTHEST_M)}
    limits |= dict.fromkeys((*CAMERA_TABLE_COLUMNS, *ERROR_COLUMNS) - limits.keys(), (-math.inf, math.inf))
    for name in limits.keys() & survey.columns.keys():
        low, high = limits[name]
        values = survey[name].astype(np.float64) if survey[name].dtype.kind in "fiub" else np.full(len(survey), np.nan)
        # Degrees that were radians may round to a hair beyond.
        bad = np.flatnonzero(~(np.isfinite(values) & (values >= low - 1e-6) & (values <= high + 1e-6)))
        if len(bad):
            raise errors.DamagedFile(
                f"the survey in {store.uri()} holds {name} {survey[name][bad[0]]} for view {bad[0]}, and "
                f"{len(bad)} of {len(survey)} such numbers in all; wanted are finite ones"
                f"{f' from {low:g} to {high:g}' if math.isfinite(low) else ''}.\n"
                "  Delete that folder and run the command that made it again."
            )


def survey_meta(
    plan: ViewPlan,
    count: int,
    model_hash: str,
    body_hash: str,
    render: RenderConfig,
    config: SurveyConfig | None = None,
) -> dict[str, Any]:
    """Return what a survey is stored with: enough to make it again, and to refuse mixing it with another."""
    config = config or SurveyConfig()
    meta = {
        "format": FORMAT,
        "count": int(count),
        "plan": plan.to_json(),
        "plan_hash": plan.hash,
        "model_hash": model_hash,
        "body_hash": body_hash,
        "protocol": "smpl24-pelvis",
        "render": dataclasses.asdict(render),
        "batch_size": config.batch_size,
        "precision": config.precision,
    }
    return json.loads(json.dumps(meta, default=str))


def open_survey(store: Store, meta: dict[str, Any]) -> None:
    """Write what is to be measured before any of it is; refuse a store that holds another survey.

    Raises:
        errors.OtherRun: the store holds a survey of another model, plan or count.
    """
    if not store.exists(META):
        store.write_once(META, sealed(dict(sorted(meta.items())), indent=None))
        return
    found = read_meta(store)
    other = [name for name in sorted({*found, *meta}) if found.get(name) != meta.get(name)]
    if other:
        raise errors.OtherRun(
            f"{store.uri()} holds a survey that differs in {', '.join(other)}"
            f" (there: {', '.join(str(found.get(name))[:40] for name in other)};"
            f" now: {', '.join(str(meta.get(name))[:40] for name in other)}).\n"
            "  Choose another --out, or delete that folder."
        )


def read_meta(store: Store) -> dict[str, Any]:
    """Return what the survey in a store was measured with.

    Raises:
        errors.DamagedFile: there is no survey, or its meta.json is not whole.
    """
    try:
        meta = read_sealed(store, META)
        count = meta["count"]
        if meta["format"] == FORMAT and type(count) is int and 0 < count <= MOST_VIEWS:
            return meta
        problem = f"its format is {meta['format']} with a count of {count}; wanted are {FORMAT} and 1 to {MOST_VIEWS:,}"
    except FileNotFoundError:
        problem = "it is not there"
    except errors.DamagedFile as error:
        problem = str(error).partition("\n")[0].removeprefix(f"{store.uri(META)} ").removesuffix(".")
    except (KeyError, TypeError) as error:
        problem = f"it is not whole ({error})"
    raise errors.DamagedFile(
        f"{store.uri(META)} cannot be used: {problem}.\n"
        "  Give the folder of a survey, or delete this one and run the command that made it again."
    )
