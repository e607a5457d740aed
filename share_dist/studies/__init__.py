"""Comparisons and benchmarks whose results are committed.

A bench measures ratios within one run, because machines differ and are shared; its last printed line is
`NAME ratio=…`, and `--json FILE` keeps every figure behind it.
"""

from share_dist.studies.benches import BENCHES as BENCHES
from share_dist.studies.benches import run_bench as run_bench
