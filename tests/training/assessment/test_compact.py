"""The compact embedding of a trademark model: its axes, what of it a card says, and what a register loses by it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from inference.models.weights import load_model, save_model
from inference.records import Refusal
from inference.register.codes import CodeScan, codes_of
from inference.trademark.examiner import TrademarkExaminer
from training.assessment import compact
from training.assessment.compact import (
    CompactSettings,
    candidate_figures,
    compact_model,
    principal_axes,
    with_compact,
)
from training.assessment.marks import ranked
from training.data.marks.mark_set import MarkSet, read_mark_set


@pytest.fixture
def marks(mark_folder: Path) -> MarkSet:
    return read_mark_set(mark_folder)


def test_axes_are_those_of_the_covariance() -> None:
    drawn = torch.from_numpy(np.random.default_rng(0).normal(size=(200, 6)) * [9, 7, 5, 3, 2, 1] + 4).float()
    mean, axes = principal_axes(drawn, 3)
    values, vectors = np.linalg.eigh(np.cov(drawn.numpy().T))
    assert np.allclose(mean, drawn.numpy().mean(axis=0), atol=1e-5)
    assert np.allclose(np.abs(axes.numpy() @ vectors[:, ::-1][:, :3]), np.eye(3), atol=1e-3)
    assert values[0] < values[-1]


@pytest.mark.parametrize("count", [2, 5])
def test_there_are_no_more_axes_than_embeddings(count: int) -> None:
    _, axes = principal_axes(torch.randn(count, 6), 256)
    assert axes.shape == (count, 6)


def test_a_model_with_a_compact_embedding_is_saved_and_compares_as_before(
    marks: MarkSet, tiny_models: Path, tmp_path: Path
) -> None:
    before = load_model("tiny_marks", tiny_models)
    changed = with_compact(before, marks)
    assert changed.card.arguments["compact"] == min(256, len(marks.of("train")))
    save_model(changed.card, changed.network.state_dict(), tmp_path)
    changed = load_model("tiny_marks", tmp_path)
    embeddings = torch.rand(7, 512)
    plain, short = TrademarkExaminer(load_model("tiny_marks", tiny_models)), TrademarkExaminer(changed)
    assert plain.compact_channels == 512
    assert torch.allclose(plain.compact(embeddings), torch.nn.functional.normalize(embeddings))
    assert short.compact(embeddings).shape == (7, short.compact_channels)
    assert torch.allclose(short.compact(embeddings).norm(dim=1), torch.ones(7))
    assert np.array_equal(
        plain.compare_with_all(embeddings[0], embeddings), short.compare_with_all(embeddings[0], embeddings)
    )


def test_with_as_many_candidates_as_marks_nothing_is_lost(
    marks: MarkSet, tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examiner = TrademarkExaminer(with_compact(load_model("tiny_marks", tiny_models), marks))
    monkeypatch.setattr(compact, "_CANDIDATES", (1, len(marks.marks)))
    embeddings = torch.from_numpy(np.random.default_rng(0).random((len(marks.marks), 512), np.float32))
    table = candidate_figures(examiner, marks, embeddings)
    every, one, most = (table[row] for row in ("all pairs", "1 candidates", f"{len(marks.marks)} candidates"))
    assert {name: most[name].value for name in every} == {name: metric.value for name, metric in every.items()}
    assert most["share of the first 10 of all pairs"].value == 1
    assert one["share of the first 10 of all pairs"].value < 0.5


def test_figures_are_those_of_each_search_by_itself(
    marks: MarkSet, tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examiner = TrademarkExaminer(with_compact(load_model("tiny_marks", tiny_models), marks))
    monkeypatch.setattr(compact, "_CANDIDATES", (5,))
    embeddings = torch.from_numpy(np.random.default_rng(0).random((len(marks.marks), 512), np.float32))
    codes = codes_of(examiner.compact(embeddings).numpy())
    similar = set(marks.similar)
    found = []
    for query in marks.of("test"):
        wanted = [other for other in range(len(marks.marks)) if {(query, other), (other, query)} & similar]
        if wanted:
            others = [
                other
                for other, mark in enumerate(marks.marks)
                if other in wanted or mark.family != marks.marks[query].family
            ]
            near = {others[place] for place in CodeScan(codes[others]).nearest(codes[query], 5)}
            log_odds = examiner.compare_with_all(embeddings[query], embeddings)
            scores = np.array([log_odds[other] if other in near else -np.inf for other in others])
            found.append(ranked(scores, np.isin(others, wanted))["MAP@100"])
    table = candidate_figures(examiner, marks, embeddings)
    assert table["5 candidates"]["MAP@100"].value == pytest.approx(np.mean(found))


def test_another_set_is_refused(mark_folder: Path, tiny_models: Path, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="is not the set tiny_marks was trained on"):
        compact_model(CompactSettings("tiny_marks", mark_folder, tmp_path, tiny_models))
