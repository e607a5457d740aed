"""How scenes are drawn: each from one random stream, knowing neither person nor camera."""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np

from share_dist.errors import BadSetting
from share_dist.scene import palettes
from share_dist.scene.config import SceneConfig
from share_dist.scene.parts import (
    PLACE_KINDS,
    RGB,
    Background,
    BackgroundKind,
    Cloth,
    Clothes,
    Light,
    Occluder,
    Pattern,
    Scene,
)
from share_dist.scene.pictures import Picture, find_pictures
from share_dist.storage import home_expanded

Split = Literal["train", "steer", "judge"]
SPLITS: tuple[Split, ...] = ("train", "steer", "judge")

_DRAWS = 128
_Item = TypeVar("_Item")
_Files = tuple[tuple[str, str], ...]


class _Draws:
    """Uniform numbers of one stream, handed out in order; a fixed number is drawn, so it costs one call."""

    __slots__ = ("_next",)

    def __init__(self, rng: np.random.Generator) -> None:
        self._next = iter(rng.random(_DRAWS).tolist()).__next__

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self._next()

    def chance(self, share: float) -> bool:
        return self._next() < share

    def pick(self, items: Sequence[_Item]) -> _Item:
        return items[int(self._next() * len(items))]

    def pick_weighted(self, weights: Mapping[_Item, float]) -> _Item:
        left = self._next() * sum(weights.values())
        for item, weight in weights.items():
            left -= weight
            if left < 0:
                return item
        return list(weights)[-1]

    def near_share(self, middles: Mapping[float, float], spread: float) -> float:
        """A share close to one of some usual ones, each with its weight, kept in [0, 1]."""
        return min(max(self.pick_weighted(middles) + self.between(-spread, spread), 0.0), 1.0)

    def near(self, colour: RGB, spread: float) -> RGB:
        """A colour close to another: brightness moves most, the tint a little."""
        shift = self.between(-spread, spread)
        red, green, blue = (min(max(c + shift + self.between(-0.3, 0.3) * spread, 0.0), 1.0) for c in colour)
        return red, green, blue


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneDistribution:
    """Which scenes there are; a value that serialises. The settings are those of `SceneConfig`, with pictures found."""

    NAME: ClassVar[str] = "scenes-v1"

    picture_share: float = SceneConfig().picture_share
    occluder_share: float = SceneConfig().occluder_share
    occluder_low: float = SceneConfig().occluder_low
    occluder_high: float = SceneConfig().occluder_high
    pattern_share: float = SceneConfig().pattern_share
    second_light_share: float = SceneConfig().second_light_share
    judge_only_share: float = SceneConfig().judge_only_share
    background_folder: str | None = None
    pictures: tuple[Picture, ...] = ()

    def __post_init__(self) -> None:
        """Check the numbers as the settings do."""
        numbers = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        del numbers["background_folder"], numbers["pictures"]
        SceneConfig(**numbers)

    @staticmethod
    def from_config(config: SceneConfig) -> SceneDistribution:
        """The distribution these settings describe.

        Raises:
            BadBackgrounds: the folder holds no picture, or one that cannot be read.
        """
        numbers = {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}
        folder: Path | None = numbers.pop("background_folder")
        if folder is None:
            return SceneDistribution(**numbers)
        folder = home_expanded(folder).absolute()
        return SceneDistribution(**numbers, background_folder=str(folder), pictures=find_pictures(folder))

    def sample(self, rngs: Sequence[np.random.Generator], split: Split) -> list[Scene]:
        """Draw one scene from each stream; a scene depends on its own stream only."""
        shown = _files_of(self.background_folder or "", self.pictures, split)
        return [self._scene(_Draws(rng), split, shown) for rng in rngs]

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and the version's name."""
        return {"name": self.NAME, **dataclasses.asdict(self), "pictures": [[p.name, p.sha256] for p in self.pictures]}

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> SceneDistribution:
        """The inverse of `to_json`."""
        values = dict(content)
        name = values.pop("name", None)
        if name != SceneDistribution.NAME:
            raise BadSetting(f"The scenes are '{name}', but this release knows only {SceneDistribution.NAME}.")
        folder = values.get("background_folder")
        if not isinstance(folder, str | None):
            raise BadSetting(f"The scenes' background_folder is {folder!r}, but it must be a folder's name or null.")
        values["pictures"] = tuple(_stored_picture(pair) for pair in values.get("pictures", ()))
        return SceneDistribution(**values)

    def _scene(self, draws: _Draws, split: Split, shown: _Files) -> Scene:
        extra = self.judge_only_share if split == "judge" else 0.0
        clothes = _clothes(draws, self.pattern_share, extra)
        warm = draws.between(-0.12, 0.12)
        ambient = draws.between(0.3, 0.6)
        light = _light(draws, draws.between(0.5, 0.95))
        second = _light(draws, draws.between(0.15, 0.45))
        has_second = draws.chance(self.second_light_share)
        background = _background(draws, extra, shown, self.picture_share)
        occluders = tuple(_occluder(draws, self.occluder_low, self.occluder_high) for _ in range(2))
        count = (1 + draws.chance(0.25)) if draws.chance(self.occluder_share) else 0
        return Scene(
            clothes, ambient, _tint(warm), light, second if has_second else None, background, occluders[:count]
        )


def _stored_picture(pair: Any) -> Picture:
    if not (isinstance(pair, list | tuple) and len(pair) == 2 and all(isinstance(part, str) for part in pair)):
        raise BadSetting(f"The scenes have the picture {pair!r}, but wanted are its name and the sha256 of its bytes.")
    if not re.fullmatch("[0-9a-f]{64}", pair[1]):
        raise BadSetting(f"The picture {pair[0]} has {pair[1]!r} for its sha256, which is 64 hexadecimal digits.")
    return Picture(*pair)


@functools.lru_cache(maxsize=8)
def _files_of(folder: str, pictures: tuple[Picture, ...], split: Split) -> _Files:
    """Files a split may show, with their hashes; the judge's own come to nobody else, unless there are no others."""
    mine = [p for p in pictures if split == "judge" or not p.judge_only] or pictures
    return tuple((str(Path(folder) / p.name), p.sha256) for p in mine)


def _clothes(draws: _Draws, pattern_share: float, judge_only: float) -> Clothes:
    own = draws.chance(judge_only)
    names = tuple(palettes.JUDGE_CLOTHES if own else palettes.CLOTHES)
    palette = draws.pick(names)
    colours = palettes.JUDGE_CLOTHES[palette] if own else palettes.CLOTHES[palette]
    tone = draws.between(0, len(palettes.SKIN) - 1)
    lighter, darker = palettes.SKIN[int(tone)], palettes.SKIN[int(tone) + 1]
    red, green, blue = (a + (tone - int(tone)) * (b - a) for a, b in zip(lighter, darker, strict=True))
    return Clothes(
        palette=palette,
        shirt=_cloth(draws, colours, pattern_share, {"across": 0.35, "along": 0.2, "checks": 0.2, "patch": 0.25}),
        trousers=_cloth(draws, colours, pattern_share / 2, {"across": 0.1, "along": 0.5, "checks": 0.4}),
        shoes=draws.near(draws.pick(palettes.CLOTHES["greys"] + colours), 0.1),
        skin=draws.near((red, green, blue), 0.03),
        hair=draws.near(draws.pick(palettes.HAIR), 0.05),
        sleeve_length=draws.near_share({1.0: 0.35, 0.3: 0.4, 0.0: 0.1, 0.6: 0.15}, 0.08),
        trouser_length=draws.near_share({1.0: 0.6, 0.4: 0.25, 0.7: 0.15}, 0.06),
        hair_length=draws.near_share({0.0: 0.08, 0.3: 0.5, 0.6: 0.22, 0.95: 0.2}, 0.05),
    )


def _cloth(draws: _Draws, colours: tuple[RGB, ...], share: float, patterns: Mapping[Pattern, float]) -> Cloth:
    first = int(draws.between(0, len(colours)))
    other = (first + 1 + int(draws.between(0, len(colours) - 1))) % len(colours)
    marked, pattern = draws.chance(share), draws.pick_weighted(patterns)
    colour, mark = draws.near(colours[first], 0.08), draws.near(colours[other], 0.08)
    return Cloth(colour, mark, pattern if marked else "plain", draws.between(0.04, 0.14))


def _light(draws: _Draws, strength: float) -> Light:
    """Lamps and suns hang above, seldom below the eye's level."""
    low, high = math.sin(math.radians(5)), math.sin(math.radians(85))
    elevation = math.asin(draws.between(low, high))
    return Light(draws.between(-math.pi, math.pi), elevation, strength, _tint(draws.between(-0.15, 0.25)))


def _tint(warm: float) -> RGB:
    """White light made warmer (above 0) or colder."""
    return (1.0, 1.0 - 0.4 * warm, 1.0 - warm) if warm >= 0 else (1.0 + warm, 1.0 + 0.4 * warm, 1.0)


def _background(draws: _Draws, judge_only: float, shown: _Files, picture_share: float) -> Background:
    """The draws are the same in number whatever comes out, so that what follows in the stream stays put."""
    own = draws.chance(judge_only)
    kind: BackgroundKind = draws.pick_weighted(palettes.JUDGE_BACKGROUND_KINDS if own else palettes.BACKGROUND_KINDS)
    place = draws.pick(tuple(palettes.PLACES))
    colours = palettes.PLACES[{"room": "indoor", "field": "outdoor"}.get(kind, place)]
    first, second, third = (draws.near(draws.pick(colours), 0.12) for _ in range(3))
    scale = draws.between(0.25, 0.9) if kind in PLACE_KINDS else draws.between(2.0, 9.0)
    angle, seed = draws.between(-math.pi, math.pi), int(draws.between(0, 2**31))
    side, right, down = draws.between(0.4, 1.0), draws.between(0, 1), draws.between(0, 1)
    use_picture, at = draws.chance(picture_share), draws.between(0, 1)
    if shown and use_picture:
        file, sha256 = shown[int(at * len(shown))]
        return Background("picture", first, second, third, scale, 0.0, seed, file, side, right, down, sha256)
    return Background(kind, first, second, third, scale, angle, seed)


def _occluder(draws: _Draws, low: float, high: float) -> Occluder:
    return Occluder(
        shape="ellipse" if draws.chance(0.5) else "rectangle",
        centre_right=draws.between(0.1, 0.9),
        centre_down=draws.between(0.1, 0.9),
        half_width=draws.between(low, high) / 2,
        half_height=draws.between(low, high) / 2,
        angle_rad=draws.between(-math.pi / 2, math.pi / 2),
        colour=draws.near(draws.pick(palettes.PLACES["studio"]), 0.15),
    )
