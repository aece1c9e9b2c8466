"""A trademark model against brands it never saw: ranks as counted by hand, transforms, and what hiding a part shows."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.evidence.calibration import Calibration
from inference.intake.exhibit import read_exhibit
from inference.models.weights import load_model
from inference.records import InconclusiveBand, LocalAgreement, ScopeCheck
from inference.trademark.examiner import TrademarkExaminer
from inference.trademark.scores import PairScore, Score
from inference.trademark.sub_scores import ink
from training.assessment.element_pairs import inside
from training.assessment.evaluate import AssessmentSettings, assess
from training.assessment.judged_pairs import JudgedPairs
from training.assessment.mark_heatmaps import covered, elsewhere, strongest
from training.assessment.mark_verdicts import verdict_figures
from training.assessment.marks import (
    Values,
    even_score,
    graded_figures,
    invariance,
    kind_figures,
    pair_figures,
    ranked,
    retrieval,
    shortcuts,
)
from training.assessment.pairs import band_figures, score_all
from training.assessment.scoreboard import ScoreboardSettings, make_scoreboard
from training.data.marks.kinds import group_of
from training.data.marks.lettering import OTHER_FACE
from training.data.marks.mark_set import Mark, MarkSet, Pair
from training.data.marks.transforms import TRANSFORMS
from training.experiments.hms_cells import judged_in_epoch
from training.figures.metrics import most_accurate_threshold, tpr_at_tnr

EXAMPLES = Path(__file__).parents[3] / "ui" / "examples" / "marks"


def ranked_by_loops(scores: list[float], wanted: list[bool]) -> dict[str, float]:
    standing = sorted(zip(scores, wanted, strict=True), key=lambda pair: -pair[0])
    ranks = [place for place, (_, hit) in enumerate(standing, 1) if hit]
    best = sum(range(1, len(ranks) + 1))
    precisions = [sum(hit for _, hit in standing[:rank]) / rank for rank in ranks if rank <= 100]
    return {
        "normalised average rank": (sum(ranks) - best) / (len(scores) * len(ranks)),
        "MAP@100": sum(precisions) / min(len(ranks), 100),
        "recall at 1": float(any(hit for _, hit in standing[:1])),
        "recall at 10": float(any(hit for _, hit in standing[:10])),
    }


@pytest.mark.parametrize("wanted", [1, 3, 120])
def test_ranks_are_counted_as_by_hand(wanted: int) -> None:
    rng = np.random.default_rng(wanted)
    for _ in range(10):
        scores = rng.permutation(400).astype(float) + np.where(np.arange(400) < wanted, 100, 0)
        chosen = np.arange(400) < wanted
        assert ranked(scores, chosen) == pytest.approx(ranked_by_loops(scores.tolist(), chosen.tolist()))


@pytest.mark.parametrize(
    ("scores", "wanted", "expected"),
    [
        ([9, 8, 1, 0], [True, True, False, False], (0.0, 1.0, 1.0)),
        ([0, 1, 8, 9], [True, True, False, False], (0.5, (1 / 3 + 2 / 4) / 2, 0.0)),
        ([5, 9, 1, 2], [True, False, False, False], (0.25, 0.5, 0.0)),
    ],
    ids=["all first", "all last", "second"],
)
def test_rank_figures_have_their_known_ends(scores: list[float], wanted: list[bool], expected: tuple) -> None:
    found = ranked(np.array(scores, float), np.array(wanted))
    assert (found["normalised average rank"], found["MAP@100"], found["recall at 1"]) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("first", "second", "threshold"),
    [
        ([1, 2, 3], [-1, 0], 0.5),
        ([0, 2], [-2, 1], -1),
        ([1, 5, 6], [2, 3, 4], 4.5),
        ([0], [0, 0], np.inf),
        ([0, 0], [0], -np.inf),
    ],
    ids=["apart", "the lowest of equally good ones", "one lost", "all to the second", "all to the first"],
)
def test_the_most_accurate_threshold_leaves_most_scores_on_their_side(
    first: list[float], second: list[float], threshold: float
) -> None:
    assert most_accurate_threshold(np.array(first), np.array(second)) == threshold


def test_no_other_threshold_is_more_accurate() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        first, second = rng.normal(1, 1, 30).round(1), rng.normal(-1, 1, 50).round(1)

        def right(threshold: float, first: Values = first, second: Values = second) -> int:
            return sum(score > threshold for score in first) + sum(score <= threshold for score in second)

        found = most_accurate_threshold(first, second)
        assert right(found) == max(right(value) for value in [-np.inf, *first, *second])


def test_accuracy_stands_at_half_and_where_validation_pairs_are_best_told_apart() -> None:
    families = {"similar": ["a", "b", "c"], "random": ["d", "e", "f"], "labelled": ["g"]}

    def judged(similar: list[float], random: list[float]) -> JudgedPairs:
        log_odds = {"similar": np.array(similar), "random": np.array(random), "labelled": np.array([-4.0])}
        return JudgedPairs(families, log_odds)

    test = judged([-0.5, -0.4, 2.0], [-3.0, -2.0, -0.45])
    validation = judged([-0.6, 1.0, 2.0], [-3.0, -2.0, -1.4])
    unlabelled = JudgedPairs(
        {"similar": [], "random": []}, {kind: validation.log_odds[kind] for kind in ("similar", "random")}
    )
    figures = pair_figures(test, unlabelled)
    assert figures["accuracy, random pairs"].value == pytest.approx(4 / 6)
    assert figures["accuracy at the threshold of validation, random pairs"].value == pytest.approx(5 / 6)
    assert "a score of -1.00" in figures["accuracy at the threshold of validation, random pairs"].over
    assert "accuracy at the threshold of validation, labelled pairs" not in figures
    assert not any("threshold of validation" in name for name in pair_figures(test, None))
    assert pair_figures(test, None, even=-0.42)["accuracy, random pairs"].value == pytest.approx(5 / 6)


@pytest.mark.parametrize("models", ["tiny_models", "weighing_models"], ids=["wholes", "wholes and elements"])
def test_a_mark_is_read_once_and_pairs_are_judged_as_the_examiner_compares_them(
    models: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    examiner = TrademarkExaminer.load("tiny_marks", request.getfixturevalue(models))
    paths = sorted(EXAMPLES.glob("*/*"))
    marks = MarkSet(tuple(Mark(path, path.stem, "test") for path in paths), (), (), "")
    listed = {"similar": [(0, 1), (2, 3)], "hard": [(4, 5), (1, 4), (0, 4)]}
    read: list[Path] = []
    monkeypatch.setattr(
        "training.assessment.pairs.read_exhibit", lambda path: (read.append(path), read_exhibit(path))[1]
    )
    compared = score_all(examiner, marks, listed)
    assert sorted(read) == paths
    for kind, pairs in listed.items():
        assert [pair for pair, _ in compared[kind]] == pairs
        for (a, b), found in compared[kind]:
            alone = examiner.compare(read_exhibit(paths[a]), read_exhibit(paths[b]))
            assert found.whole.log_odds == pytest.approx(alone.log_odds, abs=1e-4)
            assert (found.checks, found.whole.agreement) == (alone.scope_checks, alone.agreement)
            assert examiner.outcome(found)[0] == alone.outcome
            assert (found.element is None) == (alone.element is None)
            if found.element and alone.element:
                assert found.element.log_odds == pytest.approx(alone.element.log_odds, abs=1e-4)
                assert found.element.agreement == alone.element.agreement


def test_retrieval_ranks_each_mark_among_those_of_other_families_and_its_counterparts(tiny_models: Path) -> None:
    examiner = TrademarkExaminer.load("tiny_marks", tiny_models)
    paths = sorted(EXAMPLES.glob("*/*"))
    families = ["one", "one", "one", "two", "two", "three"]
    every = [Mark(path, family, "test") for path, family in zip(paths, families, strict=True)]
    similar = ((0, 1), (3, 4))
    expected = []
    for query, wanted in ((0, 1), (1, 0), (3, 4), (4, 3)):
        others = [i for i in range(6) if i == wanted or families[i] != families[query]]
        pairs = [examiner.compare(read_exhibit(paths[query]), read_exhibit(paths[i])).log_odds for i in others]
        expected.append(ranked_by_loops(pairs, [i == wanted for i in others]))
    found = retrieval(examiner, MarkSet(tuple(every), similar, (), ""))
    for name, metric in found.items():
        assert metric.value == pytest.approx(np.mean([one[name] for one in expected]))


def test_parts_are_held_against_the_dissimilar_pairs_of_both_trials() -> None:
    marks = MarkSet(tuple(Mark(Path(name), name, "test") for name in "abcdef"), (), (), "")

    def one(log_odds: float | None) -> PairScore:
        agreement = LocalAgreement(0, 4)
        element = None if log_odds is None else Score(log_odds, agreement, (0, 1))
        return PairScore(Score(9.0, agreement), element, ((), ()), swapped=False)

    wholes = {"similar": [((0, 1), one(8.0))], "random": [((0, 2), one(-3.0))], "labelled": [((0, 3), one(None))]}
    parts = {"similar": [((4, 5), one(4.0))], "random": [((4, 0), one(-1.0))], "hard": [((4, 1), one(-2.0))]}
    found = inside(marks, wholes, parts).log_odds
    assert {kind: values.tolist() for kind, values in found.items() if kind != "labelled"} == {
        "similar": [4.0],
        "random": [-3.0, -1.0],
        "hard": [-2.0],
    }
    assert np.isnan(found["labelled"]).tolist() == [True]


def test_a_pair_that_a_scope_check_refuses_counts_in_no_figure_but_the_refused_share(tiny_models: Path) -> None:
    examiner = TrademarkExaminer.load("tiny_marks", tiny_models)
    paths = sorted(EXAMPLES.glob("*/*"))[:4]
    marks = MarkSet(tuple(Mark(path, path.stem, "test") for path in paths), (), (), "")
    found = score_all(examiner, marks, {"similar": [(0, 1), (2, 3)], "random": [(0, 2), (1, 3)]})
    refused = ScopeCheck("contrast", "refuse", 1.0, "The mark is too faint.")
    (pair, one), *others = found["random"]
    found["random"] = [(pair, replace(one, checks=((refused,), ()))), *others]
    judged = JudgedPairs.of(marks, found)
    figures = band_figures(judged, InconclusiveBand(0.4, 0.6, ""))
    assert figures["refused share"].value == 0.25
    assert "against 1 random dissimilar pairs" in figures["AUC, random pairs"].over
    assert figures["AUC, random pairs"].value == pytest.approx(
        np.mean([similar[1].whole.log_odds > others[0][1].whole.log_odds for similar in found["similar"]])
    )


def test_findings_favour_neither_side_where_the_ratio_is_1(tiny_models: Path) -> None:
    card = load_model("tiny_marks", tiny_models).card
    assert even_score(replace(card, calibration=None)) == 0
    line = Calibration(
        sides=("similar", "dissimilar"),
        propositions=("", ""),
        intercept=-0.5,
        slope=0.25,
        least=-1.0,
        greatest=1.0,
        replicates=((-0.5, 0.25, -1.0, 1.0),),
        accepts=(0.0, 0.0),
        error=0.05,
        sources=(20, 20),
        population="",
        held_out=((), ()),
    )
    even = even_score(replace(card, calibration=line))
    assert line.log10_lrs(np.array([even, even + 1, even - 1])) == pytest.approx([0, 0.25, -0.25])


@pytest.mark.parametrize("tnr", [0.9, 0.95])
def test_tpr_is_the_share_above_the_threshold_that_clears_so_many(tnr: float) -> None:
    rng = np.random.default_rng(0)
    similar, dissimilar = rng.normal(1, 1, 40).round(1), rng.normal(-1, 1, 60).round(1)
    threshold = min(value for value in dissimilar if (dissimilar <= value).mean() >= tnr)
    families = [str(index // 2) for index in range(60)]
    metric = tpr_at_tnr(similar, dissimilar, families[:40], families, tnr, "")
    assert metric.value == pytest.approx((similar > threshold).mean())
    assert metric.low is not None
    assert metric.high is not None
    assert 0 <= metric.low <= metric.value <= metric.high <= 1


def test_a_trademark_model_is_assessed_on_pairs_retrieval_and_transforms(
    tiny_models: Path, mark_folder: Path, tmp_path: Path
) -> None:
    settings = AssessmentSettings("tiny_marks", mark_folder, tmp_path, tiny_models, limit=3)
    table = assess(settings)
    expected = ["pairs, test", "verdicts: all", "shortcut audit", "retrieval among 12 test marks"]
    assert [*table][:4] == expected
    assert {*TRANSFORMS} <= {*table}
    assert 0 <= table["retrieval among 12 test marks"]["normalised average rank"].value <= 1
    assert {*json.loads((tmp_path / "marks.json").read_text())["figures"]} == {*table}
    maps = assess(replace(settings, heatmaps=True))
    assert 0 <= maps["hiding"]["claimed part falls more"].value <= 1
    stated = load_model("tiny_marks", tmp_path).card.metrics
    assert {name for name in stated if stated[name].topic == "heatmaps"} == {
        f"heatmap {name}" for name in maps["hiding"]
    }
    assert stated["heatmap claimed part falls more"].value == maps["hiding"]["claimed part falls more"].value
    rows = {
        row.id: row for row in make_scoreboard(ScoreboardSettings("tiny_marks", mark_folder, tmp_path, tiny_models))
    }
    assert all(rows[name].standing in ("met", "not met") for name in "EI")
    assert rows["J"].standing == "not measured"  # four brands are too few
    figure = table["pairs, test"]["AUC, hard pairs"].value
    assert f"AUC, hard pairs {figure:.4f}" in rows["I"].found


def beats(scores: Sequence[float], others: Sequence[float]) -> float:
    """The AUC by its definition: the share of all pairings in which the score is the higher one, ties counting half."""
    won = [1.0 if score > other else 0.5 if score == other else 0.0 for score in scores for other in others]
    return sum(won) / len(won)


def test_each_kind_of_pair_is_told_from_all_of_the_other_side() -> None:
    marks = MarkSet(
        tuple(Mark(Path(f"{index}.png"), str(index // 2), "test") for index in range(24)),
        similar=tuple((index, index + 1) for index in range(0, 24, 2)),
        dissimilar=((0, 2), (4, 6)),
        split_rule="",
        kinds={(index, index + 1): "turned" if index < 12 else "redrawn" for index in range(0, 24, 2)}
        | {(0, 2): "same letter"},
    )
    pairs = {
        "similar": [*marks.similar],
        "random": [(index, (index + 7) % 24) for index in range(0, 24, 2)],
        "hard": [(index, (index + 9) % 24) for index in range(0, 24, 2)],
        "labelled": [*marks.dissimilar],
    }
    rng = np.random.default_rng(0)
    of = {"similar": 2.0, "random": -2.0, "hard": 0.0, "labelled": 1.0}
    scores = {kind: rng.normal(of[kind], 2, len(listed)).round(1) for kind, listed in pairs.items()}
    table = kind_figures(marks, pairs, judged_in_epoch(marks, pairs, scores))
    assert [*table] == ["similar: redrawn", "similar: turned", "labelled: same letter"]
    assert {group_of(kind) for kind in ("redrawn", "turned")} == {"redrawn", "edited"}
    for kind, chosen in (("turned", slice(None, 6)), ("redrawn", slice(6, None))):
        row, own = table[f"similar: {kind}"], scores["similar"][chosen]
        for other in ("random", "hard"):
            assert row[f"AUC, {other} pairs"].value == pytest.approx(beats(own.tolist(), scores[other].tolist()))
        assert row["on their side"].value == pytest.approx((own > 0).mean())
    row, first = table["labelled: same letter"], float(scores["labelled"][0])
    assert row["AUC, similar pairs"].value == pytest.approx(beats(scores["similar"].tolist(), [first]))
    assert row["on their side"].value == float(first <= 0)


def test_kinds_of_one_group_have_a_row_together() -> None:
    kinds = ["chrome", "scan", "scan", "lockup"]
    marks = MarkSet(
        tuple(Mark(Path(str(index)), f"brand {index // 2}", "test") for index in range(8)),
        tuple((index, index + 1) for index in range(0, 8, 2)),
        (),
        "",
        {(2 * place, 2 * place + 1): kind for place, kind in enumerate(kinds)},
    )
    pairs = {"similar": [*marks.similar], "random": [(0, 3)], "hard": [(2, 5)]}
    scores = {"similar": np.array([1.0, 3.0, -2.0, 5.0]), "random": np.array([0.0]), "hard": np.array([2.0])}
    table = kind_figures(marks, pairs, judged_in_epoch(marks, pairs, scores))
    assert [*table] == ["similar: chrome", "similar: lockup", "similar: scan", "similar, in all: raster"]
    row = table["similar, in all: raster"]
    assert row["on their side"].value == pytest.approx(2 / 3)
    assert row["AUC, hard pairs"].value == pytest.approx(beats([1.0, 3.0, -2.0], [2.0]))


def test_verdicts_are_counted_for_each_group_beside_its_own_strangers(weighing_models: Path) -> None:
    """Log odds of wholes stand for scores; a similar pair is of a word, one of a scan, and one of a scan is refused."""
    examiner = TrademarkExaminer.load("tiny_marks", weighing_models)
    calibration = examiner.card.calibration
    assert calibration is not None
    marks = MarkSet(
        tuple(Mark(Path(str(index)), f"brand {index // 2}", "test") for index in range(8)),
        ((0, 1), (2, 3), (4, 5)),
        ((6, 1),),
        "",
        {(0, 1): OTHER_FACE, (2, 3): "scan", (4, 5): "scan", (6, 1): "same frame"},
    )
    refused = ScopeCheck("kind", "refuse", 1.0, "It is no mark.")

    def scored(log_odds: float, *checks: ScopeCheck) -> PairScore:
        return PairScore(Score(log_odds, LocalAgreement(0, 0)), None, (checks, ()), swapped=False)

    table = verdict_figures(
        examiner,
        marks,
        {
            "similar": [((0, 1), scored(50.0)), ((2, 3), scored(-50.0)), ((4, 5), scored(50.0, refused))],
            "random": [((0, 3), scored(50.0)), ((2, 5), scored(-50.0)), ((4, 1), scored(-50.0))],
            "hard": [((0, 5), scored(-50.0)), ((2, 1), scored(-50.0)), ((4, 3), scored(-50.0))],
            "labelled": [((6, 1), scored(50.0))],
        },
    )
    assert [*table] == ["verdicts: all", "verdicts: lettering", "verdicts: raster", "verdicts: shared frame or layout"]

    def said(row: str, of: str) -> dict[str, float]:
        """The shares of outcomes that there are."""
        shares = {name: metric.value for name, metric in table[f"verdicts: {row}"].items() if name.startswith(of)}
        return {name.rpartition("taken as ")[2]: share for name, share in shares.items() if share}

    high, low = (examiner.outcome(scored(log_odds))[0] for log_odds in (50.0, -50.0))
    assert high != low
    assert said("all", "similar pairs") == pytest.approx({high: 1 / 3, low: 1 / 3, "out of scope": 1 / 3})
    assert said("all", "strangers") == pytest.approx({high: 1 / 6, low: 5 / 6})
    assert said("lettering", "similar pairs") == {high: 1}
    assert said("lettering", "strangers") == {high: 0.5, low: 0.5}
    assert said("raster", "similar pairs") == {low: 0.5, "out of scope": 0.5}
    assert said("raster", "strangers") == {low: 1}
    assert said("shared frame or layout", "labelled pairs") == {high: 1}
    up, down = (
        float(calibration.log10_lrs(np.array([examiner.combined(scored(log_odds))]))[0]) for log_odds in (50.0, -50.0)
    )
    for_dissimilar = [math.log2(1 + 10**lr) for lr in (up, down)]
    expected = (math.log2(1 + 10**-up) + sum(for_dissimilar) / 2) / 2
    assert table["verdicts: lettering"]["Cllr"].value == pytest.approx(expected)


def test_outcomes_of_one_concept_in_two_drawings_are_counted(
    tiny_models: Path, striped: Callable, tmp_path: Path
) -> None:
    marks = []
    for number, name in enumerate(("blue/genuine", "red/counterfeit", "blue/counterfeit", "red/genuine")):
        path = tmp_path / f"{number}.png"
        Image.fromarray(striped(name, number).pixels).save(path)
        marks.append(Mark(path, f"motif {number // 2}", "test"))
    examiner = TrademarkExaminer.load("tiny_marks", tiny_models)
    pairs = [(0, 1), (2, 3)]
    found = graded_figures(examiner, MarkSet(tuple(marks), (), (), "", graded=tuple(pairs)), pairs)
    outcomes = [examiner.compare(*(read_exhibit(marks[index].path) for index in pair)).outcome for pair in pairs]
    assert {name: metric.value for name, metric in found.items()} == {
        f"taken as {outcome}": outcomes.count(outcome) / 2
        for outcome in ("similar", "dissimilar", "inconclusive", "out of scope")
    }


def two_by_two(
    folder: Path, colour_of: Callable[[int, bool], Sequence[float]]
) -> tuple[MarkSet, dict[str, list[Pair]]]:
    """Three hundred brands, a drawing and a copy of each; a negative is the next brand's copy, or its drawing."""
    marks, rng = [], np.random.default_rng(0)
    for brand in range(300):
        for name, copied in (("drawing", False), ("copy", True)):
            pixels = np.clip(rng.normal(colour_of(brand, copied), 20, (24, 24, 3)), 0, 255).astype(np.uint8)
            path = folder / f"{brand}-{name}.png"
            Image.fromarray(pixels).save(path)
            marks.append(Mark(path, str(brand), "test"))
    similar = [(2 * brand, 2 * brand + 1) for brand in range(300)]
    pairs = {
        "similar": similar,
        "random": [(2 * brand, (2 * brand + 3) % 600) for brand in range(300)],
        "hard": [(2 * brand, (2 * brand + 2) % 600) for brand in range(300)],
    }
    return MarkSet(tuple(marks), tuple(similar), (), ""), pairs


def test_a_network_that_never_compares_finds_how_pairs_were_drawn_and_not_what_marks_share(tmp_path: Path) -> None:
    """Copies are paler: where negatives are copies too nothing tells pairs apart but comparing, else their paleness.

    Brands are dark or light, so that already the mean of a pair's two colours would compare them.
    """
    own = np.random.default_rng(1).choice([60, 150], (300, 1)) + np.zeros(3)
    marks, pairs = two_by_two(tmp_path, lambda brand, copied: own[brand] + 60 * copied)
    found = shortcuts(marks, pairs)
    assert found["AUC, random pairs"].value == pytest.approx(0.5, abs=0.1)
    assert found["AUC, hard pairs"].value > 0.8


def test_what_is_hidden_elsewhere_is_as_large_and_as_full_and_covering_leaves_the_ground() -> None:
    mark = np.full((40, 40, 3), 250, np.uint8)
    mark[10:30, 10:30] = (20, 60, 90)
    values = np.zeros((40, 40), np.float32)
    values[14:22, 10:30] = np.arange(160).reshape(8, 20) + 1
    mask = strongest(values, 0.1)
    assert mask.sum() == 160
    assert np.array_equal(mask, values > 0)
    others = elsewhere(mask, ink(mark), np.random.default_rng(0))
    assert [other.sum() for other in others] == [160] * 3
    assert (covered(mark, mask)[mask] == 250).all()
    assert np.array_equal(covered(mark, mask)[~mask], mark[~mask])


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_transform_changes_the_picture_and_keeps_its_kind(name: str) -> None:
    mark = np.full((60, 80, 3), 255, np.uint8)
    mark[15:45, 20:40] = (200, 40, 60)
    before = mark.copy()
    changed = TRANSFORMS[name](mark)
    assert np.array_equal(mark, before)
    assert changed.dtype == np.uint8
    assert "margin" in name or sorted(changed.shape[:2]) == [60, 80]
    assert changed.shape != mark.shape or (changed != mark).any()


BARS = {
    "grey": 6.0,
    "negative": 0.01,
    "a margin of its own size": 0.01,
    "a margin of eight times its size": 0.01,
    "26 levels of contrast": 1.0,
    "8 levels of contrast": 2.0,
    "JPEG quality 30": 4.0,
    "turned by 10 degrees": 6.0,
    "two thirds of the size": 9.0,
}
"""Log odds that a transform may cost a pair of lookalikes at most, with the shipped weights."""


def test_the_shipped_model_keeps_lookalikes_together_under_what_changes_little() -> None:
    """A bar for the transforms a reproduction brings; turning and mirroring are measured and not promised."""
    model = load_model("hms_icon_marks")
    paths = [sorted(folder.glob("*.png")) for folder in sorted(EXAMPLES.iterdir())][:2]
    marks = MarkSet(tuple(Mark(path, path.stem, "test") for pair in paths for path in pair), ((0, 1), (2, 3)), (), "")
    pairs = {"similar": [(0, 1), (2, 3)], "hard": [(0, 2), (1, 3)]}
    table = invariance(TrademarkExaminer(model), marks, pairs, limit=2)
    for name, bar in BARS.items():
        assert table[name]["on their side, similar"].value == 1.0
        assert abs(table[name]["change, similar"].value) < bar, name
