"""The bench of the sweep sets equal work beside each other."""

from __future__ import annotations

import json

from share_dist.loop.start import checked_model
from share_dist.models import read_card
from share_dist.recipes import find_recipe
from share_dist.studies.bench_sweep import _give_what_all_share


def test_a_trial_alone_finds_the_base_survey_and_pictures_and_not_its_twins_survey(tmp_path):
    base, swept = checked_model(find_recipe("demo")), tmp_path / "swept"
    for name, model in (("of-base", read_card(base)["model_hash"]), ("of-a-trial", "another")):
        (swept / "surveys" / name).mkdir(parents=True)
        (swept / "surveys" / name / "meta.json").write_text(json.dumps({"model_hash": model}))
    (swept / "pictures").mkdir()
    _give_what_all_share(swept, tmp_path / "alone", base)
    assert [path.name for path in (tmp_path / "alone/surveys").iterdir()] == ["of-base"]
    assert (tmp_path / "alone/pictures").is_dir()
