"""The second engine: pyrender's physically based shading through EGL, on a GPU or in Mesa's software.

Only this file knows OpenGL. Its camera frame has y up and looks along −z; ours is OpenCV's.
"""

from __future__ import annotations

import os

import numpy as np

from share_dist.body import Body
from share_dist.errors import Finding, NoHeadlessGL
from share_dist.render.config import RenderConfig
from share_dist.render.look import Look
from share_dist.render.raster import RasterRenderer
from share_dist.render.sight import Sight
from share_dist.render.wardrobe import paint_vertices
from share_dist.render.zbuffer import NEAR_M, vertex_normals

FAR_M = 30.0
"""Cameras stand within 6 m of the person; a nearer far plane would only sharpen the depth buffer."""

_GL_FROM_CV = np.array([1.0, -1.0, -1.0], np.float32)
_MEAN_SKY = 0.75
"""Our ambient light is 1 from above and a half from below; pyrender knows only one strength."""

_REMEDY = (
    "Install Mesa's EGL (Debian: apt-get install libegl1 libgl1 libgl1-mesa-dri; it needs no GPU); in Docker with "
    "GPUs add --gpus and the 'graphics' capability. Or leave render.engine at raster, which needs none of it."
)


def _import_pyrender():
    """Import pyrender with EGL as its platform.

    Raises:
        NoHeadlessGL: a library is missing.
    """
    # PyOpenGL reads this once, when first imported, and would otherwise look for a display.
    os.environ["PYOPENGL_PLATFORM"] = "egl"
    # numpy 2 dropped np.infty, which pyrender 0.1.45 still reads when it measures a scene's bounds. Upstream is
    # silent since 2022. Remove this line when a later pyrender exists.
    np.infty = np.inf  # pyright: ignore[reportAttributeAccessIssue]
    try:
        import pyrender
    except (ImportError, AttributeError, OSError) as error:
        raise NoHeadlessGL(_no_gl(error)) from error
    return pyrender


def _no_gl(error: Exception) -> str:
    """What failed, in what surroundings, and the remedy."""
    device = os.environ.get("EGL_DEVICE_ID", "not set")
    cards = "there" if os.path.isdir("/dev/dri") else "absent"
    return (
        f"pyrender could not open an EGL context: {type(error).__name__}: {error}\n"
        f"  PYOPENGL_PLATFORM=egl, EGL_DEVICE_ID {device}, /dev/dri {cards}."
        f"\n  {_REMEDY}"
    )


def _open_context(size_px: int):
    """Open an offscreen context on the device that EGL_DEVICE_ID names.

    Raises:
        NoHeadlessGL: there is no such device, or none can be opened.
    """
    pyrender = _import_pyrender()
    try:
        given = os.environ.get("EGL_DEVICE_ID", "0").strip()
        if given != "0":
            _require_device(given)
        return pyrender.OffscreenRenderer(size_px, size_px)
    except NoHeadlessGL:
        raise
    # PyOpenGL raises its own errors, pyrender plain ones; whichever, there is no context.
    except Exception as error:
        raise NoHeadlessGL(_no_gl(error)) from error


def _require_device(number: str) -> None:
    """Raise NoHeadlessGL unless a device has this number; pyrender would count a negative one from the end."""
    from pyrender.platforms import egl

    devices = len(egl.query_devices())
    if not (number.isdecimal() and int(number) < devices):
        if not devices:
            raise NoHeadlessGL(f"EGL_DEVICE_ID is '{number}', but this machine has no EGL device.\n  {_REMEDY}")
        known, wanted = ("1 EGL device", "0") if devices == 1 else (f"{devices} EGL devices", f"0 to {devices - 1}")
        raise NoHeadlessGL(
            f"EGL_DEVICE_ID is '{number}', but this machine has {known}, counted from 0.\n"
            f"  Set EGL_DEVICE_ID to {wanted}, or unset it. A container shows its GPUs with --gpus and the 'graphics' "
            "capability."
        )


class PyrenderRenderer(RasterRenderer):
    """Draws the person with pyrender; geometry, background and everything in front of the person are shared.

    Colours are given per vertex, so hems are as sharp as the mesh is fine. Parts and visibility come from our own
    buffer, depth from OpenGL's. One offscreen context per renderer, made once: use one renderer per process and call it
    from the thread that made it.
    """

    def __init__(self, body: Body, config: RenderConfig) -> None:
        super().__init__(body, config)
        self._pyrender = _import_pyrender()
        self._colours = np.ones((len(body.v_template), 4), np.float32)
        self._context = _open_context(config.size_px)
        self._depth_m = np.empty((0, 0), np.float32)

    def close(self) -> None:
        """Give the context back."""
        self._context.delete()

    def _paint_person(self, image: np.ndarray, look: Look, sight: Sight) -> None:
        vertex_normals(sight.vertices_cam_m, self._faces, self._normals)
        paint_vertices(self._surface[:, :3], self._marks, look.cuts, look.colours, self._colours)
        scene = self._scene(look, sight)
        drawn = self._context.render(scene, flags=self._pyrender.RenderFlags.RGBA)
        assert drawn is not None  # it is only with pyrender's OFFSCREEN flag off
        colour, depth_m = drawn
        # Cleared to transparent black, so the mean over a pixel's samples is already weighted by its coverage.
        coverage = colour[..., 3:].astype(np.float32) / 255
        image[:] = colour[..., :3] + (1 - coverage) * image
        self._depth_m = depth_m

    def _scene(self, look: Look, sight: Sight):
        """The person as a matt mesh, the lights, and the crop's lens, all in OpenGL's camera frame."""
        pyrender = self._pyrender
        scene = pyrender.Scene(bg_color=np.zeros(4), ambient_light=_MEAN_SKY * np.array(look.ambient))
        material = pyrender.MetallicRoughnessMaterial(metallicFactor=0.0, roughnessFactor=1.0)
        person = pyrender.Primitive(
            positions=sight.vertices_cam_m * _GL_FROM_CV,
            normals=self._normals * _GL_FROM_CV,
            color_0=self._colours,
            indices=self._faces,
            material=material,
        )
        scene.add(pyrender.Mesh([person]))
        for light in np.array(look.lights).reshape(-1, 6):
            if not light[:3].any():
                continue  # the second light of a scene that has only one
            # A matt surface sends back 1/π of the light per unit of solid angle; ours counts that as 1.
            lamp = pyrender.DirectionalLight(color=light[3:], intensity=np.pi)
            scene.add(lamp, pose=_facing_away_from(light[:3] * _GL_FROM_CV))
        lens = pyrender.IntrinsicsCamera(sight.focal, sight.focal, *sight.centre, znear=float(NEAR_M), zfar=FAR_M)
        scene.add(lens)
        return scene

    def _write_extras(self, sight: Sight, out: dict[str, np.ndarray]) -> None:
        if "parts" in out or "vertex_visible" in out:
            self._fill_buffer(sight)
            super()._write_extras(sight, {name: array for name, array in out.items() if name != "depth_m"})
        if "depth_m" in out:
            out["depth_m"][:] = np.where(self._hidden, 0, self._depth_m)


def _facing_away_from(direction: np.ndarray) -> np.ndarray:
    """Pose of a lamp whose light comes from `direction`: its z axis points there, for it shines along −z."""
    z = direction / np.linalg.norm(direction)
    x = np.cross([0.0, 1.0, 0.0] if abs(z[1]) < 0.9 else [1.0, 0.0, 0.0], z)
    x /= np.linalg.norm(x)
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 1], pose[:3, 2] = x, np.cross(z, x), z
    return pose


def check_egl() -> Finding:
    """Try to open a small context on this machine and say what came of it."""
    try:
        context = _open_context(16)
        name = _renderer_name()
        context.delete()
    except NoHeadlessGL as error:
        first, *_, remedy = str(error).splitlines()
        return Finding("pyrender (EGL)", False, first, remedy.strip())
    except Exception as error:
        return Finding("pyrender (EGL)", False, f"{type(error).__name__}: {error}".splitlines()[0], _REMEDY)
    return Finding("pyrender (EGL)", True, f"draws with {name}")


def _renderer_name() -> str:
    from OpenGL.GL import GL_RENDERER, GL_VERSION, glGetString

    return " ".join(text.decode() if (text := glGetString(key)) else "?" for key in (GL_RENDERER, GL_VERSION))
