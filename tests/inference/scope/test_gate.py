"""The scope gate: its distances against plain definitions, its sentences, and that it travels with the weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference.authenticity.examiner import AuthenticityExaminer
from inference.intake.exhibit import exhibit_from_pixels, read_exhibit
from inference.models.card import WeightsRefused
from inference.models.embedding import frozen_embedding
from inference.models.weights import load_model, save_model
from inference.records import Exhibit
from inference.request import Request
from inference.scope.gate import ScopeGate, Spread, as_rows, ledoit_wolf, neighbour_distance
from inference.scope.gate_card import GateCard
from inference.trademark.examiner import TrademarkExaminer
from inference.trademark.framing import as_ink, frame_mark

MakeExhibit = Callable[..., Exhibit]
NAMES = [f"{series}/{label}" for series in ("blue", "red") for label in ("genuine", "counterfeit")]


def card(**changed: Any) -> GateCard:
    fields: dict[str, Any] = {
        "neighbours": 3,
        "farthest_neighbour": 0.1,
        "farthest_spread": 2.0,
        "false_refusals": 0.05,
        "rule": "set by hand",
        "sources": 20,
        "usual": {},
        "embedding_sha256": frozen_embedding().sha256,
    }
    return GateCard(**fields | changed)


def unit_rows(count: int, entries: int, seed: int = 0) -> np.ndarray:
    """Rows of length 1 around a common direction, some entries varying more than others."""
    rng = np.random.default_rng(seed)
    rows = 1 + rng.normal(0, 1, (count, entries)) * np.linspace(0.1, 2, entries)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def dense_covariance(rows: np.ndarray) -> np.ndarray:
    """The shrunk covariance as Ledoit and Wolf define it, entry by entry."""
    n, p = rows.shape
    centred = rows - rows.mean(0)
    sample = sum(np.outer(row, row) for row in centred) / n
    variance = np.trace(sample) / p
    dispersion = ((sample - variance * np.eye(p)) ** 2).sum() / p
    error = sum(((np.outer(row, row) - sample) ** 2).sum() for row in centred) / n**2 / p
    shrinkage = min(error, dispersion) / dispersion
    assert ledoit_wolf(centred @ centred.T, p) == pytest.approx((shrinkage, variance))
    return (1 - shrinkage) * sample + shrinkage * variance * np.eye(p)


@pytest.mark.parametrize(("count", "entries"), [(6, 40), (30, 31), (60, 12)])
def test_the_spread_from_inner_products_is_that_of_the_dense_covariance(count: int, entries: int) -> None:
    rows, others = unit_rows(count, entries), unit_rows(9, entries, seed=1)
    inverse = np.linalg.inv(dense_covariance(rows))
    away = others - rows.mean(0)
    expected = [np.sqrt(row @ inverse @ row / entries) for row in away]
    found = Spread(rows @ rows.T, entries)(rows @ others.T, (others**2).sum(1))
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("neighbours", [1, 3, 20])
def test_the_neighbour_that_counts_is_the_kth_nearest(neighbours: int) -> None:
    rows, other = unit_rows(20, 8), unit_rows(1, 8, seed=2)[0]
    distances = sorted(1 - float(row @ other) for row in rows)
    assert neighbour_distance(rows @ other, neighbours) == pytest.approx(distances[neighbours - 1])


def gate(**changed: Any) -> ScopeGate:
    return ScopeGate(card(**changed), unit_rows(20, 32).astype(np.float16))


def test_a_gate_measures_from_its_stored_rows() -> None:
    made, other = gate(), unit_rows(1, 32, seed=3)[0].astype(np.float32)
    rows = as_rows(made.embeddings)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(20))
    found = made.distances(other)
    assert found.neighbour == pytest.approx(np.sort(1 - rows @ other)[2])
    inverse = np.linalg.inv(dense_covariance(rows))
    away = other - rows.mean(0)
    assert found.spread == pytest.approx(float(np.sqrt(away @ inverse @ away / 32)), rel=1e-6)


@pytest.mark.parametrize(
    ("neighbour", "spread", "status"), [(1, 1, "ok"), (0.99, 1, "refuse"), (1, 0.99, "refuse"), (0.5, 0.5, "refuse")]
)
def test_one_distance_beyond_its_threshold_refuses(neighbour: float, spread: float, status: str) -> None:
    other = unit_rows(1, 32, seed=4)[0].astype(np.float32)
    found = gate().distances(other)
    check = gate(farthest_neighbour=found.neighbour * neighbour, farthest_spread=found.spread * spread).check(other)
    assert (check.name, check.status) == ("kind", status)
    assert check.value == pytest.approx(1 / min(neighbour, spread))


@pytest.mark.parametrize(
    ("threshold", "unusual", "status"),
    [(1.25, 1.0, "ok"), (1.25, 0.79, "warn"), (1.25, 0.81, "ok"), (0.99, 0.5, "refuse")],
)
def test_a_gate_warns_before_it_refuses(threshold: float, unusual: float, status: str) -> None:
    other = unit_rows(1, 32, seed=4)[0].astype(np.float32)
    found = gate().distances(other)
    check = gate(
        farthest_neighbour=found.neighbour * threshold, farthest_spread=found.spread * 2, unusual=unusual
    ).check(other)
    assert (check.name, check.status) == ("kind", status)
    assert check.value == pytest.approx(1 / threshold)


def test_a_refusal_says_what_why_and_what_to_do() -> None:
    other = -unit_rows(1, 32)[0].astype(np.float32)
    made = gate(farthest_neighbour=0.25)
    found = made.distances(other)
    nearest, middle = found.neighbour / 0.25, found.spread / 2
    assert made.check(other).text == (
        f"The part is unlike everything the model was made for (its distance from the nearest training "
        f"pictures is {nearest:.3f} of the allowed one, and from their middle {middle:.3f} of the allowed one); "
        "choose the model for this kind, or crop to the part and show it as the training pictures do."
    )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"neighbours": 0}, "neighbours lies between 1 and"),
        ({"farthest_neighbour": 0.0}, "a cosine distance is up to 2, not 0"),
        ({"farthest_neighbour": 2.1}, "a cosine distance is up to 2"),
        ({"farthest_spread": 0.0}, "a distance is above 0"),
        ({"false_refusals": 1.0}, "lies between 0 and 1"),
        ({"unusual": 0.0}, "a warning comes before the refusal"),
        ({"unusual": 1.1}, "a warning comes before the refusal"),
        ({"sources": 18}, "sources, not 18"),
        ({"usual": {"taste": 1.0}}, "there are measures blur"),
    ],
    ids=str,
)
def test_a_gate_card_that_cannot_be_is_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        card(**changed)


def test_a_neighbour_beyond_the_embeddings_is_refused() -> None:
    with pytest.raises(ValueError, match="20 embeddings have no neighbour 21"):
        gate(neighbours=21)


@pytest.mark.parametrize(
    "embeddings",
    [
        unit_rows(20, 8).astype(np.float32),
        unit_rows(20, 8).astype(np.float16).ravel(),
        unit_rows(19, 8).astype(np.float16),
        np.full((20, 8), 0.5, np.float16),
    ],
    ids=["float32", "flat", "fewer than its sources", "all equal"],
)
def test_embeddings_that_make_no_gate_are_refused(embeddings: np.ndarray) -> None:
    with pytest.raises(ValueError, match="embeddings"):
        ScopeGate(card(), embeddings)


def picture(seed: int) -> Exhibit:
    """Something else altogether: soft coloured blobs."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    pixels = np.asarray(Image.fromarray(coarse).resize((112, 80), Image.Resampling.BICUBIC))
    return exhibit_from_pixels(pixels, "blobs")


@pytest.fixture(scope="module")
def striped_gate(striped: MakeExhibit) -> ScopeGate:
    """A gate on striped parts; new ones are up to 0.08 and 1.9 away, blobs at least 0.6 and 6.7."""
    rows = np.stack([frozen_embedding()(striped(NAMES[seed % 4], seed).pixels) for seed in range(24)])
    return ScopeGate(card(sources=24, farthest_neighbour=0.2, farthest_spread=3.5), rows.astype(np.float16))


@pytest.fixture(scope="module")
def mark_gate(striped: MakeExhibit) -> ScopeGate:
    """The same of striped marks, by their ink."""
    marks = [frame_mark(striped(NAMES[seed % 4], seed).pixels).pixels for seed in range(24)]
    rows = np.stack([frozen_embedding()(as_ink(mark)) for mark in marks])
    stated = card(sources=24, farthest_neighbour=0.3, farthest_spread=4.5, sees="ink")
    return ScopeGate(stated, rows.astype(np.float16))


@pytest.fixture(scope="module")
def gated(
    tiny_models: Path, striped_gate: ScopeGate, mark_gate: ScopeGate, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The tiny models with these gates."""
    folder = tmp_path_factory.mktemp("gated")
    for name, gate in (("tiny_parts", striped_gate), ("tiny_marks", mark_gate)):
        model = load_model(name, tiny_models)
        save_model(model.card, model.network.state_dict(), folder, gate=gate)
    return folder


def test_a_gate_travels_with_the_weights(gated: Path, striped_gate: ScopeGate, tiny_models: Path) -> None:
    model = load_model("tiny_parts", gated)
    assert model.gate is not None
    assert model.gate.card == model.card.scope_gate == striped_gate.card
    assert np.array_equal(model.gate.embeddings, striped_gate.embeddings)
    embedding = frozen_embedding()(picture(0).pixels)
    assert model.gate.distances(embedding) == striped_gate.distances(embedding)
    assert load_model("tiny_parts", tiny_models).gate is None


@pytest.mark.parametrize("change", [{"sources": 25}, None], ids=["more sources than rows", "no gate in the card"])
def test_a_gate_that_does_not_fit_its_weights_is_refused(
    change: dict[str, Any] | None, gated: Path, tmp_path: Path
) -> None:
    for ending in ("json", "safetensors"):
        (tmp_path / f"tiny_parts.{ending}").write_bytes((gated / f"tiny_parts.{ending}").read_bytes())
    path = tmp_path / "tiny_parts.json"
    stated = json.loads(path.read_text())
    stated["scope_gate"] = stated["scope_gate"] | change if change else None
    path.write_text(json.dumps(stated))
    with pytest.raises(WeightsRefused, match="does not fit the network its card describes"):
        load_model("tiny_parts", tmp_path)


def test_a_gate_of_another_embedding_is_refused(gated: Path) -> None:
    model = load_model("tiny_parts", gated)
    assert model.card.scope_gate is not None
    foreign = replace(model.card, scope_gate=replace(model.card.scope_gate, embedding_sha256="0" * 64))
    with pytest.raises(WeightsRefused, match="The scope gate of tiny_parts needs another embedding"):
        AuthenticityExaminer(replace(model, card=foreign))


def test_own_parts_are_judged_and_foreign_pictures_are_out_of_scope(gated: Path, striped: MakeExhibit) -> None:
    examiner = AuthenticityExaminer.load("tiny_parts", gated)
    for verdict in examiner.examine_batch([Request(striped(name, 77)) for name in NAMES]):
        assert verdict.outcome in ("genuine", "counterfeit")
        assert (verdict.scope_checks[-1].name, verdict.scope_checks[-1].status) == ("kind", "ok")
    for seed in range(3):
        verdict = examiner.examine(picture(seed))
        assert verdict.outcome == "out of scope"
        assert verdict.reason.startswith("The part is unlike everything the model was made for")


def test_a_foreign_mark_puts_the_pair_out_of_scope_whichever_it_is(gated: Path, striped: MakeExhibit) -> None:
    examiner = TrademarkExaminer.load("tiny_marks", gated)
    mark = striped("red/genuine", 5)
    there, back = examiner.compare(mark, picture(1)), examiner.compare(picture(1), mark)
    assert there.outcome == back.outcome == "out of scope"
    assert [checks[-1].status for checks in there.scope_checks] == ["ok", "refuse"]
    assert [[check.name for check in checks if check.status == "refuse"] for checks in there.scope_checks] == [
        [],
        ["kind"],
    ]
    assert back.scope_checks == there.scope_checks[::-1]


def test_threads_share_one_embedding_and_find_what_one_finds(gated: Path, striped: MakeExhibit) -> None:
    examiner = AuthenticityExaminer.load("tiny_parts", gated)
    exhibits = [striped(name, seed) for seed in range(2) for name in NAMES]
    expected = [examiner.examine(exhibit).scope_checks for exhibit in exhibits]
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda exhibit: examiner.examine(exhibit).scope_checks, exhibits))
        shared = set(threads.map(lambda _: id(frozen_embedding()), range(8)))
    assert found == expected
    assert [verdict.scope_checks for verdict in examiner.examine_batch([*map(Request, exhibits)])] == expected
    assert len(shared) == 1


def test_the_embedding_is_of_length_1_and_of_the_pixels_alone(tmp_path: Path, striped: MakeExhibit) -> None:
    exhibit = striped("blue/genuine", 3)
    Image.fromarray(exhibit.pixels).save(tmp_path / "same.bmp")
    first, second = (frozen_embedding()(e.pixels) for e in (exhibit, read_exhibit(tmp_path / "same.bmp")))
    assert float(np.linalg.norm(first)) == pytest.approx(1, abs=1e-5)
    assert first.dtype == np.float32
    assert np.array_equal(first, second)
