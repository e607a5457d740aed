"""A skipped test is shown with its reason, and on an integration server it fails unless set-up cannot help it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reason", "server", "ended"),
    [
        ("no browser on this machine", "", 0),
        ("no browser on this machine", "1", 1),
        ("mounting a small tmpfs needs root", "1", 0),
    ],
)
def test_an_unexpected_skip_fails_on_a_server_only(tmp_path, reason, server, ended):
    (tmp_path / "test_it.py").write_text(f"import pytest\n\ndef test_it():\n    pytest.skip({reason!r})\n")
    environment = {**os.environ, "CI": server, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-m", "pytest", "-ra", "-p", "skips", str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == ended, done.stdout
    assert reason in done.stdout
