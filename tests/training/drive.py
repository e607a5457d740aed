"""A driver for tests that kill one: trains the toy with live pictures into the folder given, and says its lines."""

from __future__ import annotations

import sys

from toys import JOB, PLAN, RENDER

from share_dist.fleet import Fleet, FleetConfig
from share_dist.storage import FolderStore
from share_dist.training import TrainingConfig, train

if __name__ == "__main__":
    with Fleet(FleetConfig(cpus=2, render_actors=1), JOB.body, RENDER) as fleet:
        train(
            JOB,
            FolderStore(sys.argv[1]),
            fleet.pictures(PLAN),
            TrainingConfig(threads_per_worker=1),
            lambda line: print(line, flush=True),
        )
