"""Arrays out of what a pickle records: dtype, sizes and sparse structure are checked before an array is made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from share_dist.body.pickle_names import SPARSE, Made
from share_dist.errors import printable

MOST_NUMBERS = 1 << 23
"""Of one array. 300 shape directions of an SMPL body are 6.2 million numbers."""

NUMERIC = frozenset(kind + size for kind in "iu" for size in "1248") | {"f2", "f4", "f8", "b1"}
_DEEPEST = 8
_MOST_LISTED = 1 << 20


def plain_array(value: Any, depth: int = 0) -> np.ndarray:
    """Return the array of numbers that was pickled: by numpy, scipy.sparse or chumpy, or as lists.

    Args:
        value: from `read_pickle`, or an array.
        depth: how many arrays this one lies in.

    Raises:
        ValueError, TypeError: it is none, or what is said of it does not fit together.
    """
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, list | tuple | int | float):
        return _from_lists(value)
    if not isinstance(value, Made):
        raise TypeError(f"{_called(value)} in place of an array")
    if depth > _DEEPEST:
        raise ValueError(f"arrays inside arrays, more than {_DEEPEST} deep")
    if value.by.module.startswith("chumpy"):
        return _from_chumpy(value, depth)
    if value.by.name in SPARSE:
        return _from_sparse(value)
    return _from_numpy(value, depth)


def unwrapped(value: Any) -> Any:
    """Return what NumPy keeps as the one item of an array of objects, as it does with whatever is no array."""
    match value:
        case Made(by=by, state=(*_, Made() as dtype, _, [item])) if by.name == "_reconstruct" and _is_object(dtype):
            return item
    return value


def _called(value: Any) -> str:
    return {bytes: "text", bytearray: "text", str: "text", dict: "a dictionary"}.get(type(value), type(value).__name__)


def numeric_array(raw: bytes | bytearray, code: str, shape: Sequence[int], *, fortran: bool = False) -> np.ndarray:
    """Return bytes as an array, when type and shape are plain and say how many bytes these must be.

    Args:
        raw: the numbers.
        code: their type with its byte order, such as "<f8".
        shape: sizes of at most three axes.
        fortran: whether the first axis varies fastest.

    Raises:
        ValueError, TypeError: they do not fit, or the array is larger than any of a body.
    """
    count = require_size(code, shape)
    size = np.dtype(code).itemsize
    if count * size != len(raw):
        raise ValueError(f"{len(raw):,} bytes for shape {_shown(shape)} of {code}")
    array = np.frombuffer(raw, code) if count else np.zeros(0, code)
    return array.reshape(shape, order="F" if fortran else "C")


def require_size(code: str, shape: Sequence[int]) -> int:
    """Return how many numbers an array of this shape has, before anything is allocated.

    Raises:
        ValueError, TypeError: its type is not a plain number's, or it is larger than any of a body.
    """
    if code[:1] not in "<>|=" or code[1:] not in NUMERIC:
        raise TypeError(f"shape {_shown(shape)} of {printable(code[:8])}")
    if len(shape) > 3 or not all(type(side) is int and 0 <= side <= MOST_NUMBERS for side in shape):
        raise ValueError(f"shape {_shown(shape)}")
    if (count := math.prod(shape)) > MOST_NUMBERS:
        raise ValueError(f"shape {_shown(shape)}")
    return count


def _shown(shape: Sequence[Any]) -> str:
    # Never what else stands there: a pair of itself, again and again, is longer than any memory when written out.
    sides = [str(side)[:20] if type(side) is int else "?" for side in shape[:4]]
    return f"({', '.join(sides)}{', …' * (len(shape) > 4)})"


def _from_numpy(made: Made, depth: int) -> np.ndarray:
    match made.by.name, made.args, made.state:
        case "_reconstruct", _, (*_, tuple() as shape, Made() as dtype, fortran, data) if len(made.state) in (4, 5):
            if (item := unwrapped(made)) is not made:
                return plain_array(item, depth + 1)
            return numeric_array(_bytes(data), _code(dtype), shape, fortran=bool(fortran))
        case "_frombuffer", (data, Made() as dtype, tuple() as shape, order), None:
            return numeric_array(_bytes(data), _code(dtype), shape, fortran=order in ("F", b"F"))
        case "scalar", (Made() as dtype, data), None:
            return numeric_array(_bytes(data), _code(dtype), ())
    raise TypeError(f"{made.by} in place of an array")


def _code(dtype: Made) -> str:
    """The type of an array with its byte order, such as "<f8": from dtype("f8") and its state (3, "<", None, …)."""
    match dtype.by.name, dtype.args, dtype.state:
        case "dtype", (str() | bytes() as code, *_), (3, str() | bytes() as order, None, None, None, *_):
            return _string(order) + _string(code)
    raise TypeError("a dtype that is not a plain number's")


def _is_object(dtype: Made) -> bool:
    return _code(dtype)[1:] == "O8"


def _string(value: str | bytes) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else value


def _bytes(data: Any) -> bytes | bytearray:
    """The bytes of an array: as they are, or in one of the ways in which older protocols spell them."""
    match data:
        case bytes() | bytearray():
            return data
        case str() if len(data) <= 8 * MOST_NUMBERS:
            return data.encode("latin1")
        case Made(by=by, args=(str() as text, "latin1" | "latin-1" | b"latin-1" | b"latin1")) if by.name in (
            "encode",
            "bytearray",
        ):
            return _bytes(text)
        case Made(by=by, args=(bytes() | bytearray() as raw,)) if by.name in ("bytes", "bytearray"):
            return raw
        case Made(by=by, args=()) if by.name in ("bytes", "bytearray"):
            return b""
    raise TypeError(f"{_called(data)} in place of an array's bytes")


def _from_lists(value: Any) -> np.ndarray:
    shape, level = [], value
    while isinstance(level, list | tuple):
        shape.append(len(level))
        level = level[0] if level else None
        if math.prod(shape) > _MOST_LISTED or len(shape) > 3:
            raise ValueError(f"lists of shape {_shown(shape)}")
    flat = [value]
    for side in shape:
        if not all(isinstance(row, list | tuple) and len(row) == side for row in flat):
            raise ValueError("lists of different lengths")
        flat = list(chain.from_iterable(flat))
    if not all(type(number) in (int, float) for number in flat):
        raise TypeError("lists of other things than numbers")
    return np.array(flat).reshape(shape)


def _from_sparse(made: Made) -> np.ndarray:
    state = made.state if isinstance(made.state, dict) else {}
    shape = state.get("_shape", state.get("shape"))
    if not (isinstance(shape, tuple) and len(shape) == 2):
        raise ValueError("a sparse matrix without rows and columns")
    require_size("<f8", shape)
    data = _leaf(state.get("data")).ravel()
    if made.by.name.startswith("coo"):
        rows, columns = state["coords"] if "coords" in state else (state.get("row"), state.get("col"))
    else:
        major = made.by.name.startswith("csc")
        ends, places = state.get("indptr"), state.get("indices")
        rows, columns = (places, _majors(ends, shape[1])) if major else (_majors(ends, shape[0]), places)
    rows, columns = _indices(rows, shape[0]), _indices(columns, shape[1])
    if not data.size == rows.size == columns.size:
        raise ValueError(f"a sparse matrix of {data.size} numbers at {rows.size} rows and {columns.size} columns")
    dense = np.zeros(shape, data.dtype)
    np.add.at(dense, (rows, columns), data)
    return dense


def _majors(ends: Any, count: int) -> np.ndarray:
    """The row or column of each number, from where in the list of numbers each row or column begins and ends."""
    ends = _indices(ends, MOST_NUMBERS + 1)
    if ends.size != count + 1 or ends[0] != 0 or (np.diff(ends) < 0).any():
        raise ValueError(f"a sparse matrix whose indptr does not rise from 0 over {count} rows or columns")
    return np.repeat(np.arange(count), np.diff(ends))


def _leaf(value: Any) -> np.ndarray:
    """An array that lies in no other: were an index an expression too, each level could double the work."""
    return _from_numpy(value, _DEEPEST) if isinstance(value, Made) else plain_array(value)


def _indices(value: Any, size: int) -> np.ndarray:
    """Whole numbers from 0 to below `size`."""
    found = _leaf(value)
    if found.dtype.kind not in "iu" or (found.size and (found.min() < 0 or found.max() >= size)):
        raise ValueError(f"indices that are not whole numbers from 0 to {size - 1}")
    return found.astype(np.int64, copy=False).ravel()


def _from_chumpy(made: Made, depth: int) -> np.ndarray:
    match made.by.name, made.state:
        case "Ch", {"x": value}:
            return plain_array(value, depth + 1)
        case "Select", {"a": value, "idxs": places, **rest}:
            whole = plain_array(value, depth + 1).ravel()
            picked = whole[_indices(places, whole.size)]
            return _reshaped(picked, rest["preferred_shape"]) if "preferred_shape" in rest else picked
        case "Reshape", {"a": value, "newshape": shape}:
            return _reshaped(plain_array(value, depth + 1), shape)
        case "transpose", {"a": value, **rest}:
            array = plain_array(value, depth + 1)
            axes = rest.get("axes")
            return array.transpose(None if axes is None else _sides(axes))
    raise TypeError(f"the chumpy expression {made.by}, which is neither a plain array nor a part of one")


def _reshaped(array: np.ndarray, shape: Any) -> np.ndarray:
    sides = _sides(shape)
    if len(sides) > 3:
        raise ValueError(f"shape {_shown(sides)}")
    return array.reshape(sides)


def _sides(value: Any) -> list[int]:
    return [int(side) for side in _leaf(value).ravel()[:8]]
