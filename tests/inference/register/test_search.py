"""A search ranks every mark of a register as a comparison with it would score it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from inference.intake.exhibit import exhibit_from_pixels, read_exhibit
from inference.intake.sources import read_source
from inference.records import Crop, Exhibit, Refusal
from inference.register.search import Resemblance, Search
from inference.register.store import Store
from inference.register.take_in import take_in
from inference.trademark.embedder import MarkEmbedder
from inference.trademark.examiner import TrademarkExaminer
from inference.trademark.sub_scores import view, without_colour
from tests.inference.register.drawing import drawn

MARKS = {
    **{f"{shape}.png": drawn(shape) for shape in ("disc", "ring", "box", "pair")},
    **{f"disc_{side}.png": drawn("disc", side) for side in (70, 150)},
}


@pytest.fixture(scope="module")
def examiner(weighing_models: Path) -> TrademarkExaminer:
    return TrademarkExaminer.load("tiny_marks", weighing_models)


@pytest.fixture(scope="module")
def store(examiner: TrademarkExaminer, tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("marks")
    for name, data in MARKS.items():
        (folder / name).write_bytes(data)
    store = Store(tmp_path_factory.mktemp("register"), (embedder := MarkEmbedder(examiner)).sha256)
    take_in(store, read_source(folder), embedder, lambda *_: None)
    return store


@pytest.fixture(scope="module")
def search(store: Store, examiner: TrademarkExaminer) -> Search:
    return Search(store, MarkEmbedder(examiner))


Named = Callable[[list[Resemblance]], dict[str, Resemblance]]


@pytest.fixture(scope="module")
def named(store: Store) -> Named:
    """Rows by the file that they show, in their order."""

    def by_name(rows: list[Resemblance]) -> dict[str, Resemblance]:
        return {one.path: row for row in rows for one in store.of_picture(row.picture)}

    return by_name


def query(shape: str = "pair") -> Exhibit:
    return read_exhibit(drawn(shape), f"{shape}.png")


def embedded(examiner: TrademarkExaminer, *inputs: Any) -> torch.Tensor:
    return examiner.embed([torch.as_tensor(one) for one in inputs])


def log_odds(examiner: TrademarkExaminer, one: torch.Tensor, other: torch.Tensor) -> float:
    return examiner.compare_embedded([(one, other.half().float())])[0]


def test_each_ranking_is_that_of_every_pair_of_views(search: Search, named: Named, examiner: TrademarkExaminer) -> None:
    """The naive way: each mark seen anew beside the query, one pair at a time."""
    found = {ranking: named(rows) for ranking, rows in search.rankings(query(), None, most=100).items()}
    prepared = examiner.card.preprocessing
    own = examiner.view(query())
    (whole,) = embedded(examiner, own.image)
    elements = embedded(examiner, *(element.image for element in own.elements))
    for name, data in MARKS.items():
        other = examiner.view(read_exhibit(data, name))
        (registered,) = embedded(examiner, other.image)
        greys = embedded(examiner, *(prepared(without_colour(one.mark.pixels)).values for one in (own, other)))
        turned = [view(own.image, mirrored, quarters) for mirrored in (False, True) for quarters in range(4)][1:]
        of_other = [embedded(examiner, element.image)[0] for element in other.elements]
        naive = {
            "as it is": log_odds(examiner, whole, registered),
            "without colour": log_odds(examiner, *greys),
            "turned or mirrored": max(log_odds(examiner, embedded(examiner, one)[0], registered) for one in turned),
            "part of it": max(
                [
                    *(log_odds(examiner, whole, element) for element in of_other),
                    *(log_odds(examiner, element, registered) for element in elements),
                ]
            ),
        }
        for ranking, expected in naive.items():
            assert found[ranking][name].log_odds == pytest.approx(expected, abs=1e-3), (ranking, name)
    for rows in found.values():
        assert [row.log_odds for row in rows.values()] == sorted((row.log_odds for row in rows.values()), reverse=True)


def test_a_mark_finds_itself_and_the_same_at_another_size_first(search: Search, named: Named) -> None:
    rows = search.rankings(query("disc"), None, most=3)["as it is"]
    assert {*named(rows)} == {"disc.png", "disc_70.png", "disc_150.png"}


def test_a_turned_mark_is_found_turned_back(search: Search, named: Named) -> None:
    turned = exhibit_from_pixels(np.rot90(query().pixels).copy(), "turned.png")
    row = named(search.rankings(turned, None, most=100)["turned or mirrored"])["pair.png"]
    upright = named(search.rankings(query(), None, most=100)["as it is"])["pair.png"]
    assert row.how == "the mark turned clockwise by 90 degrees"
    assert row.log_odds == pytest.approx(upright.log_odds, abs=0.02)


def test_an_element_is_found_in_the_mark_that_holds_it(search: Search, named: Named) -> None:
    row = named(search.rankings(query("disc"), None, most=100)["part of it"])["pair.png"]
    assert row.how == "the mark as an element of the registered one"
    row = named(search.rankings(query("pair"), None, most=100)["part of it"])["box.png"]
    assert row.how.startswith("the registered mark as the element at ")


def test_only_what_is_asked_for_is_looked_at(search: Search, store: Store, named: Named) -> None:
    numbers = {
        one.path: one.picture for number in store.embeddings("whole")[0] for one in store.of_picture(int(number))
    }
    among = np.array([numbers["ring.png"], numbers["box.png"]])
    for rows in search.rankings(query(), None, most=100, among=among).values():
        assert {*named(rows)} <= {"ring.png", "box.png"}
    assert [*search.rankings(query(), None, most=100, among=among[:0]).values()] == [[], [], [], []]


def test_what_shows_no_mark_is_refused(search: Search) -> None:
    with pytest.raises(Refusal, match="too faint"):
        search.rankings(query("nothing"), None, most=10)
    with pytest.raises(Refusal, match="reaches outside"):
        search.rankings(query(), Crop(0, 0, 500, 500), most=10)


def test_an_empty_register_finds_nothing(examiner: TrademarkExaminer, tmp_path: Path) -> None:
    embedder = MarkEmbedder(examiner)
    found = Search(Store(tmp_path, embedder.sha256), embedder).rankings(query(), None, most=10)
    assert [*found.values()] == [[], [], [], []]
