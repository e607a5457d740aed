"""`bench memory`: the driver's memory does not grow with the number of views.

A small and a large survey with the real actors, at 32 pixels so that the large one takes minutes. What counts is the
driver's highest resident memory while each runs: pictures pass it by, and of 50,000 views only the rows remain.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from share_dist.body import PeopleDistribution
from share_dist.camera import AllCameras
from share_dist.fleet import Fleet, FleetConfig
from share_dist.models import ModelConfig, make_model
from share_dist.render import RenderConfig
from share_dist.scene import SceneConfig, SceneDistribution, ViewPlan
from share_dist.storage import FolderStore

LIMIT_MB = 100.0
SIZE_PX = 32


def run(small: int = 1_000, large: int = 50_000) -> dict[str, Any]:
    """Survey few and many views, and print the driver's memory.

    Args:
        small: views of the first survey.
        large: views of the second.

    Returns:
        The figures; `ratio` is the highest memory during the large survey over that during the small one.
    """
    plan = ViewPlan(PeopleDistribution(), AllCameras(), SceneDistribution.from_config(SceneConfig()), "steer", 1)
    model = make_model(ModelConfig(input_px=SIZE_PX)).eval()
    rows = []
    with tempfile.TemporaryDirectory() as folder, Fleet(FleetConfig(), render=RenderConfig(size_px=SIZE_PX)) as fleet:
        fleet.survey(model, plan, 64, FolderStore(Path(folder, "first")))
        for count in (small, large):
            started = time.perf_counter()
            with _peak_mb() as peak:
                survey = fleet.survey(model, plan, count, FolderStore(Path(folder, str(count))), label="bench memory")
                table_mb = sum(values.nbytes for values in survey.columns.values()) / 1e6
            rows.append({"views": count, "peak_mb": peak[0], "table_mb": table_mb, "seconds": _since(started)})
            del survey
    growth_mb = rows[1]["peak_mb"] - rows[0]["peak_mb"]
    figures = {"surveys": rows, "growth_mb": growth_mb, "limit_mb": LIMIT_MB}
    figures["ratio"] = rows[1]["peak_mb"] / rows[0]["peak_mb"]
    print(f"{'views':>8}{'driver MB':>12}{'of it rows':>12}{'seconds':>10}")
    for row in rows:
        print(f"{row['views']:>8,}{row['peak_mb']:>12.1f}{row['table_mb']:>12.1f}{row['seconds']:>10.1f}")
    print(f"growth {growth_mb:.1f} MB, wanted at most {LIMIT_MB:g} MB")
    return figures


def _since(started: float) -> float:
    return time.perf_counter() - started


@contextmanager
def _peak_mb() -> Iterator[list[float]]:
    """Watch this process's resident memory; the one entry of the list is its highest, in MB."""
    peak, stop = [resident_mb()], threading.Event()

    def watch() -> None:
        while not stop.wait(0.05):
            peak[0] = max(peak[0], resident_mb())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()


def resident_mb() -> float:
    """Return this process's resident memory in MB, from /proc."""
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1e3
    raise RuntimeError("this system's /proc says nothing of resident memory; run the benchmark on Linux")
