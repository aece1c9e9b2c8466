"""The judging of a trademark model that weighs two findings: two marks as wholes, and one of them inside the other."""

from __future__ import annotations

from dataclasses import replace

from inference.evidence.calibration import LEAST_SOURCES, Calibration
from inference.models.card import ElementRule, Metric
from inference.trademark.examiner import TrademarkExaminer
from inference.trademark.scores import PairScore
from training.assessment.judged_pairs import JudgedPairs, Scored, weigh_pairs
from training.data.marks.mark_set import MarkSet
from training.figures.calibration_result import CalibrationResult

IN_THE_OTHER = ("one of the two signs contains the other", "the two signs show two unrelated designs")
"""H1 and H2 of elements."""
EITHER = ("the two signs show one design, or one contains the other", "the two signs show two unrelated designs")
"""H1 and H2 of both findings together."""
UNFITTED = Calibration(
    sides=TrademarkExaminer.sides,
    propositions=TrademarkExaminer.propositions,
    intercept=0.0,
    slope=1.0,
    least=0.0,
    greatest=0.0,
    replicates=((0.0, 1.0, 0.0, 0.0),),
    accepts=(0.0, 0.0),
    error=0.05,
    sources=(LEAST_SOURCES, LEAST_SOURCES),
    population="none: it stands in until there is one",
    held_out=((), ()),
)
"""What an examiner is given to show elements before their calibrations are fitted; nothing is weighed by it."""
SHOWING = ElementRule(0.0, UNFITTED, UNFITTED)


def fit_element_rule(
    wholes: CalibrationResult, validation: JudgedPairs, test: JudgedPairs, data: str
) -> tuple[ElementRule | None, dict[str, Metric]]:
    """How elements are weighed beside wholes, and its figures on test pairs; None where either has no calibration.

    Args:
        wholes: The calibration result of the wholes.
        validation: Validation pairs by their elements, from `inside`.
        test: Test pairs alike.
        data: Name of the set.
    """
    if wholes.calibration is None:
        return None, {}
    weight = validation.agreement_weight()
    result = weigh_pairs(validation.raised(weight), test.raised(weight), data, IN_THE_OTHER)
    if result.calibration is None:
        return None, {}
    figures = {f"whole: {name}": metric for name, metric in wholes.metrics.items()}
    figures |= {f"element: {name}": metric for name, metric in result.metrics.items()}
    stated = {
        name: replace(metric, of=(name.partition(":")[0], *metric.of)) if metric.key else metric
        for name, metric in figures.items()
    }
    return ElementRule(weight, wholes.calibration, result.calibration), stated


def combined(marks: MarkSet, scored: Scored, rule: ElementRule, agreement_weight: float) -> JudgedPairs:
    """Pairs by the score of both findings.

    Args:
        marks: The set.
        scored: Scores of trials of both, by kind.
        rule: How they are weighed.
        agreement_weight: Nats of full agreement of two wholes.
    """

    def score(one: PairScore) -> float:
        element = one.element.raised(rule.agreement_weight) if one.element else None
        return rule.combined(one.whole.raised(agreement_weight), element)

    return JudgedPairs.by(marks, scored, score)


def inside(marks: MarkSet, wholes: Scored, parts: Scored) -> JudgedPairs:
    """Pairs of which one mark contains the other, beside the dissimilar pairs of both trials, by their elements.

    Two words in one typeface, or two marks in one frame, are no parts of each other either.
    """
    dissimilar = {kind: listed for kind, listed in together(wholes, parts).items() if kind != "similar"}
    return JudgedPairs.of_elements(marks, {"similar": parts["similar"], **dissimilar})


def together(wholes: Scored, parts: Scored) -> Scored:
    """Trials of both, by kind."""
    return {kind: [*wholes.get(kind, ()), *parts.get(kind, ())] for kind in {**wholes, **parts}}
