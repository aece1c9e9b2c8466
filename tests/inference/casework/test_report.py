"""Reports: the same bytes for the same input and time, and every text in its place whatever the input."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from inference.authenticity.examiner import AuthenticityExaminer
from inference.casework.facts import CaseFacts
from inference.casework.log import CaseRefused, Head
from inference.casework.report import Report, make_report
from inference.casework.typesetting import marked
from inference.evidence.calibration import Calibration
from inference.models.card import Card, Metric
from inference.records import Crop, Evidence, Exhibit, LocalAgreement, Verdict, as_json
from inference.trademark.examiner import TrademarkExaminer

PAGE = b"/Type /Page\n"
IMAGE = b"/Subtype /Image"
TIME = datetime(2026, 11, 22, 16, 30, 5, tzinfo=timezone(timedelta(hours=8)))
FACTS = CaseFacts("2026-17", "王芳", item="two tags", reviewer="E. Reviewer")
HELD_OUT = ((1.5, 0.9, 0.3, -0.2), (-1.5, -0.8, 0.1))
PROPOSITIONS = ("the part was made by the brand holder", "the part is a counterfeit")


@pytest.fixture(scope="module")
def examiner(tiny_models: Path) -> AuthenticityExaminer:
    return AuthenticityExaminer.load("tiny_parts", tiny_models)


@pytest.fixture(scope="module")
def verdict(examiner: AuthenticityExaminer, striped: Callable[..., Exhibit]) -> Verdict:
    return examiner.examine(striped("blue/counterfeit"), crop=Crop(4, 2, 40, 30))


@pytest.fixture
def report_on(examiner: AuthenticityExaminer) -> Callable[..., Report]:
    def make(*records: Verdict, card: Card = examiner.card, facts: CaseFacts = FACTS, **changed: Any) -> Report:
        return make_report(facts, records, {card.name: card}, **{"made": TIME, "log_head": None} | changed)

    return make


def evidence(**changed: Any) -> Evidence:
    fields: dict[str, Any] = {
        "propositions": PROPOSITIONS,
        "score": -2.0,
        "log10_lr": -1.2,
        "low": -1.5,
        "high": -0.8,
        "least": -1.6,
        "greatest": 1.5,
        "words": "The findings provide moderate support.",
        "scale": "ENFSI 2015",
        "sources": (30, 31),
        "population": "striped tags",
        "accepted": ("counterfeit",),
    }
    return Evidence(**fields | changed)


def test_the_same_input_gives_the_same_bytes(report_on: Callable[..., Report], verdict: Verdict) -> None:
    first, again = report_on(verdict), report_on(verdict)
    assert first == again
    assert report_on(verdict, made=TIME + timedelta(seconds=1)).pdf != first.pdf
    assert report_on(verdict, made=TIME + timedelta(seconds=1)).run_id == first.run_id


def test_the_twin_holds_everything(report_on: Callable[..., Report], verdict: Verdict) -> None:
    report = report_on(verdict, log_head=Head(3, "a" * 64))
    twin = json.loads(report.json)
    assert twin["assay_report"] == 1
    assert twin["facts"] == as_json(FACTS)
    assert twin["made"] == {"utc": "2026-11-22T08:30:05Z", "local": "2026-11-22T16:30:05+08:00"}
    assert twin["log_head"] == {"sequence": 3, "sha256": "a" * 64}
    assert twin["examinations"][0]["record"] == as_json(verdict)
    raw = verdict.heatmap.raw.astype("<f4").tobytes()
    assert twin["examinations"][0]["maps"] == [{"sha256": hashlib.sha256(raw).hexdigest(), "shape": [2, 2]}]
    assert twin["cards"]["tiny_parts"]["name"] == "tiny_parts"
    assert twin["run_id"] == report.run_id


def test_the_pdf_carries_the_hash_of_its_twin_and_the_run(report_on: Callable[..., Report], verdict: Verdict) -> None:
    report = report_on(verdict)
    assert hashlib.sha256(report.json).hexdigest().encode() in report.pdf
    assert report.run_id.encode() in report.pdf
    assert report.id.encode() in report.pdf


def test_the_run_depends_on_what_findings_depend_on(
    report_on: Callable[..., Report], verdict: Verdict, examiner: AuthenticityExaminer, striped: Callable[..., Exhibit]
) -> None:
    provenance = verdict.provenance
    others = [
        replace(verdict, exhibit=striped("blue/counterfeit", 1)),
        *(
            replace(verdict, provenance=replace(provenance, **changed))
            for changed in (
                {"weights_sha256": "0" * 64},
                {"card_sha256": "0" * 64},
                {"code_version": "other"},
                {"settings": {"series": "blue", "crop": "whole picture"}},
            )
        ),
    ]
    runs = {report_on(record).run_id for record in (verdict, *others)}
    assert len(runs) == 6
    assert report_on(verdict, facts=replace(FACTS, remarks="more")).run_id in runs


def test_a_page_for_each_examination(report_on: Callable[..., Report], verdict: Verdict) -> None:
    assert report_on(verdict).pdf.count(PAGE) == 1
    assert report_on(verdict, verdict, verdict).pdf.count(PAGE) == 3


def test_two_marks_make_a_report(tiny_models: Path, striped: Callable[..., Exhibit]) -> None:
    examiner = TrademarkExaminer.load("tiny_marks", tiny_models)
    comparison = examiner.compare(striped("red/genuine"), striped("red/genuine", 1))
    report = make_report(FACTS, [comparison], {"tiny_marks": examiner.card}, TIME)
    assert report.pdf.count(PAGE) == 1
    assert len(json.loads(report.json)["examinations"][0]["maps"]) == 2


IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("agreement", "pictures"),
    [(LocalAgreement(0, 9), 6), (LocalAgreement(8, 9, IDENTITY), 7), (LocalAgreement(8, 9, IDENTITY, True), 7)],
    ids=["strangers", "agreeing", "a negative"],
)
def test_of_two_marks_that_agree_one_is_printed_over_the_other(
    agreement: LocalAgreement, pictures: int, tiny_models: Path, striped: Callable[..., Exhibit]
) -> None:
    """Beside the exhibits, the marks with their parts, and their heatmaps."""
    examiner = TrademarkExaminer.load("tiny_marks", tiny_models)
    comparison = examiner.compare(striped("red/genuine"), striped("red/genuine", 1))
    report = make_report(FACTS, [replace(comparison, agreement=agreement)], {"tiny_marks": examiner.card}, TIME)
    assert report.pdf.count(PAGE) == 1
    assert report.pdf.count(IMAGE) == pictures


def test_a_part_beside_its_reference_makes_a_report(guided_models: Path, lettered: Callable[..., Exhibit]) -> None:
    examiner = AuthenticityExaminer.load("tiny_guided", guided_models)
    verdict = examiner.examine(lettered("alba/genuine", 7))
    report = make_report(FACTS, [verdict], {"tiny_guided": examiner.card}, TIME)
    assert report.pdf.count(PAGE) == 1
    assert report.pdf.count(IMAGE) == 5


@pytest.mark.parametrize("held_out", [HELD_OUT, ((), ())], ids=["held out", "none held out"])
def test_a_calibrated_model_has_an_appendix_where_samples_were_held_out(
    held_out: Any, report_on: Callable[..., Report], verdict: Verdict, examiner: AuthenticityExaminer
) -> None:
    calibration = Calibration(
        sides=("genuine", "counterfeit"),
        propositions=PROPOSITIONS,
        intercept=0.0,
        slope=0.4,
        least=-1.6,
        greatest=1.5,
        replicates=((0.0, 0.4, -1.6, 1.5),),
        accepts=(-1.0, 1.0),
        error=0.05,
        sources=(30, 31),
        population="striped tags",
        held_out=held_out,
    )
    card = replace(examiner.card, calibration=calibration)
    report = report_on(replace(verdict, evidence=evidence()), card=card)
    assert report.pdf.count(PAGE) == (2 if held_out[0] else 1)


AWKWARD: dict[str, Callable[[Verdict], Verdict]] = {
    "a long name": lambda v: replace(v, exhibit=replace(v.exhibit, name="x" * 250 + ".png")),
    "a Chinese name": lambda v: replace(v, exhibit=replace(v.exhibit, name="皮革标签" * 40 + ".png")),
    "markup in a name": lambda v: replace(v, exhibit=replace(v.exhibit, name="<b>&amp;</i>.png")),
    "letters no font has": lambda v: replace(v, exhibit=replace(v.exhibit, name="한 \U0001f600.png")),
    "many tags": lambda v: replace(v, exhibit=replace(v.exhibit, exif={f"Tag {n}": "x" * 200 for n in range(300)})),
    "long tags": lambda v: replace(v, exhibit=replace(v.exhibit, exif={"Make": "m" * 200, "Software": "字" * 200})),
    "many conversions": lambda v: replace(v, exhibit=replace(v.exhibit, conversions=("It was changed.",) * 40)),
    "evidence at its bound": lambda v: replace(v, evidence=evidence(log10_lr=-1.6, low=-1.6, high=0.1)),
    "out of scope": lambda v: replace(v, outcome="out of scope", reason="The part is blank."),
}


@pytest.mark.parametrize("what", AWKWARD)
def test_awkward_input_fits(what: str, report_on: Callable[..., Report], verdict: Verdict) -> None:
    report = report_on(AWKWARD[what](verdict))
    assert report.pdf.startswith(b"%PDF")
    assert report.pdf.count(PAGE) <= 3


def test_long_texts_run_over_pages(report_on: Callable[..., Report], verdict: Verdict) -> None:
    facts = replace(FACTS, remarks="\n".join(["字" * 30] * 120), request="word " * 700, laboratory="L" * 200)
    assert report_on(verdict, facts=facts).pdf.count(PAGE) >= 2


def test_measured_heatmaps_are_said(
    report_on: Callable[..., Report], verdict: Verdict, examiner: AuthenticityExaminer
) -> None:
    metrics = {"heatmap pointing": Metric(0.7, 0.6, 0.8, "masks").named("heatmap_pointing")}
    measured = report_on(verdict, card=replace(examiner.card, metrics=metrics))
    assert measured.pdf != report_on(verdict).pdf


def test_text_is_set_in_a_font_that_has_it_or_written_out() -> None:
    assert marked("Wang <王芳> & co") == 'Wang &lt;<font name="NotoSansSC">王芳</font>&gt; &amp; co'
    assert marked("臺 ひ Ω") == '<font name="NotoSansSC">臺</font> <font name="NotoSansSC">ひ</font> Ω'
    assert marked("한") == "[U+D55C]"
    assert marked("Łuk, 5 × 3 °C") == "Łuk, 5 × 3 °C"


def test_every_font_that_a_report_uses_is_embedded(report_on: Callable[..., Report], verdict: Verdict) -> None:
    pdf = report_on(verdict, facts=replace(FACTS, examiner="王芳 臺灣")).pdf
    used = set(re.findall(rb"/FontName /[A-Z]{6}\+(\S+)", pdf))
    assert {name.lower().split(b"-")[0] for name in used} >= {b"bitstreamverasans", b"notosanssc"}
    assert pdf.count(b"/FontDescriptor ") == pdf.count(b"/FontFile2 ") >= 3
    assert b"/CIDFontType0" not in pdf


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"case_number": " "}, "case number is missing"),
        ({"examiner": ""}, "examiner is missing"),
        ({"examiner": "x" * 201}, "The examiner has 201 characters, and at most 200"),
        ({"remarks": "x" * 4001}, "at most 4000"),
        ({"item": "a\x00b"}, "cannot be printed"),
    ],
)
def test_facts_that_cannot_be_printed_are_refused(fields: dict[str, str], words: str) -> None:
    with pytest.raises(CaseRefused, match=words):
        CaseFacts(**{"case_number": "1", "examiner": "E"} | fields)


def test_a_report_needs_examinations_cards_and_a_zone(verdict: Verdict, examiner: AuthenticityExaminer) -> None:
    cards = {"tiny_parts": examiner.card}
    with pytest.raises(ValueError, match="needs an examination"):
        make_report(FACTS, [], cards, TIME)
    with pytest.raises(ValueError, match="card of every model"):
        make_report(FACTS, [verdict], {}, TIME)
    with pytest.raises(ValueError, match="needs its zone"):
        make_report(FACTS, [verdict], cards, datetime(2026, 1, 1))
