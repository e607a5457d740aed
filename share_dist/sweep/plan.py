"""A sweep as it was asked for, and what makes it that sweep."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from share_dist.config import RunConfig, config_json
from share_dist.recipes import SearchSpace, space_to_json
from share_dist.sweep.config import SweepConfig


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """A sweep as it was asked for."""

    space: SearchSpace
    recipe: str
    """The name of what is shortened to a trial."""

    config: RunConfig
    """Its settings, and what was given besides."""

    sweep: SweepConfig

    def identity(self) -> dict[str, Any]:
        """What makes it this sweep and no other: space, objectives and everything that decides a trial."""
        return {
            **json.loads(config_json(self.config, "sweep")),
            "recipe": self.recipe,
            "space": space_to_json(self.space),
            "objectives": list(self.sweep.objectives),
            "length": self.sweep.length,
            "prune": self.sweep.prunes,
        }
