"""One picture of a run for a README: the spheres of error before and after, and the worst views with their meshes."""

from __future__ import annotations

import io

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont

from share_dist.geometry import angles_from_direction
from share_dist.report.colours import AFTER_RGB, BEFORE_RGB, error_table, paint
from share_dist.report.figure import draw_person, view_axes
from share_dist.report.gallery import camera_text
from share_dist.report.sphere import COLUMNS, ROWS, error_range, hardest_direction, onto_grid, reachable_share
from share_dist.report.story import GalleryItem, SphereSample, Story
from share_dist.report.words import figure_of, headline, mm, written_change

_INK, _QUIET, _PAPER = (27, 25, 33), (110, 106, 120), (255, 255, 255)
_WIDTH, _MARGIN = 1600, 44
_SPHERE = 400
_TILE = 168
_MOST_VIEWS = 4


def readme_picture(story: Story) -> bytes:
    """PNG, 1600 px wide: spheres before and after on one scale, and up to 4 views of the gallery; no section is faked.

    Missing spheres or an empty gallery simply leave their half of the picture out.
    """
    has_spheres = story.before is not None and story.after is not None
    views = list(story.gallery)[:_MOST_VIEWS]
    height = 160 + (4 * (132 + 22) + 20 if has_spheres or views else 0)
    picture = Image.new("RGB", (_WIDTH, height), _PAPER)
    drawn = ImageDraw.Draw(picture)
    _words(drawn, story)
    left = _MARGIN
    if has_spheres:
        left = _spheres(picture, story)
    if views:
        _gallery(picture, views, left)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own typeface, so that the picture looks the same on every machine."""
    return ImageFont.load_default(size)


def _plain(text: str) -> str:
    """Pillow's typeface lacks the narrow space, the arrow and the true minus."""
    for odd, common in (("\u202f", " "), ("\u2212", "-"), ("→", "to"), ("’", "'"), ("–", "-")):
        text = text.replace(odd, common)
    return text


def _words(drawn: ImageDraw.ImageDraw, story: Story) -> None:
    """The headline, and the worst tenth and everyday under it."""
    words = _plain(headline(story.summary, story.repaired))
    fits = next((size for size in range(42, 16, -2) if drawn.textlength(words, _font(size)) < _WIDTH - 2 * _MARGIN), 16)
    drawn.text((_MARGIN, 36), words, _INK, _font(fits))
    x = _MARGIN
    for distribution, key, label in (
        ("all_cameras", "worst_tenth_fixed_mpjpe_mm", "worst tenth"),
        ("all_cameras", "worst_tenth_own_mpjpe_mm", "each model's own worst tenth"),
        ("everyday", "mpjpe_mm", "everyday views"),
    ):
        before, after = (figure_of(story.summary, when, distribution, key) for when in ("before", "after"))
        if before is None or after is None:
            continue
        text = f"{label}: {before:.0f} to {mm(after)} ({written_change(before, after)})"
        drawn.text((x, 98), _plain(text), _QUIET, _font(24))
        x += drawn.textlength(_plain(text), _font(24)) + 44


def _spheres(picture: Image.Image, story: Story) -> int:
    """Both spheres and their scale; returns where the next column may start."""
    low, high = error_range(story)
    axes = view_axes(*hardest_direction(story))
    side = _SPHERE
    for k, (sample, name, colour) in enumerate(
        ((story.before, "before", BEFORE_RGB), (story.after, "after", AFTER_RGB))
    ):
        if sample is None:
            continue
        x = _MARGIN + k * (side + 28)
        globe = _globe(story, sample, axes, side, (low, high))
        picture.paste(globe, (x, 196))
        drawn = ImageDraw.Draw(picture)
        drawn.text((x + side / 2, 172), name, colour, _font(28), anchor="mm")
    _scale(picture, (_MARGIN + 80, 196 + side + 34), 2 * side + 28 - 160, (low, high))
    azimuth, elevation = hardest_direction(story)
    seen = camera_text(azimuth, elevation, 0).split(":")[0]
    label = f"both spheres seen from where it is worst: {seen}"
    ImageDraw.Draw(picture).text((_MARGIN + side + 14, 196 + side + 130), label, _QUIET, _font(20), anchor="mm")
    return _MARGIN + 2 * side + 28 + 56


def _globe(
    story: Story,
    sample: SphereSample,
    axes: Float[np.ndarray, "3 3"],
    side_px: int,
    ends_mm: tuple[float, float],
) -> Image.Image:
    """A sphere seen from one side, without light or shade, for those would change its colours."""
    fine = side_px * 2
    at = (np.arange(fine) + 0.5) / fine * 2.04 - 1.02
    x, y = np.meshgrid(at, -at)
    inside = x * x + y * y <= 1
    z = np.sqrt(np.maximum(1 - x * x - y * y, 0))
    direction = np.stack([x, y, z], axis=-1) @ axes
    azimuth, elevation = angles_from_direction(direction)
    column = np.rint((np.degrees(azimuth) + 180) / 360 * _FINE_COLUMNS).astype(int) % _FINE_COLUMNS
    row = np.rint((90 - np.degrees(elevation)) / 180 * (_FINE_ROWS - 1)).astype(int)
    assert story.directions is not None  # a sample cannot be without directions
    field = _finer(onto_grid(story.directions, sample.mean_mm))
    pixels = paint(field[row, column], *ends_mm, error_table())
    if story.reachable is not None:
        hidden = _finer(reachable_share(story))[row, column] < 0.5
        stripes = (np.add.outer(np.arange(fine), np.arange(fine)) // 8) % 2 == 0
        pixels[hidden] = np.where(stripes[hidden][:, None], (214, 212, 220), (190, 187, 198))
    pixels[~inside] = _PAPER
    globe = Image.fromarray(pixels)
    draw_person(globe, (fine / 2, fine / 2), fine * 0.3, axes)
    return globe.resize((side_px, side_px), Image.Resampling.LANCZOS)


_FINE_COLUMNS, _FINE_ROWS = COLUMNS * 6, (ROWS - 1) * 6 + 1


def _finer(grid: Float[np.ndarray, "row column"]) -> Float[np.ndarray, "fine_row fine_column"]:
    """The grid in steps of half a degree, bilinear and periodic in azimuth."""
    column = np.arange(_FINE_COLUMNS) / 6
    row = np.arange(_FINE_ROWS) / 6
    c0, r0 = np.floor(column).astype(int), np.minimum(np.floor(row).astype(int), ROWS - 2)
    dc, dr = (column - c0)[None, :], (row - r0)[:, None]
    c1, r0 = (c0 + 1) % COLUMNS, r0[:, None]
    upper = grid[r0, c0] * (1 - dc) + grid[r0, c1] * dc
    lower = grid[r0 + 1, c0] * (1 - dc) + grid[r0 + 1, c1] * dc
    return upper * (1 - dr) + lower * dr


def _scale(picture: Image.Image, at: tuple[int, int], width: int, ends_mm: tuple[float, float]) -> None:
    """The colour scale with its millimetres."""
    bar = error_table()[np.linspace(0, 255, width).astype(int)][None].repeat(16, axis=0)
    picture.paste(Image.fromarray(bar), at)
    drawn = ImageDraw.Draw(picture)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = at[0] + share * (width - 1)
        value = ends_mm[0] + share * (ends_mm[1] - ends_mm[0])
        drawn.line((x, at[1] + 16, x, at[1] + 22), _QUIET)
        drawn.text((x, at[1] + 38), f"{value:.0f}", _QUIET, _font(20), anchor="mm")
    label = "predicted MPJPE in mm, by where the camera stands"
    drawn.text((at[0] + width / 2, at[1] + 68), label, _QUIET, _font(20), anchor="mm")


def _gallery(picture: Image.Image, items: list[GalleryItem], left: int) -> None:
    """Views as rows of picture, mesh before, mesh after; two rows a column when there is room."""
    columns = 1 if left > _MARGIN else 2
    tile = _TILE if len(items) <= 3 or columns == 2 else 132
    for k, item in enumerate(items):
        x = left + (k % columns) * (3 * tile + 60)
        y = 160 + (k // columns) * (tile + 22)
        _view(picture, item, (x, y), tile, words_beside=columns == 1)


def _view(picture: Image.Image, item: GalleryItem, at: tuple[int, int], tile: int, words_beside: bool) -> None:
    """One view: three tiles, and its numbers to the right."""
    drawn = ImageDraw.Draw(picture)
    for k, (pixels, colour) in enumerate(
        ((item.picture, None), (item.mesh_before, BEFORE_RGB), (item.mesh_after, AFTER_RGB))
    ):
        x = at[0] + k * (tile + 6)
        picture.paste(Image.fromarray(pixels).resize((tile, tile), Image.Resampling.LANCZOS), (x, at[1]))
        if colour is not None:
            drawn.rectangle((x, at[1] + tile, x + tile - 1, at[1] + tile + 4), colour)
    if not words_beside:
        return
    x, y = at[0] + 3 * tile + 6 * 3 + 12, at[1] + 4
    drawn.text((x, y), mm_plain(item.before_mm), BEFORE_RGB, _font(30))
    drawn.text((x, y + 34), mm_plain(item.after_mm), AFTER_RGB, _font(30))
    where, numbers = camera_text(item.azimuth_deg, item.elevation_deg, item.distance_m).split(": ")
    drawn.text((x, y + 76), where, _INK, _font(19))
    drawn.text((x, y + 99), _plain(numbers).replace("azimuth ", "").replace("elevation ", ""), _QUIET, _font(17))


def mm_plain(value: float) -> str:
    """Millimetres with a common space."""
    return _plain(mm(value))
