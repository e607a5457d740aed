"""What a scene is made of, as plain numbers; the render room turns them into pixels.

Colours are (red, green, blue) as they look on a screen (sRGB), each in [0, 1].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

RGB = tuple[float, float, float]

Pattern = Literal["plain", "across", "along", "checks", "patch"]
"""How cloth is marked: not at all; stripes round the body or limb; stripes along it; both; one patch on the chest."""

FLAT_KINDS = ("gradient", "clouds", "stripes", "checks", "blocks")
"""Backgrounds painted on the picture: a smooth change, noise like foliage or plaster, curtains, tiles, shelves."""

PLACE_KINDS = ("room", "field")
"""Backgrounds with a floor that the same camera sees: indoors with walls, outdoors with a sky."""

BackgroundKind = Literal["gradient", "clouds", "stripes", "checks", "blocks", "room", "field", "picture"]


@dataclass(frozen=True, slots=True)
class Cloth:
    """The look of one garment.

    Attributes:
        colour: of the cloth.
        mark: second colour, that of the pattern.
        pattern: plain, across (rings round trunk and limbs), along, checks, or patch (shirts only).
        period_m: distance from one stripe to the next, metres.
    """

    colour: RGB
    mark: RGB
    pattern: Pattern
    period_m: float


@dataclass(frozen=True, slots=True)
class Clothes:
    """What the person wears, skin and hair included.

    Attributes:
        palette: name of the colours of shirt, trousers and shoes.
        shirt: covers trunk and, as far as the sleeves reach, arms.
        trousers: cover hips and, as far as they reach, legs.
        shoes: colour of the feet.
        skin: colour of what is bare.
        hair: colour of hair and brows.
        sleeve_length: how much of the arm, from shoulder (0) to wrist (1), is covered.
        trouser_length: how much of the leg, from hip (0) to ankle (1), is covered.
        hair_length: 0 is bald, 0.3 short, 1 reaches the neck.
    """

    palette: str
    shirt: Cloth
    trousers: Cloth
    shoes: RGB
    skin: RGB
    hair: RGB
    sleeve_length: float
    trouser_length: float
    hair_length: float


@dataclass(frozen=True, slots=True)
class Light:
    """A lamp far away, fixed in the person's frame: it stays where it is when the camera moves.

    Attributes:
        azimuth_rad: where it stands, as a camera's azimuth.
        elevation_rad: how high.
        strength: 1 shows a surface that faces it in its own colour.
        colour: its tint, brightest channel 1.
    """

    azimuth_rad: float
    elevation_rad: float
    strength: float
    colour: RGB

    @property
    def direction(self) -> RGB:
        """Unit vector from the person towards the lamp, person's frame."""
        level = math.cos(self.elevation_rad)
        return (
            level * math.sin(self.azimuth_rad),
            math.sin(self.elevation_rad),
            level * math.cos(self.azimuth_rad),
        )


@dataclass(frozen=True, slots=True)
class Background:
    """What is behind the person.

    Attributes:
        kind: one of FLAT_KINDS or PLACE_KINDS, or a picture.
        first: a colour; of places, the floor's first.
        second: a colour; of places, the floor's second.
        third: a colour; of places, the wall's or the sky's.
        scale: features across the crop (FLAT_KINDS), or the size of a tile in metres (PLACE_KINDS).
        angle_rad: how the pattern lies in the crop, clockwise; FLAT_KINDS only.
        texture_seed: 31 bits for the hashes that place details.
        picture: file to show (kind picture), else None.
        picture_side: side of the square taken from it, as a share of its shorter side.
        picture_right: where the square lies, 0 left … 1 right.
        picture_down: where the square lies, 0 top … 1 bottom.
        picture_sha256: of the file's bytes, by which it is kept reduced; empty when only the file is known.
    """

    kind: BackgroundKind
    first: RGB
    second: RGB
    third: RGB
    scale: float
    angle_rad: float
    texture_seed: int
    picture: str | None = None
    picture_side: float = 1.0
    picture_right: float = 0.5
    picture_down: float = 0.5
    picture_sha256: str = ""

    @property
    def colours(self) -> tuple[RGB, RGB, RGB]:
        """The three colours."""
        return self.first, self.second, self.third


@dataclass(frozen=True, slots=True)
class Occluder:
    """Something in front of the person, in shares of the crop: (0, 0) is its top-left corner, (1, 1) the other.

    Attributes:
        shape: ellipse or rectangle.
        centre_right: centre.
        centre_down: centre.
        half_width: half its width before it is turned.
        half_height: half its height before it is turned.
        angle_rad: clockwise turn.
        colour: its colour.
    """

    shape: Literal["ellipse", "rectangle"]
    centre_right: float
    centre_down: float
    half_width: float
    half_height: float
    angle_rad: float
    colour: RGB


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything in the picture but the person's body and the camera.

    Attributes:
        clothes: what the person wears.
        ambient: strength of the light from all sides; 1 alone shows every colour as it is.
        ambient_colour: its tint, brightest channel 1.
        light: the main lamp.
        second_light: another, or None.
        background: what is behind.
        occluders: what is in front, drawn in this order.
    """

    clothes: Clothes
    ambient: float
    ambient_colour: RGB
    light: Light
    second_light: Light | None
    background: Background
    occluders: tuple[Occluder, ...]

    @property
    def lights(self) -> tuple[Light, ...]:
        """The one or two lamps."""
        return (self.light,) if self.second_light is None else (self.light, self.second_light)
