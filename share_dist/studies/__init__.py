"""Comparisons, benchmarks and chaos runs whose results are committed.

A bench measures ratios within one run, because machines differ and are shared; its last printed line is
`NAME ratio=…`, and `--json FILE` keeps every figure behind it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from share_dist.studies import bench_memory, bench_render, bench_survey, bench_train

BENCHES: dict[str, Callable[[Path | None], dict[str, Any]]] = {
    "render": bench_render.run,
    "survey": bench_survey.run,
    "train": bench_train.run,
    "memory": bench_memory.run,
}
