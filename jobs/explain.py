"""Say why a run on the cluster is not advancing.

ray job submit --working-dir . -- python jobs/explain.py
"""

import sys

from share_dist.cli import main

if __name__ == "__main__":
    sys.exit(main(["explain", *sys.argv[1:]]))
