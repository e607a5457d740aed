"""Fixtures shared by all rooms."""

from __future__ import annotations

import os
import subprocess

import pytest
from jaxtyping import install_import_hook

# Ray's workers step back for everything else on the machine; beside another test they would wait for ever.
os.environ.setdefault("RAY_worker_niceness", "0")
# Processes that a node starts ahead of any work serve nobody: our actors have an environment of their own.
os.environ |= {"RAY_enable_worker_prestart": "0", "RAY_prestart_worker_first_driver": "0"}

if "PYTEST_XDIST_WORKER" in os.environ:
    # Two processes with two threads each: threads that spin while they wait take the core from those that compute.
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

pytest_plugins = ("skips", "buckets", "postgres")

# Before any room is imported: these check every call against its signature while testing, which users never pay for.
# Left out are rooms with compiled kernels, because numba cannot compile a checked function, and the small functions of
# camera and geometry, which are called for every view and would take longer to check than to run.
_CHECKED_ROOMS = ("landscape", "learning", "losses", "metrics", "models", "rome")
install_import_hook([f"share_dist.{room}" for room in _CHECKED_ROOMS], "shape_checks.checked")


_LONGEST_FIRST = (
    "tests/ops",
    "tests/loop/test_share_run.py",
    "tests/sweep/test_sweep_run.py",
    "tests/training/test_over_nodes.py",
    "tests/training/test_train.py",
    "tests/sweep/test_tuning.py",
    "tests/cli/test_commands.py",
    "tests/fleet",
)


def shared_by(node_id):
    """What one test process runs as a whole: a file, or a room whose files share a cluster."""
    file = str(node_id).split("::")[0]
    return "tests/ops" if file.startswith("tests/ops/") else file


def pytest_collection_modifyitems(items):
    """Begin with what takes longest, so that two processes end at about the same time."""
    ranks = range(len(_LONGEST_FIRST))
    place = {item: shared_by(item.nodeid) for item in items}
    items.sort(key=lambda item: next((at for at in ranks if place[item].startswith(_LONGEST_FIRST[at])), len(ranks)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Hand files and rooms to the test processes whole, in the order above."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFileOrRoom(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return shared_by(nodeid)

    return ByFileOrRoom(config, log)


@pytest.fixture(scope="session")
def namespaces():
    """Nodes of namespaces can be made here; else skip, saying why not."""
    from share_dist.errors import NamespacesRefused
    from share_dist.studies.nodes import require_namespaces

    try:
        require_namespaces()
    except NamespacesRefused as refusal:
        pytest.skip(str(refusal))


@pytest.fixture(scope="session")
def figure():
    """The built-in body."""
    from share_dist.body import BodyConfig, load_body

    return load_body(BodyConfig())


@pytest.fixture
def mounted(tmp_path):
    """Mount a small tmpfs with the options given, or again with others, as root; else skip."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    folder = tmp_path / "small"
    folder.mkdir()

    def mount(options):
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"this root may not mount: {done.stderr.strip()}")
        return folder

    yield mount
    subprocess.run(["umount", "-l", str(folder)], capture_output=True)
