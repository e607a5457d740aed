"""Find where a model fails as the camera moves, repair it there, and say by how much.

    ray job submit --working-dir . -- python jobs/share.py demo --out s3://bucket/runs/demo --seed 0

Run the same line again after a crash: what was finished is kept. `share-dist submit` does that by itself.
"""

import sys

from share_dist.cli import main

if __name__ == "__main__":
    sys.exit(main(["share", *sys.argv[1:]]))
