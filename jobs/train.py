"""Train a base model on everyday views.

    ray job submit --working-dir . -- python jobs/train.py compact-hmr --out s3://bucket/runs/compact-hmr

Run the same line again after a crash: what was finished is kept. `share-dist submit` does that by itself.
"""

import sys

from share_dist.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
