"""The page in a real browser, as a reader meets it."""

from __future__ import annotations

import dataclasses

import pytest
from browser import Browser, missing

from share_dist.report import Story, write_report

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing() or "found")]

ARROW_RIGHT = "\ue014"
GLOBE = "document.querySelector('.globe')"


@pytest.fixture(scope="module")
def browser():
    with Browser() as window:
        yield window


@pytest.fixture(scope="module")
def page(browser, story, tmp_path_factory):
    """The full page, loaded once: a reader does not reload between two gestures either."""
    file = tmp_path_factory.mktemp("report") / "index.html"
    file.write_bytes(write_report(story))
    browser.open(file)
    return browser


def problems(browser) -> list[str]:
    return [entry["message"] for entry in browser.log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def centre(browser, selector: str) -> tuple[float, float]:
    """Where an element's middle is in the window, after scrolling it there."""
    return tuple(
        browser.run(
            f"const e = document.querySelector({selector!r}); e.scrollIntoView({{block: 'center'}});"
            "const r = e.getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2];"
        )
    )


def looking(browser) -> tuple[float, float]:
    return tuple(map(float, browser.run(f"const d = {GLOBE}.dataset; return [d.azimuth, d.elevation];")))


def test_the_page_loads_without_a_complaint_or_a_request(page):
    assert problems(page) == []
    asked = page.requests()
    assert len(asked) == 1
    assert asked[0].endswith("index.html")


def test_the_sphere_has_its_points_and_its_colours(page):
    assert page.run(f"return {GLOBE}.dataset.points") == "4096"
    page.wait(f"{GLOBE}.dataset.azimuth !== undefined")
    for k in (0, 1):
        colours = page.run(
            f"const c = document.querySelectorAll('.globe')[{k}];"
            "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; const seen = new Set();"
            "for (let i = 0; i < d.length; i += 40) seen.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]);"
            "return seen.size;"
        )
        assert colours > 60


def test_dragging_turns_both_spheres_with_the_mouse(page):
    page.wait(f"{GLOBE}.dataset.azimuth !== undefined")
    at, before = centre(page, ".globe"), looking(page)
    page.drag(at, (80, 30))
    page.wait(f"{GLOBE}.dataset.azimuth !== '{before[0]:.1f}'")
    azimuth, elevation = looking(page)
    radius = page.run(f"return {GLOBE}.getBoundingClientRect().width / 2 - 22")
    # The surface follows the hand: what was drawn across the middle moves with the pointer.
    assert azimuth == pytest.approx(before[0] - 80 / radius * 57.3, abs=2.0)
    assert elevation == pytest.approx(before[1] + 30 / radius * 57.3, abs=2.0)
    both = page.run("return [...document.querySelectorAll('.globe')].map((c) => c.dataset.azimuth)")
    assert both[0] == both[1]


def test_a_finger_and_the_keyboard_turn_the_sphere_too(page):
    page.wait(f"{GLOBE}.dataset.azimuth !== undefined")
    before = looking(page)
    page.drag(centre(page, ".globe"), (50, 0), kind="touch")
    page.wait(f"{GLOBE}.dataset.azimuth !== '{before[0]:.1f}'")
    touched = looking(page)
    page.run(f"{GLOBE}.focus()")
    page.press(ARROW_RIGHT)
    page.wait(f"{GLOBE}.dataset.azimuth !== '{touched[0]:.1f}'")
    assert looking(page)[0] == pytest.approx((touched[0] + 10 + 180) % 360 - 180, abs=0.2)


def test_pointing_at_a_sphere_or_a_map_tells_the_errors_there(page):
    for selector in (".globe", ".map"):
        page.hover(centre(page, selector))
        page.wait("!document.querySelector('#tip').hidden")
        text = page.run("return document.querySelector('#tip').textContent")
        assert "azimuth" in text
        assert "before" in text
        assert "mm" in text
        page.hover((2, 2))
        page.wait("document.querySelector('#tip').hidden")


def test_curves_go_all_the_way_round_and_tell_their_bins(page):
    names = page.run("return [...document.querySelectorAll('#charts svg')].map((s) => s.dataset.curve)")
    assert names == ["elevation", "azimuth", "distance", "tail"]
    page.hover(centre(page, "#charts svg"))
    page.wait("!document.querySelector('#tip').hidden")
    assert "views" in page.run("return document.querySelector('#tip').textContent")
    before = page.run("return document.querySelector('#charts .band').getAttribute('points')")
    page.run("document.querySelector('[data-band=spread]').click()")
    assert page.run("return document.querySelector('#charts .band').getAttribute('points')") != before


def test_the_gallery_has_its_pictures_and_they_turn_the_sphere(page, story):
    widths = page.run("return [...document.querySelectorAll('.card img')].map((i) => i.naturalWidth)")
    assert len(widths) == 3 * len(story.gallery)
    assert min(widths) > 0
    page.run("document.querySelector('.where').click()")
    page.wait(f"Math.abs({GLOBE}.dataset.elevation - {story.gallery[0].elevation_deg}) < 0.1")


def test_regions_are_listed_round_by_round_and_not_again_for_each_attempt(page):
    assert page.run("return document.querySelectorAll('#round-maps canvas').length") == 2
    assert page.run("return document.querySelectorAll('.region-list li').length") == 3


def test_a_phone_needs_no_sideways_scrolling_and_the_dark_is_readable(page):
    page.devtools("Emulation.setDeviceMetricsOverride", width=375, height=740, deviceScaleFactor=2, mobile=True)
    media = [{"name": "prefers-color-scheme", "value": "dark"}]
    page.devtools("Emulation.setEmulatedMedia", features=media)
    try:
        page.wait("window.innerWidth === 375")
        assert page.run("return document.documentElement.scrollWidth") <= 375
        paper = page.run("return getComputedStyle(document.body).backgroundColor")
        assert max(map(int, paper[4:-1].split(","))) < 60
    finally:
        page.devtools("Emulation.clearDeviceMetricsOverride")
        page.devtools("Emulation.setEmulatedMedia", features=[])
    assert problems(page) == []


@pytest.mark.parametrize("left_out", ["survey", "after", "regions", "all"])
def test_missing_parts_raise_no_script_error(browser, story, tmp_path, left_out):
    bare = [dataclasses.replace(mark, regions=(), mean_mm=None) for mark in story.rounds]
    parts = {
        "survey": dataclasses.replace(story, survey=None),
        "after": dataclasses.replace(story, after=None, reachable=None),
        "regions": dataclasses.replace(story, rounds=bare),
        "all": Story(summary=story.summary),
    }
    file = tmp_path / "index.html"
    file.write_bytes(write_report(parts[left_out]))
    browser.log("browser")
    browser.open(file)
    assert problems(browser) == []
