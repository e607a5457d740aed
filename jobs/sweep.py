"""Search RoME settings and loss weights by short runs of a recipe.

    ray job submit --working-dir . -- python jobs/sweep.py rome demo --out s3://bucket/runs/sweep-rome

Run the same line again after a crash: finished trials are kept. `share-dist submit` does that by itself.
"""

import sys

from share_dist.cli import main

if __name__ == "__main__":
    sys.exit(main(["sweep", *sys.argv[1:]]))
