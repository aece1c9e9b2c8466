"""Batches run in the background, one at a time, and what is handed in is copied by its name."""

from __future__ import annotations

import zipfile
from pathlib import Path
from threading import Semaphore

import pytest

from inference.batches.batches import Batches
from inference.bench import Bench
from inference.records import Crop, Deviation, Exhibit, Refusal, Verdict
from inference.request import Means


class Gated(Bench):
    """Examines each photo once it may."""

    may = Semaphore(0)

    def examine_by(self, means: Means, exhibit: Exhibit, crop: Crop | None = None) -> tuple[Verdict | Deviation, ...]:
        self.may.acquire()
        return super().examine_by(means, exhibit, crop)


@pytest.fixture
def batches(tiny_models: Path, tmp_path: Path):
    bench = Gated(tiny_models)
    bench.may = Semaphore(0)
    opened = Batches(tmp_path / "batches", bench)
    opened.may = bench.may
    yield opened
    bench.may.release(99)
    opened.close()


def joined(batches: Batches) -> None:
    batches.may.release(99)
    batches._thread.join()


def test_a_batch_is_paused_after_a_photo_and_goes_on(batches: Batches, photos: Path) -> None:
    batches.begin("Monday", Means(), [photos])
    assert batches.told.running
    for act in (lambda: batches.start("Monday"), lambda: batches.begin("Tuesday", Means(), [photos])):
        with pytest.raises(Refusal, match="The batch Monday runs"):
            act()
    with pytest.raises(Refusal, match="pause it first"):
        batches.remove("Monday")
    batches._pausing = True  # as `pause`, which waits for the present photo
    batches.may.release()
    batches.pause()
    assert (batches.told.running, batches.told.text) == (False, "Paused after 1 photos; it goes on there.")
    assert batches.batch("Monday").state.done == 1
    batches.start("Monday")
    joined(batches)
    assert batches.told.text == "All photos are done."
    assert batches.batch("Monday").state.finished
    assert batches.names == ("Monday",)


def test_what_is_handed_in_is_copied_by_its_name(batches: Batches, photos: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.write(photos / "d.png", "in/d.png")
    handed_in = [("..//bag 包.png", photos / "a.png"), ("b.PNG", photos / "b.png"), ("b.PNG", photos / "b.png")]
    batch = batches.begin("", Means(), [], [*handed_in, ("x.zip", tmp_path / "x.zip")])
    joined(batches)
    rows = batch.store.rows()
    assert [row.path for row in rows] == ["3/b.PNG", "__bag 包.png", "b.PNG", "in/d.png"]
    assert all(row.part for row in rows)
    (photos / "a.png").unlink()
    assert batch.examined_again("2.1").exhibit.name == "__bag 包.png"
    batches.remove(batch.store.folder.name)
    assert batches.names == ()
    assert list(batches.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "handed_in", "why"),
    [
        ("x", [("a.pdf", "a.png")], "a.pdf is neither a photo nor a ZIP"),
        ("x", [("a.zip", "a.png")], "a.zip is neither a photo nor a ZIP"),
        ("../x", [("a.png", "a.png")], "has characters that a folder cannot have"),
        ("x.", [("a.png", "a.png")], "has characters that a folder cannot have"),
        ("x", [], "There are no photos"),
    ],
)
def test_a_refusal_leaves_nothing(
    name: str, handed_in: list[tuple[str, str]], why: str, batches: Batches, photos: Path
) -> None:
    with pytest.raises(Refusal, match=why):
        batches.begin(name, Means(), [], [(given, photos / file) for given, file in handed_in])
    assert not batches.told.running
    assert not [*batches.folder.glob("*")]


def test_a_folder_that_cannot_be_written_is_refused(tiny_models: Path, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    batches = Batches(tmp_path / "file" / "batches", Bench(tiny_models))
    with pytest.raises(Refusal, match="cannot be written"):
        batches.begin("one", Means(), [photos])


def test_a_name_is_taken_once(batches: Batches, photos: Path) -> None:
    batches.begin("one", Means(), [photos])
    joined(batches)
    with pytest.raises(Refusal, match="The name one is there already"):
        batches.begin("one", Means(), [photos])
    with pytest.raises(Refusal, match="There is no batch two"):
        batches.batch("two")
    with pytest.raises(Refusal, match="Choose a batch first"):
        batches.batch(None)


def test_a_fault_stops_the_batch_and_is_said(
    batches: Batches, photos: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    batch = batches.begin("one", Means(), [photos])
    monkeypatch.setattr(batch.store, "keep", lambda *_: 1 / 0)
    joined(batches)
    assert "Assay met a fault of its own" in batches.told.text
    assert not batches.told.running
    assert "ZeroDivisionError" in caplog.text
