"""A small space, and trials that report what we like."""

from __future__ import annotations

from share_dist.recipes import OneOf, Range

SPACE = {
    "rome.method": OneOf(options=("rome", "greedy")),
    "rome.quantile": Range(low=0.3, high=0.9, when={"rome.method": "rome"}),
    "rome.greedy_share": Range(low=0.005, high=0.1, log=True, when={"rome.method": "greedy"}),
    "share.rounds": Range(low=1, high=3),
}


def figures(round_number, percent, worst=10.0, everyday=-0.5):
    """What a trial reports after a round."""
    return {
        "worst_tenth_gain_percent": worst,
        "everyday_gain_percent": everyday,
        "all_cameras_gain_percent": 5.0,
        "round": round_number,
        "percent": percent,
        "accepted": 1,
        "surveyed": 1024,
        "survey_seconds": 2.0,
        "trial_seconds": 60.0,
    }


def finish(search, name, worst=10.0, everyday=-0.5):
    """Let a trial run to its end."""
    point = search.suggest(name)["point"]
    result = figures(1, 100, worst, everyday)
    search.note(name, result)
    search.on_trial_complete(name, result)
    return point
