"""Kernels that numba keeps on disk are never older than the files they are made of."""

from __future__ import annotations

import ast
import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from numba.core.dispatcher import Dispatcher

import share_dist
from share_dist.compiled import source_stamp
from share_dist.render.paint import paint_person
from share_dist.render.place import paint_place

PACKAGE = Path(share_dist.__file__).parent
FILES = [path for path in PACKAGE.rglob("*.py") if "njit" in path.read_text() or "compiled(" in path.read_text()]


def kernels(path: Path) -> Iterator[Dispatcher]:
    """The compiled functions that a file defines."""
    name = ".".join(("share_dist", *path.relative_to(PACKAGE).with_suffix("").parts))
    for value in vars(importlib.import_module(name)).values():
        if isinstance(value, Dispatcher) and Path(value.py_func.__code__.co_filename) == path:
            yield value


def made_of(kernel: Dispatcher) -> set[str]:
    """Names of the files whose compiled functions a kernel calls, directly or through others."""
    code, known = kernel.py_func.__code__, kernel.py_func.__globals__
    files = {Path(code.co_filename).name}
    for value in (known[name] for name in code.co_names if name in known):
        if isinstance(value, Dispatcher):
            files |= made_of(value)
    return files


def stamped(path: Path) -> set[str]:
    """Names of the files whose stamp a file asks for."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    asked = [call.args[1:] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "source_stamp"]
    return {name.value for names in asked for name in names if isinstance(name, ast.Constant)}


def test_calls_into_other_files_are_seen():
    assert made_of(paint_person) == {"paint.py", "wardrobe.py"}
    assert made_of(paint_place) == {"place.py", "backdrop.py"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_kernel_kept_on_disk_has_the_stamp_of_every_file_it_is_made_of(path):
    for kernel in kernels(path):
        foreign = made_of(kernel) - {path.name}
        if foreign and kernel.stats.cache_path is not None:
            assert "_made_of" in kernel.py_func.__code__.co_varnames, kernel.py_func.__name__
            assert foreign <= stamped(path), kernel.py_func.__name__


def test_a_stamp_follows_the_content_of_its_files(tmp_path):
    (tmp_path / "helper.py").write_text("HALF = 0.5")
    (tmp_path / "other.py").write_text("")
    kernel = str(tmp_path / "kernel.py")
    before = source_stamp(kernel, "helper.py", "other.py")
    assert source_stamp(kernel, "helper.py", "other.py") == before
    (tmp_path / "helper.py").write_text("HALF = 0.4")
    assert source_stamp(kernel, "helper.py", "other.py") != before


SCRIPT = "import kernel; print(kernel.twice(1.0))"
HELPER = "from numba import njit\n\n\n@njit\ndef factor():\n    return {}\n"
KERNEL = """
from numba import njit
from helper import factor
from share_dist.compiled import source_stamp

MADE_OF = source_stamp(__file__, "helper.py")

@njit(cache=True)
def twice(x, _made_of=MADE_OF):
    return factor() * x
"""


@pytest.mark.slow
def test_numba_makes_a_kernel_anew_when_a_file_it_is_made_of_changes(tmp_path):
    (tmp_path / "kernel.py").write_text(KERNEL)
    for factor in (2.0, 2.0, 3.0):
        (tmp_path / "helper.py").write_text(HELPER.format(factor))
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": f"{tmp_path}:{PACKAGE.parent}", "PYTHONDONTWRITEBYTECODE": "1"},
        )
        assert float(done.stdout) == factor


COPY = """
import numpy as np
from share_dist.body import quaternions
quaternions.rotmats_from_rotvecs(np.zeros((1, 24, 3), np.float32))
print(quaternions.__file__, sum(quaternions._matrices.stats.cache_hits.values()))
"""


@pytest.mark.slow
def test_a_copy_of_the_project_finds_the_kernels_of_the_first_one(tmp_path):
    """As each job on a cluster is a copy."""
    for name, hits in (("one", 0), ("two", 1)):
        shutil.copytree(PACKAGE, tmp_path / name / "share_dist", ignore=shutil.ignore_patterns("__pycache__"))
        done = subprocess.run(
            [sys.executable, "-c", COPY],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path / name,
            env={**os.environ, "PYTHONPATH": str(tmp_path / name), "NUMBA_CACHE_DIR": str(tmp_path / "kernels")},
        )
        file, found = done.stdout.split()
        assert file.startswith(str(tmp_path / name))
        assert int(found) == hits
