"""Train a base model on everyday views, and measure what it became: its curve, its card."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from share_dist.body import BodyLayer, load_body, people_rotmats
from share_dist.config import RunConfig, config_json, finite
from share_dist.fleet import Fleet
from share_dist.loop.plans import everyday_plan, judge_plans, steer_plans
from share_dist.loop.rounds import Run
from share_dist.loop.start import checked_start, settled
from share_dist.metrics import distances_mm, procrustes
from share_dist.storage import finish_run, inside, open_run, reopen_run, sealed
from share_dist.survey import figures
from share_dist.training import TrainingJob, require_room, snapshot_key, train

CURVE_VIEWS = 1024
"""Steer views behind each point of the curve: enough to know a mean of 100 mm to 2 mm, on the same people each time."""


def run_base_training(config: RunConfig, out: str | Path) -> str:
    """Train, measure the curve on steer views and the card's figures on judge views; return the checkpoint's address.

    Raises:
        errors.ShareDistError: something the user can put right, before work starts where it can be known.
    """
    start = checked_start(config)
    body = load_body(config.body)
    store = open_run(out, config_json(config, "train"))
    config = settled(config, store)
    plan = everyday_plan(config)
    job = TrainingJob(
        name="base",
        start=start,
        seed=config.seed,
        learning=config.learning,
        losses=config.losses,
        body=config.body,
        data=json.dumps({"plan": plan.hash, "render": asdict(config.render)}),
        card={"recipe": "everyday views only", "plan": plan.to_json(), "body": body.name},
    )
    with Fleet(config.fleet, config.body, config.render) as fleet:
        require_room(config.training, config.learning.batch_size)
        run = Run(config, store, fleet)
        reopen_run(store)
        model = train(job, inside(store, "training"), fleet.pictures(plan), config.training)
        store.overwrite("model.safetensors", model)
        store.overwrite("curve.json", json.dumps(finite(everyday_curve(run)), indent=1).encode())
        store.overwrite("card.json", sealed(finite(card_figures(run, model))))
        finish_run(store)
    return store.uri("model.safetensors")


def everyday_curve(run: Run) -> list[dict[str, float]]:
    """Everyday error on steer views at each snapshot of the training, in order."""
    training, curve = inside(run.store, "training"), []
    plan = steer_plans(run.config)["everyday"]
    for key in training.list("snapshots"):
        found = re.fullmatch(r"snapshots/step-([0-9]+)\.safetensors", key)
        if found is None or key != snapshot_key(step := int(found[1])):
            continue  # a stranger's, or a copy
        place = inside(run.store, f"curve/step-{step:06d}")
        survey = run.fleet.survey(training.read(key), plan, CURVE_VIEWS, place, run.config.survey, f"step {step:,}")
        found = figures(survey)
        curve.append({"step": step, "mpjpe_mm": found["mpjpe_mm"], "pa_mpjpe_mm": found["pa_mpjpe_mm"]})
    return curve


def card_figures(run: Run, model: bytes) -> dict[str, Any]:
    """What the trained model reaches on judge people, beside always answering with the mean pose."""
    count = run.config.survey.judge_views
    surveys = {
        name: run.fleet.survey(model, plan, count, inside(run.store, f"judge/{name}"), run.config.survey, name)
        for name, plan in judge_plans(run.config).items()
    }
    result: dict[str, Any] = {name: figures(survey) for name, survey in surveys.items()}
    result["mean_pose_pa_mpjpe_mm"] = mean_pose_error_mm(run, count)
    result["model_hash"] = surveys["everyday"].meta["model_hash"]
    return result


def mean_pose_error_mm(run: Run, count: int) -> float:
    """PA-MPJPE on judge people of a model that ignores the picture and answers with the training people's mean.

    The mean of each joint's rotations is the rotation nearest to the average matrix; the mean shape has zero betas.
    """
    body = run.fleet.body
    layer = BodyLayer(body)
    seen = everyday_plan(run.config).views(np.arange(4096), body)
    average = torch.as_tensor(people_rotmats([view.person for view in seen])).double().mean(0)
    left, _, right = torch.linalg.svd(average)
    turn = torch.diag_embed(torch.stack([torch.ones(24), torch.ones(24), torch.linalg.det(left @ right)], -1).double())
    mean = (left @ turn @ right).float()[None]
    judged = [view.person for view in judge_plans(run.config)["everyday"].views(np.arange(count), body)]
    betas = torch.as_tensor(np.stack([person.betas for person in judged]))
    truth_m = layer.joints(torch.as_tensor(people_rotmats(judged)), betas)
    guess_m = layer.joints(mean, torch.zeros(1, 10)).expand_as(truth_m)
    return float(distances_mm(procrustes(guess_m.numpy(), truth_m.numpy()), truth_m.numpy()).mean())
