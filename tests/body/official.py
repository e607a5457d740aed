"""Files as the SMPL site gives them: pickles in Python 2's own bytes, with chumpy 0.70's class paths and states."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse


@dataclass
class Instance:
    """An object of a new-style class of Python 2, with what its `__getstate__` gives."""

    module: str
    name: str
    state: dict[str, Any]


@dataclass
class Py2Set:
    """A set, which Python 2 pickles as a call of `__builtin__.set` with a list."""

    items: list[str]


def ch(values: np.ndarray) -> Instance:
    """A plain chumpy array: all that stays in its `__dict__` when the weak dictionaries are left out."""
    return Instance("chumpy.ch", "Ch", {"x": np.asarray(values, np.float64), **_node("x")})


def select(values: np.ndarray, count: int) -> Instance:
    """The first `count` of the last axis of a chumpy array, as indexing it gives."""
    idxs = np.arange(values.size).reshape(values.shape)[..., :count].ravel()
    shape = (*values.shape[:-1], count)
    return Instance(
        "chumpy.reordering",
        "Select",
        {"a": ch(values), "idxs": idxs, "preferred_shape": shape, **_node("a", "idxs", "preferred_shape")},
    )


def _node(*names: str) -> dict[str, Any]:
    cached = {"deps": Py2Set([*names]), "value": None, "out_of_date": True}
    return {
        "_dirty_vars": Py2Set([*names]),
        "_itr": None,
        "_make_dense": False,
        "_make_sparse": False,
        "_depends_on_deps": {"terms_to_check": cached},
    }


def python2_pickle(value: Any, protocol: int) -> bytes:
    """What cPickle of Python 2.7 wrote with protocol 0 or 2: str is bytes, and classes have their old paths."""
    return _Writer(protocol).write(value)


class _Writer:
    def __init__(self, protocol: int) -> None:
        self.binary = protocol == 2
        self.parts: list[bytes] = [b"\x80\x02"] if self.binary else []
        self.memo = 0

    def write(self, value: Any) -> bytes:
        self.put(value)
        return b"".join([*self.parts, b"."])

    def emit(self, *parts: bytes, remembered: bool = True) -> None:
        self.parts += parts
        if remembered:
            number = self.memo
            self.memo += 1
            binary = b"q" + bytes([number]) if number < 256 else b"r" + struct.pack("<I", number)
            self.parts.append(binary if self.binary else b"p%d\n" % number)

    def put(self, value: Any) -> None:
        match value:
            case None:
                self.emit(b"N", remembered=False)
            case bool():
                self.emit((b"\x89", b"\x88")[value] if self.binary else b"I0%d\n" % value, remembered=False)
            case int():
                self.number(value)
            case str() | bytes():
                self.string(value.encode() if isinstance(value, str) else value)
            case tuple():
                self.tuple(value)
            case list():
                self.emit(b"]" if self.binary else b"(l")
                for item in value:
                    self.put(item)
                    self.emit(b"a", remembered=False)
            case dict():
                self.emit(b"}" if self.binary else b"(d")
                for key, item in value.items():
                    self.put(key)
                    self.put(item)
                    self.emit(b"s", remembered=False)
            case np.matrix():
                self.array(value, "numpy.matrixlib.defmatrix", "matrix")
            case np.ndarray():
                self.array(value, "numpy", "ndarray")
            case Py2Set():
                self.call("__builtin__", "set", (value.items,))
            case Instance():
                self.instance(value.module, value.name, value.state)
            case _:
                self.sparse(value)

    def number(self, value: int) -> None:
        if not self.binary:
            self.emit(b"I%d\n" % value, remembered=False)
        elif 0 <= value < 256:
            self.emit(b"K", bytes([value]), remembered=False)
        elif 0 <= value < 65536:
            self.emit(b"M", struct.pack("<H", value), remembered=False)
        else:
            self.emit(b"J", struct.pack("<i", value), remembered=False)

    def string(self, value: bytes) -> None:
        if not self.binary:
            self.emit(b"S", repr(value)[1:].encode(), b"\n")
        elif len(value) < 256:
            self.emit(b"U", bytes([len(value)]), value)
        else:
            self.emit(b"T", struct.pack("<i", len(value)), value)

    def tuple(self, value: tuple) -> None:
        if self.binary and 1 <= len(value) <= 3:
            for item in value:
                self.put(item)
            self.emit(b"\x84\x85\x86\x87"[len(value) : len(value) + 1])
        else:
            self.emit(b"(", remembered=False)
            for item in value:
                self.put(item)
            self.emit(b"t")

    def name(self, module: str, name: str) -> None:
        self.emit(f"c{module}\n{name}\n".encode())

    def call(self, module: str, name: str, args: tuple) -> None:
        self.name(module, name)
        self.put(args)
        self.emit(b"R")

    def instance(self, module: str, name: str, state: dict[str, Any]) -> None:
        if self.binary:
            self.name(module, name)
            self.emit(b")\x81")
        else:
            self.name("copy_reg", "_reconstructor")
            self.emit(b"(", remembered=False)
            self.name(module, name)
            self.name("__builtin__", "object")
            self.emit(b"Nt", remembered=True)
            self.emit(b"R")
        self.put(state)
        self.emit(b"b", remembered=False)

    def array(self, value: np.ndarray, module: str, name: str) -> None:
        self.name("numpy.core.multiarray", "_reconstruct")
        self.emit(b"(", remembered=False)
        self.name(module, name)
        self.put((0,))
        self.put("b")
        self.emit(b"t")
        self.emit(b"R")
        self.emit(b"(", remembered=False)
        self.put(1)
        self.put(value.shape)
        self.dtype(value.dtype)
        fortran = value.flags.f_contiguous and not value.flags.c_contiguous
        self.put(fortran)
        self.put(value.tobytes("A" if fortran else "C"))
        self.emit(b"t")
        self.emit(b"b", remembered=False)

    def dtype(self, dtype: np.dtype) -> None:
        self.call("numpy", "dtype", (dtype.str[1:], 0, 1))
        self.put((3, dtype.str[0], None, None, None, -1, -1, 0))
        self.emit(b"b", remembered=False)

    def sparse(self, value: Any) -> None:
        kind = value.format
        state: dict[str, Any] = {"_shape": tuple(map(int, value.shape)), "maxprint": 50, "format": kind}
        if kind == "coo":
            state |= {"row": value.row, "col": value.col, "data": value.data}
        else:
            state |= {"indptr": value.indptr, "indices": value.indices, "data": value.data, "_has_sorted_indices": True}
        self.instance(f"scipy.sparse.{kind}", f"{kind}_matrix", state)


def official_content(arrays: dict[str, np.ndarray], betas: int) -> dict[str, Any]:
    """All that an official file holds beside the seven arrays too, some of it an expression that nobody evaluates."""
    rng = np.random.default_rng(0)
    more = rng.normal(size=(6890, 3, max(0, betas - 10)))
    shapedirs = np.concatenate([arrays["shapedirs"].astype(np.float64), more], 2)
    regressor = scipy.sparse.csc_matrix(arrays["J_regressor"].astype(np.float64))
    parents = np.where(arrays["kintree_table"] < 0, 4294967295, arrays["kintree_table"]).astype(np.uint32)
    return {
        "J_regressor_prior": regressor,
        "f": arrays["f"].astype(np.uint32),
        "J_regressor": regressor,
        "kintree_table": parents,
        "J": Instance("chumpy.ch", "MatVecMult", {"mtx": regressor, "vec": ch(arrays["v_template"].ravel())}),
        "weights_prior": arrays["weights"].astype(np.float64),
        "weights": ch(arrays["weights"]),
        "vert_sym_idxs": np.arange(6890),
        "posedirs": ch(arrays["posedirs"]),
        "pose_training_info": {"files": ["a.pkl", "b.pkl"], "count": 2},
        "bs_style": "lbs",
        "v_template": ch(arrays["v_template"]),
        "shapedirs": select(shapedirs, betas),
        "bs_type": "lrotmin",
    }
