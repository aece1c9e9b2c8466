"""Pictures in memory: each file is read once for what is done with it, and nothing holds it longer than is said."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.bench import Bench
from inference.intake.exhibit import read_exhibit
from ui import exhibit_input, report_desk
from ui.authenticate_actions import Authenticate
from ui.cases_in_use import CasesInUse
from ui.compare import Compare
from ui.exhibit_input import handed_in
from ui.file_names import NamedPath
from ui.report_desk import Examined, ReportDesk

Reads = list[weakref.ref]


@pytest.fixture(scope="module")
def bench(tiny_models: Path) -> Bench:
    return Bench(tiny_models)


@pytest.fixture
def photo(tmp_path: Path) -> Callable[[int], str]:
    def save(seed: int) -> str:
        path = tmp_path / f"{seed}.png"
        noise = np.random.default_rng(seed).integers(0, 255, (40, 60, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
        return str(path)

    return save


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """The pixels of every file that is read, for as long as somebody holds them; nothing was read before."""
    exhibit_input._RECENT.clear()
    made: Reads = []
    read = exhibit_input.read_laid_on

    def counted(*asked):
        exhibit = read(*asked)
        made.append(weakref.ref(exhibit.pixels))
        return exhibit

    monkeypatch.setattr(exhibit_input, "read_laid_on", counted)
    return made


def held(reads: Reads) -> int:
    gc.collect()
    return sum(read() is not None for read in reads)


def test_a_file_is_read_once_whatever_is_asked_of_it(bench: Bench, photo: Callable[[int], str], reads: Reads) -> None:
    one, two = photo(1), photo(2)
    desk = ReportDesk(CasesInUse())
    tab, marks = Authenticate(bench, desk), Compare(bench, desk)
    facts = ("17", "E. Examiner", "", "", "", "", "")
    calls = [
        lambda: tab.wait(one),
        lambda: tab.locate(one),
        lambda: tab.examine(one, "", "", "", ""),
        lambda: tab.report(one, "", "", "", "", "", *facts),
        lambda: marks.compare(one, one, "", "", "", "", ""),
    ]
    for call in calls:
        assert call() is not None
        assert len(reads) == 1
    for _ in range(2):
        assert marks.report(one, two, "", "", "", "", "", *facts) is not None
        assert len(reads) == 2


def test_files_that_were_read_last_are_held_up_to_a_size(
    photo: Callable[[int], str], reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [(lambda one: one.pixels.nbytes + one.size_bytes)(handed_in(photo(seed), None, "")) for seed in range(3)]
    monkeypatch.setattr(exhibit_input, "HELD_BYTES", sum(sizes[1:]) + max(sizes))
    for seed in (1, 2, 3, 4):
        handed_in(photo(seed), None, "")
    assert held(reads) == 3
    monkeypatch.setattr(exhibit_input, "HELD_BYTES", 1)
    assert handed_in(photo(5), None, "").width == 60
    assert held(reads) == 0


def test_small_files_that_were_read_last_are_held_up_to_a_number(
    photo: Callable[[int], str], reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exhibit_input, "HELD", 2)
    for seed in range(4):
        handed_in(photo(seed), None, "")
    assert held(reads) == 2


def test_what_was_read_is_not_read_again_unless_it_changed_or_is_called_otherwise(
    photo: Callable[[int], str], reads: Reads
) -> None:
    path = photo(1)
    exhibit = handed_in(path, None, "")
    assert handed_in(path, "", "") is exhibit
    assert handed_in(NamedPath(path, "other.png"), None, "").name == "other.png"
    Image.new("RGB", (30, 20)).save(path)
    assert handed_in(path, None, "").width == 30
    assert len(reads) == 3


def examined(path: str) -> Examined:
    return Examined("", [], [read_exhibit(Path(path))], {})


def test_examinations_are_at_hand_up_to_a_number_and_to_the_memory_of_their_pictures(
    photo: Callable[[int], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = max(one.pixels.nbytes + one.size_bytes for one in (read_exhibit(Path(photo(n))) for n in range(7)))
    monkeypatch.setattr(report_desk, "KEPT_BYTES", 2 * picture)
    desk = ReportDesk(CasesInUse())
    keys = [desk.keep(examined(photo(seed))) for seed in range(4)]
    assert [key in desk._recent for key in keys] == [False, False, True, True]
    shared = examined(photo(5))
    keys = [desk.keep(shared) for _ in range(report_desk.KEPT + 2)]
    assert [key in desk._recent for key in keys] == [False] * 2 + [True] * report_desk.KEPT
    monkeypatch.setattr(report_desk, "KEPT_BYTES", picture - 1)
    newest = desk.keep(examined(photo(6)))
    assert [*desk._recent] == [newest]
