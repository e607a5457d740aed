"""What a landscape reads of a survey: coordinates, heights, and which block each view belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int64

from share_dist.camera import CAMERA_COLUMNS, camera_columns
from share_dist.errors import DamagedFile
from share_dist.landscape.config import require_column
from share_dist.survey import BLOCK


def columns_of(cameras: Any) -> Mapping[str, Any]:
    """The columns, array-like each, of a survey, of a table that already is one, or of cameras."""
    if isinstance(cameras, Mapping):
        return cameras
    columns = getattr(cameras, "columns", None)
    if isinstance(columns, Mapping):
        return columns
    return dict(zip(CAMERA_COLUMNS, camera_columns(cameras).T, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A survey's rows in order of view number.

    Attributes:
        columns: the table, sorted.
        heights: what is fitted.
        blocks: block number of each row, rising.
    """

    columns: Mapping[str, np.ndarray]
    heights: Float[np.ndarray, " n"]
    blocks: Int64[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.heights)

    def ranges(self) -> Iterator[tuple[int, slice]]:
        """Every block's number and its rows."""
        numbers, starts = np.unique(self.blocks, return_index=True)
        ends = [*starts[1:], len(self.blocks)]
        for number, start, end in zip(numbers, starts, ends, strict=True):
            yield int(number), slice(int(start), int(end))

    def taken(self, mask: np.ndarray) -> Rows:
        """Some of the rows."""
        return Rows({k: np.asarray(v)[mask] for k, v in self.columns.items()}, self.heights[mask], self.blocks[mask])


def survey_rows(survey: Any, column: str, needed: Sequence[str] = ()) -> Rows:
    """Read a survey, or a table of columns (with view_number, or numbered as it stands).

    Args:
        survey: `Survey` or a mapping of columns.
        column: what is fitted, such as mpjpe_mm.
        needed: other columns that must hold finite numbers where they are present.

    Raises:
        BadSetting: the column is missing.
        DamagedFile: an error or a factor is not a finite number.
    """
    columns = columns_of(survey)
    require_column(columns, column, "The landscape")
    for name in (column, *(n for n in needed if n in columns)):
        bad = np.flatnonzero(~np.isfinite(np.asarray(columns[name], dtype=np.float64)))
        if len(bad):
            raise DamagedFile(
                f"The survey's column '{name}' is not a number in {len(bad)} of {len(columns[name])} rows, first in "
                f"row {bad[0]}.\n  Make the survey again: delete its folder and repeat the command."
            )
    count = len(np.asarray(columns[column]))
    numbers = np.asarray(columns.get("view_number", np.arange(count)), dtype=np.int64)
    order = np.argsort(numbers, kind="stable")
    in_order = {name: np.asarray(values)[order] for name, values in columns.items()}
    return Rows(in_order, np.asarray(in_order[column], dtype=np.float64), numbers[order] // BLOCK)
