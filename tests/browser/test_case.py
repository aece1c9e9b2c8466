"""An examiner's way through a case: examine, report, look at the case, verify, sign off, delete."""

from __future__ import annotations

import hashlib
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import gradio_client
import numpy as np
import pytest
from gradio_client.exceptions import AppError
from PIL import Image

from inference.casework.case import CaseFolder
from inference.casework.log import verify_log
from inference.casework.packed import unpacked

VERDICT = "#verdict [data-announce]"
ISSUED = "#verdict-issued article.issued"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cases")


@pytest.fixture(scope="module")
def address(serve: Callable[..., str], tiny_models: Path, folder: Path) -> str:
    """A page with a folder of cases."""
    return serve(tiny_models, folder)


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "part.jpg"
    noise = np.random.default_rng(7).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((640, 480)).save(path)
    return path


@pytest.fixture
def examined(open_page: Callable, photo: Path) -> Callable:
    """Opens the page at a width and examines the photo there."""

    def examine(width: int = 1440):
        page = open_page(width)
        page.set_input_files("#photo-file input[type=file]", photo)
        page.get_by_text("is read, ").wait_for()
        page.click("#examine")
        page.locator(VERDICT).wait_for()
        page.locator("#verdict-report").wait_for()
        return page

    return examine


def fill(page, name: str, text: str) -> None:
    field = page.locator(f"#{name} :is(input, textarea)")
    field.fill(text)
    field.blur()


def report(page, number: str) -> str:
    """Makes a report in a case; gives its id."""
    fill(page, "verdict-case-number", number)
    fill(page, "verdict-examiner", "E. Examiner")
    page.click("#verdict-make-report")
    page.locator(ISSUED).wait_for()
    return page.locator(f"{ISSUED} h2").inner_text()


def choose(page, name: str, option: str) -> None:
    page.locator(f"#{name} input").click()
    page.get_by_role("option", name=option).click()


def saved(page, act: Callable[[], None]) -> bytes:
    with page.expect_download() as waiting:
        act()
    return Path(waiting.value.path()).read_bytes()


def test_a_case_from_verdict_to_deletion(examined: Callable, folder: Path, photo: Path) -> None:
    page = examined()
    made = report(page, "2026/17")
    pdf = saved(page, lambda: page.get_by_role("link", name="Report (PDF)").click())
    twin = saved(page, lambda: page.get_by_role("link", name="JSON twin").click())
    assert pdf.startswith(b"%PDF")
    assert hashlib.sha256(twin).hexdigest().encode() in pdf
    assert made == f"R-{hashlib.sha256(twin).hexdigest()[:12]}"
    stated = json.loads(twin)["examinations"][0]["record"]
    assert stated["exhibit"]["sha256"] == hashlib.sha256(photo.read_bytes()).hexdigest()
    assert stated["outcome"] == page.locator("#verdict h2").inner_text().lower()
    (case,) = folder.glob("2026-17-*")
    assert (case / "reports" / f"{made}.pdf").read_bytes() == pdf
    assert page.locator("#announcer").inner_text() == f"Report {made} is made."

    page.get_by_role("tab", name="Case").click()
    page.get_by_text("Choose a case").wait_for()
    choose(page, "case-number", "2026/17")
    page.locator("#case h2", has_text="2026/17").wait_for()
    for words in (made, "part.jpg was kept", "nobody yet", "Examination"):
        assert words in page.locator("#case").inner_text()
    choose(page, "case-file", f"{made}.pdf")
    page.locator("#case-download:not([disabled])").wait_for()
    assert saved(page, lambda: page.click("#case-download")) == pdf
    choose(page, "case-file", "part.jpg (exhibit)")
    page.wait_for_timeout(1000)
    assert saved(page, lambda: page.click("#case-download")) == photo.read_bytes()

    page.click("#case-verify")
    page.locator("#case-verified [data-announce]").wait_for()
    assert page.locator("#case-verified h2").inner_text() == "All agrees."

    page.get_by_role("button", name="Open the examination of part.jpg").first.click()
    page.locator("#case-opened [data-announce]").wait_for()
    page.get_by_role("button", name="Add a remark or your conclusion").click()
    page.get_by_label("conclusion", exact=True).check()
    fill(page, "note-by", "E. Examiner")
    fill(page, "note-text", "Noise, and no part.")
    page.click("#note-add")
    page.locator("#case-done", has_text="The conclusion of E. Examiner is line 5 of the log.").wait_for()
    assert "Conclusion, E. Examiner: Noise, and no part." in page.locator("#case").inner_text()
    page.click("#case-export")
    packed = case.parent / "packed.zip"
    page.locator("#case-packed").wait_for()
    packed.write_bytes(saved(page, lambda: page.click("#case-packed")))
    with unpacked(packed) as copy:
        assert CaseFolder(copy).entries() == CaseFolder(case).entries()
    packed.unlink()

    page.get_by_role("button", name="Sign off a report").click()
    choose(page, "sign-report", made)
    fill(page, "sign-reviewer", "E. Reviewer")
    fill(page, "sign-remark", "agreed")
    page.click("#sign-off")
    page.locator("#case-done", has_text=f"{made} is signed off by E. Reviewer").wait_for()
    assert "nobody yet" not in page.locator("#case").inner_text()

    page.locator(".label-wrap", has_text="Delete pictures and reports").click()
    fill(page, "delete-by", "E. Examiner")
    fill(page, "delete-reason", "returned to the owner")
    page.click("#delete-case")
    page.locator("#case-done [role=alert]").wait_for()
    assert "type the number of the case, 2026/17" in page.locator("#case-done").inner_text()
    assert len(list(case.glob("*/*"))) == 3
    fill(page, "delete-number", "2026/17")
    page.click("#delete-case")
    page.locator("#case-done", has_text="3 files of case 2026/17 are deleted").wait_for()
    assert list(case.glob("*/*")) == []
    assert verify_log(case / "log.jsonl") == []
    assert "3 files were removed by E. Examiner: returned to the owner" in page.locator("#case").inner_text()


def test_a_report_is_refused_without_case_number_and_in_a_folder_that_is_no_case(
    examined: Callable, folder: Path
) -> None:
    (folder / "photos").mkdir()
    (folder / "photos" / "a.jpg").touch()
    page = examined()
    for number, sentence in (
        ("", "The case number is missing"),
        ("photos", "is not a case folder, since it holds a.jpg"),
    ):
        fill(page, "verdict-case-number", number)
        fill(page, "verdict-examiner", "E. Examiner")
        page.click("#verdict-make-report")
        page.locator("#verdict-issued [role=alert]", has_text=sentence).wait_for()
    assert page.locator(VERDICT).is_visible()
    assert [path.name for path in (folder / "photos").iterdir() if "lock" not in path.name] == ["a.jpg"]


def test_a_report_never_stands_beside_inputs_it_was_not_made_from(examined: Callable) -> None:
    page = examined()
    report(page, "2026-18")
    page.locator("#photo-crop :is(input, textarea)").fill("10,10,200,200")
    page.get_by_text("is read, ").wait_for()
    page.locator("#verdict-report").wait_for(state="hidden")
    page.click("#examine")
    page.locator(VERDICT).wait_for()
    page.locator("#verdict-report").wait_for()
    assert page.locator(ISSUED).count() == 0
    assert page.locator("#verdict-case-number :is(input, textarea)").input_value() == "2026-18"


def test_what_is_filled_in_for_a_photo_stands_for_marks_too(examined: Callable) -> None:
    page = examined()
    fill(page, "verdict-case-number", "2026-19")
    fill(page, "verdict-examiner", "E. Examiner")
    page.get_by_role("tab", name="Compare marks").click()
    page.locator(".example:visible").first.click()
    page.locator("#comparison-report").wait_for()
    page.click("#comparison-make-report")
    page.locator("#comparison-issued article.issued").wait_for()
    assert "Case 2026-19, examiner E. Examiner" in page.locator("#comparison-issued").inner_text()


def test_a_phone_shows_report_and_case_without_scrolling_sideways(examined: Callable) -> None:
    page = examined(390)
    report(page, "2026-20")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("tab", name="Case").click()
    choose(page, "case-number", "2026-20")
    page.locator("#case h2", has_text="2026-20").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.fixture(scope="module")
def client(address: str):
    client = gradio_client.Client(address, verbose=False)
    yield client
    client.close()


def test_the_api_reports_lists_and_verifies(client, photo: Path, folder: Path) -> None:
    assert {"/report", "/report_comparison", "/cases", "/case_log", "/verify_case"} <= set(
        client.view_api(return_format="dict")["named_endpoints"]
    )
    made, pdf, twin = client.predict(
        gradio_client.handle_file(str(photo)), case_number="api-1", examiner="E. Examiner", api_name="/report"
    )
    assert made["report"] == f"R-{hashlib.sha256(Path(twin).read_bytes()).hexdigest()[:12]}"
    assert (folder / "api-1" / "reports" / f"{made['report']}.pdf").read_bytes() == Path(pdf).read_bytes()
    assert "api-1" in client.predict(api_name="/cases")
    log = client.predict("api-1", api_name="/case_log")
    assert [entry["event"] for entry in log][-2:] == ["examination", "report issued"]
    verified = client.predict("api-1", api_name="/verify_case")
    assert verified["log"] == []
    assert "differs" not in {line["status"] for line in verified["reports"][made["report"]]}


def test_the_api_refuses_with_the_same_sentence(client, photo: Path) -> None:
    with pytest.raises(AppError, match="The case number is missing"):
        client.predict(gradio_client.handle_file(str(photo)), examiner="E. Examiner", api_name="/report")
    for path in ("../secret", "/etc"):
        with pytest.raises(AppError, match=re.escape(f"There is no case {path}")):
            client.predict(path, api_name="/case_log")


def test_the_server_hands_out_no_file_of_a_case_by_its_path(address: str, client, photo: Path, folder: Path) -> None:
    client.predict(
        gradio_client.handle_file(str(photo)), case_number="api-2", examiner="E. Examiner", api_name="/report"
    )
    for path in (folder / "api-2").rglob("*"):
        if path.is_file():
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(f"{address.rstrip('/')}/gradio_api/file={path}")
