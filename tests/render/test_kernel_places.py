"""Compiled kernels are kept where this user alone may write, and their absence keeps nobody from working."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import share_dist
from share_dist import compiled

STRANGER = 12345
"""A user that no machine knows: without a name, a home, or a folder of its own."""
KERNEL = """
import sys
from share_dist.body import quaternions
import numpy as np
quaternions.rotmats_from_rotvecs(np.zeros((1, 24, 3), np.float32))
print(quaternions._matrices.stats.cache_path)
print(sum(quaternions._matrices.stats.cache_hits.values()))
"""


@pytest.fixture
def places(monkeypatch, tmp_path):
    """Python's folder, HOME and the temporary folder are empty ones of this test; looked for anew at each call."""
    for name in ("prefix", "home", "tmp"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    return tmp_path


def kept_in() -> Path:
    return compiled._kept_in.__wrapped__()


def block(folder: Path) -> None:
    """Replace a folder of this test by a file, so that nobody can make anything below it, root included."""
    folder.rename(folder.with_suffix(".before"))
    folder.write_text("no folder")


def test_the_first_place_that_can_be_written_is_taken(places, monkeypatch, caplog):
    assert kept_in() == places / "prefix/share/share_dist/kernels"
    block(places / "prefix")
    assert kept_in() == places / "home/.cache/share_dist/kernels"
    block(places / "home")
    assert not caplog.records
    temporary = places / "tmp" / f"share_dist-kernels-{os.geteuid()}"
    assert kept_in() == temporary
    assert temporary.stat().st_mode & 0o777 == 0o700
    assert "Name a lasting folder of your own in NUMBA_CACHE_DIR" in caplog.text
    caplog.clear()
    assert kept_in() == temporary
    assert not caplog.records, "it is said once"


@pytest.mark.parametrize("home", ["/dev/null/home", "relative/home"])
def test_a_home_that_is_none_is_passed_over(places, monkeypatch, home):
    block(places / "prefix")
    monkeypatch.setenv("HOME", home)
    assert kept_in().parent == places / "tmp"


def test_an_account_without_home_or_name_is_no_error(places, monkeypatch):
    block(places / "prefix")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as it answers for an account without an entry
    assert kept_in().parent == places / "tmp"


@pytest.mark.parametrize("given", ["/dev/null/kernels", "~nobody-of-that-name/kernels"])
def test_a_folder_that_was_named_and_cannot_be_written_is_named_in_a_warning(places, monkeypatch, caplog, given):
    monkeypatch.chdir(places)
    monkeypatch.setenv("NUMBA_CACHE_DIR", given)
    assert kept_in() == places / "prefix/share/share_dist/kernels"
    assert f"NUMBA_CACHE_DIR is {given}" in caplog.text
    assert not Path("~nobody-of-that-name").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_a_strangers_kernels_are_never_loaded(places, caplog):
    """They are machine code, and /tmp is everybody's."""
    block(places / "prefix")
    for folder in (places / "home", places / "tmp" / "share_dist-kernels-0"):
        folder.mkdir(exist_ok=True)
        os.chown(folder, STRANGER, STRANGER)
    assert kept_in() == compiled._NOWHERE
    assert "belongs to another user" in caplog.text


def test_a_link_in_the_temporary_folder_is_not_followed(places, caplog):
    block(places / "prefix")
    block(places / "home")
    (places / "elsewhere").mkdir()
    (places / "tmp" / f"share_dist-kernels-{os.geteuid()}").symlink_to(places / "elsewhere")
    assert kept_in() == compiled._NOWHERE
    assert "it is a link" in caplog.text


def test_a_folder_that_a_group_could_write_becomes_this_users_alone(places):
    kernels = places / "prefix/share/share_dist/kernels"
    kernels.mkdir(parents=True, mode=0o775)
    kernels.chmod(0o775)
    assert kept_in() == kernels
    assert kernels.stat().st_mode & 0o777 == 0o700


def run_kernel(**environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", KERNEL],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(share_dist.__file__).parents[1]), **environment},
    )
    return done.stdout.split()


@pytest.mark.slow
def test_a_damaged_kernel_is_compiled_anew(tmp_path):
    kept = {"NUMBA_CACHE_DIR": str(tmp_path)}
    assert run_kernel(**kept)[1] == "0"
    folder, hits = run_kernel(**kept)
    assert hits == "1"
    for file in Path(folder).iterdir():
        file.write_bytes(file.read_bytes()[:40])
    assert run_kernel(**kept)[1] == "0"
    assert run_kernel(**kept)[1] == "1"


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
@pytest.mark.parametrize("home", ["/root", None])
def test_a_read_only_install_without_a_home_answers_without_a_traceback(tmp_path, home):
    """As a container does that runs as a user nobody made."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    temporary.chmod(0o777)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name not in ("HOME", "NUMBA_CACHE_DIR")}
    environment |= {"TMPDIR": str(temporary), "PYTHONPATH": str(Path(share_dist.__file__).parents[1])}
    as_stranger = ["setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups", sys.executable]
    if subprocess.run([*as_stranger, "-c", ""], cwd="/", stderr=subprocess.DEVNULL).returncode:
        pytest.skip("needs root, to be somebody else, and a Python that others may run")
    done = subprocess.run(
        [*as_stranger, "-m", "share_dist.cli", "--help"],
        capture_output=True,
        text=True,
        cwd="/",
        env=environment if home is None else {**environment, "HOME": home},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: share-dist")
    assert done.stderr.count("\n") == 1
    assert f"Compiled kernels are kept in {temporary}/share_dist-kernels-{STRANGER}" in done.stderr
