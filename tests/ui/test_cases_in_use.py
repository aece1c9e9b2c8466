"""The folder of cases that a page uses: who may choose it, what it may be, and that every tab follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from inference.bench import Bench
from inference.casework.case import CaseFolder
from inference.casework.cases import Cases, add_to_case
from inference.casework.facts import CaseFacts
from inference.casework.log import CaseRefused
from inference.records import Exhibit, Refusal
from ui.authenticate_actions import Authenticate
from ui.case_actions import Case
from ui.case_photos import CasePhotos
from ui.cases_in_use import CasesInUse
from ui.report_desk import Examined, ReportDesk
from ui.report_form import ReportForm
from ui.workbench import workbench

TIME = datetime(2026, 11, 29, 12, tzinfo=timezone.utc)
FACTS = CaseFacts("2026-17", "E. Examiner")


@pytest.fixture(scope="module")
def bench(tiny_models: Path) -> Bench:
    return Bench(tiny_models)


@pytest.fixture
def examined(bench: Bench, striped: Callable[..., Exhibit], tmp_path: Path) -> Examined:
    photo = tmp_path / "part.png"
    photo.write_bytes(striped("blue/genuine", 3).content)
    return Authenticate(bench, ReportDesk(CasesInUse())).examined(str(photo), "tiny_parts", "", "", "")


def at_home(tmp_path: Path) -> str:
    return "~/cases"


def beside_the_start(tmp_path: Path) -> str:
    return "x/../cases"


def spaced(tmp_path: Path) -> str:
    return f" {tmp_path / 'cases'} "


@pytest.mark.parametrize("named", [at_home, beside_the_start, spaced])
def test_a_folder_is_chosen_by_any_path_and_made(
    named: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    in_use = CasesInUse()
    assert in_use.choose(named(tmp_path)).folder == in_use.folder == tmp_path / "cases"
    assert (tmp_path / "cases").is_dir()
    assert list((tmp_path / "cases").iterdir()) == [], "trying whether it can be written leaves nothing"


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ("", "No folder is named; give the path"),
        (" ", "No folder is named; give the path"),
        ("file", r"/file cannot hold the cases, since it is a file; choose a folder\."),
        ("file/cases", r"/file/cases cannot hold the cases \(Not a directory\); choose another folder\."),
        ("/proc", r"/proc cannot hold the cases \(.+\); choose another folder\."),
        ("x" * 300, r"cannot hold the cases \(File name too long\); choose another folder\."),
        ("~nobody-of-that-name/cases", "the home of a user who is not known here; give the whole path"),
        ("before/2026-17", "is the folder of one case; choose the folder that all cases lie in"),
    ],
)
def test_what_cannot_hold_cases_is_refused_and_the_present_folder_stays(
    named: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    in_use = CasesInUse(Cases(tmp_path / "before"))
    in_use.opened.open("2026-17", TIME)
    with pytest.raises(CaseRefused, match=sentence):
        in_use.choose(named)
    assert in_use.folder == tmp_path / "before"


def test_a_report_follows_the_choice_and_finds_its_examination_in_each_case(examined: Examined, tmp_path: Path) -> None:
    in_use = CasesInUse(choosable=True)
    desk = ReportDesk(in_use)
    assert desk.report(examined, FACTS).folder is None
    for folder in (tmp_path / "one", tmp_path / "two"):
        in_use.choose(str(folder))
        for _ in range(2):
            assert desk.report(examined, FACTS).folder == folder / "2026-17"
        logged = [entry.event for entry in CaseFolder(folder / "2026-17").entries()]
        assert logged == ["case opened", "exhibit added", "examination", "report issued", "report issued"]


def test_a_form_tells_whether_its_report_goes_into_a_case(tmp_path: Path) -> None:
    def tells(in_use: CasesInUse) -> tuple[str, str]:
        with gr.Blocks():
            return ReportForm(ReportDesk(in_use), "photo").tells()

    for in_use, words, act in (
        (CasesInUse(), "Assay was started without a case folder", "Make report"),
        (CasesInUse(choosable=True), "choose one in the tab Case", "Make report"),
        (CasesInUse(Cases(tmp_path)), "are added to the case's folder", "Add to case and make report"),
    ):
        head, button = tells(in_use)
        assert words in head
        assert button == act


def test_without_a_folder_the_tab_says_what_to_do_and_clients_are_refused(bench: Bench, tmp_path: Path) -> None:
    in_use = CasesInUse(choosable=True)
    tab, photos = Case(bench, in_use), CasePhotos(in_use)
    assert "No case folder" in tab.page(None)
    assert "press Use this folder" in tab.page(None)
    assert tab.numbers() == ()
    assert photos.choices() == []
    for ask in (tab.list_cases, lambda: tab.read_log("1"), lambda: tab.verify_case("1")):
        with pytest.raises(gr.Error, match="There is no case folder; choose one in the tab Case"):
            ask()
    assert f"Cases are kept in {tmp_path / 'cases'}." in tab.use_folder(str(tmp_path / "cases"))
    assert "No case yet" in tab.page(None)


def test_photos_are_those_of_the_folder_in_use(striped: Callable[..., Exhibit], tmp_path: Path) -> None:
    in_use = CasesInUse(Cases(tmp_path / "one"))
    photos = CasePhotos(in_use)
    add_to_case(in_use.opened.open("1", TIME), [replace(striped("red/genuine", 1), name="a.png")], [], TIME)
    assert [words for words, _ in photos.choices()] == ["a.png, case 1"]
    in_use.choose(str(tmp_path / "two"))
    assert photos.choices() == []


def test_what_was_meant_for_a_case_is_not_done_to_its_namesake_in_another_folder(bench: Bench, tmp_path: Path) -> None:
    for name in ("one", "two"):
        Cases(tmp_path / name).open("1", TIME)
    in_use = CasesInUse(Cases(tmp_path / "one"))
    tab = Case(bench, in_use)
    note = ("1", "remark", "", "E. Examiner", "of one")
    tab.acted(tab.note, tmp_path / "one", *note)
    in_use.choose(str(tmp_path / "two"))
    with pytest.raises(Refusal, match=f"The case folder is {tmp_path / 'two'} now; look at its cases"):
        tab.acted(tab.note, tmp_path / "one", *note)
    assert [len(CaseFolder(tmp_path / name / "1").entries()) for name in ("one", "two")] == [2, 1]


@pytest.mark.parametrize(
    ("started", "reaches", "has_tab", "can_choose"),
    [
        ("without", {}, True, True),
        ("with", {}, True, True),
        ("without", {"reads_files": False}, False, False),
        ("with", {"reads_files": False}, True, False),
        ("without", {"public": True}, False, False),
    ],
)
def test_only_a_page_of_this_machine_offers_the_choice(
    started: str, reaches: dict[str, Any], has_tab: bool, can_choose: bool, bench: Bench, tmp_path: Path
) -> None:
    cases = Cases(tmp_path / "cases") if started == "with" else None
    page = workbench(bench, cases, register=str(tmp_path / "register"), batches=tmp_path / "batches", **reaches)
    config = page.get_config_file()
    tabs = {part["props"]["label"] for part in config["components"] if part["type"] == "tabitem"}
    assert ("Case" in tabs) == has_tab
    buttons = {part["id"] for part in config["components"] if part["props"].get("elem_id") == "case-folder-use"}
    handlers = [one for one in config["dependencies"] if any(target[0] in buttons for target in one["targets"])]
    assert len(handlers) == can_choose
    assert all(one["api_visibility"] == "private" for one in handlers), "no client of the API chooses it"
