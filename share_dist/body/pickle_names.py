"""What a pickle may name: the few classes that hold numbers, kept as records that nobody can call."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import Any

from share_dist.errors import printable


@dataclass(frozen=True, slots=True)
class Name:
    """A class or function that a pickle names; only a name, it cannot be called."""

    module: str
    name: str

    def __str__(self) -> str:
        return printable(f"{self.module[:100]}.{self.name[:100]}")


@dataclass(slots=True, eq=False)
class Made:
    """What a pickle would have made: by which class or function, from which arguments, with which state."""

    by: Name
    args: tuple
    state: Any = None


_MULTIARRAY = {"_reconstruct", "scalar"}
_BUILTINS = {"set", "frozenset", "object", "bytes", "bytearray"}
ALLOWED = {
    "numpy": {"ndarray", "dtype", "matrix"},
    "numpy.core.multiarray": _MULTIARRAY,
    "numpy._core.multiarray": _MULTIARRAY,
    "numpy.core.numeric": {"_frombuffer"},
    "numpy._core.numeric": {"_frombuffer"},
    "numpy.core.defmatrix": {"matrix"},
    "numpy.matrixlib.defmatrix": {"matrix"},
    "_codecs": {"encode"},
    # Python 2 spells the first of each pair. A set is in the state of every chumpy array.
    "__builtin__": _BUILTINS,
    "builtins": _BUILTINS,
    "copy_reg": {"_reconstructor"},
    "copyreg": {"_reconstructor"},
    "collections": {"OrderedDict"},
}
SPARSE = {"csc_matrix", "csr_matrix", "coo_matrix", "csc_array", "csr_array", "coo_array"}
_MOST_ITEMS = 256
"""Of an ordered dictionary; official files hold about twenty. A file can name one list of items again and again."""

_MOST_KEY = 256
_SPARSE_MODULE = re.compile(r"scipy\.sparse(\._?(csc|csr|coo))?")
_CHUMPY_MODULE = re.compile(r"chumpy(\.(ch|ch_ops|ch_random|extras|linalg|logic|np_tensordot|reordering|utils))?")


def is_allowed(name: Name) -> bool:
    """Say whether a body file needs this."""
    if name.name in SPARSE:
        return _SPARSE_MODULE.fullmatch(name.module) is not None
    if name.module.startswith("chumpy"):
        return name.name.isidentifier() and _CHUMPY_MODULE.fullmatch(name.module) is not None
    return name.name in ALLOWED.get(name.module, ())


def record(by: Any, args: Any) -> Any:
    """Return what stands for a call: a dictionary for an ordered one, else a record.

    Raises:
        ValueError: what should be called is no name, or its arguments are no tuple.
    """
    if not (isinstance(by, Name) and isinstance(args, tuple)):
        raise ValueError(f"a call of {type(by).__name__} with {type(args).__name__}")
    if by.name == "_reconstructor":
        return Made(_reconstructed(args), ())
    if by.name == "OrderedDict":
        return _ordered(args[0] if args else [])
    return Made(by, args)


def _reconstructed(args: tuple) -> Name:
    """The class of Python 2's `_reconstructor(class, object, None)`, by which protocols 0 and 1 make any object."""
    match args:
        case (Name() as by, Name(name="object"), None):
            return by
    raise ValueError("_reconstructor with other arguments than a class, object and None")


def _ordered(pairs: Any) -> dict[str, Any]:
    found = list(islice(pairs, _MOST_ITEMS + 1))
    if len(found) > _MOST_ITEMS:
        raise ValueError(f"an ordered dictionary of over {_MOST_ITEMS} items")
    return dictionary([part for key, value in found for part in (key, value)])


def dictionary(items: list[Any], into: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the items of a dictionary, keys and values in turn; only those with a short string as key are kept.

    Nobody asks for the others, and to compare or hash whatever stands there could take for ever.
    """
    found: dict[str, Any] = {} if into is None else into
    for key, value in zip(items[::2], items[1::2], strict=True):
        match key:
            # Python 3's bytes in a protocol that has none.
            case Made(by=Name(name="encode"), args=(str() as text, *_)):
                key = text
        if isinstance(key, str | bytes) and len(key) <= _MOST_KEY:
            found[key if isinstance(key, str) else key.decode("latin1")] = value
    return found
