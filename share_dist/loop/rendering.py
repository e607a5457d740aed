"""Keep rendered views: a plan and a count become shards that others can read."""

from __future__ import annotations

import json
from pathlib import Path

from share_dist.config import RunConfig, config_json
from share_dist.errors import BadSetting, nearest_name, require_between, require_positive
from share_dist.fleet import Fleet
from share_dist.loop.plans import EXTRA_DISTRIBUTIONS, MAIN_DISTRIBUTIONS, view_plan
from share_dist.scene import SPLITS, Split
from share_dist.storage import finish_run, open_run, reopen_run
from share_dist.survey.config import MOST_VIEWS


def run_rendering(config: RunConfig, out: str | Path, count: int, cameras: str, split: Split) -> None:
    """Render the views 0…count−1 of a named camera distribution and split into shards under `out`.

    Raises:
        errors.BadSetting: no views, or an unknown distribution or split.
        errors.ShareDistError: something else the user can put right.
    """
    known = MAIN_DISTRIBUTIONS | EXTRA_DISTRIBUTIONS
    require_positive(count, "--count")
    require_between(count, "--count", 1, MOST_VIEWS)
    if cameras not in known:
        raise BadSetting(f"there are no cameras '{cameras}'{nearest_name(cameras, known)}")
    if split not in SPLITS:
        raise BadSetting(f"there is no split '{split}'{nearest_name(split, SPLITS)}")
    settings = json.loads(config_json(config, "render")) | {"count": count, "cameras": cameras, "split": split}
    plan = view_plan(config, known[cameras], split, "render")
    store = open_run(out, json.dumps(settings, indent=1, sort_keys=True))
    with Fleet(config.fleet, config.body, config.render) as fleet:
        reopen_run(store)
        fleet.write_shards(plan, count, store)
        finish_run(store)
