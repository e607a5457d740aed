"""Ray Tune + Optuna over RoME and loss weights: a trial is a short run.

    run_sweep(plan, out)      -> SweepResult   trials until there are enough; the same call goes on where it was stopped
    best_recipe(name)         -> RunConfig     what it found, ready to be run at full length
    rewrite_sweep_report(uri) -> str           its page, again

A trial reports steer figures after every round; judge views are never looked at. The study holds all there is to know
about the trials, and their folders all that was computed, so a driver may die at any moment.
"""

from share_dist.sweep.config import SweepConfig as SweepConfig
from share_dist.sweep.outcome import Outcome as Outcome
from share_dist.sweep.plan import SweepPlan as SweepPlan
from share_dist.sweep.recipe import best_recipe as best_recipe
from share_dist.sweep.story import rewrite_sweep_report as rewrite_sweep_report
from share_dist.sweep.study import holds_password as holds_password
from share_dist.sweep.sweep import SweepResult as SweepResult
from share_dist.sweep.sweep import run_sweep as run_sweep
