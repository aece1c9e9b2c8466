"""Pictures of a result looked at closely: linked, down to their own pixels, swiped, and by the keyboard alone."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import MakeExhibit

WIDE = 1600
"""Wider than what the page shows."""


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory, striped: MakeExhibit) -> Path:
    file = tmp_path_factory.mktemp("photo") / "wide.png"
    small = Image.fromarray(striped("blue/genuine", 3).pixels)
    small.resize((WIDE, WIDE * small.height // small.width), Image.Resampling.NEAREST).save(file)
    return file


@pytest.fixture(scope="module")
def address(serve, tiny_models: Path) -> str:
    return serve(tiny_models)


@pytest.fixture(params=[1440, 390])
def viewer(request: pytest.FixtureRequest, open_page, photo: Path):
    """The page with the viewer open on the first picture of a verdict."""
    page = open_page(request.param)
    page.set_input_files("#photo-file input[type=file]", photo)
    page.locator("#photo-cropping").wait_for()
    page.click("#examine")
    page.locator("#verdict [data-announce]").wait_for()
    page.locator("#verdict .closely").first.click()
    page.wait_for_function("document.querySelector('.viewer .pane img')?.naturalWidth > 0")
    return page


def sheets(page) -> list[dict[str, float]]:
    """Where the picture of each pane lies, in the pane."""
    return page.eval_on_selector_all(
        ".viewer .sheet", "all => all.map(s => ({x: s.offsetLeft, y: s.offsetTop, width: s.offsetWidth}))"
    )


def test_the_whole_picture_is_fetched_and_shown_pixel_by_pixel(viewer, photo: Path) -> None:
    viewer.wait_for_function(f"document.querySelector('.viewer .pane img').naturalWidth === {WIDE}")
    viewer.get_by_role("button", name="Pixels 1:1").click()
    assert viewer.locator(".viewer output").inner_text() == "100 %"
    assert sheets(viewer)[0]["width"] == WIDE
    address = viewer.locator(".viewer .pane img").first.get_attribute("src")
    fetched = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
    with Image.open(photo) as original:
        assert np.array_equal(np.asarray(fetched), np.asarray(original.convert("RGB")))


def test_panes_are_zoomed_and_moved_together_by_the_keyboard(viewer) -> None:
    before = sheets(viewer)
    for key in ("+", "+", "ArrowLeft"):
        viewer.keyboard.press(key)
    after = sheets(viewer)
    assert len(after) == 2
    assert all(
        now["width"] == pytest.approx(1.25**2 * then["width"], abs=2) for now, then in zip(after, before, strict=True)
    )
    moved = [(now["x"] - then["x"]) / then["width"] for now, then in zip(after, before, strict=True)]
    assert moved[0] == pytest.approx(moved[1], abs=0.02)
    viewer.keyboard.press("0")
    assert sheets(viewer) == before
    viewer.keyboard.press("Escape")
    viewer.locator(".viewer[open]").wait_for(state="detached")


def test_one_picture_is_swiped_over_the_other_and_another_chosen(viewer) -> None:
    viewer.get_by_role("button", name="Swipe").click()
    viewer.get_by_label("How much of the first picture").fill("25")
    assert viewer.locator(".viewer .port").nth(1).evaluate("p => p.style.clipPath") == "inset(0px 0px 0px 25%)"
    viewer.get_by_role("button", name="Swipe").click()
    select = viewer.locator(".viewer select").first
    names = select.locator("option").all_inner_texts()
    assert names == ["1. Photo as examined", "2. Heatmap on the model's fixed scale", "3. Heatmap laid over the photo"]
    select.select_option(names[2])
    assert viewer.locator(".viewer .pane").first.locator(".sheet img").count() == 2


def test_a_magnifier_follows_the_pointer_in_every_pane(viewer) -> None:
    viewer.get_by_role("button", name="Magnifier").click()
    port = viewer.locator(".viewer .port").first.bounding_box()
    viewer.mouse.move(port["x"] + port["width"] / 2, port["y"] + port["height"] / 2)
    lenses = viewer.locator(".viewer .lens:visible")
    assert lenses.count() == 2
    assert lenses.first.locator("img").evaluate("i => i.offsetWidth") == pytest.approx(
        3 * sheets(viewer)[0]["width"], abs=2
    )
