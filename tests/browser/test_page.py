from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

import gradio_client
import numpy as np
import pytest
from gradio_client.exceptions import AppError
from PIL import Image

from inference.authenticity.examiner import AuthenticityExaminer
from inference.intake.exhibit import read_exhibit
from inference.models.catalogue import read_catalogue
from inference.records import Crop, as_json
from inference.trademark.examiner import TrademarkExaminer

COMPARISON = "#comparison [data-announce]"


def tab(page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def mark(folder: Path, name: str, seed: int) -> Path:
    noise = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    path = folder / name
    Image.fromarray(noise).resize((320, 240)).save(path)
    return path


def test_one_click_on_a_pair_of_marks_compares_it(page) -> None:
    tab(page, "Compare marks")
    page.locator(".example:visible").first.click()
    page.locator(COMPARISON).wait_for()
    assert page.locator("#comparison h2").inner_text() == "Similar as wholes"
    assert "never infringement" in page.locator("#comparison").inner_text()
    assert page.locator("#comparison .heat img:visible").count() == 2
    page.get_by_label("Heatmap opacity in per cent").fill("15")
    page.get_by_label("Mark 2 opacity in per cent").fill("80")
    layers = page.locator("#comparison .layer")
    assert layers.evaluate_all("layers => layers.map((layer) => layer.style.opacity)") == ["0.15", "0.15", "0.8"]


def test_two_uploads_are_compared_and_cleared_with_one_of_them(page, tmp_path: Path) -> None:
    tab(page, "Compare marks")
    page.set_input_files("#first-file input[type=file]", mark(tmp_path, "one.png", 1))
    page.get_by_text("One more mark").wait_for()
    page.set_input_files("#second-file input[type=file]", mark(tmp_path, "two.png", 2))
    page.get_by_text("are read.").wait_for()
    page.click("#compare")
    page.locator(COMPARISON).wait_for()
    assert page.locator("#comparison .facts .name").all_inner_texts() == ["one.png", "two.png"]
    page.locator("#second-file [aria-label=Clear]").click()
    page.get_by_text("One more mark").wait_for()
    assert page.locator(COMPARISON).count() == 0


def test_the_models_tab_shows_every_card(page, weights: Path) -> None:
    tab(page, "Models")
    titles = page.locator("#models .card h2").all_inner_texts()
    assert sorted(titles) == sorted(card.title for card in read_catalogue(weights).cards.values())
    behind = page.locator("#models .card").first.get_by_text("What stands behind it")
    behind.focus()
    page.keyboard.press("Enter")
    assert page.locator("#models .card .hash").first.is_visible()


def test_a_phone_never_scrolls_sideways(open_page) -> None:
    page = open_page(390)
    page.locator(".example:visible").first.click()
    page.locator("#verdict [data-announce]").wait_for()
    tab(page, "Compare marks")
    page.locator(".example:visible").first.click()
    page.locator(COMPARISON).wait_for()
    for name in ("Authenticate", "Compare marks", "Register", "References", "Case", "Models"):
        tab(page, name)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name


def test_everything_a_finger_or_a_key_reaches_has_a_name(page) -> None:
    page.locator(".example:visible").first.click()
    page.locator("#verdict [data-announce]").wait_for()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("a, button, input, textarea, select, img")]
            .filter((element) => element.offsetParent !== null)
            .filter((element) => !(element.innerText?.trim() || element.ariaLabel || element.title
                || element.labels?.length || element.hasAttribute("alt")))
            .map((element) => element.outerHTML.slice(0, 120))"""
    )
    assert nameless == []


def test_every_response_forbids_other_machines(address: str) -> None:
    with urllib.request.urlopen(address) as response:
        assert response.headers["Content-Security-Policy"].startswith("default-src 'self';")
        assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.fixture(scope="module")
def client(address: str):
    client = gradio_client.Client(address, verbose=False)
    yield client
    client.close()


def test_the_api_is_what_the_tabs_do(client, weights: Path) -> None:
    endpoints = client.view_api(return_format="dict")
    expected = {"/examine", "/compare", "/report", "/report_comparison", "/search_register"}
    expected |= {"/cases", "/case_log", "/verify_case"}
    catalogue = read_catalogue(weights)
    expected |= {door for task, door in (("locator", "/locate"), ("comparator", "/enrol")) if catalogue.names(task)}
    assert set(endpoints["named_endpoints"]) == expected


def test_without_a_case_folder_a_report_is_a_download(page) -> None:
    page.locator(".example:visible").first.click()
    page.locator("#verdict-report").wait_for()
    for field in ("case-number", "examiner"):
        page.locator(f"#verdict-{field} :is(input, textarea)").fill("1")
    page.click("#verdict-make-report")
    page.get_by_text("Nothing was written").wait_for()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Report (PDF)").click()
    assert Path(waiting.value.path()).read_bytes().startswith(b"%PDF")


def test_the_api_examines_as_the_examiner_does(client, weights: Path, tmp_path: Path) -> None:
    path, name = mark(tmp_path, "part.png", 3), read_catalogue(weights).names("authenticity")[0]
    examiner = AuthenticityExaminer.load(name, weights)
    series = examiner.card.series[0]
    handed = gradio_client.handle_file(str(path))
    found = client.predict(handed, name, series, "10,20,200,150", api_name="/examine")
    assert found == as_json(examiner.examine(read_exhibit(path), series, Crop(10, 20, 200, 150)))
    assert client.predict(handed, name, api_name="/examine") == as_json(examiner.examine(read_exhibit(path)))


def test_the_api_compares_as_the_examiner_does(client, weights: Path, tmp_path: Path) -> None:
    first, second = mark(tmp_path, "one.png", 1), mark(tmp_path, "two.png", 2)
    name = read_catalogue(weights).names("trademark")[0]
    handed = [gradio_client.handle_file(str(path)) for path in (first, second)]
    found = client.predict(*handed, name, api_name="/compare")
    examiner = TrademarkExaminer.load(name, weights)
    assert found == as_json(examiner.compare(read_exhibit(first), read_exhibit(second)))


def test_the_api_refuses_with_the_same_sentence(client, weights: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "letter.jpg"
    foreign.write_text("not a picture")
    name = read_catalogue(weights).names("authenticity")[0]
    with pytest.raises(AppError, match=r"letter\.jpg is text"):
        client.predict(gradio_client.handle_file(str(foreign)), name, api_name="/examine")
    with pytest.raises(AppError, match=r"no model '\.\./secret'"):
        client.predict(gradio_client.handle_file(str(mark(tmp_path, "part.png", 3))), "../secret", api_name="/examine")


def test_the_api_takes_uploads_and_no_paths_of_the_server(address: str, weights: Path, tmp_path: Path) -> None:
    secret = mark(tmp_path, "on_the_server.png", 4)
    data = [
        {"path": str(secret), "meta": {"_type": "gradio.FileData"}},
        read_catalogue(weights).names("authenticity")[0],
    ]
    call = f"{address.rstrip('/')}/gradio_api/call/examine"
    request = urllib.request.Request(
        call, json.dumps({"data": [*data, "", ""]}).encode(), {"Content-Type": "application/json"}
    )
    with pytest.raises(HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 400
    assert "is not a file that was handed in here" in json.load(refused.value)["detail"]
