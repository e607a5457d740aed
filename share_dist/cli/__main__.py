"""`python -m share_dist.cli`, for places where the `share-dist` script is not on the path."""

import sys

from share_dist.cli import main

sys.exit(main())
