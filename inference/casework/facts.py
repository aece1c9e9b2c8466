"""What a report says of a case beside its examinations."""

from __future__ import annotations

from dataclasses import dataclass

from inference.casework.log import CaseRefused
from inference.records import as_json

_MOST_LETTERS = {"request": 4000, "remarks": 4000, "remark": 4000, "conclusion": 4000, "reason": 4000}


@dataclass(frozen=True)
class CaseFacts:
    """What a report states of a case beside its examinations: plain text in any script, empty where nothing is stated.

    Attributes:
        case_number: The laboratory's number of the case; at least one character.
        examiner: Who answers for the report; at least one character.
        item: What was handed in.
        laboratory: Name and address.
        request: What was asked, and by whom.
        remarks: Anything else that belongs in the report.
        reviewer: Who is to review it.

    Raises:
        CaseRefused: if a text is missing, too long or holds control characters.
    """

    case_number: str
    examiner: str
    item: str = ""
    laboratory: str = ""
    request: str = ""
    remarks: str = ""
    reviewer: str = ""

    def __post_init__(self) -> None:
        for name, text in as_json(self).items():
            require_text(name.replace("_", " "), text, needed=name in ("case_number", "examiner"))


def require_text(said: str, text: str, *, needed: bool) -> None:
    """Check a text that goes into a report or a log; `said` is its name in the refusal.

    Raises:
        CaseRefused: if it is missing, too long, or holds control characters.
    """
    most = _MOST_LETTERS.get(said, 200)
    if len(text) > most:
        msg = f"The {said} has {len(text)} characters, and at most {most} are allowed; shorten it."
        raise CaseRefused(msg)
    if not text.replace("\n", "").isprintable():
        msg = f"The {said} holds characters that cannot be printed; type it again."
        raise CaseRefused(msg)
    if needed and not text.strip():
        msg = f"The {said} is missing; state it."
        raise CaseRefused(msg)
