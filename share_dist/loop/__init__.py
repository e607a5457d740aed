"""**Start here.** SHARE itself, written as the paper says it.

    run_share(config, out)           survey → rounds of (landscape → cameras → fine-tune → survey) → judge → report
    run_survey(config, out)          the first half of a round, for any checkpoint
    run_base_training(config, out)   a base model from everyday views
    run_rendering(config, out, …)    views kept on disk
    rewrite_report(out)              the page of a finished run, again

Read `share` first, then `rounds`.
"""

from share_dist.loop.base import run_base_training as run_base_training
from share_dist.loop.rendering import run_rendering as run_rendering
from share_dist.loop.share import RunResult as RunResult
from share_dist.loop.share import run_share as run_share
from share_dist.loop.story import rewrite_report as rewrite_report
from share_dist.loop.survey import run_survey as run_survey
