"""An invented sweep with the shape of a real one: two figures, three fates, settings of every kind."""

from __future__ import annotations

import math

import numpy as np

from share_dist.report import Importance, Repeat, SweepStory, SweepTrial

WORST, EVERYDAY = "worst_tenth_gain_percent", "everyday_gain_percent"
FIGURES = {WORST: "worst tenth", EVERYDAY: "everyday"}
SPACE = {
    "rome.method": "rome or greedy",
    "rome.quantile": "0.3 to 0.9, where rome.method is rome",
    "rome.explore_share": "0 to 0.5, where rome.method is rome",
    "rome.greedy_share": "0.005 to 0.1, log, where rome.method is greedy",
    "share.everyday_share": "0.75 to 0.95",
    "losses.anchor": "0.5 to 10, log",
    "losses.joints_2d": "0.1 to 2, log",
    "learning.learning_rate": "0.0001 to 0.002, log",
    "learning.frozen_batch_norm": "True or False",
    "share.rounds": "1 to 3",
}
DEFAULTS = {
    "rome.method": "rome", "rome.quantile": 0.7, "rome.explore_share": 0.2, "share.everyday_share": 0.85,
    "losses.anchor": 2.0, "losses.joints_2d": 0.5, "learning.learning_rate": 5e-4,
    "learning.frozen_batch_norm": True, "share.rounds": 2,
}  # fmt: skip


def make_sweep(count: int = 40, seed: int = 0) -> SweepStory:
    """A sweep over two figures, with trials that failed, were ended early and still run."""
    rng = np.random.default_rng(seed)
    trials = [_trial(number, dict(DEFAULTS) if number == 0 else _settings(rng), rng) for number in range(count)]
    done = [trial for trial in trials if trial.fate == "done"]
    points = [(trial.gains[WORST], trial.gains[EVERYDAY]) for trial in done]
    front = [t.number for t, (a, b) in zip(done, points, strict=True) if not any(c > a and d > b for c, d in points)]
    allowed = [trial for trial in done if trial.gains[EVERYDAY] >= trials[0].gains[EVERYDAY]]
    best = max(allowed, key=lambda trial: trial.gains[WORST]).number
    return SweepStory(
        title="sweep-all",
        recipe="demo",
        figures=FIGURES,
        space=SPACE,
        defaults=DEFAULTS,
        trials=trials,
        front=front,
        best=best,
        rule="The greatest gain in the worst tenth of the settings no worse on everyday views than the default.",
        importances={WORST: _importances(rng), EVERYDAY: _importances(rng)},
        repeats=[_repeat(number, trials[number], rng) for number in (0, best)],
        commands={
            "Repair with the best settings, at full length, and report on judge views:":
                "share-dist share demo --rome.quantile 0.55 --losses.anchor 1.3 --learning.learning-rate 0.00081 "
                "--no-learning.frozen-batch-norm --share.rounds 3 --out runs/best",
            "Go on searching:": f"share-dist sweep all demo --sweep.trials {2 * count} --out runs/sweep-all",
        },
        facts={"time": "2 h 11 min on two cores", "saved": "41 min by sharing the base survey", "optuna": "5.0"},
    )  # fmt: skip


def _settings(rng: np.random.Generator) -> dict:
    """Settings drawn as a sampler would draw them, some only where others have a certain value."""
    method = "rome" if rng.random() < 0.7 else "greedy"
    rome = {"rome.quantile": rng.uniform(0.3, 0.9), "rome.explore_share": rng.uniform(0, 0.5)}
    greedy = {"rome.greedy_share": math.exp(rng.uniform(math.log(0.005), math.log(0.1)))}
    return {
        "rome.method": method,
        **{name: float(value) for name, value in (rome if method == "rome" else greedy).items()},
        "share.everyday_share": float(rng.uniform(0.75, 0.95)),
        "losses.anchor": math.exp(rng.uniform(math.log(0.5), math.log(10))),
        "losses.joints_2d": math.exp(rng.uniform(math.log(0.1), math.log(2))),
        "learning.learning_rate": math.exp(rng.uniform(math.log(1e-4), math.log(2e-3))),
        "learning.frozen_batch_norm": bool(rng.random() < 0.6),
        "share.rounds": int(rng.integers(1, 4)),
    }  # fmt: skip


def _trial(number: int, settings: dict, rng: np.random.Generator) -> SweepTrial:
    hold = math.log(settings["losses.anchor"] / 2)
    speed = math.log(settings["learning.learning_rate"] / 8e-4)
    worst = 29 - 4 * speed**2 - 3 * hold + 4 * (settings["rome.method"] == "rome") + rng.normal(0, 2)
    everyday = -0.6 + 0.9 * hold - 0.5 * speed - 8 * (0.85 - settings["share.everyday_share"]) + rng.normal(0, 0.4)
    if number == 17:
        worst, everyday = -140.0, -60.0  # almost diverged, and must not squeeze the others together
    rounds = [{"round": k, "percent": 100 * k / settings["share.rounds"], WORST: worst * k / settings["share.rounds"],
               EVERYDAY: everyday} for k in range(1, settings["share.rounds"] + 1)]  # fmt: skip
    minutes = float(rng.uniform(2.4, 4.1))
    if number in (9, 23):
        reason = "TrainingDiverged: the loss is nan at step 40.\n  Lower --learning.learning-rate."
        return SweepTrial(number=number, fate="failed", settings=settings, reason=reason, minutes=minutes / 3)
    if number in (12, 28, 33) and settings["share.rounds"] > 1:
        last = rounds[:1]
        return SweepTrial(number=number, fate="ended early", settings=settings, rounds=last, minutes=minutes / 2,
                          gains={WORST: last[0][WORST], EVERYDAY: everyday})  # fmt: skip
    if number == 39:
        return SweepTrial(number=number, fate="running", settings=settings)
    gains = {WORST: float(worst), EVERYDAY: float(everyday)}
    return SweepTrial(number=number, fate="done", settings=settings, gains=gains, rounds=rounds, minutes=minutes)


def _importances(rng: np.random.Generator) -> list[Importance]:
    shares = np.sort(rng.dirichlet(np.full(len(SPACE), 0.6)))[::-1]
    return [
        Importance(setting=name, mean=float(m), low=float(max(m - 0.4 * m - 0.02, 0)), high=float(m + 0.3 * m + 0.02))
        for name, m in zip(rng.permutation(list(SPACE)), shares, strict=True)
    ]


def _repeat(number: int, trial: SweepTrial, rng: np.random.Generator) -> Repeat:
    seeds = {
        seed: {f: gain + (rng.normal(-1, 1) if seed else 0) for f, gain in trial.gains.items()} for seed in (0, 1, 2)
    }
    return Repeat(number=number, gains=seeds)
