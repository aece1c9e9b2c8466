"""The shipped trademark model: how a drawn mark is handed in changes no outcome, and strangers are never similar."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from itertools import combinations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inference.intake.exhibit import read_exhibit
from inference.records import Exhibit
from inference.trademark.examiner import TrademarkExaminer
from inference.trademark.scores import EmbeddedMark

Pixels = NDArray[np.uint8]
Draw = Callable[[], Pixels]
SIDE = 400


def ground() -> Pixels:
    return np.full((SIDE, SIDE, 3), 255, np.uint8)


def crescent() -> Pixels:
    picture = cv2.circle(ground(), (190, 200), 150, (0, 0, 0), -1, cv2.LINE_AA)
    return cv2.circle(picture, (260, 170), 120, (255, 255, 255), -1, cv2.LINE_AA)


def bolt() -> Pixels:
    points = np.array([(230, 30), (90, 220), (180, 220), (150, 370), (310, 160), (210, 160)], np.int32)
    return cv2.fillPoly(ground(), [points], (0, 0, 0), cv2.LINE_AA)


def target() -> Pixels:
    picture = ground()
    for radius in (160, 100, 40):
        cv2.circle(picture, (200, 200), radius, (0, 0, 0), 24, cv2.LINE_AA)
    return picture


def house() -> Pixels:
    picture = cv2.fillPoly(ground(), [np.array([(40, 200), (200, 50), (360, 200)], np.int32)], (0, 0, 0), cv2.LINE_AA)
    picture[220:350, 90:310] = 0
    picture[260:350, 170:230] = 255
    return picture


def flower() -> Pixels:
    picture = ground()
    for turn in range(0, 360, 60):
        middle = 200 + 90 * np.cos(np.radians(turn)), 200 + 90 * np.sin(np.radians(turn))
        cv2.ellipse(picture, tuple(map(round, middle)), (70, 34), turn, 0, 360, (0, 0, 0), -1, cv2.LINE_AA)
    return cv2.circle(picture, (200, 200), 36, (255, 255, 255), -1, cv2.LINE_AA)


MARKS: tuple[Draw, ...] = (crescent, bolt, target, house, flower)


def with_margin(mark: Pixels, share: float) -> Pixels:
    margin = round(share * SIDE)
    return np.asarray(cv2.copyMakeBorder(mark, *[margin] * 4, cv2.BORDER_REPLICATE), np.uint8)


def on_page(mark: Pixels) -> Pixels:
    page = np.full((1170, 827, 3), 255, np.uint8)
    page[150:400, 290:540] = cv2.resize(mark, (250, 250), interpolation=cv2.INTER_AREA)
    return page


def faint(mark: Pixels, levels: int) -> Pixels:
    return np.round(255 - levels * ((255 - mark.astype(float)) / 255)).astype(np.uint8)


def coloured(mark: Pixels, ink: tuple[int, int, int], paper: tuple[int, int, int]) -> Pixels:
    share = mark.astype(float) / 255
    return np.round(share * paper + (1 - share) * ink).astype(np.uint8)


def resized(mark: Pixels, side: int) -> Pixels:
    how = cv2.INTER_AREA if side < SIDE else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(mark, (side, side), interpolation=how), np.uint8)


CHANGES: dict[str, Callable[[Pixels], Pixels]] = {
    **{f"margin x {share:g}": lambda mark, share=share: with_margin(mark, share) for share in (0.5, 1, 2, 4)},
    "on a page": on_page,
    **{f"{levels} levels": lambda mark, levels=levels: faint(mark, levels) for levels in (6, 9, 14, 26, 60, 140)},
    "negative": lambda mark: 255 - mark,
    "faint negative": lambda mark: 255 - faint(mark, 10),
    "cream on white": lambda mark: coloured(mark, (255, 250, 225), (255, 255, 255)),
    "navy on orange": lambda mark: coloured(mark, (10, 20, 90), (250, 140, 20)),
    "white on red": lambda mark: coloured(mark, (255, 255, 255), (200, 0, 20)),
    "96 pixels": lambda mark: resized(mark, 96),
    "1,600 pixels": lambda mark: resized(mark, 1600),
}

FORMATS: dict[str, dict[str, object]] = {
    "PNG": {},
    "JPEG": {"quality": 85},
    "WEBP": {"quality": 85},
    "TIFF": {"compression": "tiff_lzw"},
    "BMP": {},
    "GIF": {},
}


def exhibit_of(pixels: Pixels, container: str = "PNG") -> Exhibit:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, container, **FORMATS[container])
    return read_exhibit(file.getvalue(), f"mark.{container.lower()}")


def on_transparency(mark: Pixels, ink: int) -> Exhibit:
    """The mark in one grey on nothing."""
    alpha = 255 - mark[..., :1]
    file = io.BytesIO()
    Image.fromarray(np.dstack([np.full_like(mark, ink), alpha])).save(file, "PNG")
    return read_exhibit(file.getvalue(), "mark.png")


@pytest.fixture(scope="module")
def examiner() -> TrademarkExaminer:
    return TrademarkExaminer.load("hms_icon_marks")


def seen(examiner: TrademarkExaminer, marks: Iterable[Exhibit]) -> list[EmbeddedMark]:
    """Each mark as it is scored, whatever it meets."""
    return examiner.embedded([examiner.view(mark) for mark in marks])


def outcomes(examiner: TrademarkExaminer, pairs: Iterable[tuple[EmbeddedMark, EmbeddedMark]]) -> list[str]:
    return [examiner.outcome(examiner.score(*pair))[0] for pair in pairs]


@pytest.fixture(scope="module")
def plain(examiner: TrademarkExaminer) -> list[EmbeddedMark]:
    return seen(examiner, (exhibit_of(draw()) for draw in MARKS))


@pytest.fixture(scope="module")
def beside_itself(examiner: TrademarkExaminer, plain: list[EmbeddedMark]) -> list[str]:
    """The outcome of each mark beside itself: similar, or out of scope where the model knows nothing of its kind."""
    found = outcomes(examiner, [(mark, mark) for mark in plain])
    assert found.count("similar") >= 3
    assert {*found} <= {"similar", "out of scope"}
    return found


@pytest.fixture(scope="module")
def strangers(examiner: TrademarkExaminer, plain: list[EmbeddedMark]) -> list[str]:
    """The outcome of each mark beside each other one."""
    found = outcomes(examiner, combinations(plain, 2))
    assert found.count("dissimilar") >= 3
    assert {*found} <= {"dissimilar", "out of scope"}
    return found


@pytest.mark.parametrize("change", CHANGES)
def test_how_a_mark_is_handed_in_changes_no_outcome(
    change: str, examiner: TrademarkExaminer, plain: list[EmbeddedMark], beside_itself: list[str], strangers: list[str]
) -> None:
    changed = seen(examiner, (exhibit_of(CHANGES[change](draw())) for draw in MARKS))
    assert outcomes(examiner, zip(plain, changed, strict=True)) == beside_itself
    assert outcomes(examiner, combinations(changed, 2)) == strangers


@pytest.mark.parametrize("container", FORMATS)
def test_the_file_format_changes_no_outcome(
    container: str, examiner: TrademarkExaminer, plain: list[EmbeddedMark], beside_itself: list[str]
) -> None:
    changed = seen(examiner, (exhibit_of(draw(), container) for draw in MARKS))
    assert outcomes(examiner, zip(plain, changed, strict=True)) == beside_itself


@pytest.mark.parametrize("ink", [0, 128, 245, 255])
def test_a_mark_on_transparency_is_the_mark(
    ink: int, examiner: TrademarkExaminer, plain: list[EmbeddedMark], beside_itself: list[str]
) -> None:
    changed = seen(examiner, (on_transparency(draw(), ink) for draw in MARKS))
    assert outcomes(examiner, zip(plain, changed, strict=True)) == beside_itself


@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_what_is_too_faint_is_refused_with_the_number(levels: int, examiner: TrademarkExaminer) -> None:
    comparison = examiner.compare(exhibit_of(bolt()), exhibit_of(faint(bolt(), levels)))
    assert comparison.outcome == "out of scope"
    assert f"by {levels}.0 of 255 levels" in comparison.reason
