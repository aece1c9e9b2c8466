"""Several photos of one part: weighed by their mean, copies once, what is refused not at all."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from PIL import Image

from inference.authenticity.examiner import AuthenticityExaminer
from inference.evidence.calibration import Calibration
from inference.intake.exhibit import read_exhibit
from inference.models.weights import load_model
from inference.records import Exhibit, PartFinding, Refusal, Verdict
from inference.request import Request

CALIBRATION = Calibration(
    sides=AuthenticityExaminer.sides,
    propositions=AuthenticityExaminer.propositions,
    intercept=0.0,
    slope=0.1,
    least=-1.3,
    greatest=1.2,
    replicates=((0.0, 0.1, -1.3, 1.2),),
    accepts=(0.0, 0.0),
    error=0.05,
    sources=(21, 22),
    population="striped parts",
    held_out=((), ()),
)
OF_TWO, OF_THREE = (replace(CALIBRATION, photos=photos, slope=0.1 + photos / 10) for photos in (2, 3))

Examine = Callable[..., Verdict]


@pytest.fixture(scope="module")
def examiner(tiny_models: Path) -> AuthenticityExaminer:
    model = load_model("tiny_parts", tiny_models)
    card = replace(model.card, calibration=CALIBRATION, item_calibrations=(OF_TWO, OF_THREE))
    return AuthenticityExaminer(replace(model, card=card))


@pytest.fixture(scope="module")
def blotched(striped: Callable[..., Exhibit]) -> Callable[..., Exhibit]:
    """A striped part with blotches of its own for each seed, so that no two photos of it are copies."""

    def make(name: str, seed: int, quality: int = 100) -> Exhibit:
        pixels = striped(name, 0, 112, 80).pixels
        blotches = np.random.default_rng(seed).integers(-70, 70, (24, 24)).astype(np.int16)
        ground = np.asarray(Image.fromarray(blotches.astype(np.int32)).resize((112, 80), Image.Resampling.BICUBIC))
        file = io.BytesIO()
        mixed = np.clip(pixels.astype(np.int16) // 3 + 85 + ground[..., None], 0, 255).astype(np.uint8)
        Image.fromarray(mixed).save(file, "JPEG", quality=quality)
        return read_exhibit(file.getvalue(), f"{seed}_{quality}.jpg")

    return make


@pytest.fixture(scope="module")
def verdicts(examiner: AuthenticityExaminer, blotched: Callable[..., Exhibit]) -> tuple[Verdict, ...]:
    """Four photos, the fourth the second one resaved."""
    photos = [blotched("blue/counterfeit", seed) for seed in range(3)] + [blotched("blue/counterfeit", 1, 60)]
    return examiner.examine_batch([Request(photo, "blue") for photo in photos])


def test_the_score_is_the_mean_of_the_photos_scores_and_copies_count_once(
    examiner: AuthenticityExaminer, verdicts: tuple[Verdict, ...]
) -> None:
    finding = examiner.combine(verdicts)
    first, second, third, copy = (verdict.score for verdict in verdicts)
    assert copy != second
    assert finding.counts_as == (1, 2, 3, 2)
    assert finding.distinct == 3
    assert finding.score == pytest.approx(fmean([first, fmean([second, copy]), third]))
    assert finding.photos == tuple(verdict.exhibit.sha256 for verdict in verdicts)


@pytest.mark.parametrize(("count", "calibration"), [(1, CALIBRATION), (2, OF_TWO), (3, OF_THREE)])
def test_the_mean_is_read_by_the_calibration_for_so_many_photos(
    count: int, calibration: Calibration, examiner: AuthenticityExaminer, verdicts: tuple[Verdict, ...]
) -> None:
    finding = examiner.combine(verdicts[:count])
    assert finding.score is not None
    assert finding.evidence == calibration.evidence(finding.score)
    assert finding.calibrated_for == count


def test_one_photo_weighs_what_it_weighs_by_itself(
    examiner: AuthenticityExaminer, verdicts: tuple[Verdict, ...]
) -> None:
    finding, alone = examiner.combine(verdicts[:1]), verdicts[0]
    assert (finding.outcome, finding.reason, finding.evidence) == (alone.outcome, alone.reason, alone.evidence)


def test_more_photos_than_any_calibration_was_fitted_to_are_read_by_the_one_for_most(
    examiner: AuthenticityExaminer,
) -> None:
    assert [examiner.card.calibration_of(photos) for photos in (1, 2, 3, 9)] == [
        CALIBRATION,
        OF_TWO,
        OF_THREE,
        OF_THREE,
    ]


def test_without_a_calibration_for_items_the_finding_is_no_stronger_than_the_strongest_photo(
    tiny_models: Path, verdicts: tuple[Verdict, ...]
) -> None:
    model = load_model("tiny_parts", tiny_models)
    plain = AuthenticityExaminer(replace(model, card=replace(model.card, calibration=CALIBRATION)))
    finding = plain.combine(verdicts[:3])
    weights = [verdict.evidence.log10_lr for verdict in verdicts[:3] if verdict.evidence]
    assert finding.evidence is not None
    assert finding.calibrated_for == 1
    assert min(weights) <= finding.evidence.log10_lr <= max(weights)
    assert "no stronger than the strongest" in finding.rule


def test_an_uncalibrated_model_reads_the_mean_against_its_band(
    tiny_models: Path, verdicts: tuple[Verdict, ...]
) -> None:
    plain = AuthenticityExaminer.load("tiny_parts", tiny_models)
    finding = plain.combine(verdicts[:3])
    assert (finding.evidence, finding.calibrated_for) == (None, None)
    assert "band" in finding.rule
    assert "band" in finding.reason


def test_what_a_scope_check_refuses_does_not_count(
    examiner: AuthenticityExaminer, verdicts: tuple[Verdict, ...], striped: Callable[..., Exhibit]
) -> None:
    tiny = examiner.examine(striped("blue/genuine", 0, 4, 3), series="blue")
    assert tiny.outcome == "out of scope"
    finding = examiner.combine([tiny, *verdicts[:2]])
    assert finding.counts_as == (None, 2, 3)
    assert finding.score == examiner.combine(verdicts[:2]).score
    alone: PartFinding = examiner.combine([tiny])
    assert (alone.outcome, alone.score, alone.evidence) == ("out of scope", None, None)
    assert alone.reason == f"No photo is in scope. {tiny.reason}"


def test_photos_of_two_series_are_not_of_one_part(
    examiner: AuthenticityExaminer, verdicts: tuple[Verdict, ...], striped: Callable[..., Exhibit]
) -> None:
    other = examiner.examine(striped("red/genuine"), series="red")
    with pytest.raises(Refusal, match=r"is taken for blue and .* for red; state the series"):
        examiner.combine([verdicts[0], other])


def test_the_score_of_a_finding_is_finite(examiner: AuthenticityExaminer, verdicts: tuple[Verdict, ...]) -> None:
    with pytest.raises(ValueError, match="a score is finite"):
        replace(examiner.combine(verdicts[:1]), score=math.inf)
