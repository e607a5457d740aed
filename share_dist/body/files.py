"""SMPL files on disk: their known names, a pickle reader that runs no stranger's code, and checks of every array."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Float32, Int32

from share_dist.errors import BodyFilesMissing, DamagedFile, UnsafePickle

KNOWN_NAMES = {
    "neutral": (
        "SMPL_NEUTRAL.npz",
        "SMPL_NEUTRAL.pkl",
        "basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl",
        "basicModel_neutral_lbs_10_207_0_v1.0.0.pkl",
    ),
    "male": (
        "SMPL_MALE.npz",
        "SMPL_MALE.pkl",
        "basicmodel_m_lbs_10_207_0_v1.1.0.pkl",
        "basicmodel_m_lbs_10_207_0_v1.0.0.pkl",
        "basicModel_m_lbs_10_207_0_v1.0.0.pkl",
    ),
    "female": (
        "SMPL_FEMALE.npz",
        "SMPL_FEMALE.pkl",
        "basicmodel_f_lbs_10_207_0_v1.1.0.pkl",
        "basicmodel_f_lbs_10_207_0_v1.0.0.pkl",
        "basicModel_f_lbs_10_207_0_v1.0.0.pkl",
    ),
}
REGISTER_AT = {
    "neutral": "smplify.is.tue.mpg.de",
    "male": "smpl.is.tue.mpg.de",
    "female": "smpl.is.tue.mpg.de",
}
ARRAY_SHAPES: dict[str, tuple[int, ...]] = {
    "v_template": (6890, 3),
    "f": (13776, 3),
    "shapedirs": (6890, 3, 10),
    "posedirs": (6890, 3, 207),
    "J_regressor": (24, 6890),
    "weights": (6890, 24),
    "kintree_table": (2, 24),
}


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


def find_body_file(folder: Path, gender: str) -> Path:
    """Return the first file with a known name for this gender, also one folder down in `smpl/`.

    Raises:
        BodyFilesMissing: there is none, or the folder cannot be read; says what was looked for and found.
    """
    places = [folder, folder / "smpl"]
    for place in places:
        for name in KNOWN_NAMES[gender]:
            if (place / name).is_file() and os.access(place / name, os.R_OK):
                return place / name
    try:
        found = ", ".join(sorted(entry.name for entry in folder.iterdir())[:12]) or "nothing, the folder is empty"
    except OSError as error:
        found = f"nothing, the folder cannot be read ({error.strerror})"
    raise BodyFilesMissing(
        f"no readable SMPL model for gender '{gender}' in {folder}.\n"
        f"  Looked for: {', '.join(KNOWN_NAMES[gender])}\n"
        f"  Found:      {found}\n"
        f"  SMPL may not be redistributed: register at {REGISTER_AT[gender]} and set body.folder,\n"
        "  or leave body.folder out to try everything on the built-in figure without a licence."
    )


def read_body_arrays(path: Path) -> BodyArrays:
    """Read and check one body file, .npz or .pkl.

    Raises:
        UnsafePickle: the pickle names a class outside numpy, scipy.sparse and chumpy.
        DamagedFile: unreadable, or an array is missing, misshapen or not finite.
    """
    try:
        raw = _read_npz(path) if path.suffix == ".npz" else _read_pickle(path)
    except UnsafePickle:
        raise
    except Exception as error:
        # Unpickling and unzipping damaged bytes can raise almost anything; the user's remedy is always the same.
        raise DamagedFile(
            f"{path} cannot be read as a body file ({type(error).__name__}: {error}).\n"
            "  Copy or download the file again, and compare its size with the original's."
        ) from error
    return _checked_arrays(raw, path)


def _read_npz(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as content:
        return {name: content[name] for name in content.files if name in ARRAY_SHAPES}


def _read_pickle(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        content = _SafeUnpickler(file, path).load()
    if not isinstance(content, dict):
        raise TypeError(f"holds a {type(content).__name__}, not a dictionary of arrays")
    return content


class _ChumpyStandIn:
    """Takes the place of every chumpy class: official SMPL pickles hold some, and chumpy no longer installs."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Accept and ignore what the pickle passes; its state follows."""

    def __setstate__(self, state: Any) -> None:
        self.__dict__.update(state if isinstance(state, dict) else {})

    def array(self) -> np.ndarray:
        """The value: `x` of a plain Ch, or the picked elements of a `chumpy.reordering.Select`."""
        state = self.__dict__
        if "x" in state:
            return _plain_array(state["x"])
        if "a" in state and "idxs" in state:
            picked = _plain_array(state["a"]).ravel()[np.asarray(state["idxs"], np.int64)]
            return picked.reshape(state["preferred_shape"]) if "preferred_shape" in state else picked
        raise TypeError("a chumpy expression that is neither a plain array nor a selection")


class _SafeUnpickler(pickle.Unpickler):
    """Loads arrays, sparse matrices and chumpy's stand-ins, and refuses every other class by name."""

    ALLOWED = {
        "numpy": {"ndarray", "dtype"},
        "numpy.core.multiarray": {"_reconstruct", "scalar"},
        "numpy._core.multiarray": {"_reconstruct", "scalar"},
        "numpy.core.numeric": {"_frombuffer"},
        "numpy._core.numeric": {"_frombuffer"},
        "_codecs": {"encode"},
    }
    SPARSE = {"csc_matrix", "csr_matrix", "coo_matrix", "csc_array", "csr_array", "coo_array"}

    def __init__(self, file: BinaryIO, path: Path) -> None:
        # Python 2 wrote the official files; latin1 keeps their array bytes as they are.
        super().__init__(file, encoding="latin1")
        self.path = path

    def find_class(self, module: str, name: str) -> Any:
        """Resolve a class of the few that hold numbers, or refuse."""
        if module.split(".")[0] == "chumpy":
            return _ChumpyStandIn
        if module.startswith("scipy.sparse") and name in self.SPARSE:
            import scipy.sparse  # only official files need it, and it takes a fifth of a second

            return getattr(scipy.sparse, name)
        if name in self.ALLOWED.get(module, ()):
            return super().find_class(module, name)
        raise UnsafePickle(
            f"{self.path} asks for {module}.{name}, which is not a class that a body file needs.\n"
            "  Allowed: numpy arrays, scipy.sparse matrices, chumpy arrays. Loading others can run hidden code.\n"
            "  Get the file from the SMPL site again, or save its arrays as .npz with numpy.savez."
        )


def _plain_array(value: Any) -> np.ndarray:
    if isinstance(value, _ChumpyStandIn):
        return value.array()
    return value.toarray() if hasattr(value, "toarray") else np.asarray(value)


def _checked_arrays(raw: Mapping[str, Any], path: Path) -> BodyArrays:
    arrays = {name: _checked_array(raw, name, shape, path) for name, shape in ARRAY_SHAPES.items()}
    parents = arrays["kintree_table"][0].astype(np.int64).astype(np.int32)
    parents[0] = -1
    faces = arrays["f"].astype(np.int32)
    if (parents[1:] < 0).any() or (parents[1:] >= np.arange(1, 24)).any():
        raise _damaged(path, "kintree_table", f"parents {parents.tolist()}", "each joint after its parent")
    if faces.min() < 0 or faces.max() >= 6890:
        raise _damaged(path, "f", f"vertex numbers {faces.min()} to {faces.max()}", "0 to 6889")
    floats = {name: np.array(arrays[name], np.float32, order="C") for name in _FLOAT_ARRAYS}
    return BodyArrays(
        v_template=floats["v_template"],
        faces=np.ascontiguousarray(faces),
        shapedirs=floats["shapedirs"],
        posedirs=floats["posedirs"],
        joint_regressor=floats["J_regressor"],
        weights=floats["weights"],
        parents=parents,
    )


_FLOAT_ARRAYS = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights")


def _checked_array(raw: Mapping[str, Any], name: str, shape: tuple[int, ...], path: Path) -> np.ndarray:
    if name not in raw:
        raise _damaged(path, name, f"only {', '.join(sorted(map(str, raw))) or 'nothing'}", f"an array {shape}")
    try:
        array = _plain_array(raw[name])
    except TypeError as error:
        raise _damaged(path, name, str(error), f"an array {shape}") from error
    if name == "shapedirs" and array.ndim == 3 and array.shape[2] > 10:
        array = array[:, :, :10]  # newer files carry up to 300 shape directions; HMR models estimate ten
    if array.shape != shape or array.dtype.kind not in "fiu":
        raise _damaged(path, name, f"shape {array.shape} of {array.dtype}", f"shape {shape} of numbers")
    if not np.isfinite(array).all():
        raise _damaged(path, name, f"{int((~np.isfinite(array)).sum())} values that are NaN or infinite", "none")
    return array


def _damaged(path: Path, name: str, found: str, wanted: str) -> DamagedFile:
    return DamagedFile(
        f"array '{name}' in {path} is not that of an SMPL body.\n"
        f"  Found:  {found}\n"
        f"  Wanted: {wanted}\n"
        "  Copy or download the file again; SMPL-H, SMPL-X and STAR files have other shapes and do not fit."
    )
