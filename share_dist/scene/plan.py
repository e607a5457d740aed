"""The plan: an endless numbered list of views, each a pure function of the plan and its number."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from share_dist.body import Body, PeopleDistribution, Person
from share_dist.camera import Camera, CameraDistribution, Everyday, distribution_from_json, drawn_part, to_json
from share_dist.errors import BadSetting, nearest_name, require_numbers
from share_dist.scene.parts import Scene
from share_dist.scene.sampling import SPLITS, SceneDistribution, Split
from share_dist.scene.spaces import person_spaces
from share_dist.seeds import stream

FORMAT = "view-plan-v1"


@dataclass(frozen=True, slots=True)
class View:
    """What one picture will show.

    Attributes:
        number: its place in the plan.
        split: train, steer or judge.
        person: pose and shape.
        camera: where from.
        scene: what else.
        floor_m: height of the floor relative to the pelvis, negative; cameras of `all_cameras` stand above it.
        everyday: whether the camera was drawn as an everyday one; where cameras are a mixture, by that part of it.
    """

    number: int
    split: Split
    person: Person
    camera: Camera
    scene: Scene
    floor_m: float
    everyday: bool


@dataclass(frozen=True)
class ViewPlan:
    """Three distributions, a split and a seed: `views(numbers, body)` is the same on any machine, in any batches.

    People and scenes have random streams of their own, so plans that differ only in their cameras show the same
    people in the same scenes. A camera may depend on its person, because floor and body decide where it can stand.
    """

    people: PeopleDistribution
    cameras: CameraDistribution
    scenes: SceneDistribution
    split: Split
    seed: int

    def __post_init__(self) -> None:
        """Check split and seed."""
        require_numbers(self, "plan.")
        if self.split not in SPLITS:
            raise BadSetting(f"There is no split '{self.split}'{nearest_name(self.split, SPLITS)}")
        if not 0 <= self.seed < 2**63:
            raise BadSetting(f"The plan's seed is {self.seed}, but it must be a whole number from 0 to 2**63 - 1.")

    def view(self, number: int, body: Body) -> View:
        """View number `number`."""
        return self.views([number], body)[0]

    def views(self, numbers: Iterable[int], body: Body) -> list[View]:
        """The views with these numbers, in this order; each is what `view` returns for it alone.

        Args:
            numbers: a range, list or array of view numbers, not negative.
            body: whose joints say where floor and body are.
        """
        wanted = [int(number) for number in numbers]
        if wanted and min(wanted) < 0:
            raise BadSetting(f"There is no view number {min(wanted)}: views are numbered from 0.")
        people = self.people.sample([self._stream("people", number) for number in wanted], self.split)
        scenes = self.scenes.sample([self._stream("scenes", number) for number in wanted], self.split)
        spaces = person_spaces(people, body)
        streams = [self._stream("cameras", number) for number in wanted]
        sources = [drawn_part(self.cameras, stream) for stream in streams]
        cameras = [source.sample(stream, space) for source, stream, space in zip(sources, streams, spaces, strict=True)]
        everyday = [isinstance(source, Everyday) for source in sources]
        return [
            View(number, self.split, person, camera, scene, space.floor_m, usual)
            for number, person, camera, scene, space, usual in zip(
                wanted, people, cameras, scenes, spaces, everyday, strict=True
            )
        ]

    def to_json(self) -> dict[str, Any]:
        """The plan as plain JSON values: names and numbers."""
        return {
            "format": FORMAT,
            "people": self.people.to_json(),
            "cameras": to_json(self.cameras),
            "scenes": self.scenes.to_json(),
            "split": self.split,
            "seed": self.seed,
        }

    @staticmethod
    def from_json(content: Mapping[str, Any] | str) -> ViewPlan:
        """The inverse of `to_json`; text is read as JSON first.

        Raises:
            BadSetting: no JSON, another format, a distribution this release does not know, or a number out of range.
        """
        try:
            values = json.loads(content) if isinstance(content, str) else content
            if values.get("format") != FORMAT:
                raise BadSetting(
                    f"The plan's format is '{values.get('format')}', but this release reads only {FORMAT}."
                )
            return ViewPlan(
                people=PeopleDistribution.from_json(values["people"]),
                cameras=distribution_from_json(values["cameras"]),
                scenes=SceneDistribution.from_json(values["scenes"]),
                split=values["split"],
                seed=values["seed"],
            )
        except BadSetting:
            raise
        except RecursionError:
            raise BadSetting("The plan is nested too deeply to be one.\n  Copy it again from where it was.") from None
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            raise BadSetting(
                f"The plan cannot be read: {error!r} is missing or of the wrong kind."
                "\n  Copy it again from where it was."
            ) from error

    @functools.cached_property
    def hash(self) -> str:
        """Sha256 of the plan's JSON with sorted keys and no spaces, as 64 hexadecimal digits."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def _stream(self, what: str, number: int) -> Any:
        return stream(self.seed, f"{self.split}/{what}", number)
