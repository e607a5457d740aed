"""Blocks of 256 consecutive view numbers: the unit in which surveys are computed, committed and resumed."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from share_dist import errors
from share_dist.storage import MANIFEST, Store, inside, once, verified

BLOCK = 256
"""Views in a block: a second or two of work on one core, so a lost one is cheap and its bookkeeping too."""

ROWS = "rows.parquet"

Rows = Mapping[str, np.ndarray]


def block_ranges(count: int) -> list[range]:
    """Cut the view numbers 0…count−1 into blocks; the last may be shorter."""
    if count < 1:
        raise errors.BadSetting(f"a survey of {count} views was asked for, but it needs at least 1.")
    return [range(start, min(start + BLOCK, count)) for start in range(0, count, BLOCK)]


def block_name(index: int) -> str:
    """Return the folder of a block within its survey."""
    return f"block-{index:05d}"


def done_blocks(store: Store) -> set[int]:
    """Return which blocks the survey's store holds, committed; one listing, however many there are."""
    ends = (key.partition("/") for key in store.list())
    return {
        int(name.removeprefix("block-")) for name, _, rest in ends if rest == MANIFEST and name.startswith("block-")
    }


def write_block(store: Store, index: int, parquet: bytes) -> None:
    """Commit a block; a block that is already there stays as it is."""
    once(
        store,
        block_name(index),
        make=lambda: parquet,
        save=lambda data, stage: stage.write_once(ROWS, data),
        load=lambda stage: stage.read(ROWS),
    )


def read_block(store: Store, index: int) -> dict[str, np.ndarray]:
    """Return the columns of a committed block.

    Raises:
        errors.DamagedFile: it was altered or truncated since, or was never finished.
    """
    stage = inside(store, block_name(index))
    try:
        return rows_from_parquet(verified(stage).read(ROWS), stage.uri(ROWS))
    except FileNotFoundError as error:
        raise errors.DamagedFile(
            f"the survey in {store.uri()} is not complete: {block_name(index)} is missing.\n"
            "  Run the command that made it again: it computes only what is missing."
        ) from error


def parquet_from_rows(rows: Rows) -> bytes:
    """Return columns as one Parquet file; the same rows give the same bytes."""
    table = pa.table({name: pa.array(values) for name, values in rows.items()})
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def rows_from_parquet(data: bytes, source: str) -> dict[str, np.ndarray]:
    """Return the columns of a Parquet file.

    Args:
        data: the file's bytes.
        source: its name, for the message.

    Raises:
        errors.DamagedFile: the bytes are no whole Parquet file, or it has no view numbers.
    """
    try:
        table = pq.read_table(io.BytesIO(data))
    except (pa.ArrowInvalid, pa.ArrowException, OSError) as error:
        raise errors.DamagedFile(
            f"{source} is not a whole Parquet file ({error}).\n"
            "  Delete its folder and run the command that made it again: only that block is computed anew."
        ) from error
    if "view_number" not in table.column_names:
        raise errors.DamagedFile(
            f"{source} is no block of a survey: its columns are {', '.join(table.column_names) or 'none'}, "
            "and view_number is missing.\n  Give a folder that `share-dist survey` wrote."
        )
    return {name: _array(table.column(name)) for name in table.column_names}


def _array(column: pa.ChunkedArray) -> np.ndarray:
    values = column.to_numpy()
    return values.astype(str) if values.dtype == object else np.array(values)
