"""A transparent picture: it is shown on the ground it is laid on, and another ground can be chosen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio_client
import numpy as np
import pytest
from gradio_client.exceptions import AppError
from PIL import Image

from inference.intake.exhibit import read_exhibit
from inference.models.catalogue import read_catalogue
from inference.records import as_json
from inference.trademark.examiner import TrademarkExaminer

COMPARISON = "#comparison [data-announce]"
FIRST_CROP = "#first-crop :is(input, textarea)"
PHOTO_CROP = "#photo-crop :is(input, textarea)"


@pytest.fixture(scope="module")
def weights(tiny_models: Path) -> Path:
    return tiny_models


@pytest.fixture(scope="module")
def address(serve: Callable[..., str], weights: Path) -> str:
    """A page with small models: what they find is not asked here."""
    return serve(weights)


def drawing(folder: Path, name: str, colour: tuple[int, int, int], see_through: bool) -> Path:
    """An arch on a ground that is transparent, or white; wide enough to fill where it is drawn on the page."""
    pixels = np.full((640, 800, 4), 0 if see_through else 255, np.uint8)
    pixels[120:520, 160:640] = *colour, 255
    pixels[280:520, 280:520] = 0 if see_through else 255
    Image.fromarray(pixels if see_through else pixels[..., :3]).save(folder / name)
    return folder / name


@pytest.fixture
def pale(tmp_path: Path) -> Path:
    return drawing(tmp_path, "pale.png", (255, 255, 240), see_through=True)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return drawing(tmp_path, "plain.png", (20, 60, 40), see_through=False)


CORNER_IS = """([where, level]) => {
    const canvas = document.querySelector(`#${where}-canvas canvas`);
    const [red, green, blue, opaque] = canvas.getContext("2d").getImageData(3, 3, 1, 1).data;
    return opaque === 255 && [red, green, blue].every((value) => Math.abs(value - level) < 4);
}"""
"""Whether a drawn picture has a grey level near its corner."""


def record(page) -> dict:
    with page.expect_download() as waiting:
        page.locator("a:visible", has_text="Record (JSON)").first.click()
    return json.loads(Path(waiting.value.path()).read_bytes())


def ground(page, where: str, name: str):
    return page.locator(f"#{where}-ground").get_by_role("radio", name=name)


@pytest.fixture
def compared(open_page: Callable, pale: Path, plain: Path) -> Callable:
    """Hands in a transparent mark and an opaque one, and compares them."""

    def open_at(width: int = 1440):
        page = open_page(width)
        page.get_by_role("tab", name="Compare marks").click()
        for where, path in (("first", pale), ("second", plain)):
            page.set_input_files(f"#{where}-file input[type=file]", path)
            page.locator(f"#{where}-canvas canvas").wait_for()
        page.get_by_text("are read.").wait_for()
        page.click("#compare")
        page.locator(COMPARISON).wait_for()
        return page

    return open_at


def test_a_transparent_mark_is_shown_on_its_ground_and_the_ground_is_said(compared: Callable) -> None:
    page = compared()
    assert page.get_by_text("Laid on black, from which it stands out most.").count() == 1
    assert page.locator("#second-ground").count() == 0
    page.wait_for_function(CORNER_IS, arg=["first", 0])
    assert ground(page, "first", "Left open").is_checked()
    assert (
        "Compared: the whole picture, laid on black; framed to the drawing at "
        in page.locator("#comparison").inner_text()
    )
    found = record(page)
    assert [(mark["ground"], mark["ground_by"]) for mark in found["exhibits"]] == [("black", "Assay"), (None, None)]


def test_another_ground_takes_the_result_away_and_is_the_one_that_is_compared(compared: Callable, plain: Path) -> None:
    page = compared()
    page.locator(FIRST_CROP).fill("20,10,700,600")
    page.locator(FIRST_CROP).press("Enter")
    page.get_by_text("are read.").wait_for()
    ground(page, "first", "Grey").focus()
    page.keyboard.press("Space")
    page.get_by_text("Laid on grey, as the examiner chose.").wait_for()
    page.get_by_text("are read.").wait_for()
    assert page.locator(COMPARISON).count() == 0
    page.wait_for_function(CORNER_IS, arg=["first", 176])
    page.click("#compare")
    page.locator(COMPARISON).wait_for()
    found = record(page)
    assert (found["exhibits"][0]["ground"], found["exhibits"][0]["ground_by"]) == ("grey", "examiner")
    assert list(found["crops"][0].values()) == [20, 10, 700, 600, 0]
    assert "laid on grey; framed to the drawing at " in page.locator("#comparison").inner_text()

    ground(page, "first", "Left open").check()
    page.get_by_text("Laid on black, from which it stands out most.").wait_for()
    page.get_by_text("are read.").wait_for()
    assert page.locator(COMPARISON).count() == 0


def test_the_next_file_is_laid_on_what_assay_chooses(compared: Callable, pale: Path, plain: Path) -> None:
    page = compared()
    ground(page, "first", "White").check()
    page.get_by_text("Laid on white, as the examiner chose.").wait_for()
    page.locator("#first-file [aria-label=Clear]").click()
    page.get_by_text("One more mark").wait_for()
    page.set_input_files("#first-file input[type=file]", plain)
    page.get_by_text("are read.").wait_for()
    page.locator("#first-ground").wait_for(state="hidden")
    page.click("#compare")
    page.locator(COMPARISON).wait_for()
    assert record(page)["exhibits"][0]["ground"] is None
    page.locator("#first-file [aria-label=Clear]").click()
    page.get_by_text("One more mark").wait_for()
    page.set_input_files("#first-file input[type=file]", pale)
    page.get_by_text("Laid on black, from which it stands out most.").wait_for()
    assert ground(page, "first", "Left open").is_checked()


def test_the_choice_has_a_name_and_a_phone_has_room_for_it(compared: Callable) -> None:
    page = compared(390)
    group = page.get_by_role("group", name="First mark: ground under its transparent areas")
    described = group.get_attribute("aria-describedby")
    assert page.locator(f"#{described}").inner_text() == "Laid on black, from which it stands out most."
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    tops = {choice.bounding_box()["y"] for choice in group.get_by_role("radio").all()}
    assert len(tops) == 1


@pytest.fixture
def client(address: str):
    client = gradio_client.Client(address, verbose=False)
    yield client
    client.close()


def test_the_api_takes_a_ground_for_each_mark(client, weights: Path, pale: Path, plain: Path) -> None:
    handed = [gradio_client.handle_file(str(path)) for path in (pale, plain)]
    name = read_catalogue(weights).names("trademark")[0]
    examiner = TrademarkExaminer.load(name, weights)
    expected = examiner.compare(read_exhibit(pale, ground="grey"), read_exhibit(plain))
    assert client.predict(*handed, first_ground="grey", api_name="/compare") == as_json(expected)
    with pytest.raises(AppError, match=r"plain\.png has no transparent areas to lay on grey; leave its ground open"):
        client.predict(*handed, second_ground="grey", api_name="/compare")
    with pytest.raises(AppError, match=r"The ground 'beige' is not white, black or grey"):
        client.predict(*handed, first_ground="beige", api_name="/compare")
    examined = client.predict(handed[0], ground="white", api_name="/examine")
    assert (examined["exhibit"]["ground"], examined["exhibit"]["ground_by"]) == ("white", "examiner")


@pytest.fixture(scope="module")
def shelf(serve: Callable[..., str], goods_models: Path) -> str:
    """A page with a locator."""
    return serve(goods_models)


@pytest.fixture
def goods_page(shelf: str, browser, goods: Any, tmp_path: Path):
    """A photo of goods with a part on it and a see-through edge is handed in."""
    photo, _ = goods.photo(103, ("red/counterfeit", "blue/genuine"))
    pixels = np.asarray(Image.fromarray(photo).convert("RGBA")).copy()
    pixels[:12] = 0
    Image.fromarray(pixels).save(tmp_path / "goods.png")
    context = browser.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(240_000)
    page.goto(shelf)
    page.set_input_files("#photo-file input[type=file]", tmp_path / "goods.png")
    page.locator("#found .found").wait_for()
    page.get_by_text("is read, ").wait_for()
    yield page
    context.close()


def test_a_box_that_was_proposed_is_proposed_anew_on_another_ground(goods_page) -> None:
    page, crop = goods_page, goods_page.locator(PHOTO_CROP)
    on_black = crop.input_value()
    ground(page, "photo", "White").check()
    page.get_by_text("Laid on white, as the examiner chose.").wait_for()
    page.wait_for_function(
        "([crop, before]) => document.querySelector(crop).value !== before", arg=[PHOTO_CROP, on_black]
    )
    page.get_by_text("is read, ").wait_for()
    page.click("#examine")
    page.locator("#verdict [data-announce]").wait_for()
    found = record(page)
    assert (found["exhibit"]["ground"], found["exhibit"]["ground_by"], found["box"]) == ("white", "examiner", "locator")
    assert found["crop"] == found["located"]["find"]["crop"]
    assert crop.input_value() == ",".join(str(found["crop"][side]) for side in ("x", "y", "width", "height"))


def test_a_box_drawn_by_hand_stays_on_another_ground(goods_page) -> None:
    page, crop = goods_page, goods_page.locator(PHOTO_CROP)
    page.locator("#find").get_by_role("radio").last.check()
    page.get_by_text("is read, ").wait_for()
    crop.fill("5,20,60,50")
    crop.press("Enter")
    page.get_by_text("is read, ").wait_for()
    ground(page, "photo", "White").check()
    page.get_by_text("Laid on white, as the examiner chose.").wait_for()
    page.wait_for_timeout(1500)
    page.click("#examine")
    page.locator("#verdict [data-announce]").wait_for()
    found = record(page)
    assert (found["exhibit"]["ground"], found["box"], found["located"]) == ("white", "examiner", None)
    assert list(found["crop"].values()) == [5, 20, 60, 50, 0]
