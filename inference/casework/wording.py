"""The wording of a report: common to every examination, and separate for parts and for marks."""

from __future__ import annotations

from dataclasses import dataclass

from inference.authenticity.examiner import AuthenticityExaminer
from inference.evidence.collection_rule import PROPOSITIONS, SIDES
from inference.models.card import Task
from inference.records import Comparison, Deviation, Record, Verdict
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
    """The wording that differs between parts, marks and parts beside a collection."""

    subject: str
    sides: tuple[str, str]
    propositions: tuple[str, str]
    limit: str


AUTHENTICITY = Wording(
    "Authenticity of a part",
    AuthenticityExaminer.sides,
    AuthenticityExaminer.propositions,
    "It speaks of the part that was examined as it is photographed, not of the whole item.",
)

TRADEMARK = Wording(
    "Visual similarity of two signs",
    TrademarkExaminer.sides,
    TrademarkExaminer.propositions,
    "It speaks of the visual similarity of the signs, never of infringement or likelihood of confusion.",
)

COLLECTION = Wording(
    "Deviation of a part from genuine items",
    SIDES,
    PROPOSITIONS,
    "It speaks of deviation from the genuine items of one collection, never of genuine or counterfeit.",
)

_OF_RECORDS: dict[type[Record], Wording] = {Verdict: AUTHENTICITY, Comparison: TRADEMARK, Deviation: COLLECTION}
OF_TASKS: dict[Task, Wording] = {"authenticity": AUTHENTICITY, "trademark": TRADEMARK, "comparator": COLLECTION}
"""The wording for each task that weighs evidence."""
OF_STATED = {"authenticity": AUTHENTICITY, "trademark": TRADEMARK, "collection": COLLECTION}
"""The wording for each kind of stated examination; see `stated.stated`."""


def wording_of(record: Record) -> Wording:
    """The wording for an examination."""
    return _OF_RECORDS[type(record)]
