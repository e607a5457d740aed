"""A scene's words turned into the numbers that the kernels read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from PIL import Image

from share_dist.render import wardrobe
from share_dist.render.paint import GAMMA
from share_dist.render.sight import Sight
from share_dist.render.wardrobe import Numbers, numbers
from share_dist.scene import Background, Clothes, Occluder, Scene, open_picture

_PATTERNS = {
    "plain": wardrobe.PLAIN,
    "across": wardrobe.ACROSS,
    "along": wardrobe.ALONG,
    "checks": wardrobe.CHECKED,
    "patch": wardrobe.PATCH,
}
_MOST_LIGHTS = 2
_BALD_BELOW = 0.1
_NO_HAIR = 9.0
_EXPOSURE = 1.5
"""A photographer opens the lens until people look neither dark nor burnt; judged by eye on everyday views."""

_EYE_WHITE, _IRIS = (0.85, 0.85, 0.82), (0.16, 0.11, 0.08)
_LIPS_OF_SKIN = (0.84, 0.60, 0.58)


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Everything about a picture's look that does not follow from geometry.

    Attributes:
        cuts: where clothes and hair end, and their patterns; see `wardrobe`.
        colours: linear albedo of each of the wardrobe's slots.
        up: the world's up in the camera frame.
        ambient: linear light from everywhere.
        lights: of each of two lights, the unit direction towards it in the camera frame and its linear colour.
        background_colours: screen values 0…255.
        occluders: as `finish.draw_occluders` reads them.
        seed: for every hash of this picture.
    """

    cuts: Numbers
    colours: Float32[np.ndarray, "11 3"]
    up: Numbers
    ambient: Numbers
    lights: Numbers
    background_colours: Float32[np.ndarray, "3 3"]
    occluders: Float32[np.ndarray, "occluder 9"]
    seed: int


def look_of(scene: Scene, sight: Sight, marks: Float32[np.ndarray, "18"]) -> Look:
    """Translate a scene, seen by this camera, for a body with these landmarks.

    Colours and strengths are screen values; light adds up in linear light, so both are raised to GAMMA.
    """
    lights = np.zeros((_MOST_LIGHTS, 6), np.float32)  # a light that is not there is black
    for i, lamp in enumerate(scene.lights):
        # Spelled out, as everywhere on the way to a pixel: a matrix product's bits depend on the library.
        x, y, z = lamp.direction
        lights[i, :3] = sight.rotation[:, 0] * x + sight.rotation[:, 1] * y + sight.rotation[:, 2] * z
        lights[i, 3:] = _EXPOSURE * (lamp.strength * np.array(lamp.colour)) ** GAMMA
    return Look(
        cuts=numbers(_cuts(scene.clothes, marks)),
        colours=(_slot_colours(scene.clothes) ** GAMMA).astype(np.float32),
        up=numbers(sight.rotation[:, 1]),
        ambient=numbers(_EXPOSURE * (scene.ambient * np.array(scene.ambient_colour)) ** GAMMA),
        lights=numbers(lights),
        background_colours=255 * np.array(scene.background.colours, np.float32),
        occluders=np.array([_occluder_row(o) for o in scene.occluders], np.float32).reshape(-1, 9),
        seed=scene.background.texture_seed,
    )


def _cuts(clothes: Clothes, marks: np.ndarray) -> np.ndarray:
    """Lengths as shares of limbs become rest-pose coordinates."""
    shoulder, wrist = marks[wardrobe.SHOULDER_X], marks[wardrobe.WRIST_X]
    crotch, ankle = marks[wardrobe.CROTCH_Y], marks[wardrobe.ANKLE_Y]
    cuts = np.empty(wardrobe.CUT_COUNT, np.float32)
    cuts[wardrobe.SLEEVE_X] = shoulder + clothes.sleeve_length * (wrist - shoulder)
    cuts[wardrobe.TROUSERS_Y] = crotch + clothes.trouser_length * (ankle - crotch)
    cuts[wardrobe.SHIRT_KIND] = _PATTERNS[clothes.shirt.pattern]
    cuts[wardrobe.SHIRT_PERIOD] = clothes.shirt.period_m
    cuts[wardrobe.TROUSERS_KIND] = _PATTERNS[clothes.trousers.pattern]
    cuts[wardrobe.TROUSERS_PERIOD] = clothes.trousers.period_m
    bald = clothes.hair_length < _BALD_BELOW
    cuts[wardrobe.HAIR_TOP] = _NO_HAIR if bald else 0.80 - 0.06 * clothes.hair_length
    cuts[wardrobe.HAIR_BACK] = _NO_HAIR if bald else 0.45 - 0.8 * clothes.hair_length
    return cuts


def _slot_colours(clothes: Clothes) -> np.ndarray:
    """Screen colours of the wardrobe's slots, [11,3].

    A shirt with a patch has its left sleeve in the patch's colour: some people can be told left from right by clothes.
    """
    left = clothes.shirt.mark if clothes.shirt.pattern == "patch" else clothes.shirt.colour
    lips = np.array(clothes.skin) * _LIPS_OF_SKIN
    shirt, trousers = clothes.shirt, clothes.trousers
    slots = [shirt.colour, shirt.mark, left, trousers.colour, trousers.mark, clothes.shoes, clothes.skin, clothes.hair]
    return np.array([*slots, _EYE_WHITE, _IRIS, lips], np.float64)


def _occluder_row(occluder: Occluder) -> list[float]:
    return [
        occluder.centre_right,
        occluder.centre_down,
        occluder.half_width,
        occluder.half_height,
        occluder.angle_rad,
        float(occluder.shape == "ellipse"),
        *(255 * channel for channel in occluder.colour),
    ]


def picture_pixels(background: Background, size_px: int) -> Float32[np.ndarray, "size size 3"]:
    """The square of a user's picture that a background names, resized to the crop, screen values 0…255.

    Raises:
        BadBackgrounds: the picture was fine when the plan was made and cannot be read now.
    """
    picture = open_picture(str(background.picture), background.picture_sha256)
    width, height = picture.size
    side = background.picture_side * min(width, height)
    left, top = background.picture_right * (width - side), background.picture_down * (height - side)
    box = (left, top, left + side, top + side)
    resized = picture.resize((size_px, size_px), Image.Resampling.BILINEAR, box=box)
    return np.asarray(resized, np.float32)[..., :3]
