"""**Start here.** SHARE itself, written as the paper says it."""

from share_dist.loop.base import run_base_training as run_base_training
