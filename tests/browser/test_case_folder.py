"""The case folder is chosen in a page that was started without one: all tabs then keep what is reported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from inference.casework.case import CaseFolder
from tests.conftest import MakeExhibit

WITHOUT, INTO_A_CASE = "Make report", "Add to case and make report"


@pytest.fixture(scope="module")
def address(serve: Callable[..., str], tiny_models: Path) -> str:
    """A page without a case folder; the tests of this file follow each other on it."""
    return serve(tiny_models)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, striped: MakeExhibit) -> Path:
    """A folder with a photo."""
    folder = tmp_path_factory.mktemp("desk")
    Image.fromarray(striped("blue/genuine", 3).pixels).save(folder / "part.png")
    return folder


def tab(page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def use(page, folder: Path | str) -> None:
    page.fill("#case-folder-path :is(input, textarea)", str(folder))
    page.click("#case-folder-use")


def report(page, number: str) -> None:
    page.fill("#verdict-case-number :is(input, textarea)", number)
    page.fill("#verdict-examiner :is(input, textarea)", "E. Examiner")
    page.click("#verdict-make-report")


def examined(page, photo: Path) -> None:
    page.set_input_files("#photo-file input[type=file]", photo)
    page.get_by_text("is read, ").wait_for()
    page.click("#examine")
    page.locator("#verdict-report").wait_for()


def told(page, words: str) -> None:
    """The button of the form under a verdict says so."""
    page.get_by_role("button", name=words, exact=True).locator("visible=true").wait_for()


def test_a_folder_that_cannot_hold_cases_is_refused_and_nothing_is_kept(page, desk: Path) -> None:
    tab(page, "Case")
    page.locator("#case").get_by_text("No case folder").wait_for()
    assert not page.locator("#case-number").is_visible()
    for folder, sentence in (("", "No folder is named"), (desk / "part.png", "since it is a file; choose a folder")):
        use(page, folder)
        page.locator("#case-folder-said [role=alert]", has_text=sentence).wait_for()
    assert page.locator("#case").get_by_text("No case folder").is_visible()
    assert page.locator("#case-folder-path :is(input, textarea)").input_value() == str(desk / "part.png")


@pytest.mark.parametrize("width", [1440, 390])
def test_from_a_shown_verdict_to_its_case(open_page: Callable, desk: Path, width: int) -> None:
    page, folder = open_page(width), desk / f"cases of {width}"
    first = width == 1440
    examined(page, desk / "part.png")
    told(page, WITHOUT if first else INTO_A_CASE)
    if first:
        assert "choose one in the tab Case" in page.locator("#verdict-report").inner_text()

    tab(page, "Case")
    if not first:
        page.locator("#case").get_by_text("Choose a case").wait_for()
        assert f"Cases are kept in {desk / 'cases of 1440'}" in page.locator("#case-folder").inner_text()
    use(page, folder)
    page.locator("#case-done", has_text=f"Cases are kept in {folder}.").wait_for()
    assert not page.locator("#case-folder-path").is_visible(), "the choice is folded away once there is a folder"
    page.locator("#case").get_by_text("No case yet").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width

    tab(page, "Authenticate")
    told(page, INTO_A_CASE)
    assert "added to the case's folder" in page.locator("#verdict-report").inner_text()
    report(page, "2026-17")
    page.locator("#verdict-issued article.issued", has_text=str(folder / "2026-17")).wait_for()
    case = CaseFolder(folder / "2026-17")
    assert [name for _, _, name in case.exhibits] == ["part.png"]

    tab(page, "Case")
    page.locator("#case").get_by_text("Choose a case").wait_for()
    page.locator("#case-number input").click()
    page.get_by_role("option", name="2026-17").click()
    page.locator("#case h2", has_text="2026-17").wait_for()
    assert "part.png was kept" in page.locator("#case").inner_text()
    page.get_by_role("button", name="Open the examination of part.png").click()
    page.locator("#case-opened [data-announce]").wait_for()
    told(page, INTO_A_CASE)


def test_what_was_said_of_a_case_leaves_its_field_once_it_is_kept(page, desk: Path) -> None:
    tab(page, "Case")
    page.locator("#case-number input").click()
    page.get_by_role("option", name="2026-17").click()
    page.locator("#case h2", has_text="2026-17").wait_for()
    page.get_by_role("button", name="Add a remark or your conclusion").click()
    text, by = (page.locator(f"#note-{name} :is(input, textarea)") for name in ("text", "by"))
    text.fill("Noise, and no part.")
    page.click("#note-add")
    page.locator("#case-done [role=alert]", has_text="The name is missing").wait_for()
    assert text.input_value() == "Noise, and no part.", "a refused remark can be mended"
    by.fill("E. Examiner")
    page.click("#note-add")
    page.locator("#case-done", has_text="The remark of E. Examiner is line 5 of the log.").wait_for()
    page.wait_for_function("document.querySelector('#note-text :is(input, textarea)').value === ''")
    assert by.input_value() == "E. Examiner"


def test_a_page_that_was_open_meanwhile_goes_on_in_the_folder_that_another_chose(
    open_page: Callable, desk: Path
) -> None:
    page, other = open_page(), open_page()
    examined(page, desk / "part.png")
    tab(page, "Case")
    page.locator("#case-number input").click()
    page.get_by_role("option", name="2026-17").click()
    page.locator("#case h2", has_text="2026-17").wait_for()
    tab(other, "Case")
    other.locator("#case").get_by_text("Choose a case").wait_for()
    use(other, desk / "cases of 1440")
    other.locator("#case-done", has_text=f"Cases are kept in {desk / 'cases of 1440'}.").wait_for()

    before = {
        folder: len(CaseFolder(desk / folder / "2026-17").entries()) for folder in ("cases of 1440", "cases of 390")
    }
    page.get_by_role("button", name="Add a remark or your conclusion").click()
    for field, words in (("by", "E. Examiner"), ("text", "Of the other folder.")):
        page.fill(f"#note-{field} :is(input, textarea)", words)
    page.click("#note-add")
    page.locator("#case-done [role=alert]", has_text=f"The case folder is {desk / 'cases of 1440'} now").wait_for()
    assert before == {folder: len(CaseFolder(desk / folder / "2026-17").entries()) for folder in before}

    tab(page, "Authenticate")
    report(page, "2026-18")
    page.locator("#verdict-issued article.issued", has_text=str(desk / "cases of 1440" / "2026-18")).wait_for()
