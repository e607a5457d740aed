"""Another Python than those that we run on is refused in a sentence, before anything is imported that it lacks."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from share_dist.cli import main

ROOT = Path(__file__).resolve().parents[2]
ENTRY = importlib.import_module("share_dist.cli.main")


@pytest.mark.parametrize("pythons", [((3, 4), (3, 5)), ((4, 0), (4, 1))])
def test_another_python_is_refused_with_those_that_would_do(monkeypatch, capsys, pythons):
    monkeypatch.setattr(ENTRY, "PYTHONS", pythons)
    assert main(["--help"]) == 2
    said = capsys.readouterr().err
    assert f"OtherVersion: this is Python {sys.version.split()[0]}, but share_dist runs on Python" in said
    assert "make setup PYTHON=python" in said


@pytest.mark.parametrize("threads", ["0", "-2"])
def test_a_number_of_threads_below_one_is_refused_by_its_variable(monkeypatch, capsys, threads):
    monkeypatch.setenv("NUMBA_NUM_THREADS", threads)
    assert main(["--help"]) == 2
    assert f"NUMBA_NUM_THREADS is {threads}, but a kernel needs at least one" in capsys.readouterr().err


def test_the_refusal_and_the_package_say_the_same():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (low, high), (_, beyond) = ENTRY.PYTHONS[0], ENTRY.PYTHONS[1]
    assert project["requires-python"] == f">={low}.{high},<{low}.{beyond}"
    stated = [f"Programming Language :: Python :: {low}.{minor}" for minor in range(high, beyond)]
    assert project["classifiers"] == stated


def test_the_way_to_the_refusal_needs_no_package():
    """Nothing but Python's own, which an interpreter has for which no package is installed."""
    script = "import sys; sys.version_info = (3, 9, 18); from share_dist.cli import main; sys.exit(main(['share']))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {script}"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip().startswith("OtherVersion: this is Python 3.9.18")
