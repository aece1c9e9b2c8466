"""Processes that live through a study, share the processors, and outlive what fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.training.experiments.crew_jobs import work
from training.experiments.crew import Crew, Failure

ROOT = Path(__file__).parents[3]
Result = tuple[int, int, list[str]]


@pytest.fixture(scope="module")
def pair() -> Iterator[Crew[str, Result]]:
    with Crew(work, 2) as crew:
        yield crew


@pytest.fixture(scope="module")
def one() -> Iterator[Crew[str, Result]]:
    with Crew(work, 1) as crew:
        yield crew


def soon() -> float:
    return time.monotonic() + 600


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_process_does_all_jobs_in_their_order_and_keeps_what_it_keeps(one: Crew[str, Result]) -> None:
    done = dict(one.done(["a", "b"], soon()))
    first, second = done["a"], done["b"]
    assert not isinstance(first, Failure)
    assert not isinstance(second, Failure)
    assert first[0] == second[0] != os.getpid()
    assert first[1] == (os.cpu_count() or 1)
    assert second[2][-2:] == ["a", "b"]


def test_two_processes_share_jobs_and_processors(pair: Crew[str, Result]) -> None:
    done = dict(pair.done([str(job) for job in range(8)], soon()))
    assert [*sorted(done)] == [str(job) for job in range(8)]
    results = [result for result in done.values() if not isinstance(result, Failure)]
    assert len({process for process, _, _ in results}) == 2
    assert {threads for _, threads, _ in results} == {max(1, (os.cpu_count() or 1) // 2)}


def test_a_job_that_fails_says_why_and_stops_nothing(one: Crew[str, Result]) -> None:
    done = dict(one.done(["refuse", "break", "stop", "die", "a"], soon()))
    assert done["refuse"] == Failure("It cannot be done; do something else.")
    assert done["break"] == Failure("ZeroDivisionError: ")
    assert done["stop"] == Failure("Time was out.", interrupted=True)
    assert done["die"] == Failure("its process died (status 3): memory may have run out")
    last = done["a"]
    assert not isinstance(last, Failure)
    assert last[2] == ["a"]


def test_when_time_is_out_what_runs_is_cancelled_and_nothing_more_begins(one: Crew[str, Result]) -> None:
    before = dict(one.done(["a"], soon()))["a"]
    assert not isinstance(before, Failure)
    asked = []

    def jobs() -> Iterator[str]:
        for job in ("sleep", "a"):
            asked.append(job)
            yield job

    assert [*one.done(jobs(), time.monotonic())] == [("sleep", Failure("time was out", interrupted=True))]
    assert asked == ["sleep"]
    assert not alive(before[0])
    after = dict(one.done(["a"], soon()))["a"]
    assert not isinstance(after, Failure)
    assert after[2] == ["a"]


def test_a_crew_that_is_left_leaves_no_process() -> None:
    with Crew(work, 1) as crew:
        done = dict(crew.done(["a"], soon()))["a"]
        assert not isinstance(done, Failure)
    assert not alive(done[0])


def test_a_crew_ends_with_the_process_that_commands_it_however_that_ends(tmp_path: Path) -> None:
    file = tmp_path / "number"
    command = [sys.executable, "-m", "tests.training.experiments.crew_jobs", str(file)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        while process.poll() is None and not (file.exists() and file.read_text()):
            time.sleep(0.05)
        process.kill()
    worker = int(file.read_text())
    for _ in range(600):
        if not alive(worker):
            return
        time.sleep(0.1)
    pytest.fail("the process is still there")
