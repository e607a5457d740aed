"""Settings of surveys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from share_dist.errors import BadSetting, require_numbers, require_one_of, require_ranges

MOST_VIEWS = 10**8
"""A year of rendering on a hundred cores; more was meant otherwise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SurveyConfig:
    """How many views a model is measured on."""

    steer_views: int = 4096
    """Views that landscapes are fitted to and rounds are accepted on, for each camera distribution. At 4,096 the mean
    error of the built-in model is known to 2.6 mm on all cameras and to 1 mm on everyday ones (standard errors)."""

    judge_views: int = 4096
    """Views behind each before-and-after figure. The worst tenth of them gives its mean to about
    10 mm; before and after are compared on the same views."""

    batch_size: int = 64
    """Pictures a network sees at a time. Fixed, because sums in a different order differ in their last bits; 64 keeps
    a core's caches warm, larger is no faster."""

    precision: Literal["auto", "bf16", "fp32"] = "fp32"
    """Arithmetic of the network while it is measured. float32 gives the same figures on old and new processors. auto is
    settled once, by the machine that gives the command, and stored with the survey."""

    def __post_init__(self) -> None:
        require_numbers(self, "--survey.")
        require_one_of(self.precision, "--survey.precision", ("auto", "bf16", "fp32"))
        for name in ("steer_views", "judge_views", "batch_size"):
            value = getattr(self, name)
            if value < 1:
                setting = f"--survey.{name.replace('_', '-')}"
                raise BadSetting(f"{setting} is {value}, but at least 1 view is needed; 4096 is usual.")
        most = {"steer_views": MOST_VIEWS, "judge_views": MOST_VIEWS, "batch_size": 10**5}
        require_ranges(self, "--survey.", **{name: (1, high) for name, high in most.items()})
