"""What a register holds, in a folder and in Milvus: kept once, and told from every other content."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from inference.database import DatabaseRefused
from inference.intake.sources import Listed
from inference.records import Crop, Refusal
from inference.register import milvus_client
from inference.register.local_store import FILE, LocalStore
from inference.register.milvus_store import MilvusStore
from inference.register.store import Entry, Picture, RegisterRefused, Store, View
from inference.trademark.embedder import EmbeddedViews
from tests.inference.register.stores import ALL, MODEL, PLACES, compact, held, opened

SOURCE = Path("/marks")
UNWRITABLE: Any = b"no text"
"""A column that no register can keep: an interruption half way."""


def picture(name: str, elements: int = 0) -> Picture:
    """A picture of its own for each name."""
    rng = np.random.default_rng([*name.encode()])
    places = tuple(Crop(10 * number, 0, 5, 5) for number in range(elements))
    digest, (whole, grey, *own) = rng.bytes(32).hex(), rng.normal(size=(2 + elements, 8)).astype(np.float16)
    return Picture(digest, 30, 20, b"jpeg", EmbeddedViews(whole, grey, places, np.array(own).reshape(-1, 8)))


def listed(path: str, nth: int = 0, stamp: str = "1", **columns: str) -> Listed:
    return Listed(path, nth, stamp, columns, bytes)


def enter(store: Store, mark: Listed, shown: Picture, source: Path = SOURCE) -> None:
    store.keep(source, [] if store.holds(shown.sha256) else [shown], [Entry(mark, shown.sha256)])


def views(view: View, *pictures: Picture) -> list[tuple[str, list[float]]]:
    return [
        (one.sha256, embedding.tolist())
        for one in sorted(pictures, key=lambda one: one.sha256)
        for name, *_, embedding in one.of_views
        if name == view
    ]


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / request.param


@pytest.fixture
def store(place: Path) -> Iterator[Store]:
    with closing(opened(place)) as store:
        yield store


def test_it_gives_what_was_entered(place: Path) -> None:
    first, second = picture("a", elements=2), picture("b", elements=1)
    with closing(opened(place)) as store:
        enter(store, listed("a.png", owner="Müller"), first)
        enter(store, listed("b.png"), second)
        store.keep(SOURCE, [], [Entry(listed("bad.png"), refused="bad.png is empty; hand in the original file.")])
    with closing(opened(place)) as again:
        assert (len(again), again.columns, again.place) == (2, ("owner",), str(place))
        assert again.listed(SOURCE) == {
            ("a.png", 0): ("1", {"owner": "Müller"}),
            ("b.png", 0): ("1", {}),
            ("bad.png", 0): ("1", {}),
        }
        assert again.refused() == [(SOURCE, "bad.png", "bad.png is empty; hand in the original file.")]
        (mark,) = again.of_picture(first.sha256)
        assert (mark.source, mark.path, mark.columns) == (SOURCE, "a.png", {"owner": "Müller"})
        assert (mark.sha256, mark.width, mark.height, mark.thumbnail) == (first.sha256, 30, 20, b"jpeg")
        for view in get_args(View):
            assert held(again, view) == views(view, first, second)


def test_the_nearest_views_come_whichever_others_are_held(store: Store) -> None:
    """Each view of each picture beside itself: it is found first, among 40 others."""
    pictures = [picture(str(number), elements=number % 3) for number in range(20)]
    store.keep(SOURCE, pictures, [Entry(listed(f"{one.sha256}.png"), one.sha256) for one in pictures])
    for one in pictures:
        for view, *_, embedding in one.of_views:
            with store.reading() as reading:
                found, embeddings = reading.nearest(view, embedding[None].astype(np.float32), 1)
            assert one.sha256 in found
            assert embedding.tolist() in embeddings.tolist()
    with store.reading() as reading:
        two = np.stack([pictures[place].views.whole for place in (3, 4)]).astype(np.float32)
        found, _ = reading.nearest("whole", two, 1)
    assert {pictures[3].sha256, pictures[4].sha256} <= {*found}
    assert found.tolist() == sorted(found)


def test_a_picture_that_many_marks_show_hides_no_other(store: Store) -> None:
    pictures = [picture(str(number), elements=3) for number in range(12)]
    shown_often = [Entry(listed("often.png", nth), pictures[0].sha256) for nth in range(150)]
    store.keep(SOURCE, pictures, [*shown_often, *(Entry(listed(one.sha256), one.sha256) for one in pictures[1:])])
    for one in pictures:
        for view, *_, embedding in one.of_views:
            with store.reading() as reading:
                found, _ = reading.nearest(view, embedding[None].astype(np.float32), 1)
            assert one.sha256 in found


@pytest.mark.parametrize(
    ("filters", "paths"),
    [
        ({}, ["a.png", "b.png", "c.png", "d.png"]),
        ({"owner": "brown"}, ["a.png", "b.png"]),
        ({"owner": "BROWN", "class": "25"}, ["a.png"]),
        ({"owner": "ü"}, ["c.png"]),
        ({"owner": "50% of_all"}, ["c.png"]),
        ({"owner": "50"}, ["c.png", "d.png"]),
        ({"owner": '"'}, ["d.png"]),
        ({"owner": "\\"}, ["d.png"]),
        ({'a "b"': "yes"}, ["d.png"]),
        ({"class": ""}, ["a.png", "b.png"]),
        ({"owner": "nobody"}, []),
    ],
)
def test_filters_look_at_the_marks_whose_columns_hold_a_text(
    filters: dict[str, str], paths: list[str], store: Store
) -> None:
    said: dict[str, dict[str, str]] = {
        "a.png": {"owner": "Brown Ltd", "class": "25, 30"},
        "b.png": {"owner": "brownish", "class": "9"},
        "c.png": {"owner": "Müller 50% of_all"},
        "d.png": {"owner": '50 "of" x\\all', 'a "b"': "yes"},
    }
    for path, columns in said.items():
        enter(store, listed(path, **columns), picture(path, elements=1))
    shown = {picture(path).sha256: path for path in said}
    with store.reading(filters) as reading:
        assert (reading.marks, reading.looked_at) == (4, len(paths))
        for view in get_args(View):
            found, _ = reading.nearest(view, np.ones((1, 8), np.float32), ALL)
            assert sorted(shown[digest] for digest in found.tolist()) == paths
        left = [path for digest, path in shown.items() for _ in reading.of_picture(digest)]
    assert left == paths


def test_a_picture_of_two_marks_is_found_by_the_columns_of_either(store: Store) -> None:
    shown = picture("a")
    enter(store, listed("a.png", owner="Brown"), shown)
    enter(store, listed("b.png", owner="Black"), shown)
    for owner, path in (("Brown", "a.png"), ("Black", "b.png")):
        assert held(store, "whole", owner=owner) == views("whole", shown)
        with store.reading({"owner": owner}) as reading:
            assert [one.path for one in reading.of_picture(shown.sha256)] == [path]


def test_a_column_that_no_mark_has_is_refused(store: Store) -> None:
    enter(store, listed("a.png", owner="Brown"), picture("a"))
    with pytest.raises(Refusal, match="has a column 'status'; there are: owner"), store.reading({"status": "live"}):
        pass


def test_a_picture_is_kept_once_and_as_long_as_a_mark_shows_it(store: Store) -> None:
    shown = picture("a", elements=1)
    for mark in (listed("a.png"), listed("a.png", nth=1), listed("copy.png")):
        enter(store, mark, shown)
    assert len(store) == 3
    assert held(store, "whole") == views("whole", shown)
    assert [one.path for one in store.of_picture(shown.sha256)] == ["a.png", "a.png", "copy.png"]
    for gone in (("a.png", 0), ("copy.png", 0)):
        store.forget(SOURCE, [gone])
        store.leave_out_unshown()
        assert store.holds(shown.sha256)
    store.forget(SOURCE, [("a.png", 1)])
    store.leave_out_unshown()
    assert not store.holds(shown.sha256)
    assert [held(store, view) for view in get_args(View)] == [[], [], []]


def test_a_mark_entered_again_takes_its_own_place(store: Store) -> None:
    enter(store, listed("a.png"), picture("old", elements=3))
    enter(store, listed("a.png", stamp="2"), picture("new", elements=1))
    store.leave_out_unshown()
    assert len(store) == 1
    assert store.listed(SOURCE) == {("a.png", 0): ("2", {})}
    for view in get_args(View):
        assert held(store, view) == views(view, picture("new", elements=1))
    store.keep(SOURCE, [], [Entry(listed("a.png", stamp="3"), refused="it is gone")])
    assert (len(store), len(store.refused())) == (0, 1)


def test_what_comes_after_a_search_is_found_by_the_next(store: Store) -> None:
    for number in range(3):
        enter(store, listed(f"{number}.png"), picture(str(number), elements=1))
        assert len(held(store, "element")) == number + 1
    store.forget(SOURCE, [("2.png", 0)])
    store.leave_out_unshown()
    enter(store, listed("3.png"), picture("3"))
    assert held(store, "whole") == views("whole", *map(picture, ("0", "1", "3")))


def test_a_change_that_fails_changes_nothing(tmp_path: Path) -> None:
    with closing(LocalStore(tmp_path, MODEL, compact)) as store:
        enter(store, listed("a.png"), picture("a"))
        before = store.version
        with pytest.raises(TypeError, match="not JSON serializable"):
            store.keep(SOURCE, [picture("b")], [Entry(listed("b.png", owner=UNWRITABLE), picture("b").sha256)])
        assert (len(store), store.holds(picture("b").sha256), store.version) == (1, False, before)


def test_a_change_of_milvus_that_is_interrupted_is_told_until_it_is_made_up_for(tmp_path: Path) -> None:
    with closing(opened(tmp_path / "file.db")) as store:
        enter(store, listed("a.png"), picture("a"))
        with pytest.raises(TypeError, match="not JSON serializable"):
            store.keep(SOURCE, [picture("b")], [Entry(listed("b.png", owner=UNWRITABLE), picture("b").sha256)])
        with pytest.raises(RegisterRefused, match=r"are being taken into .*, or that was interrupted; end it"):
            _ = store.version
        enter(store, listed("b.png"), picture("b"))
        found = store.version
    with closing(opened(tmp_path / "whole.db")) as store:
        enter(store, listed("b.png"), picture("b"))
        enter(store, listed("a.png"), picture("a"))
        assert store.version == found


def test_milvus_lists_more_than_it_reads_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(milvus_client, "MOST_READ", 3)
    with closing(opened(tmp_path / "file.db")) as store:
        for number in range(7):
            enter(store, listed(f"{number}.png"), picture(str(number)))
        assert len(store.listed(SOURCE)) == 7
        store.forget(SOURCE, [(f"{number}.png", 0) for number in range(5)])
        assert {path for path, _ in store.listed(SOURCE)} == {"5.png", "6.png"}


def test_milvus_refuses_a_search_during_which_marks_come(tmp_path: Path) -> None:
    refused = pytest.raises(RegisterRefused, match="while it was searched; search again")
    with closing(opened(tmp_path / "file.db")) as store, refused, store.reading():
        enter(store, listed("a.png"), picture("a"))


def test_a_folder_is_read_as_it_stood_when_reading_began(tmp_path: Path) -> None:
    with closing(LocalStore(tmp_path, MODEL, compact)) as store, closing(LocalStore(tmp_path, MODEL, compact)) as other:
        enter(store, listed("a.png"), picture("a"))
        with store.reading() as reading:
            enter(other, listed("b.png"), picture("b"))
            assert (reading.marks, reading.version) == (len(store), store.version)
            assert len(reading.nearest("whole", np.ones((1, 8), np.float32), ALL)[0]) == 1
        assert len(held(store, "whole")) == 2


def test_the_version_tells_contents_apart_and_not_the_way_to_them(place: Path) -> None:
    places = (place.with_stem(f"{number}") for number in count())

    def fresh(*entered: tuple[Listed, str], source: Path = SOURCE, forgotten: tuple[str, ...] = ()) -> str:
        with closing(opened(next(places))) as store:
            for mark, shown in entered:
                enter(store, mark, picture(shown), source)
            store.forget(source, [(path, 0) for path in forgotten])
            return store.version

    one, two = (listed("1.png"), "1"), (listed("2.png"), "2")
    whole = fresh(one, two)
    assert fresh(one, two) == whole
    assert fresh(two, one) == whole
    assert fresh(one, two, source=Path("/elsewhere")) == whole
    assert fresh(one, (listed("3.png"), "3"), two, forgotten=("3.png",)) == whole
    assert fresh(one, (listed("2.png"), "3"), two) == whole
    others = [
        fresh(),
        fresh(one),
        fresh(one, (listed("2.png"), "3")),
        fresh(one, (listed("2.png", owner="B"), "2")),
        fresh(one, (listed("3.png"), "2")),
    ]
    assert len({whole, *others}) == len(others) + 1


def test_both_places_tell_the_same_version(tmp_path: Path) -> None:
    told = set()
    for name in PLACES:
        with closing(opened(tmp_path / name)) as store:
            enter(store, listed("a.png", owner="Müller"), picture("a"))
            enter(store, listed("a.png", nth=1, Nice="25"), picture("a"))
            told.add(store.version)
    assert len(told) == 1


def test_other_weights_are_refused(place: Path) -> None:
    opened(place).close()
    with pytest.raises(RegisterRefused, match="was made with other weights"):
        opened(place, model="b" * 64)


def test_a_server_that_does_not_answer_is_refused() -> None:
    with pytest.raises(RegisterRefused, match="cannot be reached"):
        MilvusStore("http://127.0.0.1:1", MODEL, compact, 8)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("pragma user_version = 3", "is newer than this Assay"),
        ("pragma user_version = 1", "was made by an earlier Assay; restore it, or take the marks in again"),
        ("pragma application_id = 7", "is no register"),
    ],
)
def test_another_file_is_refused(statement: str, why: str, tmp_path: Path) -> None:
    LocalStore(tmp_path, MODEL, compact).close()
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute(statement)
    database.close()
    with pytest.raises(DatabaseRefused, match=why):
        LocalStore(tmp_path, MODEL, compact)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database" * 100)
    with pytest.raises(DatabaseRefused, match="cannot be read as a register"):
        LocalStore(tmp_path, MODEL, compact)
