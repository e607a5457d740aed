"""The gallery: what the camera saw, and the mesh each model saw in it."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from share_dist.report.story import GalleryItem
from share_dist.report.tables import verdict
from share_dist.report.words import WHY_NO_VALUE, is_number, mm, signed, written_change


def gallery_html(items: Sequence[GalleryItem]) -> str:
    """A card for each view, in the order given."""
    return "".join(_card(item) for item in items)


def _card(item: GalleryItem) -> str:
    """Picture, mesh before, mesh after, and the numbers under them."""
    where = camera_text(item.azimuth_deg, item.elevation_deg, item.distance_m)
    share = written_change(item.before_mm, item.after_mm)
    change = f"<strong class='{verdict(item.before_mm, item.after_mm)}'>{share}</strong>"
    pictures = "".join(
        f"<figure class='{name}'><img src='{picture_uri(picture)}' alt='{escape(text)}, view {item.view_number}' "
        f"width='256' height='256'><figcaption>{caption}</figcaption></figure>"
        for name, picture, text, caption in (
            ("seen", item.picture, "the picture", f"view {item.view_number:,}"),
            ("before", item.mesh_before, "mesh before", mm(item.before_mm)),
            ("after", item.mesh_after, "mesh after", mm(item.after_mm) + change),
        )
    )
    note = f" · {escape(item.note)}" if item.note else ""
    if not (is_number(item.before_mm) and is_number(item.after_mm)):
        note += f" · no value: {WHY_NO_VALUE}"
    return (
        f"<article class='card'><div class='three'>{pictures}</div><p>"
        f"<button type='button' class='where' data-azimuth='{item.azimuth_deg:.1f}' "
        f"data-elevation='{item.elevation_deg:.1f}' title='turn the spheres to this camera'>{escape(where)}</button>"
        f"<span class='quiet'>{note}</span></p></article>"
    )


def camera_text(azimuth_deg: float, elevation_deg: float, distance_m: float) -> str:
    """Where a camera stands, words then numbers: "above, behind: azimuth +143°, elevation +62°, 1.9 m"."""
    turned = (azimuth_deg + 180) % 360 - 180
    sides = ("in front", "behind", "their left", "their right")
    side = sides[0 if abs(turned) < 45 else 1 if abs(turned) > 135 else 2 if turned > 0 else 3]
    height = "straight above" if elevation_deg > 75 else "above" if elevation_deg > 25 else ""
    height = height or ("straight below" if elevation_deg < -75 else "below" if elevation_deg < -15 else "level")
    words = f"{height}, {side}" if height != "level" else side
    return f"{words}: azimuth {signed(turned, 0)}°, elevation {signed(elevation_deg, 0)}°, {distance_m:.1f} m"


def picture_uri(picture: UInt8[np.ndarray, "height width 3"]) -> str:
    """A picture as a JPEG data URI; chroma is kept whole, for meshes are thin and coloured."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=88, subsampling=0, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
