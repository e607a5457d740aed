"""A view becomes a record: our CPU rasterizer by default, pyrender by choice.

A *record* is a picture and everything that is true about it. This room draws what a `View` says and draws nothing at
random: the same view gives the same record in any batch, process and order.

    make_renderer(body, config)     -> Renderer    the engine that the settings name
    renderer.records(views)         -> Records     pictures and truth, stacked
    check()                         -> findings    whether pyrender can draw on this machine
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from share_dist.body import Body
from share_dist.errors import Finding
from share_dist.render.config import RenderConfig as RenderConfig
from share_dist.render.records import Records as Records
from share_dist.scene import View


class Renderer(Protocol):
    """Draws views of one body in one way."""

    body: Body
    config: RenderConfig

    def records(self, views: Sequence[View]) -> Records:
        """Pictures and truth of these views, in this order."""
        ...


def make_renderer(body: Body, config: RenderConfig) -> Renderer:
    """The engine that the settings name, ready to draw this body.

    Raises:
        NoHeadlessGL: the engine is pyrender and no EGL context can be had.
    """
    if config.engine == "pyrender":
        # Imported here because importing pyrender opens OpenGL's libraries, which the raster engine does not need.
        from share_dist.render.gl import PyrenderRenderer

        return PyrenderRenderer(body, config)
    from share_dist.render.raster import RasterRenderer

    return RasterRenderer(body, config)


def check() -> list[Finding]:
    """Whether this machine can draw with pyrender; the raster engine needs nothing that could be missing."""
    from share_dist.render.gl import check_egl

    return [check_egl()]
