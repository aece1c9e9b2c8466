from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

VERDICT = "#verdict [data-announce]"
BESIDE = "#verdict .beside"


@pytest.fixture(scope="module")
def address(serve: Callable[..., str], guided_models: Path) -> str:
    """A page whose only model looks at parts beside their references."""
    return serve(guided_models)


@pytest.fixture(scope="module")
def tag(lettered: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "tag.png"
    Image.fromarray(lettered.photo("alba/counterfeit", 50)).save(path)
    return path


@pytest.fixture
def examined(open_page: Callable, tag: Path) -> Callable:
    """Opens the page at a width and examines the tag there."""

    def examine(width: int = 1440):
        page = open_page(width)
        page.set_input_files("#photo-file input[type=file]", tag)
        page.get_by_text("is read, ").wait_for()
        page.click("#examine")
        page.locator(VERDICT).wait_for()
        return page

    return examine


def opacity(page) -> float:
    return float(page.locator(f"{BESIDE} .layer").evaluate("layer => getComputedStyle(layer).opacity"))


def wait_for_opacity(page, value: int) -> None:
    page.wait_for_function(f"getComputedStyle(document.querySelector('{BESIDE} .layer')).opacity === '{value}'")


def test_the_part_lies_beside_its_reference(examined: Callable) -> None:
    page = examined()
    beside = page.locator(BESIDE)
    assert "Beside the genuine reference" in beside.inner_text()
    pictures = beside.locator("img:not(.layer)")
    assert pictures.count() == 3
    for number in range(3):
        assert pictures.nth(number).is_visible()
        assert pictures.nth(number).evaluate("image => image.naturalWidth") > 50
    first, second = (beside.locator(f".stack img:nth-child({number})").bounding_box() for number in (1, 2))
    assert first == second, "what is faded over the part covers it exactly"


def test_the_reference_fades_and_leaves_the_heatmap_alone(examined: Callable) -> None:
    page = examined()
    before = page.locator(f"{BESIDE} .stack").screenshot()
    assert opacity(page) == 0
    page.get_by_label("Reference opacity in per cent").fill("40")
    assert opacity(page) == 0.4
    assert page.locator(f"{BESIDE} output").inner_text() == "40 %"
    assert page.locator(f"{BESIDE} .stack").screenshot() != before
    heatmap = page.locator("#verdict .evidence:not(.beside) .layer")
    assert heatmap.evaluate("layer => layer.style.opacity") == "0.6"
    page.get_by_label("Heatmap opacity in per cent").fill("0")
    assert opacity(page) == 0.4


@pytest.mark.parametrize(
    "press", [lambda button: button.click(), lambda button: button.press("Enter")], ids=["mouse", "key"]
)
def test_the_reference_blinks_until_it_is_told_to_stop(press: Callable, examined: Callable) -> None:
    page = examined()
    button = page.get_by_role("button", name="Blink")
    assert button.get_attribute("aria-pressed") == "false"
    press(button)
    assert button.get_attribute("aria-pressed") == "true"
    for shown in (1, 0, 1):
        wait_for_opacity(page, shown)
    press(button)
    assert button.get_attribute("aria-pressed") == "false"
    assert opacity(page) == 0
    page.wait_for_timeout(1200)
    assert opacity(page) == 0


def test_pressing_often_never_blinks_faster_than_once_a_second(examined: Callable) -> None:
    page = examined()
    page.evaluate(
        """() => {
            window.jumps = [];
            const layer = document.querySelector("#verdict .beside .layer");
            new MutationObserver(() => window.jumps.push(performance.now()))
                .observe(layer, { attributes: true, attributeFilter: ["style"] });
            const button = document.querySelector(".blink");
            for (let press = 0; press < 7; press += 1) button.click();
            window.jumps.length = 0;
        }"""
    )
    page.wait_for_function("window.jumps.length >= 5")
    jumps = page.evaluate("window.jumps.slice(1)")
    assert all(later - earlier > 350 for earlier, later in pairwise(jumps))


@pytest.mark.parametrize("width", [390, 1440])
def test_everything_beside_the_reference_has_a_name_and_fits(width: int, examined: Callable) -> None:
    page = examined(width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    nameless = page.evaluate(
        """() => [...document.querySelectorAll(".beside :is(button, input, img)")].filter((element) =>
            !(element.innerText?.trim() || element.ariaLabel || element.labels?.length || element.alt))
            .map((element) => element.outerHTML.slice(0, 120))"""
    )
    assert nameless == []
    page.get_by_role("tab", name="Models").click()
    assert page.locator("#models .card").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
