"""Reports on searches of a register: what they state, and what a verification finds."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from inference.bench import Bench
from inference.casework.case import CaseFolder
from inference.casework.custody import check_case
from inference.casework.facts import CaseFacts
from inference.casework.lines import Line
from inference.casework.searches import make_search_report
from inference.casework.verification import verify_report
from inference.intake.exhibit import read_exhibit
from inference.records import Crop, MarkSearch, as_json
from tests.inference.register.drawing import drawn

MADE = datetime(2026, 11, 29, 8, 30, 5, tzinfo=timezone.utc)
FACTS = CaseFacts("7", "E. Examiner")


def untold(what: str, share: float) -> None:
    pass


@pytest.fixture
def bench(weighing_models: Path) -> Bench:
    return Bench(weighing_models)


@pytest.fixture
def register(bench: Bench, tmp_path: Path) -> Path:
    """A register of three marks, all of one owner."""
    marks = tmp_path / "marks"
    marks.mkdir()
    for shape in ("disc", "ring", "pair"):
        (marks / f"{shape}.png").write_bytes(drawn(shape))
    (marks / "list.csv").write_text("path,owner\ndisc.png,Brown\nring.png,Brown\npair.png,Brown\n")
    with closing(bench.register(str(tmp_path / "register"))) as opened:
        opened.take_in(marks, untold)
    return tmp_path / "register"


@pytest.fixture
def search(bench: Bench, register: Path) -> MarkSearch:
    with closing(bench.register(str(register))) as opened:
        exhibit = read_exhibit(drawn("ring"), "asked.png")
        crop = Crop(0, 0, exhibit.width, exhibit.height - 1)
        return opened.search(exhibit, crop, 2, {"owner": "brown"})


@pytest.fixture
def issued(search: MarkSearch, bench: Bench, tmp_path: Path) -> Path:
    """The twin of a report on the search, in a case."""
    case = CaseFolder.open(tmp_path / "case", "7", MADE)
    report = make_search_report(FACTS, search, bench.catalogue.cards["tiny_marks"], MADE, case)
    assert report.pdf.startswith(b"%PDF")
    assert check_case(case.path).findings == ()
    return case.path / "reports" / f"{report.id}.json"


def verified(issued: Path, bench: Bench, register: Path | None) -> dict[str, Line]:
    return {line.subject: line for line in verify_report(issued, bench, register=str(register) if register else None)}


def test_a_report_states_the_search_and_agrees_with_itself(
    issued: Path, search: MarkSearch, bench: Bench, register: Path
) -> None:
    (stated,) = json.loads(issued.read_text())["searches"]
    assert stated == as_json(search)
    (logged,) = CaseFolder(issued.parents[1]).entries("search")
    assert logged.content == stated
    lines = verified(issued, bench, register)
    assert {line.status for line in lines.values()} == {"agrees"}
    assert {"register", "image", "run id", *(f"ranking {one.name}" for one in search.rankings)} <= lines.keys()


def test_a_search_that_is_reported_twice_in_a_case_is_logged_once(
    issued: Path, search: MarkSearch, bench: Bench
) -> None:
    case = CaseFolder(issued.parents[1])
    make_search_report(CaseFacts("7", "R. Reviewer"), search, bench.catalogue.cards["tiny_marks"], MADE, case)
    make_search_report(FACTS, replace(search, filters={}), bench.catalogue.cards["tiny_marks"], MADE, case)
    events = [entry.event for entry in case.entries()]
    report, searched = "report issued", "search"
    assert events == ["case opened", "exhibit added", searched, report, report, searched, report]


def test_a_register_that_changed_is_said_and_what_it_now_gives(
    issued: Path, bench: Bench, register: Path, tmp_path: Path
) -> None:
    (tmp_path / "marks" / "disc.png").write_bytes(drawn("box"))
    with closing(bench.register(str(register))) as opened:
        opened.take_in(tmp_path / "marks", untold)
    lines = verified(issued, bench, register)
    assert lines["register"].status == "differs"
    assert lines["image"].status == "agrees"


@pytest.mark.parametrize("named", [True, False])
def test_without_its_register_a_search_is_not_made_again(
    named: bool, issued: Path, bench: Bench, tmp_path: Path
) -> None:
    lines = verified(issued, bench, tmp_path / "none" if named else None)
    assert lines["register"].status == "differs"
    assert "name it with --register" in lines["register"].text
    assert not any(subject.startswith("ranking") for subject in lines)
    assert not (tmp_path / "none").exists()


def changed_row(search: dict) -> None:
    search["rankings"][0]["marks"][0]["log_odds"] += 0.01


def changed_filter(search: dict) -> None:
    search["filters"] = {}


@pytest.mark.parametrize(("change", "subjects"), [(changed_row, {"ranking as it is"}), (changed_filter, {"run id"})])
def test_what_was_changed_in_a_report_is_found(
    change, subjects: set[str], issued: Path, bench: Bench, register: Path
) -> None:
    twin = json.loads(issued.read_text())
    change(twin["searches"][0])
    path = issued.parent / "changed.json"
    path.write_text(json.dumps(twin))
    lines = verify_report(path, bench, register=str(register))
    of_case = {"log", "file", "files"}
    assert {line.subject for line in lines if line.status == "differs"} - of_case == subjects
