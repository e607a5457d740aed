"""A study in a folder, and the search over it as a driver would open it."""

from __future__ import annotations

import pytest
from invented_trials import SPACE

from share_dist.recipes import find_recipe
from share_dist.storage import FolderStore
from share_dist.sweep.config import SweepConfig
from share_dist.sweep.search import StudySearch, default_point
from share_dist.sweep.study import begin_study, open_journal, require_same_study


@pytest.fixture
def search(tmp_path):
    """Open the search of one sweep; called again it is the next driver's."""

    def open_search(objectives=("worst-tenth", "everyday"), **options):
        config, journal = SweepConfig(objectives=objectives, **options), open_journal(FolderStore(tmp_path))
        if not require_same_study(journal, "sweep", {}):
            begin_study(journal, "sweep", {}, config.figures)
        found = StudySearch(SPACE, config, journal, "sweep", seed=3)
        found.first_try([default_point(find_recipe("demo"), SPACE)])
        return found

    return open_search
