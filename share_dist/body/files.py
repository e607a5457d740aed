"""SMPL files on disk: read in every form that people have them in, and every array checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int32

from share_dist.body.npz import MAGIC, Bounded, NpzArrays, read_npy
from share_dist.body.recorded import plain_array, unwrapped
from share_dist.errors import DamagedFile, ShareDistError, printable

MOST_BYTES = 512 << 20
"""Official files with 300 shape directions as escaped text have 0.25 GB; as a selection with its indices, 0.47 GB."""

ARRAY_SHAPES: dict[str, tuple[int, ...]] = {
    "v_template": (6890, 3),
    "f": (13776, 3),
    "shapedirs": (6890, 3, 10),
    "posedirs": (6890, 3, 207),
    "J_regressor": (24, 6890),
    "weights": (6890, 24),
    "kintree_table": (2, 24),
}


LARGEST = {"v_template": 10.0, "shapedirs": 10.0, "posedirs": 100.0, "J_regressor": 10.0, "weights": 1.05}
"""The largest size of a number in each array of floats, far above any body's: metres, and shares of one."""


OTHER_MODELS = {
    (10475, 55): "SMPL-X",
    (10475, 75): "SUPR",
    (6890, 52): "SMPL-H",
    (778, 16): "MANO",
    (5023, 5): "FLAME",
}
"""Models in SMPL's layout with other meshes or joints, by how many of both they have."""

_STAR_POSE_DIRECTIONS = 93


@dataclass(frozen=True, eq=False)
class BodyArrays:
    """The seven arrays of a body, checked; the order of the fields is the order of hashing."""

    v_template: Float32[np.ndarray, "6890 3"]
    faces: Int32[np.ndarray, "13776 3"]
    shapedirs: Float32[np.ndarray, "6890 3 10"]
    posedirs: Float32[np.ndarray, "6890 3 207"]
    joint_regressor: Float32[np.ndarray, "24 6890"]
    weights: Float32[np.ndarray, "6890 24"]
    parents: Int32[np.ndarray, "24"]


def _opened(path: Path) -> RawIOBase:
    # Imported here and below: a process that needs only the built-in figure would pay for what it does not use.
    from share_dist.storage import open_given

    return open_given(path, MOST_BYTES).detach()


def read_body_arrays(path: Path, opened: Callable[[Path], RawIOBase] = _opened) -> BodyArrays:
    """Read and check one body file: a pickle of any age, an .npz or an .npy, whatever its name.

    Args:
        path: the file.
        opened: opens it; the default refuses pipes and files that are too large.

    Raises:
        UnsafePickle: it names a class outside numpy, scipy.sparse and chumpy.
        DamagedFile: unreadable, something else than a body, or an array is missing, misshapen or out of range.
    """
    try:
        with Bounded(opened(path)) as file:
            return _checked_arrays(_content(file, path), path)
    except ShareDistError:
        raise
    except Exception as error:
        # Damaged bytes can raise almost anything; the user's remedy is always the same.
        raise DamagedFile(
            f"{path} cannot be read as a body file ({type(error).__name__}: {error}).\n"
            "  Copy or download the file again, and compare its size with the original's."
        ) from error


def _content(file: Bounded, path: Path) -> Mapping[str, Any]:
    start = file.peek(len(MAGIC))
    if start.startswith(b"PK\x03\x04") and (found := NpzArrays(file, ARRAY_SHAPES, path, MOST_BYTES)):
        return found
    content = unwrapped(read_npy(file, path) if start.startswith(MAGIC) else _pickled(file, path))
    if not isinstance(content, dict):
        raise TypeError("it holds no dictionary of arrays")
    return content


def _pickled(file: Bounded, path: Path) -> Any:
    from share_dist.body.pickles import read_pickle
    from share_dist.storage import HEAD_BYTES, other_kind

    file.seek(0)
    if (kind := other_kind(file.peek(HEAD_BYTES)[:HEAD_BYTES])) is not None:
        raise DamagedFile(
            f"{path} is {kind}.\n"
            "  It holds none of the arrays of a body. Name an SMPL file, .pkl or .npz, or the folder where it lies."
        )
    return read_pickle(file, path)


def _checked_arrays(raw: Mapping[str, Any], path: Path) -> BodyArrays:
    floats = {name: _in_range(_array(raw, name, path), name, path) for name in LARGEST}
    _require_sums(floats["weights"], "weights", 0.95, 1.05, path)
    _require_sums(floats["J_regressor"], "J_regressor", 0.5, 1.5, path)
    height_m = np.ptp(floats["v_template"][:, 1])
    if height_m < 0.1:
        raise _damaged(path, "v_template", f"a body {height_m:g} m high", "metres")
    parents = _whole(_array(raw, "kintree_table", path)[0], "kintree_table", path)
    if (parents[1:] < 0).any() or (parents[1:] >= np.arange(1, 24)).any():
        raise _damaged(path, "kintree_table", f"parents {parents.tolist()}", "each joint after its parent")
    faces = _whole(_array(raw, "f", path), "f", path)
    if faces.min() < 0 or faces.max() >= 6890:
        raise _damaged(path, "f", f"vertex numbers {faces.min()} to {faces.max()}", "0 to 6889")
    parents[0] = -1
    return BodyArrays(
        v_template=floats["v_template"],
        faces=np.ascontiguousarray(faces, np.int32),
        shapedirs=floats["shapedirs"],
        posedirs=floats["posedirs"],
        joint_regressor=floats["J_regressor"],
        weights=floats["weights"],
        parents=parents.astype(np.int32),
    )


def _array(raw: Mapping[str, Any], name: str, path: Path) -> np.ndarray:
    shape = ARRAY_SHAPES[name]
    if name not in raw:
        there = sorted(printable(key[:40]) for key in raw)
        raise _damaged(path, name, f"only {', '.join(there[:20]) or 'nothing'}", f"an array {shape}", _other(raw))
    try:
        array = plain_array(raw[name])
    except (TypeError, ValueError, LookupError, OverflowError) as error:
        raise _damaged(path, name, str(error), f"an array {shape}", _other(raw)) from error
    if name == "shapedirs" and array.ndim == 3 and array.shape[2] > 10:
        array = array[:, :, :10]  # newer files carry up to 300 shape directions; HMR models estimate ten
    if array.shape != shape or array.dtype.kind not in "fiu":
        found = f"shape {array.shape} of {array.dtype}"
        raise _damaged(path, name, found, f"shape {shape} of numbers", _other(raw))
    return array


def _other(raw: Mapping[str, Any]) -> str:
    """Name the model that a file holds instead of SMPL; nothing where that is not known."""
    with suppress(Exception):
        size = (len(plain_array(raw["v_template"])), plain_array(raw["kintree_table"]).shape[1])
        if size == (6890, 24):
            return "STAR" if plain_array(raw["posedirs"]).shape[2] == _STAR_POSE_DIRECTIONS else ""
        return OTHER_MODELS.get(size, "")
    return ""


def _in_range(array: np.ndarray, name: str, path: Path) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        single = np.array(array, np.float32, order="C")
    most = LARGEST[name]
    # Minimum and maximum are NaN when any number is, and then neither comparison holds.
    if not (single.min() >= -most and single.max() <= most):
        strange = int((~np.isfinite(array)).sum())
        numbers = f"numbers from {array.min():g} to {array.max():g}"
        found = f"{strange} values that are NaN or infinite" if strange else numbers
        raise _damaged(path, name, found, f"numbers from -{most:g} to {most:g}")
    return single


def _require_sums(array: np.ndarray, name: str, least: float, most: float, path: Path) -> None:
    sums = array.sum(1)
    if not (sums.min() >= least and sums.max() <= most):
        raise _damaged(
            path,
            name,
            f"rows that add up to {sums.min():g} to {sums.max():g}",
            f"rows that add up to 1 (or {least:g} to {most:g})",
        )


def _whole(array: np.ndarray, name: str, path: Path) -> np.ndarray:
    """The numbers of an array as int64, which only the root's parent may be too large for."""
    if array.dtype.kind == "f" and not ((abs(array) <= 2**32) & (array == np.floor(array))).all():
        raise _damaged(path, name, "numbers that are not whole", "whole numbers")
    return array.astype(np.int64)


def _damaged(path: Path, name: str, found: str, wanted: str, other: str = "") -> DamagedFile:
    remedy = "Copy or download the file again; SMPL-H, SMPL-X and STAR files have other shapes and do not fit."
    if other:
        remedy = f"By its vertices and joints this is a model of {other}, which does not fit: name a file of SMPL."
    return DamagedFile(
        f"array '{name}' in {path} is not that of an SMPL body.\n  Found:  {found}\n  Wanted: {wanted}\n  {remedy}"
    )
