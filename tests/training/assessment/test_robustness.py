"""Corruptions and what a model makes of them: deterministic, in five steps, resumed where a run was cut off."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.intake.exhibit import exhibit_from_pixels, read_exhibit
from inference.records import Refusal
from inference.trademark.examiner import TrademarkExaminer
from training.assessment import robustness
from training.assessment.robustness import (
    CLEAN,
    Judged,
    RobustnessSettings,
    _pair_sample,
    cell,
    figures,
    judge_all,
    measure_robustness,
)
from training.data.corruptions import CORRUPTIONS, SEVERITIES, Corruption
from training.data.marks.mark_set import Mark

SIDES = ("genuine", "counterfeit")


def photo(height: int = 60, width: int = 90) -> np.ndarray:
    rng = np.random.default_rng(0)
    coarse = rng.integers(60, 200, (height // 4, width // 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_is_the_same_for_the_same_numbers_and_worse_at_each_severity(name: str) -> None:
    corruption, pixels = CORRUPTIONS[name], photo(300, 450)
    assert len(corruption.amounts) == len(SEVERITIES)
    away = []
    for severity in SEVERITIES:
        first, again = (corruption(pixels, severity, np.random.default_rng(3)) for _ in range(2))
        assert first.dtype == np.uint8
        assert first.ndim == 3
        np.testing.assert_array_equal(first, again)
        back = np.asarray(Image.fromarray(first).resize((450, 300), Image.Resampling.BICUBIC)).astype(float)
        away.append(np.abs(back - pixels).mean())
    assert away[0] > 0
    assert away[-1] > away[0]
    assert all(later >= 0.9 * earlier for earlier, later in pairwise(away))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_mask_goes_where_the_picture_goes(name: str) -> None:
    """A white square on black is its own mask."""
    mask = np.zeros((200, 300), np.uint8)
    mask[60:140, 90:200] = 255
    pixels = np.repeat(mask[..., None], 3, 2)
    seen = CORRUPTIONS[name](pixels, 5, np.random.default_rng(4))
    moved = CORRUPTIONS[name].on_mask(mask, 5, np.random.default_rng(4), seen.shape)
    assert moved.shape == seen.shape[:2]
    bright = seen.mean(axis=2) > 127
    both = (bright & (moved > 127)).sum() / (bright | (moved > 127)).sum()
    assert both > 0.9


class Told:
    """A sample of whom one says what one likes."""

    def __init__(self, source: str, of_first: bool) -> None:
        self.source, self.of_first, self.asked = source, of_first, 0

    def judge(self, _: object, severity: int, __: int) -> Judged:
        self.asked += 1
        weight = (1 if self.of_first else -1) * (1.0 - severity / 4)
        return Judged(weight, weight, "genuine" if severity < 3 else "inconclusive")


SAMPLES = [Told("a", True), Told("b", False), Told("c", True)]


def said(
    *log10_lrs: float | None, outcomes: str = "gcg", lifts: tuple[float | None, ...] = (None, None, None)
) -> list[Judged]:
    names = {"g": "genuine", "c": "counterfeit", "i": "inconclusive", "o": "out of scope"}
    return [
        # Log odds are of another size than what is weighed, and may be all that there is.
        Judged(7 * value if value is not None else 0.5, value, names[outcome], lift)
        for value, outcome, lift in zip(log10_lrs, outcomes, lifts, strict=True)
    ]


def test_figures_are_what_one_counts() -> None:
    clean = said(1.0, -1.0, 0.2)
    found = said(-0.5, -1.0, None, outcomes="cco", lifts=(None, 3.0, None))
    stated = {name: metric.value for name, metric in figures(SAMPLES, clean, found, SIDES, calibrated=True).items()}
    cost = (math.log2(1 + 10**0.5) + math.log2(1 + 10**-1.0)) / 2
    expected = {"accuracy": 1 / 2, "Cllr": cost, "abstained": 1 / 3, "flips": 1 / 3, "heatmap lift": 3.0}
    assert stated == pytest.approx(expected)


@pytest.mark.parametrize(
    ("before", "after", "flipped"),
    [(1.0, -1.0, 1), (1.0, -0.3, 0), (0.3, -1.0, 0), (1.0, None, 0), (-0.4, 0.4, 1), (1.0, 2.0, 0)],
)
def test_a_flip_needs_support_above_two_on_both_sides(before: float, after: float | None, flipped: int) -> None:
    one = [SAMPLES[0]]
    clean = said(before, outcomes="g", lifts=(None,))
    found = said(after, outcomes="g", lifts=(None,))
    assert figures(one, clean, found, SIDES, calibrated=True)["flips"].value == flipped


def test_nothing_in_scope_has_no_accuracy_and_no_cllr() -> None:
    found = said(None, None, None, outcomes="ooo")
    assert figures(SAMPLES, found, found, SIDES, calibrated=True).keys() == {"abstained", "flips"}
    assert figures(SAMPLES, found, found, SIDES, calibrated=False).keys() == {"abstained"}


def test_a_run_goes_on_where_it_was_cut_off_and_no_other_run_does(tmp_path: Path) -> None:
    file, samples = tmp_path / "robustness.json", [Told("a", True), Told("b", False)]
    whole = judge_all(samples, file, {"model": "m"}, 0)
    assert len(whole) == 1 + len(CORRUPTIONS) * len(SEVERITIES)
    content = json.loads(file.read_bytes())
    for name in (cell("blur", 2), cell("moire", 5)):
        del content["cells"][name]
    file.write_text(json.dumps(content))
    again = [Told("a", True), Told("b", False)]
    assert judge_all(again, file, {"model": "m"}, 0) == whole
    assert [sample.asked for sample in again] == [2, 2]
    with pytest.raises(Refusal, match="another model, other samples"):
        judge_all(again, file, {"model": "other"}, 0)


def test_a_model_is_examined_on_corrupted_photos(
    guided_models: Path, masked_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(robustness, "CORRUPTIONS", {"wider crop": CORRUPTIONS["wider crop"]})
    settings = RobustnessSettings("tiny_guided", masked_set, tmp_path, guided_models, limit=2)
    table = measure_robustness(settings)
    assert len(table) == 1 + len(SEVERITIES)
    assert table[CLEAN]["accuracy"].value == 1
    assert table[CLEAN]["heatmap lift"].value > 0
    assert "1 cases of 1 sources" in table[CLEAN]["heatmap lift"].over
    lines = (tmp_path / "robustness.md").read_text()
    assert "| wider crop |" in lines
    with Image.open(tmp_path / "robustness.png") as plot:
        assert plot.width > plot.height
    assert measure_robustness(settings) == table


@pytest.mark.parametrize("corruption", [None, CORRUPTIONS["noise"]], ids=["as it is", "noise"])
def test_a_pair_of_marks_is_judged_as_an_examiner_compares_it(
    weighing_models: Path, corruption: Corruption | None
) -> None:
    examiner = TrademarkExaminer.load("tiny_marks", weighing_models)
    paths = sorted((Path(__file__).parents[3] / "ui" / "examples" / "marks").glob("*/*"))[:2]
    judged = _pair_sample(examiner, *(Mark(path, path.stem, "test") for path in paths), True).judge(corruption, 2, 7)
    first, second = (read_exhibit(path) for path in paths)
    if corruption:
        pixels = corruption(second.pixels, 2, np.random.default_rng(7))
        second = exhibit_from_pixels(np.ascontiguousarray(pixels), second.name)
    alone = examiner.compare(first, second)
    assert judged.log_odds == pytest.approx(alone.log_odds, abs=1e-4)
    assert judged.outcome == alone.outcome
    assert judged.log10_lr == (pytest.approx(alone.evidence.log10_lr, abs=1e-4) if alone.evidence else None)
