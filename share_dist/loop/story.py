"""The report of a run, written from what the run stored, so that it can be written again at any time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from share_dist import errors
from share_dist.loop.exhibits import REFERENCE_DISTANCE_M, load_arrays
from share_dist.loop.rounds import attempt_folder, round_folder
from share_dist.report import (
    GalleryItem,
    RegionMark,
    RoundMark,
    SphereSample,
    Story,
    SurveyRows,
    readme_picture,
    write_report,
)
from share_dist.rome import Regions
from share_dist.storage import (
    CONFIG,
    MANIFEST,
    Store,
    damaged,
    inside,
    is_committed,
    open_store,
    read_sealed,
    remedy_for,
    rewrite,
    verified,
    vouched,
)
from share_dist.survey import Survey

SUMMARY = "summary.json"
PAGE = "report/index.html"
PICTURE = "report/before-after.png"
EXHIBITS = "report/exhibits"
FINISHED = "a finished run"


def publish(store: Store) -> str:
    """Write the page and the picture of a finished run and return the page's address."""
    story = story_of(store)
    rewrite(store, {PAGE: write_report(story), PICTURE: readme_picture(story)})
    return store.uri(PAGE)


def rewrite_report(out: str | Path) -> str:
    """Write the page of a finished run again.

    Raises:
        errors.BadSetting: the folder holds no finished run of `share`; the message says what it holds.
        errors.DamagedFile: something of it is not what was stored.
    """
    store = vouched(open_store(out))
    held = what_it_holds(store)
    if held != FINISHED:
        raise errors.BadSetting(
            f"{out} holds no finished run of `share-dist share` or `share-dist sweep`: it is {held}.\n"
            "  Give the --out of a `share` run or of a sweep; one that was stopped is finished by running its command "
            "again. `share-dist ls` says what lies where."
        )
    return publish(store)


def what_it_holds(store: Store) -> str:
    """Say in words what a folder is; `FINISHED` is the only thing that a page can be written of.

    A survey's folder has a summary.json too, with other things in it.
    """
    if not store.exists(CONFIG):
        if not store.exists(SUMMARY):
            return f"no run, for {CONFIG} is missing"
        missing = [place for place in (CONFIG, EXHIBITS, "judge-before", "judge-after") if not store.list(place)]
        return f"the summary of a run without the run itself, for {', '.join(missing)} {_verb(missing)} missing"
    try:
        command = read_sealed(store, CONFIG, remedy_for(store, CONFIG))["command"]
    except (KeyError, TypeError):
        return "no run that can be read, for its config.json does not name a command"
    if command != "share":
        return f"a run of `share-dist {command}`"
    missing = [name for name in (SUMMARY, EXHIBITS) if not _is_there(store, name)]
    lacks = f"{' and '.join(missing)} {_verb(missing)} missing"
    return f"one that was stopped, for {lacks}" if missing else FINISHED


def _verb(missing: Sequence[str]) -> str:
    return "is" if len(missing) == 1 else "are"


def _is_there(store: Store, name: str) -> bool:
    return is_committed(inside(store, name)) if name == EXHIBITS else store.exists(name)


def story_of(store: Store) -> Story:
    """Read everything the page tells from a run's store."""
    summary = read_sealed(store, SUMMARY)
    settings = read_sealed(store, CONFIG, remedy_for(store, CONFIG)) | summary.get("machinery", {})
    arrays = load_arrays(verified(inside(store, EXHIBITS)))
    before, after = (Survey.load(inside(store, f"judge-{when}/all_cameras")) for when in ("before", "after"))
    rows = SurveyRows(
        azimuth_deg=before["azimuth_deg"],
        elevation_deg=before["elevation_deg"],
        distance_m=before["distance_m"],
        before_mm=before["mpjpe_mm"],
        after_mm=after["mpjpe_mm"],
    )
    return Story(
        summary=summary,
        title=summary.get("title", ""),
        settings=settings,
        directions=arrays["directions"],
        before=sphere(arrays, "before"),
        after=sphere(arrays, "after"),
        reachable=arrays["reachable"],
        reference_distance_m=REFERENCE_DISTANCE_M,
        survey=rows,
        rounds=[round_mark(store, row, arrays) for row in summary["rounds"]],
        gallery=gallery(arrays, before, after),
        gallery_rule="The judge views on which the base model erred most, whatever became of them.",
    )


def sphere(arrays: dict[str, np.ndarray], name: str) -> SphereSample:
    """One model's landscape on the sphere."""
    return SphereSample(mean_mm=arrays[f"{name}_mean_mm"], deviation_mm=arrays[f"{name}_deviation_mm"])


def round_mark(store: Store, row: dict[str, Any], arrays: dict[str, np.ndarray]) -> RoundMark:
    """One try of a round, with the regions it was aimed at."""
    stage = inside(store, f"{round_folder(row['round'])}/regions")
    if not is_committed(stage):
        raise damaged(stage, MANIFEST, "is gone, so nothing vouches for that stage")
    regions = Regions.from_json(read_sealed(verified(stage), "regions.json"))
    return RoundMark(
        round=row["round"] + 1,
        attempt=row["attempt"] + 1,
        accepted=row["accepted"],
        why=row["why"],
        steer_before_mm=row["before_mm"],
        steer_after_mm=row["after_mm"],
        settings={"step": round(row["step"], 3), "folder": attempt_folder(row["round"], row["attempt"])},
        mean_mm=arrays.get(f"round_{row['round']}_mean_mm"),
        regions=[
            RegionMark(
                azimuth_deg=region.peak["azimuth_deg"],
                elevation_deg=region.peak["elevation_deg"],
                distance_m=region.peak["distance_m"],
                mass=region.mass_share,
                peak_mm=region.peak_mm,
                mean_mm=region.mean_mm,
                member_azimuth_deg=region.member_columns["azimuth_deg"],
                member_elevation_deg=region.member_columns["elevation_deg"],
            )
            for region in regions
        ],
    )


def gallery(arrays: dict[str, np.ndarray], before: Survey, after: Survey) -> list[GalleryItem]:
    """The worst views with their numbers."""
    items = []
    for place, number in enumerate(arrays["gallery_numbers"]):
        row = int(np.flatnonzero(before["view_number"] == number)[0])
        items.append(
            GalleryItem(
                view_number=int(number),
                picture=arrays["gallery_picture"][place],
                mesh_before=arrays["gallery_before"][place],
                mesh_after=arrays["gallery_after"][place],
                azimuth_deg=float(before["azimuth_deg"][row]),
                elevation_deg=float(before["elevation_deg"][row]),
                distance_m=float(before["distance_m"][row]),
                before_mm=float(before["mpjpe_mm"][row]),
                after_mm=float(after["mpjpe_mm"][row]),
                note=str(before["family"][row]),
            )
        )
    return items
