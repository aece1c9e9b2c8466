"""A case outlives whoever writes it: killed after any step, refused by the disk at any step, or written by two."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from inference import files
from inference.casework import case as case_module
from inference.casework import log as log_module
from inference.casework.case import CaseFolder
from inference.casework.cases import Cases
from inference.casework.custody import check_case
from inference.casework.log import CaseRefused
from inference.intake.exhibit import read_exhibit

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a process is forked a step")

TIME = datetime(2026, 11, 22, 8, 30, 5, tzinfo=timezone.utc)
WRITERS = {module.__file__ for module in (files, case_module, log_module)}
ORIGINAL = (Path(__file__).parents[3] / "ui/examples/marks/1-lookalike-pair/kestral.png").read_bytes()
EXHIBIT = read_exhibit(ORIGINAL, "mark.png")
PDF, TWIN = b"%PDF" * 400, b"{}" * 400

ACTS: dict[str, Callable[[CaseFolder], Any]] = {
    "open": lambda case: CaseFolder.open(case.path, "7", TIME),
    "exhibit": lambda case: case.add_exhibit(EXHIBIT, TIME),
    "examined": lambda case: case.add_examined([(EXHIBIT, [{"task": "x"}])], TIME),
    "report": lambda case: case.add_report("R-2", "f" * 64, PDF, TWIN, TIME),
    "review": lambda case: case.sign_off("R-1", "R. Reviewer", "agreed", TIME),
    "note": lambda case: case.note("conclusion", "E. Examiner", "another house", None, TIME),
    "deletion": lambda case: case.delete("E. Examiner", "returned", TIME),
}


def prepared(folder: Path, act: str) -> CaseFolder:
    """A case with one report in it, or for opening none."""
    case = CaseFolder(folder)
    if act != "open":
        CaseFolder.open(folder, "7", TIME).add_report("R-1", "f" * 64, PDF, TWIN, TIME)
    return case


def traced(act: Callable[[], Any], at_line: Callable[[int], None]) -> None:
    """Do it, and call `at_line` with a count before every line of the code that writes a case."""
    steps = 0

    def count(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal steps
        if frame.f_code.co_filename not in WRITERS:
            return None
        if event == "line":
            steps += 1
            at_line(steps)
        return count

    sys.settrace(count)
    try:
        act()
    finally:
        sys.settrace(None)


def writing_steps(folder: Path, act: Callable[[], Any]) -> list[int]:
    """The counts at which something on the disk is no longer what it was one line before."""
    seen: list[tuple[int, Any]] = [(0, None)]

    def look(step: int) -> None:
        files = sorted(path for path in folder.rglob("*"))
        state = [(path, path.stat().st_size, path.stat().st_ino) for path in files]
        if state != seen[-1][1]:
            seen.append((step, state))

    traced(act, look)
    return [step for step, _ in seen[1:]]


def killed(act: Callable[[], Any], at: int) -> None:
    """Do it in a process that is killed before the line with that count."""
    child = os.fork()
    if not child:
        try:
            traced(act, lambda step: os.kill(os.getpid(), signal.SIGKILL) if step == at else None)
        finally:
            os._exit(1)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("act", ACTS)
def test_killed_after_any_write_nothing_is_lost_unlogged_or_offered_half(act: str, tmp_path: Path) -> None:
    rehearsal = prepared(tmp_path / "rehearsal" / "case", act)
    steps = writing_steps(tmp_path / "rehearsal", lambda: ACTS[act](rehearsal))
    assert len(steps) >= 2
    for step in steps:
        case = prepared(tmp_path / f"{step}" / "case", act)
        killed(lambda case=case: ACTS[act](case), step)
        if case.log.exists():
            assert [str(found) for found in check_case(case.path).findings if found.status == "differs"] == [], step
        Cases(case.path.parent)  # the next start
        if case.log.exists():
            assert check_case(case.path).findings == (), step
            assert {file.read_bytes() for file in case.files} <= {ORIGINAL, PDF, TWIN}, step
        if not done(case, act):
            ACTS[act](case)
        assert done(case, act), step
        assert check_case(case.path).findings == (), step


def done(case: CaseFolder, act: str) -> bool:
    """Whether the log says so."""
    events = {
        "open": "case opened",
        "exhibit": "exhibit added",
        "examined": "examination",
        "review": "review",
        "note": "conclusion",
        "deletion": "deletion",
    }
    if act == "report":
        return "R-2" in case.reports
    return case.log.exists() and bool(case.entries(events[act]))  # type: ignore[arg-type]


def interrupted(folder: Path) -> CaseFolder:
    """A case left as if a report's writer had died in the midst of the line: both files prepared, half a line."""
    case = prepared(folder, "report")
    before = case.log.stat().st_size
    case.add_report("R-2", "f" * 64, PDF, TWIN, TIME)
    for file in (case.path / "reports").glob("R-2.*"):
        file.rename(files.partial_of(file))
    whole = case.log.read_bytes()
    case.log.write_bytes(whole[: (before + len(whole)) // 2])
    return case


def test_what_clears_up_can_itself_be_killed_after_any_write(tmp_path: Path) -> None:
    steps = writing_steps(tmp_path / "rehearsal", interrupted(tmp_path / "rehearsal" / "case").finish_interrupted)
    assert len(steps) > 3
    for step in steps:
        case = interrupted(tmp_path / f"{step}" / "case")
        killed(case.finish_interrupted, step)
        case.finish_interrupted()
        assert check_case(case.path).findings == (), step
        assert any(entry.content["half_line"] for entry in case.entries("interruption")), step
        assert {file.stem for file in case.files} == {"R-1"}, step


@pytest.mark.parametrize("act", ["exhibit", "report", "review", "deletion"])
def test_a_full_disk_at_any_write_leaves_the_case_as_it_was(act: str, tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: it lets a write through in part, as a full disk does."""
    case = prepared(tmp_path / "case", act)
    size = case.log.stat().st_size
    before = {path: path.read_bytes() for path in case.path.rglob("*") if path.is_file()}
    refused = 0
    for room in sorted({0, 1, 100, 1500, size, size + 1, size + 50, size + 150}):
        child = os.fork()
        if not child:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
            try:
                ACTS[act](case)
                os._exit(0)
            except CaseRefused as refusal:
                os._exit(3 if "cannot be used as a case folder (File too large)" in str(refusal) else 4)
        _, status = os.waitpid(child, 0)
        code = os.WEXITSTATUS(status)
        if code == 0:
            break
        assert code == 3, room
        refused += 1
        assert {path: path.read_bytes() for path in case.path.rglob("*") if path.is_file()} == before, room
    assert refused > 3


def test_two_servers_on_one_case_write_one_chain_and_neither_clears_what_the_other_prepares(tmp_path: Path) -> None:
    folder = tmp_path / "case"
    CaseFolder.open(folder, "7", TIME)
    children = []
    for name in ("a", "b"):
        child = os.fork()
        if not child:
            try:
                for number in range(25):
                    Cases(tmp_path).case("7").add_report(f"R-{name}{number}", "f" * 64, PDF, TWIN, TIME)
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    for _ in range(20):
        assert [found for found in check_case(folder).findings if found.status == "differs"] == []
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    case = CaseFolder(folder)
    assert check_case(folder).findings == ()
    assert len(case.reports) == 50
    assert case.entries("interruption") == ()
