"""A batch in the page: photos are handed in, examined in the background, sorted, opened and reported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from inference.casework.case import CaseFolder
from inference.casework.custody import check_case
from tests.conftest import MakeExhibit


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, striped: MakeExhibit) -> Path:
    """A folder with three photos and a damaged one."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "photos").mkdir()
    for name, kind in (("a.png", "blue/genuine"), ("b.png", "blue/counterfeit"), ("d.png", "red/genuine")):
        (folder / "photos" / name).write_bytes(striped(kind, 3).content)
    (folder / "photos" / "c.png").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def address(serve: Callable[..., str], tiny_models: Path, desk: Path) -> str:
    return serve(tiny_models, cases=desk / "cases", batches=desk / "batches")


def test_photos_are_examined_in_one_go_opened_and_reported(open_page, desk: Path) -> None:
    page = open_page(390)
    page.get_by_role("tab", name="Batch", exact=True).click()
    page.locator("#batch").get_by_text("No batch yet").wait_for()
    page.set_input_files("#batch-files input[type=file]", sorted((desk / "photos").iterdir()))
    page.locator("#batch-files [aria-label=Clear]").wait_for()
    page.fill("#batch-title textarea, #batch-title input", "Monday")
    page.click("#batch-start")
    page.locator("#batch").get_by_text("4 of 4 photos done").wait_for()
    rows = page.locator("#batch-rows li")
    page.wait_for_function("document.querySelectorAll('#batch-rows li').length === 4")
    assert "Not examined" in rows.nth(2).inner_text()

    # A filter, and back.
    page.click("#batch-outcome input")
    page.get_by_role("option", name="not examined").click()
    page.wait_for_function("document.querySelectorAll('#batch-rows li').length === 1")
    page.click("#batch-outcome input")
    page.get_by_role("option", name="All", exact=True).click()
    page.wait_for_function("document.querySelectorAll('#batch-rows li').length === 4")

    page.get_by_role("button", name="Open b.png").click()
    page.locator("#batch-row [data-announce]").wait_for()
    assert "b.png" in page.locator("#batch-row").inner_text()
    with page.expect_download() as download:
        page.click("#batch-csv")
    assert Path(download.value.path()).read_text().startswith("path,outcome,log10 LR")

    page.fill("#batch-all-case-number input, #batch-all-case-number textarea", "C 1")
    page.fill("#batch-all-examiner input, #batch-all-examiner textarea", "A. Examiner")
    page.click("#batch-all-make-report")
    page.locator("#batch-all-issued a[download]").first.wait_for()
    case = CaseFolder(next((desk / "cases").iterdir()))
    assert len(case.exhibits) == 3
    assert check_case(case.path).findings == ()


def test_a_page_that_was_closed_loses_nothing(page) -> None:
    page.get_by_role("tab", name="Batch", exact=True).click()
    page.locator("#batch").get_by_text("4 of 4 photos done").wait_for()
    page.locator("#batch").get_by_text("Kept in case C 1.").wait_for()
    page.get_by_role("button", name="Open a.png").click()
    page.locator("#batch-row [data-announce]").wait_for()


def test_what_cannot_be_begun_is_said_and_a_batch_can_be_removed(page, desk: Path) -> None:
    page.get_by_role("tab", name="Batch", exact=True).click()
    page.fill("#batch-places textarea", str(desk / "gone"))
    page.click("#batch-start")
    page.locator("#batch-done").get_by_text("gone does not exist; name a folder").wait_for()
    page.get_by_role("button", name="Remove this batch").click()
    page.click("#batch-remove")
    page.locator("#batch").get_by_text("No batch yet").wait_for()
    assert [*(desk / "batches").iterdir()] == []
