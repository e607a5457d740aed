"""Blocks of 256 consecutive view numbers: the unit in which surveys are computed, committed and resumed."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from share_dist import errors
from share_dist.storage import MANIFEST, Store, inside, once, verified
from share_dist.survey.pages import require_small_pages

BLOCK = 256
"""Views in a block: a second or two of work on one core, so a lost one is cheap and its bookkeeping too."""

ROWS = "rows.parquet"

_MOST_COLUMNS = 512
_MOST_BYTES = 2 << 20
"""Of a block, unpacked; ours have about a twentieth."""

_MOST_TEXT_BYTES = 1 << 17

_TYPES = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_string, pa.types.is_large_string)

_FINISHED = re.compile(rf"block-([0-9]{{5,}})/{re.escape(MANIFEST)}")

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
    # A copy that somebody made of a folder is none of ours.
    found = (_FINISHED.fullmatch(key) for key in store.list())
    return {int(match[1]) for match in found if match}


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
        errors.DamagedFile: the bytes are no whole Parquet file, it has no view numbers, or more or other columns and
            rows than a block has, which is known before any is read.
    """
    try:
        file = pq.ParquetFile(
            io.BytesIO(data),
            thrift_string_size_limit=_MOST_BYTES,
            thrift_container_size_limit=_MOST_COLUMNS * BLOCK,
        )
        problem = _not_a_block(file)
        if not problem:
            require_small_pages(data, _MOST_BYTES, _MOST_TEXT_BYTES, BLOCK)
        table = None if problem else file.read(use_threads=False)
        if table is not None and any(column.null_count for column in table.columns):
            problem = "some values are missing"
        arrays = {} if table is None or problem else {name: _array(table.column(name)) for name in table.column_names}
    except (pa.ArrowException, OSError, ValueError, MemoryError, LookupError, TypeError) as error:
        raise errors.DamagedFile(
            f"{source} is not a whole Parquet file ({error}).\n"
            "  Delete its folder and run the command that made it again: only that block is computed anew."
        ) from error
    if table is None or problem:
        raise errors.DamagedFile(
            f"{source} is no block of a survey: {problem}.\n  Give a folder that `share-dist survey` wrote."
        )
    if "view_number" not in table.column_names:
        raise errors.DamagedFile(
            f"{source} is no block of a survey: its columns are {', '.join(table.column_names) or 'none'}, "
            "and view_number is missing.\n  Give a folder that `share-dist survey` wrote."
        )
    return arrays


def _not_a_block(file: pq.ParquetFile) -> str:
    """Say what in a file's footer is more or other than a block has; nothing when all is well."""
    footer, schema = file.metadata, file.schema_arrow
    if footer.num_rows > BLOCK:
        return f"it has {footer.num_rows:,} rows, and a block at most {BLOCK}"
    if footer.num_columns > _MOST_COLUMNS:
        return f"it has {footer.num_columns:,} columns, and a block at most {_MOST_COLUMNS}"
    unpacked = sum(footer.row_group(at).total_byte_size for at in range(footer.num_row_groups))
    if unpacked > _MOST_BYTES:
        return f"it unpacks to {unpacked:,} bytes, and a block to at most {_MOST_BYTES:,}"
    other = [f"{field.name} ({field.type})" for field in schema if not any(is_(field.type) for is_ in _TYPES)]
    if other:
        return f"columns hold neither numbers nor words: {', '.join(other)[:200]}"
    return ""


def _array(column: pa.ChunkedArray) -> np.ndarray:
    values = column.to_numpy()
    return values.astype(str) if values.dtype == object else np.array(values)
