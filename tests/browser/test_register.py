"""A register in the page: marks are taken in, searched, and compared with what is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.inference.register.drawing import drawn

CSV = "path;owner\ndisc.png;Brown\nring.png;Miller\ncopy.png;Brown\n"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of marks with their owners, one of them blank and one a copy."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "marks").mkdir()
    for shape in ("disc", "ring", "pair", "nothing"):
        (folder / "marks" / f"{shape}.png").write_bytes(drawn(shape))
    (folder / "marks" / "copy.png").write_bytes(drawn("disc"))
    (folder / "marks" / "list.csv").write_text(CSV)
    return folder


@pytest.fixture(scope="module")
def address(serve: Callable[..., str], weighing_models: Path, desk: Path) -> str:
    return serve(weighing_models, register=desk / "register")


def test_marks_are_taken_in_searched_and_compared_to_a_report(open_page, desk: Path) -> None:
    page = open_page(390)
    page.get_by_role("tab", name="Register", exact=True).click()
    page.locator("#register-found").get_by_text("No register yet").wait_for()
    page.fill("#register-places textarea", str(desk / "marks"))
    page.click("#register-take-in")
    page.locator("#register-done").get_by_text(
        "marks: 5 new, 0 changed, 0 gone, 0 unchanged, 1 not taken in."
    ).wait_for()
    page.locator("#register-found").get_by_text("4 marks to search").wait_for()
    page.locator("#register-found").get_by_text("1 file not taken in").click()
    assert "The mark is too faint" in page.locator("#register-found").inner_text()

    page.set_input_files("#register-file input[type=file]", desk / "marks" / "disc.png")
    page.locator("#register-cropping").wait_for()
    page.click("#register-search")
    page.locator("#register-found").get_by_text("4 of 4 marks searched").wait_for()
    rows = page.locator(".picture-rows").first.locator("li")
    assert "copy.png owner Brown" in rows.first.inner_text()
    assert "disc.png owner Brown" in rows.first.inner_text()
    assert page.locator("#register-found h3").all_inner_texts()[:4] == [
        "As it is",
        "Without colour",
        "Turned or mirrored",
        "Part of it",
    ]
    with page.expect_download() as download:
        page.get_by_role("link", name="Save the record (JSON)").click()
    record = json.loads(Path(download.value.path()).read_text())
    assert [mark["path"] for mark in record["rankings"][0]["marks"][:2]] == ["copy.png", "disc.png"]

    page.fill("#search-case-number input, #search-case-number textarea", "C 1")
    page.fill("#search-examiner input, #search-examiner textarea", "A. Examiner")
    page.click("#search-make-report")
    page.locator("#search-issued a[download]").first.wait_for()

    # Another tab, and back: what was found still stands.
    page.get_by_role("tab", name="Compare marks", exact=True).click()
    page.get_by_role("tab", name="Register", exact=True).click()
    page.get_by_role("button", name="Compare with ring.png").first.click()
    page.locator("#register-pair [data-announce]").wait_for()
    assert page.locator(".picture-rows").count() == 4
    shown = page.locator("#register-pair").inner_text()
    assert "disc.png" in shown
    assert "ring.png" in shown
    page.fill("#register-case-number input, #register-case-number textarea", "C 1")
    page.fill("#register-examiner input, #register-examiner textarea", "A. Examiner")
    page.click("#register-make-report")
    page.locator("#register-issued a[download]").first.wait_for()

    # Nothing stands beside a mark that it was not made from.
    page.click("#register-file [aria-label=Clear]")
    page.locator("#register-found").get_by_text("4 marks to search").wait_for()
    page.locator("#register-pair [data-announce]").wait_for(state="detached")


def test_what_cannot_be_done_is_said_in_a_sentence(page, desk: Path) -> None:
    page.get_by_role("tab", name="Register", exact=True).click()
    page.fill("#register-places textarea", str(desk / "gone"))
    page.click("#register-take-in")
    page.locator("#register-done").get_by_text("gone does not exist; name a folder").wait_for()
    page.click("#register-search")
    page.locator("#register-found").get_by_text("The mark is missing; add it.").wait_for()
