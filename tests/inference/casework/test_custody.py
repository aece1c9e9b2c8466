"""The files of a case held against its log: every change is found where it was made, and a sound case never accused."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from PIL import Image

from inference.authenticity.examiner import AuthenticityExaminer
from inference.casework.case import CaseFolder
from inference.casework.cases import Cases
from inference.casework.custody import check_case
from inference.casework.facts import CaseFacts
from inference.casework.log import CaseRefused, Entry
from inference.casework.report import make_report
from inference.casework.verification import case_lines
from inference.files import sha256
from inference.intake.exhibit import read_exhibit
from inference.records import Exhibit

TIME = datetime(2026, 11, 22, 16, 30, 5, tzinfo=timezone(timedelta(hours=8)))
FACTS = CaseFacts("2026-17", "E. Examiner")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path, striped: Callable[..., Exhibit]) -> Path:
    """A case of two exhibits, each examined and reported, and a review: eight lines."""
    folder = tmp_path_factory.mktemp("cases") / "case"
    case = CaseFolder.open(folder, "2026-17", TIME)
    examiner = AuthenticityExaminer.load("tiny_parts", tiny_models)
    for seed in (0, 1):
        original = drawn(striped, seed)
        exhibit = read_exhibit(original, f"{seed}.png")
        case.add_exhibit(exhibit, TIME)
        verdict = examiner.examine(exhibit)
        case.add_examination(verdict, TIME)
        made = make_report(FACTS, [verdict], {"tiny_parts": examiner.card}, TIME, case.head)
        case.add_report(made.id, made.run_id, made.pdf, made.json, TIME)
    case.sign_off(case.reports[0], "R. Reviewer", "agreed", TIME)
    return folder


@pytest.fixture
def case(whole: Path, tmp_path: Path) -> CaseFolder:
    return CaseFolder(Path(shutil.copytree(whole, tmp_path / "case")))


def drawn(striped: Callable[..., Exhibit], seed: int) -> bytes:

    file = io.BytesIO()
    Image.fromarray(striped("blue/counterfeit", seed).pixels).save(file, "PNG")
    return file.getvalue()


def places(case: CaseFolder, status: str = "differs") -> list[str]:
    return [finding.place for finding in check_case(case.path).findings if finding.status == status]


def files(case: CaseFolder) -> list[str]:
    return [file.relative_to(case.path).as_posix() for file in case.files]


def test_a_sound_case_shows_nothing_and_says_what_it_cannot_show(case: CaseFolder) -> None:
    check = check_case(case.path)
    assert check.findings == ()
    assert check.vouched == 7
    assert "later lines that were cut off the end would not be noticed" in check.limit
    assert {line.status for line in case_lines(check)} == {"agrees"}


CHANGES: dict[str, Callable[[Path], object]] = {
    "a byte more": lambda file: file.write_bytes(file.read_bytes() + b" "),
    "a bit flipped": lambda file: file.write_bytes(bytes([file.read_bytes()[0] ^ 1]) + file.read_bytes()[1:]),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-1]),
    "emptied": lambda file: file.write_bytes(b""),
    "removed": lambda file: file.unlink(),
    "a folder in its place": lambda file: (file.unlink(), file.mkdir()),
    "a link in its place": lambda file: (file.rename(file.parents[2] / "away"), file.symlink_to("../../away")),
}


@pytest.mark.parametrize("how", CHANGES)
@pytest.mark.parametrize("number", range(6))
def test_each_file_that_was_changed_is_found(how: str, number: int, case: CaseFolder) -> None:
    name = files(case)[number]
    CHANGES[how](case.path / name)
    assert places(case) == [name]
    (finding,) = check_case(case.path).findings
    assert "of the log" in finding.text


def test_what_was_swapped_is_named_by_what_it_holds(case: CaseFolder) -> None:
    first, second = (case.path / name for name in files(case)[:2])
    first.rename(case.path / "x")
    second.rename(first)
    (case.path / "x").rename(second)
    assert places(case) == sorted(files(case)[:2])
    assert f"it has the content of {files(case)[1]}" in check_case(case.path).findings[0].text


PLANTED = {
    "an exhibit": ("exhibits/" + "a" * 64 + ".png", b"planted", "was put here"),
    "a report": ("reports/R-000000000000.json", b"{}", "was put here"),
    "a hidden file": ("exhibits/.hidden", b"x", "was put here"),
    "a folder": ("exhibits/more/x.png", b"x", "cannot be read as a file"),
}


@pytest.mark.parametrize("what", PLANTED)
def test_what_was_put_there_is_found(what: str, case: CaseFolder) -> None:
    name, content, words = PLANTED[what]
    (case.path / name).parent.mkdir(exist_ok=True)
    (case.path / name).write_bytes(content)
    (finding,) = check_case(case.path).findings
    assert (finding.status, name.startswith(finding.place)) == ("differs", True)
    assert words in finding.text


def test_a_doubled_exhibit_is_found_and_named(case: CaseFolder) -> None:
    name = files(case)[0]
    shutil.copy(case.path / name, case.path / "exhibits" / "copy.png")
    (finding,) = check_case(case.path).findings
    assert (finding.place, finding.text) == (
        "exhibits/copy.png",
        f"no line of the log states it; it is a copy of {name}.",
    )


@pytest.mark.parametrize("kept", range(1, 8))
def test_a_log_that_was_cut_is_found_by_what_lies_there(kept: int, case: CaseFolder) -> None:
    case.log.write_bytes(b"".join(case.log.read_bytes().splitlines(keepends=True)[:kept]))
    found = places(case)
    if kept == 7:
        assert found == []  # the review alone: no report came after it, and `limit` says so
    else:
        assert found
        assert any(place == f"line {kept}" for place in found) == (kept not in (6,))


def test_a_line_cut_away_with_what_it_speaks_of_is_found_by_the_report_after_it(case: CaseFolder) -> None:
    lines = case.log.read_bytes().splitlines(keepends=True)
    exhibit = json.loads(lines[4])["content"]["copy"]
    (case.path / "exhibits" / exhibit).unlink()
    case.log.write_bytes(b"".join(lines[:4]))
    report = next(name for name in files(case) if name == f"reports/{json.loads(lines[6])['content']['report']}.json")
    assert {"line 4", report} <= set(places(case))


@pytest.mark.parametrize("name", [".DS_Store", "exhibits/Thumbs.db", "notes.txt"])
def test_what_other_programs_leave_accuses_nobody(name: str, case: CaseFolder) -> None:
    (case.path / name).write_bytes(b"x")
    assert (places(case), places(case, "told")) == ([], [name])


def test_a_case_that_was_emptied_by_its_deletion_is_sound_and_what_comes_back_is_found(case: CaseFolder) -> None:
    kept = case.path / files(case)[0]
    content = kept.read_bytes()
    case.delete("E. Examiner", "returned", TIME)
    assert check_case(case.path).findings == ()
    kept.write_bytes(content)
    (finding,) = check_case(case.path).findings
    assert (finding.status, "was interrupted, or it was put back" in finding.text) == ("told", True)
    kept.unlink()
    case.sign_off(case.reports[0], "R. Reviewer", "still agreed", TIME)
    kept.write_bytes(content)
    (finding,) = check_case(case.path).findings
    assert (finding.status, "it was put back" in finding.text) == ("differs", True)


def test_an_exhibit_handed_in_again_after_a_deletion_is_kept_and_logged_again(
    case: CaseFolder, striped: Callable[..., Exhibit]
) -> None:
    case.delete("E. Examiner", "returned", TIME)
    original = drawn(striped, 0)
    copy = case.add_exhibit(read_exhibit(original, "0.png"), TIME)
    assert copy.read_bytes() == original
    assert len(case.entries("exhibit added")) == 3
    assert check_case(case.path).findings == ()


def test_an_exhibit_whose_line_is_missing_is_logged_when_it_is_handed_in_again(
    case: CaseFolder, striped: Callable[..., Exhibit]
) -> None:
    original = drawn(striped, 2)
    exhibit = read_exhibit(original, "2.png")
    copy = case.path / "exhibits" / f"{exhibit.sha256}.png"
    copy.write_bytes(original)
    assert places(case) == [f"exhibits/{copy.name}"]
    case.add_exhibit(exhibit, TIME)
    assert check_case(case.path).findings == ()


@pytest.mark.parametrize("number", range(8))
@pytest.mark.parametrize("content", [{}, {"copy": 1, "report": [], "removed": 2}, {"removed": {"../away": "A"}}])
def test_a_line_forged_with_its_own_hash_stops_no_verification(number: int, content: dict, case: CaseFolder) -> None:
    lines = case.log.read_bytes().splitlines()
    stated = json.loads(lines[number])
    del stated["sha256"]
    lines[number] = Entry(**{**stated, "content": content}).line()
    case.log.write_bytes(b"".join(line + b"\n" for line in lines))
    # The last line has none after it that would tell; a review speaks of no file.
    assert bool(places(case)) == (number < 7)
    assert case.reports


@pytest.mark.parametrize("path", ["../away", "exhibits/../../away", "reports/../log.jsonl", "/etc/hostname"])
def test_a_forged_deletion_reaches_no_file_outside_of_exhibits_and_reports(path: str, case: CaseFolder) -> None:
    away = case.path.parent / "away"
    away.write_bytes(b"A")
    reached = case.path / path
    content = sha256(reached.read_bytes())
    with case.log.open("ab") as log:
        removed = {"by": "X", "reason": "X", "removed": {path: content}}
        log.write(Entry(9, "2026-11-22T08:30:05Z", "deletion", removed, case.head.sha256).line() + b"\n")
    case.finish_interrupted()
    assert reached.exists()
    assert case.entries("interruption") == ()


def test_verifying_writes_nothing(case: CaseFolder) -> None:
    (case.path / "exhibits" / ".x.partial").write_bytes(b"x")
    before = {path: path.read_bytes() for path in case.path.rglob("*") if path.is_file()}
    (case.path / "log.jsonl.lock").unlink(missing_ok=True)
    before.pop(case.path / "log.jsonl.lock", None)
    assert places(case, "told") == ["exhibits/.x.partial"]
    assert {path: path.read_bytes() for path in case.path.rglob("*") if path.is_file()} == before


def test_what_is_half_written_is_never_handed_out_and_goes_at_the_next_start(case: CaseFolder) -> None:
    (case.path / "reports" / ".R-1.pdf.partial").write_bytes(b"%PDF")
    (case.path / "exhibits" / "link.png").symlink_to("/etc/hostname")
    offered = files(case)
    assert not any("partial" in name or "link" in name for name in offered)
    Cases(case.path.parent)
    assert not (case.path / "reports" / ".R-1.pdf.partial").exists()
    (entry,) = case.entries("interruption")
    assert [*entry.content["cleared"]] == ["reports/.R-1.pdf.partial"]
    assert files(case) == offered


def test_a_folder_without_a_log_is_no_case(tmp_path: Path) -> None:
    with pytest.raises(CaseRefused, match="cannot be read"):
        check_case(tmp_path)
