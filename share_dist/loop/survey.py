"""Measure a model from all cameras, without repairing it: the audit that a round begins with, for any checkpoint."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from share_dist.config import RunConfig, config_json, finite
from share_dist.fleet import Fleet
from share_dist.landscape import HeldOut, LandscapeConfig, columns_of, held_out
from share_dist.landscape.fit import FEWEST_VIEWS
from share_dist.loop.plans import camera_pool
from share_dist.loop.rounds import Run, find_weak_views
from share_dist.loop.start import checked_model, naming, settled
from share_dist.report.words import WHY_NO_VALUE
from share_dist.rome import Regions
from share_dist.storage import finish_run, open_run, reopen_run, sealed
from share_dist.survey import Survey, figures, measured


def run_survey(config: RunConfig, out: str | Path) -> str:
    """Survey a model on steer views, fit its landscape, find its weak regions; return all that as a table.

    Raises:
        errors.ShareDistError: something the user can put right, before work starts where it can be known.
    """
    model = checked_model(config)
    store = open_run(out, config_json(config, "survey"))
    with Fleet(config.fleet, config.body, config.render) as fleet:
        run = Run(settled(config, store), store, fleet)
        with naming(config, model):
            surveys = run.steer(model, "survey", "survey")
        pool = camera_pool(config, fleet.body)
        landscape, regions = find_weak_views(run, 0, surveys[config.camera.target], pool)
    summary = {name: figures(survey) for name, survey in surveys.items()}
    # Over the cameras that were surveyed: elsewhere, as below the floor, the landscape only guesses.
    shares = landscape.shares(pool)
    variance = {"variance_over": config.camera.target, "variance_shares": shares}
    foretold = halves_foretold(surveys[config.camera.target], config.landscape)
    kept = {**summary, **variance, "held_out": asdict(foretold) if foretold else None}
    reopen_run(store)
    store.overwrite("summary.json", sealed(finite(kept)))
    finish_run(store)
    return survey_table(summary, shares, config.camera.target, regions, foretold)


def halves_foretold(survey: Survey, config: LandscapeConfig) -> HeldOut | None:
    """How well the landscape of the even views foretells the odd ones; None where half of them are too few for one."""
    columns = columns_of(measured(survey))
    odd = np.asarray(columns["view_number"]) % 2 == 1
    if min(np.count_nonzero(odd), np.count_nonzero(~odd)) < FEWEST_VIEWS:
        return None
    even_half, odd_half = ({name: np.asarray(values)[part] for name, values in columns.items()} for part in (~odd, odd))
    return held_out(even_half, odd_half, config)


def survey_table(
    summary: dict[str, Any], shares: dict[str, float], measure: str, regions: Regions, foretold: HeldOut | None
) -> str:
    """Lay a survey out for a terminal: figures, where the variance comes from, how far to trust it, the weak regions.

    Args:
        summary: figures by camera distribution.
        shares: where the variance of single views comes from; a part that works against others is below 0.
        measure: the camera distribution over which the shares were taken.
        regions: from the landscape of the same survey.
        foretold: how well one half of the survey foretells the other.
    """
    lines = [f"{'':14}{'MPJPE':>10}{'PA-MPJPE':>10}{'PVE':>10}{'root':>9}{'flips':>8}"]
    for name, found in summary.items():
        errors = "".join(_cell(found[column], "mm") for column in ("mpjpe_mm", "pa_mpjpe_mm", "pve_mm"))
        flips = None if found["flip_share"] is None else 100 * found["flip_share"]
        lines.append(f"{name:14}{errors}{_cell(found['root_error_deg'], '°')}{_cell(flips, '%', 6)}")
    lines += _lacking(summary)
    lines += ["", "by elevation (all_cameras):"]
    lines += [
        f"  {band['from_deg']:4.0f}…{band['to_deg']:3.0f}°  {band['mpjpe_mm']:6.1f} mm  {band['views']} views"
        for band in summary["all_cameras"]["by_elevation"]
        if band["views"]
    ]
    lines += ["", f"what a single view's error depends on, over the cameras of {measure}:"]
    lines += [f"  {name:28}{100 * share:5.1f} %" for name, share in shares.items() if abs(share) >= 0.005]
    if foretold:
        lines += ["", *foretold_lines(foretold)]
    lines += ["", "regions of maximal error (peak → share of all excess):"]
    for region in list(regions)[:8]:
        at = region.peak
        lines.append(
            f"  azimuth {at['azimuth_deg']:6.0f}°  elevation {at['elevation_deg']:4.0f}°  {at['distance_m']:4.1f} m"
            f"  {region.peak_mm:6.0f} ± {region.peak_deviation_mm:.0f} mm  {100 * region.mass_share:5.1f} %"
        )
    return "\n".join(lines)


def _cell(value: float | None, unit: str, width: int = 7) -> str:
    """A number with its unit; a dash where there is none."""
    return f"{'-' if value is None else f'{value:.1f}':>{width}} {unit}"


def _lacking(summary: dict[str, Any]) -> list[str]:
    """How many views of each kind have no value, and why; nothing where all have one."""
    lines = []
    for name, found in summary.items():
        lacking = found.get("without_value", {})
        for count in sorted({*lacking.values()} - {0}):
            those = [column for column, lacks in lacking.items() if lacks == count]
            what = "value" if len(those) == len(lacking) else ", ".join(those)
            lines.append(f"{count:,} of {found['views']:,} {name} views have no {what}")
    return [*lines, f"where {WHY_NO_VALUE}; means are over the other views"] if lines else []


def foretold_lines(found: HeldOut) -> list[str]:
    """The landscape beside the table of nearest neighbours, on views that neither has seen."""
    return [
        f"errors of {found.views:,} views foretold from as many others (single views scatter, so R² stays below 1):",
        f"  {'the landscape':28}R² {found.r2:5.2f}  RMSE {found.rmse_mm:6.1f} mm  "
        f"{100 * found.within_90:.0f} % inside its 90 % band",
        f"  {'mean of the nearest views':28}R² {found.neighbours_r2:5.2f}  RMSE {found.neighbours_rmse_mm:6.1f} mm",
    ]
