"""Settings of a sweep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from share_dist.errors import BadSetting, require_numbers, require_positive, require_ranges

Objective = Literal["worst-tenth", "everyday", "all-cameras"]

FIGURES: dict[str, str] = {
    "worst-tenth": "worst_tenth_gain_percent",
    "everyday": "everyday_gain_percent",
    "all-cameras": "all_cameras_gain_percent",
}
"""What each objective is called among the figures of a repair; all are gains in per cent, so more is better."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepConfig:
    """How many trials, how long, and what they are compared by."""

    trials: int = 40
    """Trials in all, the recipe's own settings among them. A sweep that is done goes on when this is raised."""

    objectives: tuple[Objective, ...] = ("worst-tenth", "everyday")
    """What is compared, on steer views. One is searched for its best, and weak trials are ended early; of several the
    settings are found of which no other is better in all (the Pareto front), and every trial runs to its end."""

    length: float = 0.5
    """Views that a trial learns from, as part of the recipe's. Half of the demo's take about four minutes on two
    cores. What is best in short trials need not be at full length (docs/sweeps.md); with time to spare give 1."""

    prune: bool = True
    """With one objective: end a trial that after half its views is among the worse half of those that came as far
    (asynchronous successive halving)."""

    storage: str | None = None
    """Where the study lies, as postgresql://user@host/database, for many machines or a dashboard elsewhere; leave the
    password to ~/.pgpass or PGPASSWORD. None keeps a journal file in the sweep's own folder or bucket."""

    name: str | None = None
    """The study's name in its storage. None takes the last part of --out."""

    warm_start: str | None = None
    """Another sweep over the same space: its folder's name under runs/, or any folder or bucket. Its five best settings
    are tried right after the default. Its figures are not taken over, for they may be another model's."""

    finalists: int = 3
    """How many of the best trials are run again, beside the default, to see whether they were only lucky. 0 runs none
    again."""

    repeats: int = 3
    """On how many other seeds, each with people and views of its own; the means over them choose the best."""

    restarts: int = 2
    """How often a trial whose process died is started again, from its last checkpoint, before it counts as failed."""

    def __post_init__(self) -> None:
        require_numbers(self, "--")
        require_positive(self.trials, "--trials")
        if not 0 < self.length <= 1:
            raise BadSetting(f"--length is {self.length}, but it is a part of the recipe's views: give 0 < x <= 1.")
        if not self.objectives or len(set(self.objectives)) < len(self.objectives):
            raise BadSetting(f"--objectives are {list(self.objectives)}, but they must be one or more different ones.")
        for name in ("finalists", "repeats", "restarts"):
            if getattr(self, name) < 0:
                raise BadSetting(f"--{name} is {getattr(self, name)}, but it is a number of times: 0 or more.")
        require_ranges(self, "--", trials=(1, 10**6), finalists=(0, 1000), repeats=(0, 1000), restarts=(0, 1000))

    @property
    def figures(self) -> tuple[str, ...]:
        """The objectives as they are called among the figures."""
        return tuple(FIGURES[objective] for objective in self.objectives)

    @property
    def prunes(self) -> bool:
        """Whether weak trials are ended early."""
        return self.prune and len(self.objectives) == 1
