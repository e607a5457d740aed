"""Bench: pictures per CPU-second of our rasterizer against pyrender, at 224 px, from person to record."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

from share_dist.body import Body, BodyConfig, PeopleDistribution, load_body
from share_dist.camera import AllCameras
from share_dist.render import RenderConfig, make_renderer
from share_dist.render.raster import RasterRenderer
from share_dist.render.sight import sights_of
from share_dist.scene import SceneDistribution, View, ViewPlan

SIZE_PX = 224
VIEWS = 32
REPEATS = 5


def run() -> dict[str, float]:
    """Draw the same views with our rasterizer and with pyrender, and print the rates.

    The same all_cameras views go through everything; each engine poses the people itself and keeps its context. What is
    counted is CPU time of all threads of the process, because software OpenGL uses several; rounds of the candidates
    are interleaved, so that other load on the machine falls on all alike, and the median is taken.
    """
    body = load_body(BodyConfig())
    plan = ViewPlan(PeopleDistribution(), AllCameras(), SceneDistribution(), "steer", 0)
    figures = compare_engines(body, plan.views(range(VIEWS), body), SIZE_PX, REPEATS)
    for name, value in figures.items():
        if name != "ratio":
            print(f"{name:<32} {value:9.1f}")
    return figures


def compare_engines(body: Body, views: Sequence[View], size_px: int, repeats: int) -> dict[str, float]:
    """Pictures per CPU-second of each engine and of the parts of ours.

    Args:
        body: whom to draw.
        views: what to draw, the same for all.
        size_px: side of the pictures.
        repeats: interleaved rounds, after one that compiles and warms up.

    Returns:
        Rates by name, and `ratio`: the median over the rounds of raster's rate over pyrender's in the same round.
    """
    raster = RasterRenderer(body, RenderConfig(size_px=size_px))
    pyrender = make_renderer(body, RenderConfig(engine="pyrender", size_px=size_px))
    candidates: dict[str, Callable[[], object]] = {
        "raster_pictures_per_cpu_s": lambda: raster.records(views),
        "pyrender_pictures_per_cpu_s": lambda: pyrender.records(views),
        "raster_drawing_only_per_cpu_s": _drawing_only(raster, views),
        "posing_only_people_per_cpu_s": lambda: list(sights_of(body, views, size_px)),
    }
    rounds: dict[str, list[float]] = {name: [] for name in candidates}
    for turn in range(repeats + 1):
        for name, work in candidates.items():
            seconds = _cpu_seconds(work)
            if turn > 0:
                rounds[name].append(len(views) / seconds)
    ours, theirs = rounds["raster_pictures_per_cpu_s"], rounds["pyrender_pictures_per_cpu_s"]
    rates = {name: statistics.median(found) for name, found in rounds.items()}
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    return {"size_px": size_px, "views": len(views), "repeats": repeats, **rates, "ratio": ratio}


def _drawing_only(raster: RasterRenderer, views: Sequence[View]) -> Callable[[], object]:
    """Our engine on people already posed and placed: background, z-buffer, shading, finish."""
    sights = list(sights_of(raster.body, views, raster.config.size_px))
    sheets = raster.empty_sheets(1)
    first = {name: sheet[0] for name, sheet in sheets.items()}
    return lambda: [raster.draw(view, sight, first) for view, sight in zip(views, sights, strict=True)]


def _cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time of all threads of this process while doing the work."""
    start = time.process_time()
    work()
    return time.process_time() - start
