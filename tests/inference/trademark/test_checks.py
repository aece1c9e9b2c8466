"""Scope checks of framed marks: words where words were learned, and marks that coincide whatever their kind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from inference.intake.exhibit import read_exhibit
from inference.models.weights import load_model
from inference.records import LocalAgreement, ScopeCheck
from inference.trademark.checks import mark_checks, overruled
from inference.trademark.examiner import TrademarkExaminer
from inference.trademark.framing import frame_mark
from training.assessment.mark_trials import shows_lettering
from training.data.marks.mark_set import Mark, MarkSet

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
OK = ScopeCheck("ground", "ok", 1.0, "It stands on white.")
BLANK = ScopeCheck("contrast", "refuse", 1.0, "It is too faint; hand in a darker copy.")
UNLIKE = ScopeCheck("kind", "refuse", 1.2, "The part is unlike everything; choose another model.")
OF_ITS_KIND = ScopeCheck("kind", "ok", 0.5, "The part is of the kind.")


@pytest.fixture(scope="module")
def word(tmp_path_factory: pytest.TempPathFactory) -> Path:
    font = ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), 80)
    picture = Image.new("RGB", (500, 160), "white")
    ImageDraw.Draw(picture).text((30, 30), "ISOBAR", "black", font)
    path = tmp_path_factory.mktemp("word") / "word.png"
    picture.save(path)
    return path


@pytest.mark.parametrize(("words", "status"), [(True, "warn"), (False, "refuse")])
def test_a_word_is_judged_where_words_were_learned(words: bool, status: str, word: Path, tiny_models: Path) -> None:
    checks = mark_checks(frame_mark(read_exhibit(word).pixels), 40, words=words)
    assert [check.status for check in checks if check.name == "lettering"] == [status]
    model = load_model("tiny_marks", tiny_models)
    examiner = TrademarkExaminer(replace(model, card=replace(model.card, lettering=words)))
    outcome = examiner.compare(read_exhibit(word), read_exhibit(word)).outcome
    assert (outcome == "out of scope") == (not words)


@pytest.mark.parametrize(("lettered", "shows"), [(0, False), (1, False), (2, True), (100, True)])
def test_words_were_learned_where_one_training_family_in_fifty_is_one(
    lettered: int, shows: bool, word: Path, tmp_path: Path
) -> None:
    drawing = np.full((80, 80, 3), 255, np.uint8)
    drawing[20:60, 20:60] = 0
    Image.fromarray(drawing).save(tmp_path / "drawing.png")
    marks = [Mark(word if k < lettered else tmp_path / "drawing.png", f"brand {k:03}", "train") for k in range(100)]
    marks += [Mark(word, f"other {k}", "test") for k in range(50)]
    assert shows_lettering(MarkSet(tuple(marks), (), (), "")) == shows


@pytest.mark.parametrize(
    ("checks", "agreement", "statuses"),
    [
        ((OK, UNLIKE), LocalAgreement(20, 60, IDENTITY), ["ok", "warn"]),
        ((OK, UNLIKE), LocalAgreement(11, 50, IDENTITY), ["ok", "refuse"]),
        ((OK, UNLIKE), LocalAgreement(20, 101, IDENTITY), ["ok", "refuse"]),
        ((OK, UNLIKE), LocalAgreement(0, 60), ["ok", "refuse"]),
        ((BLANK, UNLIKE), LocalAgreement(20, 60, IDENTITY), ["refuse", "warn"]),
        ((OK, OF_ITS_KIND), LocalAgreement(20, 60, IDENTITY), ["ok", "ok"]),
    ],
    ids=["strong", "few points", "a small share", "nothing", "another refusal stands", "nothing to overrule"],
)
def test_marks_that_coincide_strongly_are_compared_whatever_their_kind(
    checks: tuple[ScopeCheck, ...], agreement: LocalAgreement, statuses: list[str]
) -> None:
    found = overruled(checks, agreement)
    assert [check.status for check in found] == statuses
    assert [check.value for check in found] == [check.value for check in checks]
    if found[1] != checks[1]:
        assert found[1].text == "The part is unlike everything; but 20 of 60 points of the two marks lie on each other."
