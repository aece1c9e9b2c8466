"""A search ranks every mark of a register as a comparison with it would score it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from inference.intake.exhibit import exhibit_from_pixels, read_exhibit
from inference.intake.sources import read_source
from inference.records import Crop, Exhibit, RankingName, Refusal
from inference.register import search
from inference.register.opening import open_store
from inference.register.search import Query, Resemblance
from inference.register.store import Store
from inference.register.take_in import take_in
from inference.trademark.embedder import MarkEmbedder
from inference.trademark.examiner import TrademarkExaminer
from inference.trademark.sub_scores import view, without_colour
from tests.inference.register.drawing import drawn
from tests.inference.register.stores import PLACES

MARKS = {
    **{f"{shape}.png": drawn(shape) for shape in ("disc", "ring", "box", "pair")},
    **{f"disc_{side}.png": drawn("disc", side) for side in (70, 150)},
}


@pytest.fixture(scope="module")
def examiner(weighing_models: Path) -> TrademarkExaminer:
    return TrademarkExaminer.load("tiny_marks", weighing_models)


@pytest.fixture(scope="module", params=PLACES)
def store(
    request: pytest.FixtureRequest, examiner: TrademarkExaminer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("marks")
    for name, data in MARKS.items():
        (folder / name).write_bytes(data)
    (folder / "marks.csv").write_text("path,shape\nring.png,round\ndisc.png,Round\n")
    with closing(open_store(str(tmp_path_factory.mktemp("register") / request.param), MarkEmbedder(examiner))) as store:
        take_in(store, read_source(folder), MarkEmbedder(examiner), lambda *_: None)
        yield store


Rankings = Callable[..., dict[RankingName, dict[str, Resemblance]]]


@pytest.fixture
def rankings(store: Store, examiner: TrademarkExaminer) -> Rankings:
    """Rows of each ranking by the file that they show, in their order."""

    def of(
        exhibit: Exhibit, most: int = 100, crop: Crop | None = None, filters: Mapping[str, str] | None = None
    ) -> dict[RankingName, dict[str, Resemblance]]:
        query = Query(MarkEmbedder(examiner), exhibit, crop)
        with store.reading(filters) as reading:
            return {
                ranking: {one.path: row for row in rows for one in reading.of_picture(row.digest)}
                for ranking, rows in query.rankings(reading, most).items()
            }

    return of


def query(shape: str = "pair") -> Exhibit:
    return read_exhibit(drawn(shape), f"{shape}.png")


def embedded(examiner: TrademarkExaminer, *inputs: Any) -> torch.Tensor:
    return examiner.embed([torch.as_tensor(one) for one in inputs])


def log_odds(examiner: TrademarkExaminer, one: torch.Tensor, other: torch.Tensor) -> float:
    return examiner.compare_embedded([(one, other.half().float())])[0]


def test_each_ranking_is_that_of_every_pair_of_views(rankings: Rankings, examiner: TrademarkExaminer) -> None:
    """The naive way: each mark seen anew beside the query, one pair at a time."""
    found = rankings(query())
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


def test_a_mark_finds_itself_and_the_same_at_another_size_first(rankings: Rankings) -> None:
    assert {*rankings(query("disc"), most=3)["as it is"]} == {"disc.png", "disc_70.png", "disc_150.png"}


def test_a_turned_mark_is_found_turned_back(rankings: Rankings) -> None:
    turned = exhibit_from_pixels(np.rot90(query().pixels).copy(), "turned.png")
    row = rankings(turned)["turned or mirrored"]["pair.png"]
    upright = rankings(query())["as it is"]["pair.png"]
    assert row.how == "the mark turned clockwise by 90 degrees"
    assert row.log_odds == pytest.approx(upright.log_odds, abs=0.02)


def test_an_element_is_found_in_the_mark_that_holds_it(rankings: Rankings) -> None:
    row = rankings(query("disc"))["part of it"]["pair.png"]
    assert row.how == "the mark as an element of the registered one"
    row = rankings(query("pair"))["part of it"]["box.png"]
    assert row.how.startswith("the registered mark as the element at ")


def test_only_what_is_asked_for_is_looked_at(rankings: Rankings) -> None:
    for rows in rankings(query(), filters={"shape": "round"}).values():
        assert {*rows} <= {"ring.png", "disc.png"}
    assert [*rankings(query(), filters={"shape": "none of these"}).values()] == [{}, {}, {}, {}]


def test_the_head_ranks_what_vectors_find(rankings: Rankings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer candidates leave marks out; those that are left stand where they stood."""
    every = rankings(query("pair"))["as it is"]
    monkeypatch.setattr(search, "CANDIDATES", 2)
    found = rankings(query("pair"))["as it is"]
    assert "pair.png" in found
    assert 2 <= len(found) < len(every)
    assert [name for name in every if name in found] == [*found]
    assert {name: row.log_odds for name, row in found.items()} == {name: every[name].log_odds for name in found}


def test_what_shows_no_mark_is_refused(rankings: Rankings) -> None:
    with pytest.raises(Refusal, match="too faint"):
        rankings(query("nothing"))
    with pytest.raises(Refusal, match="reaches outside"):
        rankings(query(), crop=Crop(0, 0, 500, 500))


@pytest.mark.parametrize("place", PLACES)
def test_an_empty_register_finds_nothing(place: str, examiner: TrademarkExaminer, tmp_path: Path) -> None:
    embedder = MarkEmbedder(examiner)
    with closing(open_store(str(tmp_path / place), embedder)) as store, store.reading() as reading:
        found = Query(embedder, query(), None).rankings(reading, most=10)
    assert [*found.values()] == [[], [], [], []]
