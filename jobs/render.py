"""Render numbered views and keep them as shards.

    ray job submit --working-dir . -- python jobs/render.py demo --count 1000 --out s3://bucket/data/views

Run the same line again after a crash: what was finished is kept. `share-dist submit` does that by itself.
"""

import sys

from share_dist.cli import main

if __name__ == "__main__":
    sys.exit(main(["render", *sys.argv[1:]]))
