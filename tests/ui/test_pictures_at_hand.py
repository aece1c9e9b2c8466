"""Pictures in memory: each file is read once for what is done with it, and nothing holds it longer than is said."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.exhibit import read_exhibit
from ui import exhibit_input, report_desk
from ui.authenticate import Authenticate
from ui.bench import Bench
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
    """The pixels of every file that is read, for as long as somebody holds them."""
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


def test_a_call_reads_each_file_once_and_holds_none_afterwards(
    bench: Bench, photo: Callable[[int], str], reads: Reads
) -> None:
    one, two = photo(1), photo(2)
    desk = ReportDesk(None)
    tab, marks = Authenticate(bench, desk), Compare(bench, desk)
    facts = ("17", "E. Examiner", "", "", "", "", "")
    calls = [
        (1, lambda: tab.examine(one, "", "", "", "")),
        (1, lambda: tab.report(one, "", "", "", "", "", *facts)),
        (1, lambda: tab.locate(one)),
        (1, lambda: tab.wait(one)),
        (2, lambda: marks.compare(one, two, "", "", "", "", "")),
        (2, lambda: marks.report(one, two, "", "", "", "", "", *facts)),
        (1, lambda: marks.compare(one, one, "", "", "", "", "")),
    ]
    for files, call in calls:
        reads.clear()
        assert call() is not None
        assert len(reads) == files
        assert held(reads) == 0


def test_what_is_held_is_not_read_again_unless_it_changed_or_is_called_otherwise(
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
    return Examined("", [], [(Path(path), read_exhibit(Path(path)))], {})


def test_examinations_are_at_hand_up_to_a_number_and_to_the_memory_of_their_pictures(
    photo: Callable[[int], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = 40 * 60 * 3
    monkeypatch.setattr(report_desk, "KEPT_BYTES", 2 * picture)
    desk = ReportDesk(None)
    keys = [desk.keep(examined(photo(seed))) for seed in range(4)]
    assert [key in desk._recent for key in keys] == [False, False, True, True]
    shared = examined(photo(5))
    keys = [desk.keep(shared) for _ in range(report_desk.KEPT + 2)]
    assert [key in desk._recent for key in keys] == [False] * 2 + [True] * report_desk.KEPT
    monkeypatch.setattr(report_desk, "KEPT_BYTES", picture - 1)
    newest = desk.keep(examined(photo(6)))
    assert [*desk._recent] == [newest]
