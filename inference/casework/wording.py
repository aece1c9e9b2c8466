"""The wording of a report: common to every examination, and separate for parts and for marks."""

from __future__ import annotations

from dataclasses import dataclass

from inference.authenticity.examiner import AuthenticityExaminer
from inference.examiner import Examiner
from inference.trademark.examiner import TrademarkExaminer

NOT_AN_IDENTIFICATION = (
    "This is not an identification. A model weighed the findings; the examiner decides and answers for the conclusion."
)

PARTS_BY_THEMSELVES = (
    "Photos of one part are weighed together. Different parts are reported separately and never weighed together, "
    "because it is not known how far their findings depend on each other."
)

OF_THE_FINDINGS = (
    "A likelihood ratio is about the probability of the findings given each proposition, never about the probability "
    "of a proposition. It rests on a score and leaves aside how typical the features are."
)


@dataclass(frozen=True)
class Wording:
    """The wording that differs between parts and marks."""

    subject: str
    examiner: type[Examiner]
    limit: str


AUTHENTICITY = Wording(
    "Authenticity of a part",
    AuthenticityExaminer,
    "It speaks of the part that was examined as it is photographed, not of the whole item.",
)

TRADEMARK = Wording(
    "Visual similarity of two signs",
    TrademarkExaminer,
    "It speaks of the visual similarity of the signs, never of infringement or likelihood of confusion.",
)
