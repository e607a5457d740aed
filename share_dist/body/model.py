"""`Body`: the arrays of one SMPL-format body, its name and hash, and `load_body`, which finds them."""

from __future__ import annotations

import functools
import hashlib
import io
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32, Int, Int32

from share_dist.body.files import BodyArrays, read_body_arrays
from share_dist.body.find import find_body_file
from share_dist.errors import BadSetting, DamagedFile
from share_dist.storage import home_expanded

Gender = Literal["neutral", "male", "female"]
FIGURE_FILE = Path(__file__).parent / "figure.npz"
FIGURE_HASH = "4b37dc90f2d4a3fca59117ca1f32f7b4a3c6dfae6c968030f5261724b5572be6"


@dataclass(frozen=True, kw_only=True, slots=True)
class BodyConfig:
    """Which body people wear."""

    folder: Path | None = None
    """Folder with licensed SMPL files (.pkl or .npz), as the download unpacks, or one such file. None means the
    built-in figure: SMPL may not be redistributed, and everything must run without it."""

    gender: Literal["neutral", "male", "female"] = "neutral"
    """Which SMPL file to read; benchmarks and published HMR checkpoints use neutral. The built-in figure has
    only neutral."""

    def __post_init__(self) -> None:
        if self.gender not in ("neutral", "male", "female"):
            raise BadSetting(f"body.gender is '{self.gender}', but it must be neutral, male or female.")
        if self.folder is None and self.gender != "neutral":
            raise BadSetting(
                f"body.gender is '{self.gender}', but the built-in figure is neutral only; "
                "set body.folder to a folder with SMPL files, or leave body.gender at neutral."
            )

    def absolute(self) -> BodyConfig:
        """The same body for processes that work in other folders than this one."""
        return self if self.folder is None else replace(self, folder=home_expanded(self.folder).absolute())


@dataclass(frozen=True, eq=False)
class Body:
    """One body model in SMPL's format; two bodies are the same when their hashes are.

    Metres, y up, facing +z, x to the person's left. `parents[0]` is −1. Arrays are not to be written to.
    Source: Loper et al., SMPL, 2015; the axis signs of each joint are tested in tests/body/test_axes.py.
    """

    name: str
    hash: str
    is_builtin: bool
    v_template: Float32[np.ndarray, "6890 3"]
    faces: Int32[np.ndarray, "13776 3"]
    shapedirs: Float32[np.ndarray, "6890 3 10"]
    posedirs: Float32[np.ndarray, "6890 3 207"]
    joint_regressor: Float32[np.ndarray, "24 6890"]
    weights: Float32[np.ndarray, "6890 24"]
    parents: Int32[np.ndarray, "24"]

    @functools.cached_property
    def dominant_joint(self) -> Int[np.ndarray, "6890"]:
        """For each vertex the joint that moves it most: its body part."""
        return self.weights.argmax(1).astype(np.int64)

    @functools.cached_property
    def joint_template_m(self) -> Float32[np.ndarray, "24 3"]:
        """Joints of the mean shape at rest, so that forward kinematics needs no mesh."""
        return (self.joint_regressor.astype(np.float64) @ self.v_template).astype(np.float32)

    @functools.cached_property
    def joint_shapedirs(self) -> Float32[np.ndarray, "24 3 10"]:
        """How the rest joints move with each beta, metres."""
        flat = self.shapedirs.reshape(len(self.v_template), -1).astype(np.float64)
        return (self.joint_regressor @ flat).reshape(24, 3, 10).astype(np.float32)

    def rest_joints_m(self, betas: Float[np.ndarray, "10"]) -> Float[np.ndarray, "24 3"]:
        """Joints of one shape at rest."""
        return self.joint_template_m + self.joint_shapedirs @ betas

    def __getstate__(self) -> dict:
        """Leave the derived tables out of what crosses processes; they are quickly made again."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def body_hash(arrays: BodyArrays) -> str:
    """SHA-256 over the arrays' bytes in a fixed order, so a body has one hash whichever file format holds it."""
    digest = hashlib.sha256()
    for field in fields(arrays):
        digest.update(np.ascontiguousarray(getattr(arrays, field.name)).tobytes())
    return digest.hexdigest()


def body_from_arrays(arrays: BodyArrays, name: str, *, is_builtin: bool = False) -> Body:
    """Give arrays their hash; the body's name ends in the hash's first 12 digits."""
    digest = body_hash(arrays)
    content = {field.name: getattr(arrays, field.name) for field in fields(arrays)}
    return Body(name=f"{name}-{digest[:12]}", hash=digest, is_builtin=is_builtin, **content)


@functools.lru_cache(maxsize=4)
def load_body(config: BodyConfig = BodyConfig()) -> Body:
    """Read the body that the settings name: SMPL's file when a folder is given, else the built-in figure.

    Raises:
        BodyFilesMissing: the folder holds no SMPL file of that gender, or cannot be read.
        BadSetting: the file that body.folder names is by its name another gender's.
        UnsafePickle: the file names a class outside numpy, scipy.sparse and chumpy.
        DamagedFile: it is something else than a body, or an array is missing, misshapen or out of range; or the
            built-in figure was altered.
    """
    if config.folder is not None:
        path = find_body_file(config.folder, config.gender)
        return body_from_arrays(read_body_arrays(path), f"smpl-{config.gender}")
    body = body_from_arrays(read_body_arrays(FIGURE_FILE, io.FileIO), "figure", is_builtin=True)
    if body.hash != FIGURE_HASH:
        raise DamagedFile(
            f"the built-in figure in {FIGURE_FILE} has hash {body.hash[:12]}…, but {FIGURE_HASH[:12]}… belongs to "
            "this version.\n  Install share_dist again: python -m pip install --force-reinstall share-dist"
        )
    return body
