from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pytest
from PIL import Image

from inference.authenticity.examiner import AuthenticityExaminer
from inference.drawing import difference_picture, overlay
from inference.evidence.calibration import as_ratio
from inference.intake.exhibit import read_exhibit
from inference.records import (
    AuthenticityOutcome,
    CheckStatus,
    Comparison,
    Crop,
    Evidence,
    Exhibit,
    Heatmap,
    LocalAgreement,
    Placement,
    ScopeCheck,
    SimilarityOutcome,
    Verdict,
    as_json,
)
from inference.trademark.examiner import TrademarkExaminer
from ui.markup import along
from ui.pictures import LONG_SIDE, OPACITY, evidence_pictures
from ui.verdict_card import comparison_page, fault_card, refusal_card, verdict_page, waiting_card

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'${3}{{4}}"
VOID = {"img", "input", "br", "hr", "circle", "path", "rect", "line"}


@pytest.fixture(scope="module")
def verdict(tiny_models: Path, striped) -> Verdict:
    return AuthenticityExaminer.load("tiny_parts", tiny_models).examine(striped("blue/genuine"))


@pytest.fixture(scope="module")
def beside(guided_models: Path, lettered) -> Verdict:
    """A verdict on a part beside its reference."""
    return AuthenticityExaminer.load("tiny_guided", guided_models).examine(lettered("alba/counterfeit", 50))


@pytest.fixture(scope="module")
def comparison(tiny_models: Path, striped) -> Comparison:
    examiner = TrademarkExaminer.load("tiny_marks", tiny_models)
    return examiner.compare(striped("blue/genuine", 1), striped("red/genuine", 2))


class Elements(HTMLParser):
    """The elements and the text of a page as a browser would read them; unbalanced ones fail."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("outcome", get_args(AuthenticityOutcome))
def test_a_verdict_states_its_outcome_in_a_word_and_a_shape(verdict: Verdict, outcome) -> None:
    page = verdict_page(dataclasses.replace(verdict, outcome=outcome))
    assert f"<h2>{outcome.capitalize()}</h2>" in page
    # Nothing is weighed of what is out of scope.
    assert ("Uncalibrated: not a probability that this item is genuine." in page) == (outcome != "out of scope")
    assert verdict.reason in Elements(page).text
    assert ("are not findings" in page) == (outcome == "out of scope")
    assert ("no altered area against which this heatmap could be checked" in page) == (outcome == "genuine")


@pytest.mark.parametrize("outcome", get_args(SimilarityOutcome))
def test_a_comparison_states_its_outcome_and_never_infringement(comparison: Comparison, outcome) -> None:
    page = comparison_page(dataclasses.replace(comparison, outcome=outcome))
    assert f"<h2>{outcome.capitalize()}</h2>" in page
    assert "Visual similarity of the signs; never infringement" in page
    assert Elements(page).text.count("Heatmap laid over the mark") == 2


@pytest.mark.parametrize(
    ("statuses", "summary"),
    [
        (("ok", "ok"), "All 2 checks passed"),
        (("ok", "warn", "ok"), "2 other checks passed"),
        (("refuse", "ok"), "1 other check passed"),
        (("warn", "refuse"), None),
    ],
    ids=["all passed", "caution", "failed", "none passed"],
)
def test_a_check_that_did_not_pass_is_seen_and_those_that_did_are_folded(
    verdict: Verdict, comparison: Comparison, statuses: tuple[CheckStatus, ...], summary: str | None
) -> None:
    checks = tuple(ScopeCheck(f"n{place}", status, 1.0, "Said so.") for place, status in enumerate(statuses))
    for page in (
        verdict_page(dataclasses.replace(verdict, scope_checks=checks)),
        comparison_page(dataclasses.replace(comparison, scope_checks=(checks, checks))),
    ):
        seen, _, folded = page.split("Scope checks</h")[1].split("</div>")[0].partition('<details class="passed">')
        for check in checks:
            title = {"ok": "Passed", "warn": "Caution", "refuse": "Failed"}[check.status]
            assert f"{title}, {check.name}." in (folded if check.status == "ok" else seen)
        assert (f"<summary>{summary}</summary>" in folded) if summary else not folded


@pytest.mark.parametrize(
    ("agreement", "raised", "lead", "weighed"),
    [
        (
            LocalAgreement(30, 40, (0.0, -1.0, 9.0, 1.0, 0.0, 0.0)),
            3.75,
            "30 of 40 points agree",
            "30 of 40 points of the two marks lie on each other, the second turned clockwise by 90 degrees. "
            "That adds 3.75 to the network's log odds of -1.00, and the sum is weighed.",
        ),
        (
            LocalAgreement(9, 10, (1.0, 0.0, 0.0, 0.0, 1.0, 0.0), negative=True),
            1.0,
            "mark 2 in inverse polarity, shifted, turned and resized as a whole",
            "9 of 10 points of the two marks lie on each other, the second in inverse polarity. "
            "That adds 1.00 to the network's log odds of -1.00, and the sum is weighed.",
        ),
        (
            LocalAgreement(8, 10, (-1.0, 0.0, 9.0, 0.0, -1.0, 9.0), negative=True),
            1.0,
            "8 of 10 points agree",
            "8 of 10 points of the two marks lie on each other, the second in inverse polarity and turned clockwise by "
            "180 degrees. That adds 1.00 to the network's log odds of -1.00, and the sum is weighed.",
        ),
        (
            LocalAgreement(0, 2),
            0.0,
            "0 of 2 points agree",
            "0 of 2 points of the two marks lie on each other. The network's log odds of -1.00 are weighed alone.",
        ),
    ],
)
def test_a_comparison_says_what_coincides_and_what_that_adds(
    comparison: Comparison, agreement: LocalAgreement, raised: float, lead: str, weighed: str
) -> None:
    text = Elements(
        comparison_page(dataclasses.replace(comparison, agreement=agreement, log_odds=-1.0, score=raised - 1))
    ).text
    assert lead in text
    assert ("Mark 2 opacity" in text) == (agreement.matched > 0)
    assert weighed in text


def test_both_findings_stand_beside_each_other_with_their_elements(
    weighing_models: Path, symbol_and_lockup: tuple[Path, Path]
) -> None:
    found = TrademarkExaminer.load("tiny_marks", weighing_models).compare(*map(read_exhibit, symbol_and_lockup))
    assert found.whole is not None
    assert found.element is not None
    assert found.element.evidence is not None
    page = comparison_page(found)
    text = Elements(page).text
    assert f"The comparison is based on {found.basis}." in text
    assert f"As wholes{as_ratio(found.whole.log10_lr)}{found.whole.log10_lr:.2f}, 95% interval" in text
    assert found.found.capitalize() in text
    assert f"One in the other{as_ratio(found.element.evidence.log10_lr)}" in text
    shown = [
        alt for _, attributes in Elements(page).elements if "under the heatmap" in (alt := attributes.get("alt") or "")
    ]
    assert len(shown) == 2
    refused = dataclasses.replace(found, evidence=None, whole=None, outcome="out of scope")
    assert "Two findings" not in comparison_page(refused)


def test_every_outcome_has_a_shape_of_its_own(verdict: Verdict, comparison: Comparison) -> None:
    pages = [
        *(verdict_page(dataclasses.replace(verdict, outcome=word)) for word in get_args(AuthenticityOutcome)),
        *(comparison_page(dataclasses.replace(comparison, outcome=word)) for word in ("similar", "dissimilar")),
        refusal_card("No."),
        waiting_card("Ready", "Go."),
    ]
    shapes = [re.search(r'class="icon".*?>(.*?)</svg>', page, re.DOTALL)[1].strip() for page in pages]
    assert all(shapes)
    assert len(set(shapes)) == len(pages)


def test_a_hostile_file_stays_text(verdict: Verdict, beside: Verdict, comparison: Comparison) -> None:
    exhibit = dataclasses.replace(
        verdict.exhibit, name=HOSTILE, exif={HOSTILE: HOSTILE}, conversions=(HOSTILE,), warnings=(HOSTILE,)
    )
    hostile = dataclasses.replace(verdict, exhibit=exhibit, reason=HOSTILE, series=HOSTILE)
    view = dataclasses.replace(beside.reference, series=HOSTILE, runner_up={HOSTILE: 0.1})
    pages = [
        verdict_page(hostile),
        verdict_page(dataclasses.replace(beside, exhibit=exhibit, reference=view)),
        comparison_page(dataclasses.replace(comparison, exhibits=(exhibit, exhibit), reason=HOSTILE)),
        refusal_card(HOSTILE),
        waiting_card(HOSTILE, HOSTILE),
    ]
    for page in pages:
        found = Elements(page)
        assert "script" not in {tag for tag, _ in found.elements}
        assert not any(name.startswith("on") for _, attributes in found.elements for name in attributes)
        assert HOSTILE in found.text


def test_the_saved_record_is_the_record(verdict: Verdict) -> None:
    links = {a["download"]: a["href"] for tag, a in Elements(verdict_page(verdict)).elements if "download" in a}
    name, address = next(link for link in links.items() if link[0].endswith(".json"))
    assert verdict.exhibit.sha256.startswith(name.removeprefix("assay-").removesuffix(".json"))
    assert json.loads(base64.b64decode(address.partition(",")[2])) == as_json(verdict)


def test_a_map_without_evidence_says_so(verdict: Verdict) -> None:
    sentence = "There is no evidence above the first step of the scale"
    strong, faint = (
        dataclasses.replace(verdict.heatmap, raw=np.full((2, 2), value, np.float32)) for value in (1, 1e-5)
    )
    assert sentence not in verdict_page(dataclasses.replace(verdict, heatmap=strong))
    assert sentence in verdict_page(dataclasses.replace(verdict, heatmap=faint))


def test_a_refusal_and_a_fault_alert_and_waiting_does_not() -> None:
    assert 'role="alert"' in refusal_card("No such series.")
    assert 'role="alert"' in fault_card()
    assert "terminal" in fault_card()
    assert "alert" not in waiting_card("Ready", "Press Examine.")


def test_the_gauge_shows_the_band_and_the_probability(verdict: Verdict) -> None:
    page = verdict_page(dataclasses.replace(verdict, probability_genuine=0.25))
    assert "left:40.00%;width:20.00%" in page
    assert "left:25.00%" in page
    assert "P(genuine) is 0.250 on a scale from 0, counterfeit, to 1, genuine" in page


EVIDENCE = Evidence(
    propositions=("the part was made by the brand holder", "the part is a counterfeit"),
    score=-4.2,
    log10_lr=-1.5,
    low=-1.5,
    high=-0.75,
    least=-1.5,
    greatest=1.62,
    words="The findings provide moderate support for H2.",
    scale="ENFSI 2015",
    sources=(48, 49),
    population="97 rendered tags",
    accepted=("counterfeit",),
)


def test_a_calibrated_verdict_shows_its_likelihood_ratio_and_no_uncalibrated_gauge(
    verdict: Verdict, comparison: Comparison
) -> None:
    for page in (
        verdict_page(dataclasses.replace(verdict, evidence=EVIDENCE, reason="It weighs.")),
        comparison_page(dataclasses.replace(comparison, evidence=EVIDENCE, reason="It weighs.")),
    ):
        found = Elements(page)
        assert "ncalibrated" not in found.text
        for words in (
            "Likelihood ratio: 1/32",
            "The findings provide moderate support for H2.",
            "the part was made by the brand holder",
            "-1.50, 95% interval -1.50 to -0.75; limited by its bound",
            "1/32 to 42: no more than 48 and 49 sources a side can support",
            "97 rendered tags",
            "and is not a probability of either.",
        ):
            assert words in found.text
        classes = {a["class"]: a.get("style") for tag, a in found.elements if tag == "div" and "class" in a}
        assert classes["needle"] == "left:31.25%"
        assert classes["interval"] == "left:31.25%;right:calc(100% - 40.62%)"


@pytest.mark.parametrize(("value", "place"), [(-4, "0.00%"), (0, "50.00%"), (1, "62.50%"), (9, "100.00%")])
def test_a_value_lies_along_its_scale(value: float, place: str) -> None:
    assert along(value, 4) == place


@pytest.mark.parametrize(
    ("measured", "extra", "words"),
    [
        ("edges", 0, "deviating places of its edges; no verdict by itself"),
        ("features", 0.5, "deviating places of its features; weighed together with the network's log odds"),
    ],
)
def test_the_page_says_what_strays_and_whether_that_is_weighed(
    measured: Literal["edges", "features"], extra: float, words: str, beside: Verdict
) -> None:
    view = dataclasses.replace(beside.reference, measured=measured)
    found = Elements(verdict_page(dataclasses.replace(beside, reference=view, score=beside.log_odds + extra)))
    assert words in found.text
    assert f"Difference of {measured} in standard deviations" in found.text


def test_a_part_is_shown_beside_its_reference(beside: Verdict) -> None:
    view = dataclasses.replace(
        beside.reference,
        score=0.9127,
        least_score=0.75,
        enlarged=0.5,
        most_enlarged=0.625,
        blurred=0.21,
        most_blurred=0.34,
        covered=0.5,
        deviation=3.25,
        runner_up={"quorum": 0.5, "c": -1},
    )
    found = Elements(verdict_page(dataclasses.replace(beside, reference=view)))
    for words in (
        "Beside the genuine reference",
        "alba, mean of 5 genuine photos",
        "0.913; genuine photos reach at least 0.750",
        "Runner-up",
        "quorum, 0.500",
        "c, -1.000",
        "0.50 pixels of the reference for one of the part; genuine photos up to 0.62",
        "0.21 of 1; genuine photos up to 0.34",
        "50 % of the reference",
        "3.25 standard deviations over the most deviating places of its edges; no verdict by itself",
        "Heatmap laid over the registered part",
        "The part, registered",
    ):
        assert words in found.text
    pictures = [attributes for tag, attributes in found.elements if tag == "img"]
    assert [picture["alt"] for picture in pictures][:4] == [
        "alba_counterfeit_50.png as handed in and cropped",
        "Difference between the registered part and the genuine reference, from 0 to 6.0 standard deviations.",
        "The part, registered to the reference of alba",
        "The genuine reference of alba",
    ]
    assert (decoded(pictures[0]["src"]) == beside.exhibit.pixels).all()
    for picture, pixels in zip(pictures[1:], (difference_picture(view), view.registered, view.reference), strict=False):
        assert (decoded(picture["src"]) == pixels).all()
    buttons = [attributes for tag, attributes in found.elements if tag == "button"]
    assert buttons == [{"type": "button", "class": "blink", "aria-pressed": "false"}]
    sliders = [attributes["aria-label"] for tag, attributes in found.elements if tag == "input"]
    assert sliders == ["Reference opacity in per cent", "Heatmap opacity in per cent"]


def test_a_part_that_is_looked_at_alone_has_no_reference_on_its_page(verdict: Verdict) -> None:
    page = verdict_page(verdict)
    for words in ("reference", "Blink", "registered", "Deviation"):
        assert words not in Elements(page).text
    assert "Photo as examined" in page


@pytest.mark.parametrize(
    ("size", "shown"),
    [((40, 60), (40, 60)), ((600, 2000), (300, LONG_SIDE)), ((2000, 1), (LONG_SIDE, 1))],
    ids=["small", "large", "thin"],
)
def test_pictures_are_reduced_and_never_enlarged(size: tuple[int, int], shown: tuple[int, int]) -> None:
    pictures = evidence_pictures(np.zeros((*size, 3), np.uint8), heatmap_of(0.5))
    assert (pictures.height, pictures.width) == shown


def test_what_the_page_lays_over_the_photo_is_the_overlay_of_the_examination() -> None:
    rng = np.random.default_rng(1)
    photo = exhibit_of(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8))
    heatmap, crop = heatmap_of(0.7), Crop(10, 5, 50, 40)
    pictures = evidence_pictures(photo.crop(crop), heatmap)
    part = decoded(pictures.part)
    assert (part == photo.crop(crop)).all()
    layer = decoded(pictures.layer).astype(float)
    cover = layer[..., 3:] / 255 * OPACITY
    laid = part * (1 - cover) + layer[..., :3] * cover
    assert np.abs(laid - overlay(heatmap, part, OPACITY)).max() <= 1.5
    assert (decoded(pictures.overlay) == overlay(heatmap, part, OPACITY)).all()


def heatmap_of(strongest: float) -> Heatmap:
    raw = np.linspace(0, strongest, 12, dtype=np.float32).reshape(3, 4)
    return Heatmap(raw, "last feature map", "log P(genuine) - log P(counterfeit)", 1.0, Placement(0, 0, 1, 1))


def exhibit_of(pixels: np.ndarray) -> Exhibit:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return read_exhibit(file.getvalue(), "part.png")


def decoded(address: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture)
