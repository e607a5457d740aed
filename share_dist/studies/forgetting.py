"""What a round repairs and what everyday views pay for it, over the settings that decide it; on steer views only.

All variants train one round of the demo from one landscape with its regions. Each is surveyed at three lengths of the
step from the base model towards the trained weights, because variants can only be compared where they cost alike.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from share_dist.config import RunConfig, config_json, with_settings
from share_dist.fleet import Fleet
from share_dist.loop.plans import camera_pool
from share_dist.loop.rounds import (
    Run,
    find_weak_views,
    fine_tune,
    mean_error_mm,
    planned_views,
)
from share_dist.loop.start import checked_model
from share_dist.models import blend_checkpoints
from share_dist.recipes import find_recipe
from share_dist.storage import inside, once, open_run, write_whole
from share_dist.studies.proof_tables import markdown

SEED = 1000
"""Not one of the seeds that the proof judges."""
STEPS = (1.0, 0.8, 0.64)
DEMO = with_settings(find_recipe("demo"), {"seed": SEED, "losses.anchor": 1.0, "learning.fresh_views": 17_000})
"""What the variants differ from: the demo as it was when they were compared, with half as many views again."""
FIRM = replace(DEMO, losses=replace(DEMO.losses, anchor=3.0))
VARIANTS: dict[str, RunConfig] = {
    "no anchor": replace(DEMO, losses=replace(DEMO.losses, anchor=0.0)),
    "an anchor of 1": DEMO,
    "an anchor of 3": FIRM,
    "an anchor of 3, twice the learning rate": replace(FIRM, learning=replace(FIRM.learning, learning_rate=1e-3)),
    "an anchor of 3, 80 % everyday views": replace(FIRM, share=replace(FIRM.share, everyday_share=0.8)),
}

Means = dict[str, float]


def trade_offs(base_config: RunConfig, variants: Mapping[str, RunConfig], out: Path) -> dict[str, Any]:
    """Train and survey every variant; called again it goes on where it was stopped.

    Returns:
        MPJPE in millimetres by distribution: `before`, and by variant and length of the step, as text, `after`.
    """
    base = checked_model(base_config)
    store = open_run(out, config_json(base_config, "forgetting"))
    with Fleet(base_config.fleet, base_config.body, base_config.render) as fleet:
        shared = Run(base_config, store, fleet)
        surveys = shared.steer(base, "base/steer", "base")
        pool = camera_pool(base_config, fleet.body)
        landscape, regions = find_weak_views(shared, 0, surveys["all_cameras"], pool)
        after = {}
        for name, config in variants.items():
            run = Run(config, inside(store, "variants/" + name.replace(" ", "-").replace("%", "percent")), fleet)
            trained = fine_tune(run, 0, base, base, planned_views(run, 0, landscape, regions, pool))
            after[name] = {str(step): _means_after(run, base, trained, step, name) for step in STEPS}
    before = {name: mean_error_mm(survey) for name, survey in surveys.items()}
    return {"seed": base_config.seed, "views": base_config.survey.steer_views, "before": before, "after": after}


def _means_after(run: Run, base: bytes, trained: bytes, step: float, label: str) -> Means:
    def survey() -> Means:
        model = blend_checkpoints(base, trained, step)
        surveys = run.steer(model, f"step-{step}", f"{label} at {step:g}")
        return {name: mean_error_mm(survey) for name, survey in surveys.items()}

    return once(
        run.store,
        f"means-{step}",
        survey,
        lambda means, stage: stage.write_once("means.json", json.dumps(means).encode()),
        lambda stage: json.loads(stage.read("means.json")),
    )


def table(found: Mapping[str, Any]) -> str:
    """Lay the variants out as rows of a Markdown table, a column for each length of the step."""
    before = found["before"]

    def cell(after: Means) -> str:
        return ", ".join(f"{100 * (after[name] / before[name] - 1):+.1f}" for name in ("all_cameras", "everyday"))

    rows = [[name, *(cell(after) for after in by_step.values())] for name, by_step in found["after"].items()]
    steps = next(iter(found["after"].values()))
    return markdown(["one round with", *(f"step {step}" for step in steps)], rows)


def write(out: Path, results: Path) -> None:
    """Run the study and keep its figures and its table."""
    found = trade_offs(DEMO, VARIANTS, out)
    results.mkdir(parents=True, exist_ok=True)
    write_whole(results / "forgetting.json", json.dumps(found, indent=1))
    before = found["before"]
    write_whole(
        results / "forgetting.md",
        "# What a round repairs and what it costs\n\n"
        f"MPJPE on {found['views']:,} steer views of each kind, change in percent: all cameras (base model "
        f"{before['all_cameras']:.1f} mm), everyday ({before['everyday']:.1f} mm). One round of 17,000 views, seed "
        f"{found['seed']};\na step is how far to go from the base model's weights to the trained ones. Made by "
        "`python -m share_dist.studies.proof forgetting`.\n\n"
        f"{table(found)}",
    )
