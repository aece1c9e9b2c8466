"""Calibrating a finished model: the same weights, a card that weighs evidence, figures and plots."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inference.authenticity.examiner import AuthenticityExaminer
from inference.evidence.calibration import outcome
from inference.evidence.fitting import CalibrationRefused
from inference.intake.exhibit import read_exhibit
from inference.models.catalogue import read_card
from inference.models.format_2 import with_keys
from inference.records import Refusal
from inference.trademark.examiner import TrademarkExaminer
from training.assessment.calibrate import CalibrationSettings, calibrate_finished
from training.assessment.evaluate import examine_all
from training.assessment.judged_pairs import JudgedPairs, weigh_pairs
from training.data.photos.photo_set import read_photo_set


@pytest.fixture(scope="module")
def halves(photo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of the striped parts with 22 items of each label in validation, and none but 2 in training."""
    names = sorted(photo_folder.glob("*/*/1.png"))
    rows = ["path,series,label,item,split"]
    for path in names:
        number = int(path.parent.name.split()[1])
        split = "val" if number < 22 else "test" if number < 38 else "train"
        label = path.parent.parent.name
        rows.append(f"{path},belt,{label},{label} {number},{split}")
    table = tmp_path_factory.mktemp("halves") / "manifest.csv"
    table.write_text("\n".join(rows) + "\n")
    return table


@pytest.fixture(scope="module")
def calibrated(authenticity_run: Path, halves: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny authenticity model, calibrated."""
    out = tmp_path_factory.mktemp("calibrated")
    calibrate_finished(CalibrationSettings("authenticity", halves, out, authenticity_run))
    return out


def test_a_calibrated_model_has_the_same_weights_and_a_card_that_says_more(
    calibrated: Path, halves: Path, authenticity_run: Path
) -> None:
    before, after = (read_card(folder / "authenticity.json") for folder in (authenticity_run, calibrated))
    names = [f"{folder}/authenticity.safetensors" for folder in (authenticity_run, calibrated)]
    assert Path(names[0]).read_bytes() == Path(names[1]).read_bytes()
    assert before.calibration is None
    assert any("it needs 20 a side" in limit for limit in before.limits)
    assert after.calibration is not None
    assert all(20 <= count <= 22 for count in after.calibration.sources)  # the scope gate may refuse a few
    called = f"{halves.parent.name}/manifest.csv, which is not the set it was trained on"
    assert after.calibration.population.endswith(f" validation photos of the series belt, {called}")
    assert not any("it needs 20 a side" in limit for limit in after.limits)
    assert {"Cllr", "Cllr, known counterfeiters"} <= after.metrics.keys()
    assert all(metric.key for metric in after.metrics.values())
    assert with_keys(after.metrics) == after.metrics
    assert after.confusion is not None
    assert called in after.confusion.over
    examiner = AuthenticityExaminer.load("authenticity", calibrated)
    peaks = [verdict.heatmap.peak for verdict in examine_all(examiner, read_photo_set(halves).of("val"))]
    assert after.heatmap_full_scale == pytest.approx(np.quantile(peaks, 0.9), rel=1e-4)
    restated = {"calibration", "metrics", "limits", "band", "per_class", "confusion", "histogram", "heatmap_full_scale"}
    for field in dataclasses.fields(before):
        if field.name not in restated:
            assert getattr(before, field.name) == getattr(after, field.name), field.name


def test_the_card_states_what_the_examiner_finds(calibrated: Path, halves: Path) -> None:
    examiner = AuthenticityExaminer.load("authenticity", calibrated)
    photos = read_photo_set(halves).of("test")
    verdicts = examine_all(examiner, photos)
    weighed = [verdict.evidence for verdict in verdicts]
    calibration = examiner.card.calibration
    assert calibration is not None
    found: dict[str, list[float]] = {"genuine": [], "counterfeit": []}
    for photo, verdict, evidence in zip(photos, verdicts, weighed, strict=True):
        assert evidence is not None
        assert (verdict.outcome, verdict.reason) == outcome(evidence, examiner.sides)
        found[photo.label].append(evidence.log10_lr)
    assert calibration.held_out[0] == pytest.approx(found["genuine"])
    assert calibration.held_out[1] == pytest.approx(found["counterfeit"])


def test_figures_and_plots_lie_beside_the_model(calibrated: Path) -> None:
    figures = json.loads((calibrated / "figures.json").read_text())["likelihood ratios"]
    card = read_card(calibrated / "authenticity.json")
    assert {name: metric["value"] for name, metric in figures.items()} == {
        name: card.metrics[name].value for name in figures
    }
    for name in ("tippett", "pav", "ece"):
        with Image.open(calibrated / f"{name}.png") as picture:
            assert picture.format == "PNG"


def test_too_few_sources_are_refused_and_nothing_is_written(
    authenticity_run: Path, photo_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(CalibrationRefused, match=r"4 genuine and [34] counterfeit sources stand behind"):
        calibrate_finished(CalibrationSettings("authenticity", photo_folder, out, authenticity_run))
    assert not out.exists()


def test_a_model_is_not_overwritten(authenticity_run: Path, halves: Path) -> None:
    with pytest.raises(Refusal, match="another folder than --weights"):
        calibrate_finished(CalibrationSettings("authenticity", halves, authenticity_run, authenticity_run))


def test_pairs_are_weighed_by_the_family_of_their_first_mark() -> None:
    """One pair of each kind a brand; one of them was refused by a scope check."""
    families = [f"brand {k}" for k in range(25)]
    rng = np.random.default_rng(0)
    kinds = {"similar": 2.0, "random": -4.0, "hard": -1.0}
    log_odds = {kind: mean + rng.normal(0, 1, 25) for kind, mean in kinds.items()}
    log_odds["hard"][3] = np.nan
    pairs = JudgedPairs(dict.fromkeys(kinds, families), log_odds)
    calibration_result = weigh_pairs(pairs, pairs, "marks")
    calibration = calibration_result.calibration
    assert calibration is not None
    assert (calibration.sides, calibration.propositions) == (TrademarkExaminer.sides, TrademarkExaminer.propositions)
    assert calibration.sources == (25, 25)
    assert calibration.population == (
        "25 similar validation pairs of marks in marks, and dissimilar ones: 25 random, 24 hard"
    )
    assert [len(side) for side in calibration.held_out] == [25, 49]
    assert calibration_result.metrics["Cllr, random pairs"].value < calibration_result.metrics["Cllr, hard pairs"].value


@pytest.mark.parametrize(
    ("similar", "hard", "weight"),
    [
        ([0.5, 0.5, 0.5, 0.5], [0.0, 0.0, 0.0, 0.0], 3.0),
        ([0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], 0.0),
        ([0.0, 0.0, 0.0, 0.0], [0.9, 0.9, 0.9, 0.9], 0.0),
        ([0.05, 0.05, 0.05, 0.05], [0.0, 0.0, 0.0, np.nan], 40.0),
    ],
    ids=["the least that tells all apart", "nothing coincides", "negatives coincide", "a refused pair counts nowhere"],
)
def test_agreement_weighs_what_tells_validation_pairs_best_apart(
    similar: list[float], hard: list[float], weight: float
) -> None:
    log_odds = {"similar": np.array([-1.0, 0.0, 1.0, 2.0]), "hard": np.array([-2.0, -1.5, 0.2, -0.1])}
    log_odds["hard"][np.isnan(hard)] = np.nan
    agreement = {"similar": np.array(similar), "hard": np.nan_to_num(np.array(hard))}
    judged = JudgedPairs({kind: list("abcd") for kind in log_odds}, log_odds, agreement)
    assert judged.agreement_weight() == weight
    raised = judged.raised(weight).log_odds["similar"]
    assert raised == pytest.approx(log_odds["similar"] + weight * np.array(similar))


def test_groups_count_alike_for_the_weight_of_agreement() -> None:
    """Of 30 edited pairs all are told apart as they are; of 2 imitated ones agreement tells."""
    log_odds = {"similar": np.array([9.0] * 30 + [-1.0] * 2), "random": np.array([-3.0, 1.0])}
    agreement = {"similar": np.array([0.0] * 30 + [1.0] * 2), "random": np.zeros(2)}
    families = {"similar": [f"a{k}" for k in range(32)], "random": ["b", "c"]}
    groups = {"similar": ["edited"] * 30 + ["hand-imitated"] * 2, "random": ["", ""]}
    assert JudgedPairs(families, log_odds, agreement, groups).agreement_weight() == 3.0
    rare = {kind: np.where(values == 1, 0.0, values) for kind, values in agreement.items()}
    assert JudgedPairs(families, log_odds, rare, groups).agreement_weight() == 0.0


def bars(split: str, brand: int) -> NDArray[np.uint8]:
    """A brand's drawing."""
    rng = np.random.default_rng([len(split), brand])
    drawn = np.full((96, 96, 3), 255, np.uint8)
    for _ in range(7):
        (left, top), (wide, high) = rng.integers(4, 70, 2), rng.integers(5, 22, 2)
        drawn[top : top + high, left : left + wide] = rng.integers(0, 150, 3)
    return drawn


@pytest.fixture(scope="module")
def brands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-one brands each for validation and test, two to train on: bars, and the same turned by a quarter."""
    folder = tmp_path_factory.mktemp("brands")
    for split, count in (("train", 2), ("val", 21), ("test", 21)):
        for brand in range(count):
            drawn = bars(split, brand)
            of_brand = folder / split / f"{split}{brand}"
            of_brand.mkdir(parents=True)
            for name, picture in (("a", drawn), ("b", np.rot90(drawn))):
                Image.fromarray(np.ascontiguousarray(picture)).save(of_brand / f"{name}.png")
    return folder


def test_what_marks_agree_is_weighed_as_validation_says(brands: Path, tiny_models: Path, tmp_path: Path) -> None:
    card = calibrate_finished(CalibrationSettings("tiny_marks", brands, tmp_path, tiny_models))
    assert card.agreement_weight > 0
    assert card.calibration is not None
    examiner = TrademarkExaminer.load("tiny_marks", tmp_path)
    found = examiner.compare(*(read_exhibit(brands / "test" / "test0" / f"{name}.png") for name in "ab"))
    assert found.agreement.share > 0
    assert found.score == found.log_odds + card.agreement_weight * found.agreement.share
    assert found.evidence is not None
    assert found.evidence.log10_lr == pytest.approx(card.calibration.log10_lrs(np.array([found.score]))[0])
    negatives = examiner.compare(*(read_exhibit(brands / "test" / f"test{brand}" / "a.png") for brand in (0, 1)))
    assert negatives.agreement.share < found.agreement.share


@pytest.fixture(scope="module")
def lockups(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same brands with a lockup of each: the bars, smaller, beside two bars of one width."""
    folder = tmp_path_factory.mktemp("lockups")
    rows = ["a,b,kind,box"]
    for split, count in (("train", 2), ("val", 24), ("test", 24)):
        for brand in range(count):
            drawn = bars(split, brand)
            beside = np.full((96, 300, 3), 255, np.uint8)
            beside[:, :96] = drawn
            beside[20:40, 130:290] = beside[50:80, 130 : 200 + 3 * brand] = 40
            of_brand = folder / split / f"{split}{brand}"
            of_brand.mkdir(parents=True)
            for name, picture in (("a", drawn), ("b", np.rot90(drawn)), ("c", beside)):
                Image.fromarray(np.ascontiguousarray(picture)).save(of_brand / f"{name}.png")
            where = f"{split}/{split}{brand}"
            rows += [f"{where}/a.png,{where}/b.png,rotated,", f"{where}/a.png,{where}/c.png,lockup,0 0 96 96"]
    (folder / "pairs.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_pairs_of_which_one_contains_the_other_calibrate_a_finding_of_their_own(
    lockups: Path, tiny_models: Path, tmp_path: Path
) -> None:
    card = calibrate_finished(CalibrationSettings("tiny_marks", lockups, tmp_path, tiny_models))
    rule = card.element_rule
    assert rule is not None
    assert card.calibration is not None
    assert "(24 edited)" in rule.whole.population
    assert "(24 part)" in rule.element.population
    assert "(24 edited, 24 part)" in card.calibration.population
    assert {metric.of[0] for metric in card.metrics.values() if metric.key == "cllr" and metric.of} >= {
        "whole",
        "element",
    }
    assert with_keys(card.metrics) == card.metrics
    examiner = TrademarkExaminer.load("tiny_marks", tmp_path)
    found = examiner.compare(*(read_exhibit(lockups / "test" / "test0" / f"{name}.png") for name in "ac"))
    assert found.element is not None
    assert found.whole is not None
    assert found.evidence is not None
    assert found.evidence.score == rule.combined(found.score, found.element.score)
    stated = card.calibration.held_out[0]
    assert min(abs(found.evidence.log10_lr - one) for one in stated) < 1e-6


def test_a_set_without_parts_weighs_only_wholes(brands: Path, tiny_models: Path, tmp_path: Path) -> None:
    assert calibrate_finished(CalibrationSettings("tiny_marks", brands, tmp_path, tiny_models)).element_rule is None
