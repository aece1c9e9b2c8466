"""A part beside its genuine reference: what a verdict says of the fit, and that a bad fit is said and not used."""

from __future__ import annotations

import dataclasses
import io
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from inference.authenticity.examiner import AuthenticityExaminer
from inference.command_line import commands
from inference.drawing import DIFFERENCE_FULL_SCALE, difference_picture, overlay, picture
from inference.intake.exhibit import read_exhibit
from inference.models.card import SeriesRule
from inference.models.weights import Model, load_model
from inference.planes import Planes
from inference.records import Crop, Exhibit, ReferenceComparison, ScopeCheck, Verdict, as_json
from inference.reference.difference import anomaly, difference
from inference.reference.reference import Reference
from inference.reference.registration import register_best
from inference.request import Request
from inference.scope.checks import detail_check, reference_check, sharpness_check
from inference.scope.measures import blur

NAMES = ("alba/genuine", "alba/counterfeit", "quorum/genuine", "quorum/counterfeit")
PICTURES = {"registered", "reference", "difference"}


@pytest.fixture(scope="module")
def model(guided_models: Path) -> Model:
    return load_model("tiny_guided", guided_models)


@pytest.fixture(scope="module")
def examiner(model: Model) -> AuthenticityExaminer:
    return AuthenticityExaminer(model)


@pytest.fixture(scope="module")
def verdicts(examiner: AuthenticityExaminer, lettered: Any) -> dict[str, Verdict]:
    """A verdict on a photo of each class that no training saw."""
    return {name: examiner.examine(lettered(name, 50)) for name in NAMES}


@pytest.fixture(scope="module")
def foreign(lettered: Any) -> Exhibit:
    """A picture of something else."""
    noise = np.random.default_rng(0).integers(0, 256, (12, 18, 3), dtype=np.uint8)
    blotches = np.asarray(Image.fromarray(noise).resize((148, 92)))
    return dataclasses.replace(lettered("alba/genuine"), name="blotches.png", pixels=blotches.copy())


def view_of(verdict: Verdict) -> ReferenceComparison:
    assert verdict.reference is not None
    return verdict.reference


def check_of(name: str, verdict: Verdict) -> ScopeCheck:
    return next(check for check in verdict.scope_checks if check.name == name)


@pytest.mark.parametrize("name", NAMES)
def test_a_verdict_names_the_reference_that_fits_best(name: str, verdicts: dict[str, Verdict]) -> None:
    verdict = verdicts[name]
    series, label = name.split("/")
    view, other = view_of(verdict), {"alba": "quorum", "quorum": "alba"}[series]
    assert (verdict.outcome, verdict.series, view.series) == (label, series, series)
    assert tuple(view.runner_up) == (other,)
    assert view.runner_up[other] < view.least_score <= view.score
    assert (view.least_score, view.photos) == (pytest.approx(0.75), 5)
    assert view.covered > 0.95


@pytest.mark.parametrize("name", NAMES)
def test_the_view_is_the_registration_of_the_part(
    name: str, verdicts: dict[str, Verdict], lettered: Any, guided_models: Path
) -> None:
    view, part = view_of(verdicts[name]), lettered(name, 50).pixels
    references = load_model("tiny_guided", guided_models).references
    best, other = register_best(part, references)
    reference = next(each for each in references if each.series == best.series)
    assert (view.series, view.score, view.homography) == (best.series, best.score, best.rows())
    assert view.runner_up == {other.series: other.score}
    registered, covered = best.apply(part, reference.mean.shape)
    assert np.array_equal(view.registered, registered)
    assert np.array_equal(view.reference, reference.picture)
    assert np.array_equal(view.difference, difference(registered, covered, reference))
    assert view.deviation == anomaly(view.difference, covered)


def at(homography: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where a homography takes points (N, 2)."""
    taken = np.column_stack([points, np.ones(len(points))]) @ homography.T
    return taken[:, :2] / taken[:, 2:]


@pytest.mark.parametrize("series", ["alba", "quorum"])
def test_a_point_of_the_part_lies_at_one_place_of_the_reference_however_it_is_photographed(
    series: str, examiner: AuthenticityExaminer, verdicts: dict[str, Verdict], lettered: Any
) -> None:
    points = np.array([[20.0, 20], [112, 20], [112, 56], [20, 56], [66, 38]])
    others = [examiner.examine(lettered(f"{series}/genuine", seed), series) for seed in (60, 61)]
    places = [
        at(np.array(view_of(verdict).homography) @ lettered.view(seed), points)
        for seed, verdict in zip((50, 60, 61), [verdicts[f"{series}/genuine"], *others], strict=True)
    ]
    # A reference of 96 pixels shows a part of 132: one of its pixels is more than one of the part.
    assert np.ptp(places, axis=0).max() < 1.5
    assert np.ptp(places[0], axis=0).min() > 20


@pytest.mark.parametrize("name", NAMES)
def test_the_heatmap_lies_over_the_registered_part(
    name: str, verdicts: dict[str, Verdict], examiner: AuthenticityExaminer
) -> None:
    verdict = verdicts[name]
    stack, view = examiner.card.stack, view_of(verdict)
    assert stack is not None
    assert verdict.seen is view.registered
    assert verdict.heatmap.raw.shape == (stack.height // 16, stack.width // 16)
    assert verdict.heatmap.layer == "feature map 4 steps before the last, HiResCAM"
    height, width = view.registered.shape[:2]
    placement = verdict.heatmap.placement
    assert (placement.width * stack.width, placement.height * stack.height) == pytest.approx((width, height))


def test_the_difference_is_largest_where_the_counterfeit_strays(verdicts: dict[str, Verdict], lettered: Any) -> None:
    """Its line ends at 72 of 132, the genuine one at 106; both lie 50 below the upper edge."""
    for series in ("alba", "quorum"):
        genuine, forged = (view_of(verdicts[f"{series}/{label}"]) for label in ("genuine", "counterfeit"))
        assert forged.deviation > 2 * genuine.deviation
        y, x = np.unravel_index(int(np.argmax(forged.difference)), forged.difference.shape)
        to_photo = np.linalg.inv(np.array(forged.homography))
        (place,) = at(np.linalg.inv(lettered.view(50)) @ to_photo, np.array([[float(x), float(y)]]))
        assert 68 <= place[0] <= 110
        assert 45 <= place[1] <= 56


def test_provenance_says_what_was_laid_over_what(verdicts: dict[str, Verdict]) -> None:
    height, width = view_of(verdicts["alba/genuine"]).registered.shape[:2]
    assert verdicts["alba/genuine"].provenance.preprocessing == (
        f"148 x 92 registered to the genuine reference of alba, {width} x {height} pixels, by a homography",
        "stacked with it as luminance, edges, genuine edges, 96 x 64 pixels",
    )


def test_a_photo_of_something_else_is_out_of_scope_with_its_number(
    examiner: AuthenticityExaminer, foreign: Exhibit
) -> None:
    verdict = examiner.examine(foreign)
    view, check = view_of(verdict), check_of("reference", verdict)
    assert not view.fits
    assert (check.name, check.status, check.value) == ("reference", "refuse", view.score)
    assert (verdict.outcome, verdict.reason) == ("out of scope", check.text)
    assert f"best fit {view.series} {view.score:.2f}, needed 0.75" in verdict.reason
    assert "photograph it flat, whole and sharp, or crop to it" in verdict.reason
    assert verdict.reason.endswith(".")


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((92, 148, 3), 128, np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.arange(27, dtype=np.uint8).reshape(3, 3, 3),
        np.random.default_rng(0).integers(0, 256, (2, 600, 3), dtype=np.uint8),
        np.random.default_rng(0).integers(0, 256, (600, 1, 3), dtype=np.uint8),
    ],
    ids=["blank", "one pixel", "tiny", "a line", "a column"],
)
def test_what_cannot_be_registered_at_all_is_out_of_scope_too(
    pixels: NDArray[np.uint8], examiner: AuthenticityExaminer, lettered: Any
) -> None:
    verdict = examiner.examine(dataclasses.replace(lettered("alba/genuine"), pixels=pixels))
    assert verdict.outcome == "out of scope"
    assert check_of("reference", verdict).status == "refuse"


@pytest.mark.parametrize(
    ("score", "status"), [(0.7, "ok"), (float(np.nextafter(0.7, 1)), "ok"), (float(np.nextafter(0.7, 0)), "refuse")]
)
def test_the_least_score_itself_fits(score: float, status: str, verdicts: dict[str, Verdict]) -> None:
    view = dataclasses.replace(view_of(verdicts["alba/genuine"]), score=score, least_score=0.7, runner_up={"b": 0.25})
    check = reference_check(view)
    assert (check.status, view.fits) == (status, status == "ok")
    assert "best fit alba 0.70, needed 0.70; b 0.25" in check.text
    assert check.text.endswith(".")


@pytest.mark.parametrize(
    ("others", "least_lead", "rival"),
    [
        ({}, 0.5, None),
        ({"b": 0.25}, 0.5, None),  # the lead itself is enough
        ({"b": 0.3, "c": 0.2}, 0.5, "b"),
        ({"b": 0.75}, 0.5, "b"),
        ({"b": 0.75}, 0.0, None),
    ],
)
def test_where_another_series_fits_almost_as_well_the_series_is_asked_for(
    others: dict[str, float], least_lead: float, rival: str | None, verdicts: dict[str, Verdict]
) -> None:
    view = dataclasses.replace(
        view_of(verdicts["alba/genuine"]), score=0.75, least_score=0.7, runner_up=others, least_lead=least_lead
    )
    check = reference_check(view)
    assert view.rival == rival
    assert (check.name, check.status, check.value) == ("reference", "refuse" if rival else "ok", 0.75)
    if rival:
        assert check.text.startswith(f"State the series: {rival} fits almost as well as alba")
        assert f"a lead of {least_lead:.2f} is needed" in check.text
    too_low = reference_check(dataclasses.replace(view, least_score=0.9))
    assert too_low.status == "refuse"
    assert "does not fit a genuine reference" in too_low.text


def test_no_verdict_is_given_until_the_series_is_stated(model: Model, lettered: Any) -> None:
    """Where the model asks for more of a lead than there can be; a stated series has no rival."""
    asking = AuthenticityExaminer(
        dataclasses.replace(model, card=dataclasses.replace(model.card, series_rule=SeriesRule(2.0, "for this test")))
    )
    exhibit = lettered("alba/genuine", 50)
    left_open, stated = asking.examine(exhibit), asking.examine(exhibit, "alba")
    assert (left_open.outcome, left_open.evidence) == ("out of scope", None)
    assert left_open.reason.startswith("State the series")
    assert stated.outcome != "out of scope"
    assert stated.scope_checks[-2].status == "ok"


def test_stating_the_series_that_fits_best_changes_nothing_that_is_weighed(
    examiner: AuthenticityExaminer, verdicts: dict[str, Verdict], lettered: Any
) -> None:
    for name, left_open in verdicts.items():
        stated = examiner.examine(lettered(name, 50), name.partition("/")[0])
        assert (stated.series, stated.score, stated.log_odds) == (left_open.series, left_open.score, left_open.log_odds)
        assert np.array_equal(stated.heatmap.raw, left_open.heatmap.raw)


def test_only_the_two_classes_of_the_reference_s_series_are_weighed(
    verdicts: dict[str, Verdict],
) -> None:
    for verdict in verdicts.values():
        genuine, forged = (
            verdict.class_probabilities[f"{verdict.series}/{side}"] for side in AuthenticityExaminer.sides
        )
        assert verdict.log_odds == pytest.approx(np.log(genuine / forged))


@pytest.mark.parametrize(
    ("enlarged", "status"), [(0.1, "ok"), (0.55, "ok"), (float(np.nextafter(0.55, 1)), "refuse"), (5.5, "refuse")]
)
def test_a_part_shows_about_as_much_detail_as_genuine_photos(
    enlarged: float, status: str, verdicts: dict[str, Verdict]
) -> None:
    check = detail_check(dataclasses.replace(view_of(verdicts["alba/genuine"]), enlarged=enlarged, most_enlarged=0.5))
    assert (check.name, check.status, check.value) == ("detail", status, enlarged)
    assert f"scaled by {enlarged:.2f} to lie over the reference, and 0.55 is allowed" in check.text
    assert ("photograph it" in check.text) == (status == "refuse")


@pytest.mark.parametrize(("scale", "status"), [(2.0, "ok"), (1.0, "ok"), (0.5, "refuse")])
def test_a_part_that_is_smaller_than_genuine_photos_show_it_is_refused(
    scale: float, status: str, examiner: AuthenticityExaminer, lettered: Any
) -> None:
    photo = Image.fromarray(lettered.photo("alba/genuine", 50))
    width, height = (round(side * scale) for side in photo.size)
    file = io.BytesIO()
    photo.resize((width, height), Image.Resampling.LANCZOS).save(file, "PNG")
    check = check_of("detail", examiner.examine(read_exhibit(file.getvalue(), "scaled.png")))
    # The reference is 96 pixels long, and the part some 108 of the photo's 148.
    assert check.value == pytest.approx(96 / 108 / scale, rel=0.15)
    assert check.status == status


@pytest.mark.parametrize(
    ("blurred", "status"), [(0.0, "ok"), (0.3, "ok"), (float(np.nextafter(0.3, 1)), "refuse"), (1.0, "refuse")]
)
def test_a_part_is_no_softer_than_genuine_photos(blurred: float, status: str, verdicts: dict[str, Verdict]) -> None:
    check = sharpness_check(dataclasses.replace(view_of(verdicts["alba/genuine"]), blurred=blurred, most_blurred=0.3))
    assert (check.name, check.status, check.value) == ("sharpness", status, blurred)
    assert (
        f"its blur over the reference is {blurred:.2f} of 1, and 99% of genuine photos have at most 0.30" in check.text
    )
    assert ("photograph it sharper" in check.text) == (status == "refuse")


@pytest.mark.parametrize(("radius", "status"), [(0, "ok"), (2.5, "refuse")])
def test_a_part_out_of_focus_is_refused(
    radius: float, status: str, examiner: AuthenticityExaminer, lettered: Any
) -> None:
    photo = Image.fromarray(lettered.photo("alba/genuine", 50)).filter(ImageFilter.GaussianBlur(radius))
    file = io.BytesIO()
    photo.save(file, "PNG")
    verdict = examiner.examine(read_exhibit(file.getvalue(), "blurred.png"), "alba")
    check = check_of("sharpness", verdict)
    assert check.status == status, check.text
    assert check.value == blur(Planes(view_of(verdict).registered))
    assert (verdict.outcome == "out of scope") == (status == "refuse")


@pytest.mark.parametrize("series", ["alba", "quorum"])
def test_a_fixed_series_is_the_only_one_that_is_tried(
    series: str, examiner: AuthenticityExaminer, lettered: Any
) -> None:
    """And if the part is of another series, it does not fit."""
    for true in ("alba", "quorum"):
        verdict = examiner.examine(lettered(f"{true}/genuine", 50), series)
        view = view_of(verdict)
        assert (view.series, view.runner_up, verdict.series) == (series, {}, series)
        assert view.fits == (true == series)
        assert (verdict.outcome == "out of scope") == (true != series)


def test_a_crop_is_registered_like_a_picture_of_its_own(examiner: AuthenticityExaminer, lettered: Any) -> None:
    crop, part = Crop(14, 9, 148, 92), lettered("quorum/counterfeit", 50)
    ground = np.random.default_rng(0).integers(90, 140, (120, 180, 3), dtype=np.uint8)
    ground[9:101, 14:162] = part.pixels
    cropped, alone = examiner.examine(dataclasses.replace(part, pixels=ground), crop=crop), examiner.examine(part)
    assert view_of(cropped).homography == view_of(alone).homography
    assert cropped.class_probabilities == alone.class_probabilities
    assert np.array_equal(cropped.seen, alone.seen)


def test_a_batch_equals_its_exhibits_one_by_one(
    examiner: AuthenticityExaminer, verdicts: dict[str, Verdict], lettered: Any, foreign: Exhibit
) -> None:
    together = examiner.examine_batch(
        [Request(exhibit) for exhibit in (*(lettered(name, 50) for name in NAMES), foreign)]
    )
    for found, alone in zip(together, [*verdicts.values(), examiner.examine(foreign)], strict=True):
        assert (found.outcome, found.series, found.scope_checks) == (alone.outcome, alone.series, alone.scope_checks)
        assert as_json(found.reference) == as_json(alone.reference)
        assert np.array_equal(found.seen, alone.seen)
        assert found.class_probabilities == pytest.approx(alone.class_probabilities, abs=1e-5)
        np.testing.assert_allclose(found.heatmap.raw, alone.heatmap.raw, atol=1e-5)


def test_json_keeps_the_homography_and_leaves_the_pictures_out(verdicts: dict[str, Verdict]) -> None:
    view = view_of(verdicts["alba/genuine"])
    stated = json.loads(json.dumps(as_json(verdicts["alba/genuine"]), allow_nan=False))["reference"]
    assert set(stated) == {field.name for field in dataclasses.fields(ReferenceComparison)} - PICTURES
    assert tuple(map(tuple, stated["homography"])) == view.homography
    assert stated["runner_up"] == view.runner_up


def test_a_verdict_without_reference_says_none(tiny_models: Path, striped: Callable[..., Exhibit]) -> None:
    verdict = AuthenticityExaminer.load("tiny_parts", tiny_models).examine(striped("blue/genuine"))
    assert verdict.reference is None
    assert as_json(verdict)["reference"] is None
    assert verdict.seen is verdict.exhibit.pixels


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"score": 1.1}, "between -1 and 1"),
        ({"score": float("nan")}, "between -1 and 1"),
        ({"enlarged": 0.0}, "an enlargement is above 0"),
        ({"most_enlarged": 0.0}, "an enlargement is above 0"),
        ({"blurred": -0.1}, "blur is 0 or more"),
        ({"most_blurred": -0.1}, "blur is 0 or more"),
        ({"covered": -0.1}, "between 0 and 1"),
        ({"covered": 1.1}, "between 0 and 1"),
        ({"reference": np.zeros((5, 5, 3), np.uint8)}, "one frame"),
        ({"difference": np.zeros((5, 5), np.float32)}, "one frame"),
    ],
    ids=str,
)
def test_a_view_is_validated_when_it_is_made(changed: dict[str, Any], words: str, verdicts: dict[str, Verdict]) -> None:
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(view_of(verdicts["alba/genuine"]), **changed)


def test_pictures_of_a_view_are_read_only(verdicts: dict[str, Verdict]) -> None:
    view = view_of(verdicts["alba/genuine"])
    for name in PICTURES:
        with pytest.raises(ValueError, match="read-only"):
            getattr(view, name)[0, 0] = 1


def test_differences_are_drawn_on_a_scale_that_no_photo_changes(verdicts: dict[str, Verdict]) -> None:
    view = view_of(verdicts["alba/genuine"])
    steps = np.linspace(0, 2 * DIFFERENCE_FULL_SCALE, view.difference.size, dtype=np.float32)
    drawn = difference_picture(dataclasses.replace(view, difference=steps.reshape(view.difference.shape)))
    assert (drawn.dtype, drawn.shape) == (np.uint8, view.registered.shape)
    colours = drawn.reshape(-1, 3)
    beyond = steps >= DIFFERENCE_FULL_SCALE
    assert len(np.unique(colours[beyond], axis=0)) == 1
    assert len(np.unique(colours[~beyond], axis=0)) > 190
    assert (np.diff(colours.astype(int).sum(1)) >= -3).all(), "the scale brightens"
    louder = dataclasses.replace(view, difference=np.where(view.difference > 0, view.difference, 5).astype(np.float32))
    same = view.difference == louder.difference
    assert np.array_equal(difference_picture(view)[same], difference_picture(louder)[same])


def test_the_command_line_writes_five_pictures(
    guided_models: Path,
    verdicts: dict[str, Verdict],
    lettered: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name, target = "alba/counterfeit", tmp_path / "pictures"
    Image.fromarray(lettered(name, 50).pixels).save(tmp_path / "tag.png")
    options = ("--weights", guided_models, "--heatmaps", target)
    monkeypatch.setattr(sys, "argv", ["inference", "examine", str(tmp_path / "tag.png"), *map(str, options)])
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    assert commands.main() == 0
    verdict = verdicts[name]
    view = view_of(verdict)
    height, width = view.registered.shape[:2]
    expected = {
        "tag.heatmap.png": picture(verdict.heatmap, width, height),
        "tag.overlay.png": overlay(verdict.heatmap, view.registered),
        "tag.registered.png": view.registered,
        "tag.reference.png": view.reference,
        "tag.difference.png": difference_picture(view),
    }
    assert {path.name for path in target.iterdir()} == set(expected)
    for file, pixels in expected.items():
        assert np.array_equal(np.asarray(Image.open(target / file)), pixels), file
    printed = capsys.readouterr().out
    assert verdict.outcome.upper() in printed
    assert f"scope       ok: {verdict.scope_checks[-1].text}" in printed


def test_references_are_shared_and_never_written_to(tiny_references: tuple[Reference, ...]) -> None:
    for reference in tiny_references:
        for array in (reference.picture, reference.mean, reference.spread):
            assert not array.flags.writeable
