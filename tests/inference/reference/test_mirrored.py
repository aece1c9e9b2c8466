"""Mirrored parts: whichever way a photo is flipped it is said and not judged, and no other part is called mirrored."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inference.authenticity.examiner import AuthenticityExaminer
from inference.models.weights import Model, load_model
from inference.planes import Planes
from inference.records import LEAST_HANDEDNESS, NEARLY_AS_WELL, Exhibit, MirrorTrial, ScopeCheck, Verdict
from inference.reference.building import build_reference
from inference.reference.pyramid import PartPyramid
from inference.reference.reference import Reference
from inference.reference.registration import register_across, register_best, register_both_ways
from inference.request import Request
from inference.scope.checks import mirror_check

Pixels = NDArray[np.uint8]

NAMES = ("alba/genuine", "alba/counterfeit", "quorum/genuine", "quorum/counterfeit")
SHIPPED = ("leather_tag", "metal_buckle")


def leaning(degrees: float) -> Callable[[Pixels], Pixels]:
    """A photo turned by so many degrees, all of it still in the picture."""

    def lean(pixels: Pixels) -> Pixels:
        height, width = pixels.shape[:2]
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 0.9)
        turned = cv2.warpAffine(pixels, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(turned, np.uint8)

    return lean


def flipped(pixels: Pixels) -> Pixels:
    return np.ascontiguousarray(pixels[:, ::-1])


FLIPS: dict[str, Callable[[Pixels], Pixels]] = {
    "left to right": flipped,
    "top to bottom": lambda pixels: np.ascontiguousarray(pixels[::-1]),
    "transposed": lambda pixels: np.ascontiguousarray(pixels.transpose(1, 0, 2)),
    "transverse": lambda pixels: np.ascontiguousarray(pixels[::-1, ::-1].transpose(1, 0, 2)),
    "flipped, leaning left": lambda pixels: leaning(18)(flipped(pixels)),
    "flipped, leaning right": lambda pixels: leaning(-25)(flipped(pixels)),
}
TURNS: dict[str, Callable[[Pixels], Pixels]] = {
    "as it is": lambda pixels: pixels,
    "a quarter": lambda pixels: np.ascontiguousarray(np.rot90(pixels)),
    "half": lambda pixels: np.ascontiguousarray(np.rot90(pixels, 2)),
    "three quarters": lambda pixels: np.ascontiguousarray(np.rot90(pixels, 3)),
}


@pytest.fixture(scope="module")
def model(guided_models: Path) -> Model:
    return load_model("tiny_guided", guided_models)


@pytest.fixture(scope="module")
def examiner(model: Model) -> AuthenticityExaminer:
    return AuthenticityExaminer(model)


@pytest.fixture(scope="module")
def symmetric(lettered: Any) -> Reference:
    """The genuine reference of a part that is its own mirror image."""
    photos = [lettered.photo("avova/genuine", 100 + seed) for seed in range(5)]
    return dataclasses.replace(build_reference("avova", photos, 96), series="alba", least_score=0.6)


@pytest.fixture(scope="module")
def beside_symmetric(model: Model, symmetric: Reference) -> AuthenticityExaminer:
    return AuthenticityExaminer(dataclasses.replace(model, references=(symmetric, model.references[1])))


def shown(exhibit: Exhibit, change: Callable[[Pixels], Pixels]) -> Exhibit:
    return dataclasses.replace(exhibit, pixels=change(exhibit.pixels.copy()))


def mirrored_check(verdict: Verdict) -> ScopeCheck:
    return next(check for check in verdict.scope_checks if check.name == "mirrored")


@pytest.mark.parametrize("stated", [False, True], ids=["series open", "series stated"])
@pytest.mark.parametrize("flip", FLIPS.values(), ids=FLIPS)
@pytest.mark.parametrize("name", NAMES)
def test_a_mirrored_part_is_refused_whichever_way_it_is_flipped(
    name: str, flip: Callable[[Pixels], Pixels], stated: bool, examiner: AuthenticityExaminer, lettered: Any
) -> None:
    series = name.split("/")[0]
    verdict = examiner.examine(shown(lettered(name, 50), flip), series if stated else None)
    check = mirrored_check(verdict)
    assert (verdict.outcome, verdict.evidence, verdict.reason) == ("out of scope", None, check.text)
    assert (check.status, verdict.reason.startswith("The part is mirrored: its mirror image fits")) == ("refuse", True)
    assert check.text.endswith("; mirror it back, or hand in the original photo.")
    view = verdict.reference
    assert view is not None
    assert check.value == view.mirror.score - view.score > 0
    assert view.mirror.series == series


@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS)
@pytest.mark.parametrize("name", NAMES)
def test_a_turned_part_is_examined_like_an_upright_one(
    name: str, turn: Callable[[Pixels], Pixels], examiner: AuthenticityExaminer, lettered: Any
) -> None:
    series, label = name.split("/")
    verdicts = [examiner.examine(shown(lettered(name, seed), turn)) for seed in (50, 51, 52)]
    assert [mirrored_check(verdict).status for verdict in verdicts] == ["ok"] * 3
    assert (verdicts[0].series, verdicts[0].outcome) == (series, label)


def test_a_part_that_fits_no_reference_but_mirrored_is_mirrored(model: Model, lettered: Any) -> None:
    """And not another part, as the reference alone would have it."""
    strict = tuple(dataclasses.replace(reference, least_score=0.85) for reference in model.references)
    verdict = AuthenticityExaminer(dataclasses.replace(model, references=strict)).examine(
        shown(lettered("quorum/genuine", 50), flipped)
    )
    refused = [check.name for check in verdict.scope_checks if check.status == "refuse"]
    assert refused[:2] == ["mirrored", "reference"]
    assert verdict.reason == mirrored_check(verdict).text


def test_something_else_is_not_called_mirrored(examiner: AuthenticityExaminer, lettered: Any) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (12, 18, 3), dtype=np.uint8)
    blotches = np.asarray(cv2.resize(noise, (148, 92), interpolation=cv2.INTER_CUBIC), np.uint8)
    for pixels in (blotches, np.full((92, 148, 3), 128, np.uint8)):
        verdict = examiner.examine(dataclasses.replace(lettered("alba/genuine"), pixels=pixels.copy()))
        assert verdict.outcome == "out of scope"
        assert mirrored_check(verdict).status == "ok"
        assert mirrored_check(verdict).text.startswith("The part does not fit better when mirrored")


@pytest.mark.parametrize("flip", [*TURNS.values(), *FLIPS.values()], ids=[*TURNS, *FLIPS])
def test_a_part_that_is_its_own_mirror_image_is_never_called_mirrored(
    flip: Callable[[Pixels], Pixels], beside_symmetric: AuthenticityExaminer, symmetric: Reference, lettered: Any
) -> None:
    for seed in (50, 51, 52):
        verdict = beside_symmetric.examine(shown(lettered("avova/genuine", seed), flip), "alba")
        check = mirrored_check(verdict)
        assert check.status == "ok"
        assert check.text.startswith("It cannot be decided whether the part is mirrored")
        assert f"has a handedness of {symmetric.handedness:.2f}" in check.text
        assert verdict.reference is not None
        assert verdict.reference.fits


def test_a_reference_that_is_its_own_mirror_image_takes_nothing_from_another(
    beside_symmetric: AuthenticityExaminer, lettered: Any
) -> None:
    upright, mirrored = (
        beside_symmetric.examine(shown(lettered("quorum/genuine", 50), flip)) for flip in (np.copy, flipped)
    )
    assert (upright.series, mirrored_check(upright).status) == ("quorum", "ok")
    assert mirrored_check(mirrored).status == "refuse"


def test_mirrored_photos_of_an_item_do_not_count(examiner: AuthenticityExaminer, lettered: Any) -> None:
    photos = [shown(lettered("alba/genuine", 51), flipped), lettered("alba/genuine", 50)]
    verdicts = examiner.examine_batch([Request(photo) for photo in photos])
    alone = [examiner.examine(photo) for photo in photos]
    assert [verdict.scope_checks for verdict in verdicts] == [verdict.scope_checks for verdict in alone]
    assert examiner.combine(verdicts).counts_as == (None, 2)


@pytest.mark.parametrize("word", ["alba", "quorum"])
def test_handedness_is_a_property_of_the_reference(word: str, tiny_references: tuple[Reference, ...]) -> None:
    reference = next(each for each in tiny_references if each.series == word)
    assert LEAST_HANDEDNESS < reference.handedness < 1
    assert like(reference, reference.mean[:, ::-1]).handedness == pytest.approx(reference.handedness, abs=0.02)


@pytest.mark.parametrize(
    "mirror",
    [lambda mean: mean[:, ::-1], lambda mean: mean[::-1], lambda mean: mean.T, lambda mean: mean[::-1, ::-1].T],
    ids=["left to right", "top to bottom", "transposed", "transverse"],
)
def test_what_is_its_own_mirror_image_about_any_axis_has_no_handedness(
    mirror: Callable[[NDArray[np.float32]], NDArray[np.float32]],
) -> None:
    """Lettering with its mirror image laid over it."""
    page = np.zeros((128, 128), np.uint8)
    for row, text in enumerate(("QUORUM 7", "RAFTED", "Keyhole")):
        cv2.putText(page, text, (6 + 5 * row, 36 + 36 * row), cv2.FONT_HERSHEY_DUPLEX, 0.8, 255, 2)
    edges = cv2.GaussianBlur(page, (0, 0), 1.2).astype(np.float32) / 255
    lettering = Reference("page", np.zeros((128, 128, 3), np.uint8), edges, np.full_like(edges, 0.1), 0.3, 1, 1, 7)
    assert lettering.handedness > 0.2
    assert like(lettering, (edges + mirror(edges)) / 2).handedness < 0.01


def like(reference: Reference, mean: NDArray[np.float32]) -> Reference:
    return dataclasses.replace(reference, mean=np.ascontiguousarray(mean, np.float32))


def test_an_empty_reference_has_no_handedness() -> None:
    blank = np.zeros((64, 96), np.float32)
    assert Reference("blank", np.zeros((64, 96, 3), np.uint8), blank, blank.copy(), 0.3, 1, 1, 7).handedness == 0


def test_the_mirror_image_is_laid_over_every_reference_that_the_part_was(
    tiny_references: tuple[Reference, ...], lettered: Any
) -> None:
    part = lettered.photo("quorum/genuine", 50)
    as_it_is, mirror = register_both_ways(Planes(part), tiny_references)
    other_way, back = register_both_ways(Planes(flipped(part)), tiny_references)
    assert [fit.stated() for fit in as_it_is] == [fit.stated() for fit in register_best(part, tiny_references)]
    assert (back.series, mirror.series) == ("quorum", other_way[0].series)
    assert back.score == pytest.approx(as_it_is[0].score, abs=0.002)
    assert mirror.score >= register_best(flipped(part), tiny_references[1:])[0].score - 0.002


@pytest.mark.parametrize("number", [0, 1])
def test_a_fit_that_one_way_misses_is_found_from_the_other(
    number: int, tiny_references: tuple[Reference, ...], lettered: Any
) -> None:
    reference = tiny_references[number]
    part = lettered.photo(f"{reference.series}/genuine", 50)
    (known,), mirror = register_both_ways(Planes(part), [reference])
    views = PartPyramid(Planes(part))
    assert register_across(views, reference, mirror).score == pytest.approx(known.score, abs=0.01)
    assert register_across(views.mirrored, reference, known).score == pytest.approx(mirror.score, abs=0.01)


HANDED = 0.2


@pytest.mark.parametrize(
    ("as_it_is", "mirror", "handedness", "status"),
    [
        (0.7, 0.8, HANDED, "refuse"),
        (0.7, 0.7, HANDED, "refuse"),
        (0.7 + 0.9 * NEARLY_AS_WELL * HANDED, 0.7, HANDED, "refuse"),
        (0.7 + 1.1 * NEARLY_AS_WELL * HANDED, 0.7, HANDED, "ok"),
        (0.9, 0.7, HANDED, "ok"),
        (0.3, 0.7, HANDED, "refuse"),
        (-1.0, 0.5, HANDED, "refuse"),
        (0.3, 0.49, HANDED, "ok"),
        (0.7, 0.8, LEAST_HANDEDNESS, "refuse"),
        (0.7, 0.8, 0.9 * LEAST_HANDEDNESS, "ok"),
        (0.7, 0.7, 0.0, "ok"),
    ],
)
def test_a_part_must_fit_clearly_better_than_its_mirror_image_where_the_reference_can_tell(
    as_it_is: float, mirror: float, handedness: float, status: str, examiner: AuthenticityExaminer, lettered: Any
) -> None:
    view = examiner.view(Request(lettered("alba/genuine", 50))).reference
    assert view is not None
    trial = MirrorTrial("quorum", mirror, 0.5, handedness)
    check = mirror_check(dataclasses.replace(view, score=as_it_is, least_score=0.5, mirror=trial))
    assert (check.name, check.status) == ("mirrored", status)
    assert check.value == mirror - as_it_is
    assert check.text.endswith(".")
    may = "is" if mirror > as_it_is else "may be"
    assert check.text.startswith(f"The part {may} mirrored: its mirror image fits quorum") == (status == "refuse")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"score": 1.1}, "a correlation lies between -1 and 1"),
        ({"score": float("nan")}, "a correlation lies between -1 and 1"),
        ({"handedness": -0.1}, "handedness lies between 0 and 1"),
        ({"handedness": 1.1}, "handedness lies between 0 and 1"),
    ],
)
def test_a_trial_is_validated_when_it_is_made(changed: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(MirrorTrial("alba", 0.5, 0.4, 0.2), **changed)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_reference_tells_its_own_genuine_part_from_the_mirror_image(name: str, lettered: Any) -> None:
    """On the mean of its genuine photos, which comes with the weights. Other flips are turns of this one."""
    examiner, exhibit = AuthenticityExaminer.load(name), lettered("alba/genuine")
    for reference in load_model(name).references:
        for change, mirrored in ((TURNS["as it is"], False), (next(iter(FLIPS.values())), True)):
            genuine = dataclasses.replace(exhibit, pixels=change(photographed(reference.picture)))
            view = examiner.view(Request(genuine, reference.series)).reference
            assert view is not None
            assert view.mirrored == mirrored, mirror_check(view).text


def photographed(picture: Pixels) -> Pixels:
    """A picture twice as large and with ground around it, so that it can be turned and lose nothing."""
    around = max(picture.shape[:2]) // 8
    framed = cv2.copyMakeBorder(picture, *4 * (around,), cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(framed, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)
