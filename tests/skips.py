"""A test that cannot run says why; where everything is set up, that is no excuse: a pytest plugin."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

EXCUSES = (
    "mounting a small tmpfs needs root",
    "this root may not mount",
    "needs root, to be somebody else",
    "no control group can be made here",
    "this machine's control groups have no quota of cores",
    "there is a GPU here",
    "this machine does not let us make network, process and mount namespaces",
)
"""Reasons that set-up cannot mend."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that was skipped on an integration server (CI is set), unless it has an excuse."""
    report = yield
    if report.skipped and os.environ.get("CI") and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if not reason.startswith(EXCUSES):
            report.outcome = "failed"
            report.longrepr = f"skipped where every test must run: {reason}"
    return report
