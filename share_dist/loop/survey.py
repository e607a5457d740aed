"""Measure a model from all cameras, without repairing it: the audit that a round begins with, for any checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from share_dist.config import RunConfig, config_json
from share_dist.fleet import Fleet
from share_dist.loop.rounds import Run, camera_pool, find_weak_views
from share_dist.loop.start import checked_model
from share_dist.rome import Regions
from share_dist.storage import open_run
from share_dist.survey import figures


def run_survey(config: RunConfig, out: Path) -> str:
    """Survey a model on steer views, fit its landscape, find its weak regions; return all that as a table.

    Raises:
        errors.ShareDistError: something the user can put right, before work starts where it can be known.
    """
    model = checked_model(config)
    store = open_run(out, config_json(config, "survey"))
    with Fleet(config.fleet, config.body, config.render) as fleet:
        run = Run(config, store, fleet)
        surveys = run.steer(model, "survey", "survey")
        pool = camera_pool(run)
        landscape, regions = find_weak_views(run, 0, surveys[config.camera.target], pool)
    summary = {name: figures(survey) for name, survey in surveys.items()}
    # Over the cameras that were surveyed: elsewhere, as below the floor, the landscape only guesses.
    shares = landscape.shares(pool)
    variance = {"variance_over": config.camera.target, "variance_shares": shares}
    store.overwrite("summary.json", json.dumps({**summary, **variance}, indent=1).encode())
    return survey_table(summary, shares, config.camera.target, regions)


def survey_table(summary: dict[str, Any], shares: dict[str, float], measure: str, regions: Regions) -> str:
    """Lay a survey out for a terminal: figures, where the variance comes from, the weak regions.

    Args:
        summary: figures by camera distribution.
        shares: where the variance of single views comes from; a part that works against others is below 0.
        measure: the camera distribution over which the shares were taken.
        regions: from the landscape of the same survey.
    """
    lines = [f"{'':14}{'MPJPE':>10}{'PA-MPJPE':>10}{'PVE':>10}{'root':>9}{'flips':>8}"]
    for name, found in summary.items():
        lines.append(
            f"{name:14}{found['mpjpe_mm']:7.1f} mm{found['pa_mpjpe_mm']:7.1f} mm{found['pve_mm']:7.1f} mm"
            f"{found['root_error_deg']:7.1f} °{100 * found['flip_share']:6.1f} %"
        )
    lines += ["", "by elevation (all_cameras):"]
    lines += [
        f"  {band['from_deg']:4.0f}…{band['to_deg']:3.0f}°  {band['mpjpe_mm']:6.1f} mm  {band['views']} views"
        for band in summary["all_cameras"]["by_elevation"]
        if band["views"]
    ]
    lines += ["", f"what a single view's error depends on, over the cameras of {measure}:"]
    lines += [f"  {name:28}{100 * share:5.1f} %" for name, share in shares.items() if abs(share) >= 0.005]
    lines += ["", "regions of maximal error (peak → share of all excess):"]
    for region in list(regions)[:8]:
        at = region.peak
        lines.append(
            f"  azimuth {at['azimuth_deg']:6.0f}°  elevation {at['elevation_deg']:4.0f}°  {at['distance_m']:4.1f} m"
            f"  {region.peak_mm:6.0f} ± {region.peak_deviation_mm:.0f} mm  {100 * region.mass_share:5.1f} %"
        )
    return "\n".join(lines)
