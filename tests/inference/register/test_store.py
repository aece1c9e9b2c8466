"""What a register holds: kept once, changed whole or not at all, and told from every other content."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from inference.database import DatabaseRefused
from inference.intake.sources import Listed
from inference.records import Crop
from inference.register.store import FILE, Picture, RegisterRefused, Store, View
from inference.trademark.embedder import EmbeddedViews

MODEL = "a" * 64
SOURCE = Path("/marks")


def picture(name: str, elements: int = 0) -> Picture:
    """A picture of its own for each name."""
    rng = np.random.default_rng([*name.encode()])
    places = tuple(Crop(10 * number, 0, 5, 5) for number in range(elements))
    digest, (whole, grey, *own) = rng.bytes(32).hex(), rng.normal(size=(2 + elements, 8)).astype(np.float16)
    return Picture(digest, 30, 20, b"jpeg", EmbeddedViews(whole, grey, places, np.array(own).reshape(-1, 8)))


def listed(path: str, nth: int = 0, stamp: str = "1", **columns: str) -> Listed:
    return Listed(path, nth, stamp, columns, bytes)


def enter(store: Store, mark: Listed, shown: Picture, source: Path = SOURCE) -> None:
    with store.changing():
        store.enter(source, mark, store.keep(shown), shown.sha256)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "register", MODEL)


def test_it_gives_what_was_entered(store: Store, tmp_path: Path) -> None:
    enter(store, listed("a.png", owner="Müller"), picture("a", elements=2))
    enter(store, listed("b.png"), picture("b", elements=1))
    with store.changing():
        store.enter(SOURCE, listed("bad.png"), "bad.png is empty; hand in the original file.")
    store.close()
    again = Store(tmp_path / "register", MODEL)
    assert len(again) == 2
    assert again.listed(SOURCE) == {
        ("a.png", 0): ("1", {"owner": "Müller"}),
        ("b.png", 0): ("1", {}),
        ("bad.png", 0): ("1", {}),
    }
    assert again.refused() == [(SOURCE, "bad.png", "bad.png is empty; hand in the original file.")]
    (first,) = again.of_picture(again.picture(picture("a").sha256) or 0)
    assert (first.source, first.path, first.columns, first.width) == (SOURCE, "a.png", {"owner": "Müller"}, 30)
    one, two = picture("a", 2).views, picture("b", 1).views
    numbers, wholes = again.embeddings("whole")
    assert np.array_equal(wholes, [one.whole, two.whole])
    assert np.array_equal(again.embeddings("grey")[1], [one.grey, two.grey])
    of, elements = again.embeddings("element")
    assert of.tolist() == [numbers[0], numbers[0], numbers[1]]
    assert np.array_equal(elements, [*one.elements, *two.elements])


def test_a_picture_is_kept_once_and_as_long_as_a_mark_shows_it(store: Store) -> None:
    shown = picture("a", elements=1)
    for mark in (listed("a.png"), listed("a.png", nth=1), listed("copy.png")):
        enter(store, mark, shown)
    number = store.picture(shown.sha256)
    assert len(store) == 3
    assert len(store.embeddings("whole")[0]) == 1
    assert [one.path for one in store.of_picture(number or 0)] == ["a.png", "a.png", "copy.png"]
    for gone in (("a.png", 0), ("copy.png", 0)):
        with store.changing():
            store.forget(SOURCE, [gone])
            store.leave_out_unshown()
        assert store.picture(shown.sha256) == number
    with store.changing():
        store.forget(SOURCE, [("a.png", 1)])
        store.leave_out_unshown()
    assert store.picture(shown.sha256) is None
    assert [len(store.embeddings(view)[0]) for view in get_args(View)] == [0, 0, 0]


def test_a_mark_entered_again_takes_its_own_place(store: Store) -> None:
    enter(store, listed("a.png"), picture("old"))
    enter(store, listed("a.png", stamp="2"), picture("new"))
    assert len(store) == 1
    assert store.listed(SOURCE) == {("a.png", 0): ("2", {})}
    with store.changing():
        store.leave_out_unshown()
    assert store.picture(picture("old").sha256) is None
    assert store.picture(picture("new").sha256) is not None


def test_a_change_that_fails_changes_nothing(store: Store) -> None:
    enter(store, listed("a.png"), picture("a"))
    before = store.version

    def interrupted() -> None:
        with store.changing():
            store.enter(SOURCE, listed("b.png"), store.keep(picture("b")), picture("b").sha256)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(store) == 1
    assert store.picture(picture("b").sha256) is None
    assert store.version == before


def test_the_version_tells_contents_apart_and_not_the_way_to_them(tmp_path: Path) -> None:
    def version(*entered: tuple[Listed, str], source: Path = SOURCE, forgotten: tuple[str, ...] = ()) -> str:
        folder = tmp_path / "register"
        store = Store(folder, MODEL)
        for mark, shown in entered:
            enter(store, mark, picture(shown), source)
        with store.changing():
            store.forget(source, [(path, 0) for path in forgotten])
        store.close()
        found = Store(folder, MODEL).version
        shutil.rmtree(folder)
        return found

    one, two = (listed("1.png"), "1"), (listed("2.png"), "2")
    whole = version(one, two)
    assert version(two, one) == whole
    assert version(one, two, source=Path("/elsewhere")) == whole
    assert version(one, (listed("3.png"), "3"), two, forgotten=("3.png",)) == whole
    assert version(one, (listed("2.png"), "3"), two) == whole
    others = [
        version(),
        version(one),
        version(one, (listed("2.png"), "3")),
        version(one, (listed("2.png", owner="B"), "2")),
        version(one, (listed("3.png"), "2")),
    ]
    assert len({whole, *others}) == len(others) + 1


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("pragma user_version = 2", "is newer than this Assay"),
        ("pragma application_id = 7", "is no register"),
    ],
)
def test_another_file_is_refused(statement: str, why: str, store: Store, tmp_path: Path) -> None:
    store.close()
    with sqlite3.connect(tmp_path / "register" / FILE) as database:
        database.execute(statement)
    database.close()
    with pytest.raises(DatabaseRefused, match=why):
        Store(tmp_path / "register", MODEL)


def test_a_damaged_file_and_another_model_are_refused(store: Store, tmp_path: Path) -> None:
    store.close()
    with pytest.raises(RegisterRefused, match="was made with other weights"):
        Store(tmp_path / "register", "b" * 64)
    (tmp_path / "register" / FILE).write_bytes(b"no database" * 100)
    with pytest.raises(DatabaseRefused, match="cannot be read as a register"):
        Store(tmp_path / "register", MODEL)
