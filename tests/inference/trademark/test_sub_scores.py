"""The other ways two marks are looked at: what is looked at, what is said of it, and that order never matters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from inference.intake.exhibit import exhibit_from_pixels
from inference.preprocessing import Preprocessing
from inference.records import Exhibit, SubScore
from inference.trademark.examiner import TrademarkExaminer, log_odds_similar
from inference.trademark.framing import frame_mark
from inference.trademark.sub_scores import sub_scores, variants, view, without_colour

SETTINGS = Preprocessing(size=32, padding="white")


def drawn(*boxes: tuple[int, int, int, int], size: tuple[int, int] = (120, 120)) -> np.ndarray:
    picture = Image.new("RGB", size, "white")
    for box in boxes:
        ImageDraw.Draw(picture).rectangle(box, fill=(200, 30, 60))
    return np.asarray(picture)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_view_is_what_pillow_makes_of_the_picture(mirrored: bool, quarters: int) -> None:
    part = drawn((10, 10, 80, 30), (90, 60, 100, 110))
    picture = Image.fromarray(part)
    if mirrored:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    turned = np.asarray(picture.rotate(-90 * quarters))
    got = view(torch.from_numpy(SETTINGS(part).values), mirrored, quarters)
    assert torch.allclose(got, torch.from_numpy(SETTINGS(turned).values), atol=0.02)


def test_without_colour_only_luminance_is_left() -> None:
    part = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [7, 7, 7]]], np.uint8)
    assert without_colour(part)[0].tolist() == [[76] * 3, [150] * 3, [29] * 3, [7] * 3]


def test_only_one_mark_is_turned() -> None:
    part = drawn((10, 10, 109, 109))
    framed = torch.from_numpy(SETTINGS(part).values)
    assert [len(variants(part, framed, SETTINGS, turn=turn).tensors) for turn in (False, True)] == [1, 8]


def test_a_mark_without_colours_is_not_seen_again_without_them() -> None:
    part = without_colour(drawn((10, 10, 109, 109)))
    framed = torch.from_numpy(SETTINGS(part).values)
    seen = [variants(part, framed, SETTINGS, turn=turn) for turn in (False, True)]
    assert [(one.grey, len(one.tensors)) for one in seen] == [(None, 0), (None, 7)]


def test_the_best_look_is_named() -> None:
    found = sub_scores(-3.0, -1.0, [-4, -2, -5, -6, 2, -7, -8], turned_mark=1)
    assert [(score.name, score.log_odds) for score in found] == [
        ("overall", -3.0),
        ("without colour", -1.0),
        ("turned or mirrored", 2.0),
    ]
    # the views are: as it is, turned by 90, 180, 270, then mirrored and the same again
    assert found[2].view == "mark 1 mirrored and turned clockwise by 90 degrees"
    whole = sub_scores(9.0, 0.0, [0.0] * 7, turned_mark=2)
    assert [score.log_odds for score in whole] == [9.0, 0.0, 9.0]
    assert whole[2].view == "both marks as they are, better than any turn"


@pytest.fixture(scope="module")
def examiner(tiny_models: Path) -> TrademarkExaminer:
    return TrademarkExaminer.load("tiny_marks", tiny_models)


@pytest.mark.parametrize("colourless", [(), (0,), (1,), (0, 1)])
def test_scores_are_those_of_looks_compared_one_by_one(
    colourless: tuple[int, ...], examiner: TrademarkExaminer, striped: Callable[..., Exhibit]
) -> None:
    first, second = (
        exhibit_from_pixels(without_colour(mark.pixels), mark.name) if number in colourless else mark
        for number, mark in enumerate((striped("blue/genuine", 1), striped("red/counterfeit", 2, 70, 40)))
    )
    network, preprocessing = cast("Any", examiner._network), examiner.card.preprocessing

    def log_odds(a: torch.Tensor, b: torch.Tensor) -> float:
        with torch.no_grad():
            return float(log_odds_similar(network.head(network.features(torch.stack([a, b]))))[0])

    of_first, of_second = (frame_mark(mark.pixels).pixels for mark in (first, second))
    a, b = (torch.from_numpy(preprocessing(mark).values) for mark in (of_first, of_second))
    turned_mark = 2 if first.sha256 < second.sha256 else 1
    still, moving = (a, b) if turned_mark == 2 else (b, a)
    views = [view(moving, mirrored, quarters) for mirrored in (False, True) for quarters in range(4)]
    grey = (torch.from_numpy(preprocessing(without_colour(mark)).values) for mark in (of_first, of_second))
    expected = [log_odds(a, b), log_odds(*grey), max(log_odds(still, each) for each in views)]
    comparison = examiner.compare(first, second)
    assert [score.log_odds for score in comparison.sub_scores] == pytest.approx(expected, abs=1e-5)
    assert comparison.sub_scores[0].log_odds == comparison.log_odds


def test_sub_scores_are_the_same_to_the_bit_whichever_mark_comes_first(
    examiner: TrademarkExaminer, striped: Callable[..., Exhibit]
) -> None:
    first, second = striped("blue/genuine", 3), striped("red/genuine", 4, 44, 60)
    there, back = examiner.compare(first, second), examiner.compare(second, first)
    assert [score.log_odds for score in there.sub_scores] == [score.log_odds for score in back.sub_scores]
    renamed = str.maketrans("12", "21")
    for one, other in zip(there.sub_scores, back.sub_scores, strict=True):
        named = [score.view.partition("(")[0].translate(table) for score, table in ((one, renamed), (other, {}))]
        assert named[0].split(" by ")[0] == named[1].split(" by ")[0]


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        SubScore("overall", float("nan"), "")
