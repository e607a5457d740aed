"""Measure a model from all cameras and fit its error landscape.

    ray job submit --working-dir . -- python jobs/survey.py demo --model.checkpoint FILE --out s3://bucket/runs/survey

Run the same line again after a crash: what was finished is kept. `share-dist submit` does that by itself.
"""

import sys

from share_dist.cli import main

if __name__ == "__main__":
    sys.exit(main(["survey", *sys.argv[1:]]))
