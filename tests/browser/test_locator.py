"""From a photo of whole goods to verdicts on its parts, by the boxes that a locator proposes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio_client
import numpy as np
import pytest
from PIL import Image

VERDICT = "#verdict [data-announce]"
CROP = "#photo-crop :is(input, textarea)"
BLUE, RED = "blue/genuine", "red/counterfeit"


@pytest.fixture(scope="module")
def address(serve: Callable[..., str], goods_models: Path) -> str:
    """A page with a locator."""
    return serve(goods_models)


@pytest.fixture
def handed_in(goods: Any, open_page: Callable, tmp_path: Path) -> Callable:
    """Opens the page and hands in a photo of goods with parts on it."""

    def hand_in(*names: str, width: int = 1440, pixels: np.ndarray | None = None):
        path = tmp_path / "goods.png"
        Image.fromarray(goods.photo(100, names)[0] if pixels is None else pixels).save(path)
        page = open_page(width)
        page.set_input_files("#photo-file input[type=file]", path)
        page.locator("#found .found").wait_for()
        page.get_by_text("is read, ").wait_for()
        return page

    return hand_in


def examine(page, button: str = "#examine") -> None:
    page.click(button)
    page.locator(VERDICT).first.wait_for()


def record(page) -> dict:
    with page.expect_download() as waiting:
        page.locator("a:visible", has_text="Record (JSON)").first.click()
    return json.loads(Path(waiting.value.path()).read_bytes())


def test_goods_lead_to_boxes_a_corrected_box_a_verdict_and_its_heatmap(handed_in: Callable) -> None:
    page = handed_in(RED, BLUE)
    assert "2 parts were found." in page.locator("#found").inner_text()
    choices = page.get_by_role("radio")
    choices.nth(2).wait_for()
    assert [choice.is_checked() for choice in choices.all()] == [True, False, False]
    first = page.locator(CROP).input_value()
    choices.nth(1).focus()
    page.keyboard.press("Space")
    page.wait_for_function(
        "before => document.querySelector('#photo-crop input, #photo-crop textarea').value !== before", arg=first
    )
    examine(page)
    proposed = record(page)
    assert proposed["box"] == "locator"
    assert proposed["crop"] == proposed["located"]["find"]["crop"]
    assert "Box proposed by the locator: striped part" in page.locator("#verdict .identity").first.inner_text()

    x, y, width, height = (int(part) for part in page.locator(CROP).input_value().split(","))
    page.locator(CROP).fill(f"{x},{y},{width - 3},{height - 2}")
    page.locator(CROP).press("Enter")
    page.get_by_text("is read, ").wait_for()
    page.get_by_role("button", name="Turn right").click()
    page.wait_for_function("document.querySelector('#photo-crop input, #photo-crop textarea').value.endsWith(',90')")
    page.locator(f"#photo-cut-out :text('{width - 3} × {height - 2}'), #photo-cut-out img").first.wait_for()
    page.get_by_text("is read, ").wait_for()
    examine(page)
    corrected = record(page)
    assert corrected["box"] == "examiner"
    assert list(corrected["crop"].values()) == [x, y, width - 3, height - 2, 90]
    assert corrected["located"]["find"] == proposed["located"]["find"]
    assert "Box corrected by the examiner" in page.locator("#verdict .identity").first.inner_text()
    assert page.locator("#verdict .heat img").evaluate("image => image.naturalWidth") > 10


def test_all_found_parts_stand_side_by_side_and_make_one_report(handed_in: Callable) -> None:
    page = handed_in(RED, BLUE)
    examine(page, "#examine-all")
    verdicts = page.locator("#verdict article.result")
    assert verdicts.count() == 2
    boxes = [verdicts.nth(number).bounding_box() for number in range(2)]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] < boxes[1]["x"]
    assert page.locator("#announcer").inner_text().startswith("2 findings: striped part")
    for field in ("case-number", "examiner"):
        page.locator(f"#verdict-{field} :is(input, textarea)").fill("1")
    page.click("#verdict-make-report")
    page.locator("#verdict-issued article.issued").wait_for()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="JSON twin").click()
    twin = json.loads(Path(waiting.value.path()).read_bytes())
    assert [examination["record"]["box"] for examination in twin["examinations"]] == ["locator"] * 2


def test_a_phone_stacks_them(handed_in: Callable) -> None:
    page = handed_in(RED, BLUE, width=390)
    examine(page, "#examine-all")
    verdicts = page.locator("#verdict article.result")
    boxes = [verdicts.nth(number).bounding_box() for number in range(2)]
    assert boxes[0]["x"] == boxes[1]["x"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_photo_with_nothing_in_it_says_so_and_offers_the_manual_crop(handed_in: Callable) -> None:
    page = handed_in()
    assert "No part was found. Draw a box around the part" in page.locator("#found").inner_text()
    assert page.get_by_role("radio").count() == 0
    assert page.locator("#examine-all").is_hidden()
    page.locator(CROP).fill("10,10,60,40")
    page.get_by_text("is read, ").wait_for()
    examine(page)
    assert record(page)["box"] == "examiner"


def test_an_example_is_searched_and_its_verdict_stays(open_page: Callable) -> None:
    page = open_page()
    page.locator(".example:visible").first.click()
    page.locator(VERDICT).wait_for()
    page.wait_for_timeout(2000)
    assert page.locator(VERDICT).count() == 1


def test_the_api_locates_and_examines_a_find(goods: Any, address: str, tmp_path: Path) -> None:
    path = tmp_path / "goods.png"
    Image.fromarray(goods.photo(100, (RED, BLUE))[0]).save(path)
    client = gradio_client.Client(address, verbose=False)
    handed = gradio_client.handle_file(str(path))
    detections = client.predict(handed, api_name="/locate")
    assert [find["part"] for find in detections] == ["striped_part"] * 2
    found = client.predict(handed, find="2", api_name="/examine")
    client.close()
    assert (found["crop"], found["box"]) == (detections[1]["crop"], "locator")
