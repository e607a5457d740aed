"""The small work that studies put on a cluster: survey, train and survey again from the built-in model, into one store.

It runs as a driver on the cluster's head: `python -m share_dist.studies.cluster_work JSON`, a list of `Work`, and goes
on where an earlier driver was killed. Which views each rank was given, in every start of a training, is noted in the
cluster's key-value store and kept beside the results, so that an audit need not trust logs.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Int64
from ray.experimental.internal_kv import _internal_kv_get, _internal_kv_list, _internal_kv_put

from share_dist.body import PeopleDistribution
from share_dist.camera import AllCameras, CameraDistribution, Everyday
from share_dist.fleet import Fleet, FleetConfig
from share_dist.learning import LearningConfig
from share_dist.models import BASE_CHECKPOINT
from share_dist.render import Records, RenderConfig
from share_dist.scene import SceneConfig, SceneDistribution, Split, ViewPlan
from share_dist.seeds import derived_seed
from share_dist.storage import inside, open_run
from share_dist.survey import SurveyConfig
from share_dist.training import Pictures, TrainingConfig, TrainingJob, train

BATCH = 48
"""A batch that one, two, three and four ranks can share evenly."""
NOTED = "noted.json"
_NAMESPACE = b"share_dist"


@dataclass(frozen=True, kw_only=True)
class Work:
    """One run of survey → train → survey, or a part of it."""

    out: str
    parts: tuple[str, ...] = ("survey", "train", "survey again")
    views: int = 1024
    steps: int = 40
    passes: int = 1
    """How often each view of the training is learned from; more take less time to draw."""
    checkpoint_every: int = 5
    workers: int = 2
    min_workers: int | None = None
    zero_stage: Literal[0, 1, 2, 3] = 0
    render_actors: int | None = None
    training_labels: str | None = None

    @property
    def job(self) -> TrainingJob:
        """What is learned: the built-in model goes on, in float32, on views drawn on the way."""
        learning = LearningConfig(
            fresh_views=BATCH * self.steps // self.passes,
            reuse=self.passes,
            batch_size=BATCH,
            learning_rate=1e-4,
            frozen_batch_norm=True,
            precision="fp32",
            checkpoint_every=self.checkpoint_every,
        )
        return TrainingJob(name="work", start=BASE_CHECKPOINT.read_bytes(), seed=3, learning=learning, data=PLAN.hash)

    @property
    def training(self) -> TrainingConfig:
        """On how many ranks; one thread each, as the nodes of a study have one core."""
        return TrainingConfig(
            workers=self.workers,
            min_workers=self.min_workers,
            zero_stage=self.zero_stage,
            labels=self.training_labels,
            threads_per_worker=1,
            resize_after_s=3,
            worker_failures=5,
        )


def plan_of(cameras: CameraDistribution, split: Split) -> ViewPlan:
    """Return a plan of the studies' own people."""
    scenes = SceneDistribution.from_config(SceneConfig())
    return ViewPlan(PeopleDistribution(), cameras, scenes, split, derived_seed(0, "cluster-work"))


PLAN, SURVEYED = plan_of(Everyday(), "train"), plan_of(AllCameras(), "steer")
SURVEY = SurveyConfig(precision="fp32")


@dataclass(frozen=True)
class NotedPictures:
    """Pictures, with a note of which views were given to which rank at which step of which start, and when.

    `times` holds, for each step, when its records were asked for, the step before being done, and when they were given.
    """

    pictures: Pictures
    channel: str

    def feed(self, numbers_by_step: Sequence[Int64[np.ndarray, " batch"]], ahead: int) -> Iterator[Records]:
        """Yield the records of each step, noting their numbers before they are handed over."""
        # Only ranks, which have it already, need this library, which takes seconds to import.
        import ray.train

        slices: Any = numbers_by_step
        start = ray.train.get_context().get_experiment_name()
        asked = time.time()
        who = {"start": start, "begun": asked, "rank": slices.rank, "ranks": slices.ranks, "host": platform.node()}
        note: dict[str, Any] = {**who, "given": [], "times": []}
        key = f"{self.channel}/{uuid.uuid4().hex}".encode()
        for step, records in zip(slices.steps, self.pictures.feed(numbers_by_step, ahead), strict=True):
            note["given"].append([step, records.numbers.tolist()])
            note["times"].append([asked, time.time()])
            _internal_kv_put(key, json.dumps(note).encode(), overwrite=True, namespace=_NAMESPACE)
            yield records
            asked = time.time()


def notes(channel: str) -> list[dict[str, Any]]:
    """Return what was noted on a channel, by all starts and ranks of all drivers, in the order of their beginnings."""
    keys = _internal_kv_list(f"{channel}/".encode(), namespace=_NAMESPACE)
    found = [json.loads(_internal_kv_get(key, namespace=_NAMESPACE) or b"null") for key in keys]
    return sorted(found, key=lambda note: note["begun"])


def do(work: Work, fleet: Fleet) -> None:
    """Do one work's parts, or find them done."""
    # Of what is done, not of how many workers do it: a driver that comes after a loss may want fewer.
    store = open_run(work.out, json.dumps({"command": "work", "views": work.views, "steps": work.steps}))
    model = BASE_CHECKPOINT.read_bytes()
    if "survey" in work.parts:
        fleet.survey(model, SURVEYED, work.views, inside(store, "survey"), SURVEY, "survey")
    if "train" in work.parts:
        channel = f"noted/{hashlib.sha256(work.out.encode()).hexdigest()[:12]}"
        pictures = NotedPictures(fleet.pictures(PLAN), channel)
        model = train(work.job, inside(store, "training"), pictures, work.training)
        store.overwrite(NOTED, json.dumps(notes(channel)).encode())
    if "survey again" in work.parts:
        fleet.survey(model, SURVEYED, work.views, inside(store, "survey-again"), SURVEY, "survey again")


def command(works: Sequence[Work]) -> list[str]:
    """Return the driver's command line."""
    return ["python", "-m", "share_dist.studies.cluster_work", json.dumps([asdict(work) for work in works])]


def main(words: Sequence[str]) -> None:
    """Do all works, one after the other, with one fleet."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    for noisy in ("boto3", "botocore", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    works = [Work(**{**values, "parts": tuple(values["parts"])}) for values in json.loads(words[0])]
    config = FleetConfig(render_actors=works[0].render_actors, stall_timeout_s=120, start_timeout_s=120)
    with Fleet(config, render=RenderConfig()) as fleet:
        for work in works:
            do(work, fleet)


if __name__ == "__main__":
    main(sys.argv[1:])
