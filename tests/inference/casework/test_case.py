"""The case folder: everything is kept and logged, and whatever is done to the log is found at its line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from inference.authenticity.examiner import AuthenticityExaminer
from inference.casework.case import CaseFolder
from inference.casework.log import CaseRefused, Entry, Head, verify_log
from inference.casework.stated import map_sha256
from inference.intake.exhibit import read_exhibit
from inference.records import Exhibit, Verdict, as_json

ROOT = Path(__file__).parents[3]
TIME = datetime(2026, 11, 22, 16, 30, 5, tzinfo=timezone(timedelta(hours=8)))

Lines = list[bytes]


@pytest.fixture
def case(tmp_path: Path) -> CaseFolder:
    return CaseFolder.open(tmp_path / "case", "2026-17", TIME)


@pytest.fixture(scope="module")
def verdict(tiny_models: Path, striped: Callable[..., Exhibit]) -> Verdict:
    return AuthenticityExaminer.load("tiny_parts", tiny_models).examine(striped("blue/counterfeit"))


@pytest.fixture
def log(case: CaseFolder) -> Path:
    """A log of six lines."""
    for number in range(5):
        case.add_report(f"R-{number}", "f" * 64, b"pdf", b"json", TIME)
    return case.log


def forged(line: bytes, **changed: object) -> bytes:
    """A line whose own hash is made true after a change."""
    stated = json.loads(line)
    del stated["sha256"]
    return Entry(**stated | changed).line()


def test_the_first_line_names_the_case(case: CaseFolder) -> None:
    (line,) = case.log.read_bytes().splitlines()
    stated = json.loads(line)
    assert stated.pop("sha256")
    assert stated == {
        "sequence": 1,
        "time": "2026-11-22T08:30:05Z",
        "event": "case opened",
        "content": {"case_number": "2026-17"},
        "previous": "0" * 64,
    }
    assert CaseFolder.open(case.path, "2026-17", TIME).log.read_bytes() == line + b"\n"


def test_an_exhibit_is_kept_byte_for_byte_and_once(case: CaseFolder, tmp_path: Path) -> None:
    original = (ROOT / "ui/examples/marks/1-lookalike-pair/kestral.png").read_bytes()
    exhibit = read_exhibit(original, "实物 照片.PNG")
    copy = case.add_exhibit(exhibit, TIME)
    assert copy == case.path / "exhibits" / f"{exhibit.sha256}.png"
    assert copy.read_bytes() == original
    assert case.add_exhibit(exhibit, TIME) == copy
    (entry,) = case.entries("exhibit added")
    assert entry.content == {"copy": copy.name} | as_json(exhibit)
    copy.write_bytes(original + b" ")
    with pytest.raises(CaseRefused, match="no longer the file it is named after"):
        case.add_exhibit(exhibit, TIME)
    assert copy.read_bytes() == original + b" "


@pytest.mark.parametrize("name", ["photo", "photo.../../x", "photo.é", "photo.toolongextension"])
def test_an_odd_extension_is_left_out(name: str, case: CaseFolder, striped: Callable[..., Exhibit]) -> None:
    original = (ROOT / "ui/examples/marks/1-lookalike-pair/kestral.png").read_bytes()
    exhibit = read_exhibit(original, name)
    assert case.add_exhibit(exhibit, TIME).name == exhibit.sha256


def test_an_examination_is_logged_whole(case: CaseFolder, verdict: Verdict) -> None:
    case.add_examination(verdict, TIME)
    (entry,) = case.entries("examination")
    assert entry.content["task"] == "authenticity"
    assert entry.content["record"] == as_json(verdict)
    assert entry.content["maps"] == [{"sha256": map_sha256(verdict.heatmap.raw), "shape": [2, 2]}]
    assert verify_log(case.log) == []


def test_a_time_without_a_zone_is_not_taken(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs its zone"):
        CaseFolder.open(tmp_path / "case", "1", datetime(2026, 1, 1))


def test_a_folder_serves_one_case_and_no_other_files(case: CaseFolder, tmp_path: Path) -> None:
    with pytest.raises(CaseRefused, match="is the folder of case 2026-17, not of case 2026-18"):
        CaseFolder.open(case.path, "2026-18", TIME)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    with pytest.raises(CaseRefused, match=r"is not a case folder, since it holds a\.jpg"):
        CaseFolder.open(tmp_path / "photos", "1", TIME)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(CaseRefused, match="cannot be used as a case folder"):
        CaseFolder.open(tmp_path / "file" / "case", "1", TIME)


def test_a_sound_log_has_no_findings(log: Path) -> None:
    assert verify_log(log) == []
    assert verify_log(log, {"R-4": CaseFolder(log.parent).head}) == []
    assert CaseFolder(log.parent).head.sequence == 6


TAMPERINGS: dict[str, tuple[Callable[[Lines], Lines], list[int], str]] = {
    "a letter changed": (lambda s: [*s[:2], s[2].replace(b"R-1", b"R-9"), *s[3:]], [3], "changed"),
    "a space added": (lambda s: [*s[:2], s[2].replace(b'":', b'": ', 1), *s[3:]], [3], "changed"),
    "the last line changed": (lambda s: [*s[:5], s[5].replace(b"R-4", b"R-9")], [6], "changed"),
    "the first line changed": (lambda s: [s[0].replace(b"2026-17", b"2026-18"), *s[1:]], [1], "changed"),
    "changed and hashed anew": (
        lambda s: [*s[:2], forged(s[2], content={}), *s[3:]],
        [3],
        "it was changed after line 4",
    ),
    "removed": (lambda s: s[:2] + s[3:], [3], "number 3, is missing"),
    "two removed": (lambda s: s[:2] + s[4:], [3], "number 3 to 4, is missing"),
    "the first removed": (lambda s: s[1:], [1], "number 1, is missing"),
    "swapped": (lambda s: [*s[:2], s[3], s[2], *s[4:]], [3, 4], "before it"),
    "one repeated": (lambda s: [*s[:3], s[2], *s[3:]], [3], "does not belong between lines 2 and 4"),
    "one inserted": (
        lambda s: [*s[:3], forged(s[3], content={}), *s[3:]],
        [4],
        "does not belong between lines 3 and 5",
    ),
    "text inserted": (lambda s: [*s[:3], b"by the way", *s[3:]], [4], "cut or changed"),
    "the last moved to the front": (lambda s: [s[5], *s[:5]], [1], "was written after line 6"),
    "an empty line inserted": (lambda s: [*s[:3], b"", *s[3:]], [4], "cut or changed"),
    "numbered anew": (lambda s: [*s[:5], forged(s[5], sequence=7)], [6], "states number 7 but follows number 5"),
    "all removed": (lambda s: s[:0], [1], "no entry"),
}


@pytest.mark.parametrize("how", TAMPERINGS)
def test_tampering_is_found_at_its_line(how: str, log: Path) -> None:
    tamper, numbers, words = TAMPERINGS[how]
    log.write_bytes(b"".join(line + b"\n" for line in tamper(log.read_bytes().splitlines())))
    findings = verify_log(log)
    assert [finding.place for finding in findings] == [f"line {number}" for number in numbers], [*map(str, findings)]
    assert {finding.status for finding in findings} == {"differs"}
    assert words in findings[0].text


def test_lines_cut_off_the_end_are_found_by_a_head_only(log: Path) -> None:
    head = CaseFolder(log.parent).head
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:4]))
    assert verify_log(log) == []
    (finding,) = verify_log(log, {"R-4": head})
    assert str(finding) == "line 4: line 6, as R-4 states it, is not here: lines were cut off or rewritten."
    assert [finding.place for finding in verify_log(log, {"R-4": Head(4, "a" * 64)})] == ["line 4"]


def test_whatever_a_crash_leaves_of_a_line_is_told_from_a_change_and_the_log_goes_on(log: Path) -> None:
    content = log.read_bytes()
    last = content.splitlines()[-1]
    for cut in range(1, len(last) + 1):
        log.write_bytes(content[:-cut])
        (finding,) = verify_log(log)
        assert (finding.status, finding.place) == ("told", "line 6"), cut
        case = CaseFolder(log.parent)
        case.add_report("R-9", "f" * 64, b"pdf", b"json", TIME)
        assert verify_log(log) == []
        noted = [entry.content["half_line"] for entry in case.entries("interruption")]
        # A line that lacked its end only is whole again.
        assert noted == ([] if cut == 1 else [content[:-cut].splitlines()[-1].decode()])
        for report in (case.path / "reports").glob("R-9*"):
            report.unlink()


@pytest.mark.parametrize("end", [b"by the way", b'{"sequence":9', b" "])
def test_an_end_that_no_write_could_have_left_is_a_change_and_stays_one(end: bytes, log: Path) -> None:
    log.write_bytes(log.read_bytes() + end)
    assert [(finding.status, finding.place) for finding in verify_log(log)] == [("differs", "line 7")]
    CaseFolder(log.parent).add_report("R-9", "f" * 64, b"pdf", b"json", TIME)
    assert [(finding.status, finding.place) for finding in verify_log(log)] == [("differs", "line 7")]


def test_a_log_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CaseRefused, match="cannot be read"):
        verify_log(tmp_path / "log.jsonl")


APPEND = """
import sys
from datetime import datetime, timezone
from pathlib import Path
from inference.casework.case import CaseFolder
case = CaseFolder.open(Path(sys.argv[1]), "7", datetime.now(timezone.utc))
for number in range(40):
    case.add_report(f"{sys.argv[2]}-{number}", "f" * 64, b"pdf", b"json", datetime.now(timezone.utc))
"""


def test_two_processes_append_to_one_chain(tmp_path: Path) -> None:
    folder = tmp_path / "case"
    writers = [subprocess.Popen([sys.executable, "-c", APPEND, str(folder), name], cwd=ROOT) for name in ("a", "b")]
    assert [writer.wait(timeout=300) for writer in writers] == [0, 0]
    reports = [entry.content["report"] for entry in CaseFolder(folder).entries("report issued")]
    assert verify_log(folder / "log.jsonl") == []
    assert sorted(reports) == sorted(f"{name}-{number}" for name in ("a", "b") for number in range(40))


def test_deletion_takes_exhibits_and_reports_and_is_logged(case: CaseFolder) -> None:
    original = (ROOT / "ui/examples/marks/1-lookalike-pair/kestral.png").read_bytes()
    exhibit = read_exhibit(original, "mark.png")
    copy = case.add_exhibit(exhibit, TIME)
    report = case.add_report("R-1", "f" * 64, b"pdf", b"json", TIME)
    removed = case.delete("王芳", "retention period over", TIME)
    assert removed == (f"exhibits/{copy.name}", "reports/R-1.json", "reports/R-1.pdf")
    assert not any(path.exists() for path in (copy, *report))
    (entry,) = case.entries("deletion")
    assert (entry.content["by"], entry.content["reason"]) == ("王芳", "retention period over")
    assert entry.content["removed"][f"exhibits/{copy.name}"] == exhibit.sha256
    assert verify_log(case.log) == []
    with pytest.raises(CaseRefused, match="nothing to delete"):
        case.delete("王芳", "again", TIME)


def test_a_review_names_a_report_of_the_case(case: CaseFolder) -> None:
    case.add_report("R-1", "f" * 64, b"pdf", b"json", TIME)
    case.sign_off("R-1", "E. Reviewer", "Agreed.", TIME)
    (entry,) = case.entries("review")
    assert entry.content == {"report": "R-1", "reviewer": "E. Reviewer", "remark": "Agreed."}
    with pytest.raises(CaseRefused, match="No report R-2 was issued in case 2026-17"):
        case.sign_off("R-2", "E. Reviewer", "Agreed.", TIME)
