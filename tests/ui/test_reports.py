"""Reports and cases behind the page: the report is of the verdict on show, and no path but a case's is reached."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from inference.bench import Bench
from inference.casework.cases import Cases, add_to_case
from inference.casework.facts import CaseFacts
from inference.casework.log import verify_log
from inference.collections.enrolling import Enrolment, KnownPhoto
from inference.command_line import commands
from inference.models.weights import Model, save_model
from inference.records import Refusal, as_json
from inference.request import Request
from ui.answers import answer
from ui.authenticate_actions import Authenticate
from ui.case_actions import Case
from ui.cases_in_use import CasesInUse
from ui.report_desk import KEPT, Examined, ReportDesk
from ui.report_form import issued_page, stated_facts

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def bench(tiny_models: Path) -> Bench:
    return Bench(tiny_models)


@pytest.fixture
def cases(tmp_path: Path) -> Cases:
    return Cases(tmp_path / "cases")


@pytest.fixture
def examined(bench: Bench, marks: tuple[Path, Path]) -> Examined:
    return Authenticate(bench, ReportDesk(CasesInUse())).examined(str(marks[0]), "tiny_parts", "", "10,10,200,100", "")


@pytest.fixture(scope="session")
def marks() -> tuple[Path, Path]:
    folder = Path(__file__).parents[2] / "ui/examples/marks/1-lookalike-pair"
    first, second = sorted(folder.glob("*.png"))
    return first, second


@pytest.fixture
def reported(bench: Bench, cases: Cases, examined: Examined) -> Callable[..., str]:
    """Adds a case with a report; gives the report's id."""

    def report(number: str = "2026-17") -> str:
        return ReportDesk(CasesInUse(cases)).report(examined, CaseFacts(number, "E. Examiner")).report.id

    return report


def test_a_report_is_of_the_record_on_show_and_its_case_is_sound(
    bench: Bench, cases: Cases, examined: Examined
) -> None:
    desk = ReportDesk(CasesInUse(cases))
    issued = desk.report_kept(desk.keep(examined), CaseFacts("2026-17", "E. Examiner"))
    twin = json.loads(issued.report.json)
    assert twin["examinations"][0]["record"] == as_json(examined.records[0])
    case = cases.case("2026-17")
    assert [entry.event for entry in case.entries()] == [
        "case opened",
        "exhibit added",
        "examination",
        "report issued",
    ]
    assert set(issued.written) == {"log.jsonl", *(file.relative_to(case.path).as_posix() for file in case.files)}
    assert verify_log(case.log) == []


def test_a_second_report_of_one_verdict_logs_no_second_examination(cases: Cases, examined: Examined) -> None:
    desk = ReportDesk(CasesInUse(cases))
    key = desk.keep(examined)
    for remarks in ("", "with a remark"):
        desk.report_kept(key, CaseFacts("2026-17", "E. Examiner", remarks=remarks))
    assert len(cases.case("2026-17").entries("examination")) == 1
    assert len(cases.case("2026-17").reports) == 2


def test_without_cases_a_report_is_handed_out_and_nothing_is_written(examined: Examined, tmp_path: Path) -> None:
    before = set(tmp_path.rglob("*"))
    issued = ReportDesk(CasesInUse()).report(examined, CaseFacts("2026-17", "E. Examiner"))
    assert issued.report.pdf.startswith(b"%PDF")
    assert issued.folder is None
    assert "Nothing was written" in issued_page(issued)
    assert set(tmp_path.rglob("*")) == before


def test_an_examination_that_is_long_past_is_refused(examined: Examined) -> None:
    desk = ReportDesk(CasesInUse())
    first, *_ = [desk.keep(examined) for _ in range(KEPT + 1)]
    for key in (first, None, "made up"):
        with pytest.raises(Refusal, match="no longer kept"):
            desk.report_kept(key, CaseFacts("2026-17", "E. Examiner"))


def test_a_photo_that_is_gone_from_the_disk_is_kept_as_it_was_handed_in(
    cases: Cases, bench: Bench, marks: tuple[Path, Path], tmp_path: Path
) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(marks[0].read_bytes())
    examined = Authenticate(bench, ReportDesk(CasesInUse())).examined(str(photo), "tiny_parts", "", "", "")
    photo.unlink()
    issued = ReportDesk(CasesInUse(cases)).report(examined, CaseFacts("2026-17", "E. Examiner"))
    assert issued.folder is not None
    (copy,) = (issued.folder / "exhibits").iterdir()
    assert copy.read_bytes() == marks[0].read_bytes()


@pytest.mark.parametrize(
    ("case_number", "examiner", "sentence"),
    [
        ("", "E. Examiner", "The case number is missing"),
        (" ", "E", "The case number is missing"),
        ("1", None, "The examiner is missing"),
    ],
)
def test_a_form_that_lacks_what_a_report_needs_is_refused(
    case_number: str, examiner: str | None, sentence: str
) -> None:
    with pytest.raises(Refusal, match=sentence):
        stated_facts(case_number, examiner, "", "", "", "", "")


def test_a_case_tells_its_log_in_words_and_escapes_it(bench: Bench, cases: Cases, reported: Callable) -> None:
    report = reported(f"17{HOSTILE}")
    tab = Case(bench, CasesInUse(cases))
    tab.sign_off(f"17{HOSTILE}", report, HOSTILE, HOSTILE)
    page = tab.page(f"17{HOSTILE}")
    assert HOSTILE not in page
    for words in ("was opened", "was kept: PNG", "model tiny_parts", "Review", "was reviewed by &lt;script&gt;"):
        assert words in page, words
    assert page.count(report) >= 3


def test_a_case_shows_what_models_found_and_people_say(bench: Bench, cases: Cases, reported: Callable) -> None:
    reported()
    tab, case = Case(bench, CasesInUse(cases)), cases.case("2026-17")
    (exhibit,) = [digest for _, digest in tab.exhibits("2026-17") if digest]
    tab.note("2026-17", "conclusion", exhibit, "E. Examiner", f"Another house. {HOSTILE}")
    tab.note("2026-17", "remark", "", "E. Examiner", "Sealed bag.")
    page = tab.page("2026-17")
    assert "<p><b>Conclusion</b>, E. Examiner: Another house. &lt;script&gt;" in page
    assert page.index("On the case as a whole") < page.index("Sealed bag.")
    (entry,) = case.entries("examination")
    assert f'data-line="{entry.sequence}"' in page
    (record,) = tab.opened("2026-17", str(entry.sequence)).records
    assert as_json(record) == entry.content["record"]
    with pytest.raises(Refusal, match="Line 1 of the log states no examination"):
        tab.opened("2026-17", "1")
    assert Path(tab.exported("2026-17")).suffix == ".zip"


def test_a_case_tells_an_examination_beside_a_collection(
    comparator: Model, quorum_photos: list[KnownPhoto], cases: Cases, tmp_path: Path
) -> None:
    weights, references = tmp_path / "weights", tmp_path / "references"
    save_model(comparator.card, comparator.network.state_dict(), weights)
    bench = Bench(weights, references=references)
    bench.keep(bench.enrol(Enrolment("Label", "Quorum", quorum_photos)))
    found = bench.examine_beside(Request(quorum_photos[0].exhibit), "label_quorum")
    time = datetime.now().astimezone()
    add_to_case(cases.open("9", time), [found.exhibit], [found], time)
    assert "beside label_quorum" in Case(bench, CasesInUse(cases)).page("9")


def test_verification_grows_report_by_report_and_finds_a_change(bench: Bench, cases: Cases, reported: Callable) -> None:
    reports = [reported(), reported()]
    case, tab = cases.case("2026-17"), Case(bench, CasesInUse(cases))
    pages = list(tab.verify("2026-17"))
    assert len(pages) == 2 + len(set(reports))
    assert "All agrees." in pages[-1]
    assert "All agrees." not in pages[0]
    (copy,) = (case.path / "exhibits").iterdir()
    copy.write_bytes(copy.read_bytes() + b" ")
    *_, last = tab.verify("2026-17")
    assert "All agrees." not in last
    assert "it is another image" in last
    answered = tab.verify_case("2026-17")
    assert answered["log"] == []
    assert [finding["place"] for finding in answered["files"]] == [f"exhibits/{copy.name}"]
    assert {line["status"] for line in answered["reports"][reports[0]]} >= {"agrees", "differs"}


def _cut_log(case: Path) -> str:
    lines = (case / "log.jsonl").read_bytes().splitlines(keepends=True)
    (case / "log.jsonl").write_bytes(b"".join(lines[:-1]))
    (report,) = (case / "reports").glob("*.json")
    return f"reports/{report.name}"


def _change_log(case: Path) -> str:
    log = case / "log.jsonl"
    log.write_bytes(log.read_bytes().replace(b"examination", b"Examination", 1))
    return "line 3"


def _remove(case: Path) -> str:
    (copy,) = (case / "exhibits").iterdir()
    copy.unlink()
    return f"exhibits/{copy.name}"


def _plant(case: Path) -> str:
    (case / "exhibits" / "planted.png").write_bytes(b"planted")
    return "exhibits/planted.png"


def _change_pdf(case: Path) -> str:
    (pdf,) = (case / "reports").glob("*.pdf")
    pdf.write_bytes(pdf.read_bytes() + b" ")
    return f"reports/{pdf.name}"


@pytest.mark.parametrize("tamper", [_cut_log, _change_log, _remove, _plant, _change_pdf])
def test_page_api_and_command_line_find_and_place_what_was_done_to_a_case(
    tamper: Callable[[Path], str],
    bench: Bench,
    cases: Cases,
    reported: Callable,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    reported()
    case, tab = cases.case("2026-17"), Case(bench, CasesInUse(cases))
    place = tamper(case.path)
    *_, page = tab.verify("2026-17")
    assert "All agrees." not in page
    assert f"{place}: " in page
    answered = tab.verify_case("2026-17")
    assert place in {finding["place"] for finding in (*answered["log"], *answered["files"])}
    monkeypatch.setattr(sys, "argv", ["inference", "verify", str(case.path), "--weights", str(bench.weights)])
    assert commands.main() == 1
    assert f"{place}: " in capsys.readouterr().out


def test_a_report_that_was_deleted_is_told_and_one_that_is_missing_differs(
    bench: Bench, cases: Cases, reported: Callable
) -> None:
    reported("1")
    reported("2")
    tab = Case(bench, CasesInUse(cases))
    tab.delete("1", "1", "E. Examiner", "returned")
    next(file for file in cases.case("2").files if file.suffix == ".json").unlink()
    assert "it was deleted, as the log states" in list(tab.verify("1"))[-1]
    assert "is missing, and the log states no deletion" in list(tab.verify("2"))[-1]


@pytest.mark.parametrize(
    ("typed", "by", "reason", "sentence"),
    [
        ("2026-18", "E", "returned", "to confirm, type the number of the case, 2026-17"),
        ("", "E", "returned", "to confirm, type the number"),
        ("2026-17", " ", "returned", "The name is missing"),
        ("2026-17", "E", "", "The reason is missing"),
    ],
)
def test_nothing_is_deleted_without_number_name_and_reason(
    typed: str, by: str, reason: str, sentence: str, bench: Bench, cases: Cases, reported: Callable
) -> None:
    reported()
    before = cases.case("2026-17").files
    card = answer(Case(bench, CasesInUse(cases)).delete, "2026-17", typed, by, reason)
    assert sentence in card
    assert 'role="alert"' in card
    assert cases.case("2026-17").files == before


def test_a_deletion_removes_all_and_says_so(bench: Bench, cases: Cases, reported: Callable) -> None:
    reported()
    tab = Case(bench, CasesInUse(cases))
    assert "3 files of case 2026-17 are deleted" in tab.delete("2026-17", "2026-17 ", "E. Examiner", "returned")
    assert cases.case("2026-17").files == ()
    page = tab.page("2026-17")
    assert "3 files were removed by E. Examiner: returned" in page
    assert page.count("not here") == 2
    assert [name for _, name in tab.files("2026-17")] == ["log.jsonl"]


def test_a_sign_off_needs_a_report_of_the_case_and_a_name(bench: Bench, cases: Cases, reported: Callable) -> None:
    report = reported()
    sign_off = Case(bench, CasesInUse(cases)).sign_off
    with pytest.raises(Refusal, match="No report R-0 was issued"):
        sign_off("2026-17", "R-0", "E. Reviewer", "agreed")
    with pytest.raises(Refusal, match="The reviewer is missing"):
        sign_off("2026-17", report, " ", "agreed")


@pytest.mark.parametrize("name", ["../../secret", "/etc/hostname", "exhibits/../../secret", "log.jsonl.lock", "", None])
def test_only_listed_files_of_a_case_are_handed_out(
    name: str | None, bench: Bench, cases: Cases, reported: Callable
) -> None:
    reported()
    (cases.folder / "secret").write_text("secret")
    tab = Case(bench, CasesInUse(cases))
    listed = [file for _, file in tab.files("2026-17")]
    assert len(listed) == 4
    assert all(tab.file("2026-17", file).is_relative_to(cases.case("2026-17").path) for file in listed)
    with pytest.raises(Refusal, match="has no file"):
        tab.file("2026-17", name)


def test_the_tab_says_what_to_do_first(bench: Bench, cases: Cases, reported: Callable) -> None:
    tab = Case(bench, CasesInUse(cases))
    assert "No case yet" in tab.page(None)
    reported()
    assert "Choose a case" in tab.page(None)
    (cases.folder / "broken").mkdir()
    (cases.folder / "broken" / "log.jsonl").write_text("{}")
    assert "does not name a case" in tab.page(None)
