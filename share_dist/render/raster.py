"""Our own renderer: people posed in batches, then one picture after another through the z-buffer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from share_dist.body import Body
from share_dist.render.background import paint_background
from share_dist.render.config import RenderConfig
from share_dist.render.finish import develop, draw_occluders, hide_outside_frame
from share_dist.render.look import Look, look_of
from share_dist.render.paint import GREY_OF_LIGHT, depth_and_parts, paint_person
from share_dist.render.records import Records
from share_dist.render.sight import Sight, gather, sights_of
from share_dist.render.wardrobe import landmarks, numbers
from share_dist.render.zbuffer import fill_zbuffer, seen_vertices, to_screen, vertex_normals
from share_dist.scene import View

_CHUNK = 8
"""People posed together: enough to spread the cost of a call, few enough that their vertices stay in the cache."""


class RasterRenderer:
    """Renders views one by one; a picture depends on its view alone, never on its neighbours in a batch."""

    def __init__(self, body: Body, config: RenderConfig) -> None:
        self.body, self.config = body, config
        # Copies, because arrays that arrive through Ray are read-only and numba would compile for them anew.
        self._faces = np.array(body.faces, np.int32)
        # Rest position and normal of each vertex; the normals are written anew for every picture.
        self._surface = np.concatenate([body.v_template, np.zeros_like(body.v_template)], 1, dtype=np.float32)
        self._normals = self._surface[:, 3:]
        self._joint_of_vertex = body.dominant_joint.astype(np.uint8)
        self._landmarks = landmarks(body)
        self._marks = numbers(self._landmarks)
        fine, size = config.size_px * config.samples_taken, config.size_px
        self._inverse_z = np.empty((fine, fine), np.float32)
        self._hit = np.empty((fine, fine, 4), np.float32)
        self._screen = np.empty((0, 3), np.float32)
        self._extent = (0, -1, 0, -1)
        self._canvas = np.empty((size, size, 3), np.float32)
        self._hidden = np.empty((size, size), np.bool_)

    def records(self, views: Sequence[View]) -> Records:
        """Pictures and truth of these views, in this order."""
        sheets = self.empty_sheets(len(views))
        sights: list[Sight] = []
        for start in range(0, len(views), _CHUNK):
            for sight in sights_of(self.body, views[start : start + _CHUNK], self.config.size_px):
                row = len(sights)
                self.draw(views[row], sight, {name: sheet[row] for name, sheet in sheets.items()})
                sights.append(sight.without_mesh())
        return gather(views, sights, **sheets)

    def empty_sheets(self, count: int) -> dict[str, np.ndarray]:
        """Room for `count` pictures and for the extras that are asked for."""
        config, size = self.config, self.config.size_px
        sheets: dict[str, np.ndarray] = {"image": np.empty((count, size, size, 3), np.uint8)}
        if config.depth:
            sheets["depth_m"] = np.empty((count, size, size), np.float32)
        if config.parts:
            sheets["parts"] = np.empty((count, size, size), np.uint8)
        if config.visibility:
            sheets["vertex_visible"] = np.empty((count, len(self._surface)), np.bool_)
        return sheets

    def draw(self, view: View, sight: Sight, out: dict[str, np.ndarray]) -> None:
        """One picture and its extras, written into `out`."""
        look = look_of(view.scene, sight, self._landmarks)
        image, hidden = self._canvas, self._hidden
        paint_background(image, view.scene.background, look, sight)
        self._paint_person(image, look, sight)
        hidden[:] = False
        draw_occluders(image, hidden, look.occluders, look.seed)
        hide_outside_frame(image, hidden, *sight.frame_in_crop)
        develop(image, np.float32(self.config.noise), look.seed, out["image"])
        self._write_extras(sight, out)

    def _paint_person(self, image: np.ndarray, look: Look, sight: Sight) -> None:
        """Draw the person over what the canvas shows."""
        self._fill_buffer(sight)
        paint_person(
            image, self.config.samples_taken, self._extent, self._inverse_z, self._hit, self._faces, self._surface,
            self._marks, look.cuts, look.colours, look.up, look.ambient, look.lights, GREY_OF_LIGHT,
        )  # fmt: skip

    def _fill_buffer(self, sight: Sight) -> None:
        """Which face each sample sees, and the vertices' normals."""
        fine = np.float32(self.config.samples_taken)
        self._screen = to_screen(
            sight.vertices_cam_m, sight.focal * fine, sight.centre[0] * fine, sight.centre[1] * fine
        )
        self._extent = fill_zbuffer(self._screen, self._faces, self._inverse_z, self._hit)
        vertex_normals(sight.vertices_cam_m, self._faces, self._normals)

    def _write_extras(self, sight: Sight, out: dict[str, np.ndarray]) -> None:
        """Depth, parts and visibility, where asked for, from the buffer that made the picture."""
        samples, hidden = self.config.samples_taken, self._hidden
        if "depth_m" in out or "parts" in out:
            depth_m = out["depth_m"] if "depth_m" in out else np.empty(hidden.shape, np.float32)
            parts = out["parts"] if "parts" in out else np.empty(hidden.shape, np.uint8)
            depth_and_parts(
                samples, self._inverse_z, self._hit, self._faces, self._joint_of_vertex, hidden,
                depth_m, parts,
            )  # fmt: skip
        if "vertex_visible" in out:
            seen_vertices(
                self._screen, samples, self._inverse_z, self._normals, sight.vertices_cam_m,
                sight.focal * np.float32(samples), hidden, out["vertex_visible"],
            )  # fmt: skip
