"""Fixtures shared by all rooms."""

from __future__ import annotations

import os
import subprocess

import pytest
from jaxtyping import install_import_hook

# Ray's workers step back for everything else on the machine; on a busy one tests would take for ever.
os.environ.setdefault("RAY_worker_niceness", "0")

pytest_plugins = ("skips", "buckets")

# Before any room is imported: these check every call against its signature while testing, which users never pay for.
# Left out are rooms with compiled kernels, because numba cannot compile a checked function, and the small functions of
# camera and geometry, which are called for every view and would take longer to check than to run.
_CHECKED_ROOMS = ("landscape", "learning", "losses", "metrics", "models", "rome")
install_import_hook([f"share_dist.{room}" for room in _CHECKED_ROOMS], "shape_checks.checked")


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
