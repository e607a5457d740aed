"""Look at everything share_dist needs on the machine the job lands on.

ray job submit --working-dir . -- python jobs/doctor.py
"""

import sys

from share_dist.cli import main

if __name__ == "__main__":
    sys.exit(main(["doctor", *sys.argv[1:]]))
