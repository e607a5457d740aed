"""Look at everything share_dist needs, on every node of the cluster.

ray job submit --working-dir . -- python jobs/doctor.py --out s3://bucket/runs
"""

import sys

from share_dist.cli import main

if __name__ == "__main__":
    sys.exit(main(["doctor", *sys.argv[1:]]))
