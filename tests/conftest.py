"""Fixtures shared by all rooms."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def figure():
    """The built-in body."""
    from share_dist.body import BodyConfig, load_body

    return load_body(BodyConfig())
