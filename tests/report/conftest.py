from __future__ import annotations

import pytest
from invented import make_story

from share_dist.report import Story


@pytest.fixture(scope="session")
def story(figure) -> Story:
    """A run with 6 gallery items."""
    return make_story(figure, items=6)
