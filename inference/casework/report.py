"""From examinations to a report: a PDF for people, and a JSON twin that holds everything and can be verified.

The twin is written first; the PDF states its SHA-256. Time is an input, so that the same examinations, facts and time
give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inference.casework.facts import CaseFacts
from inference.casework.log import Head
from inference.casework.pages import draw_pages
from inference.casework.sheets import Imprint
from inference.casework.stated import stated, utc
from inference.files import sha256
from inference.models.card import Card
from inference.models.provenance import code_version
from inference.records import PartFinding, Record, as_json, require

REPORT_FORMAT = 1


@dataclass(frozen=True)
class Report:
    """A report as it is handed out.

    Attributes:
        pdf: The pages.
        json: The twin, UTF-8.
        run_id: Hash of what the findings depend on, see `run_id`; a second report on the same run has the same one.
    """

    pdf: bytes
    json: bytes
    run_id: str

    @property
    def id(self) -> str:
        """The id on every page, which is also the file name: a hash of the twin, with its facts and time."""
        return report_id(self.json)


def make_report(
    facts: CaseFacts,
    records: Sequence[Record],
    cards: Mapping[str, Card],
    made: datetime,
    log_head: Head | None = None,
    parts: Sequence[PartFinding] = (),
) -> Report:
    """A report on one examination or more.

    Args:
        facts: What the report states of the case.
        records: The examinations, in the order of the pages; at least one.
        cards: The card of each model that was used, by the model's name.
        made: When, in local time with its zone.
        log_head: The head of the case's log, against which the log can be checked later.
        parts: The part findings of those examinations that are photos of one item, one a part.

    Raises:
        ValueError: if there is no record, a card is missing, a part finding rests on another verdict, or the time has
            no zone.
    """
    require(len(records) > 0, "a report needs an examination")
    models = {record.provenance.model for record in records}
    require(models <= cards.keys(), "a report needs the card of every model that was used")
    cards = {name: cards[name] for name in models}
    numbers = {id(record): number for number, record in enumerate(records, 1)}
    weighed = [verdict for part in parts for verdict in part.verdicts]
    require(all(id(verdict) in numbers for verdict in weighed), "a part finding rests on examinations of the report")
    examinations = [stated(record) for record in records]
    combined = [
        {"examinations": [numbers[id(verdict)] for verdict in part.verdicts], "finding": as_json(part)}
        for part in parts
    ]
    return assembled(
        facts, examinations, cards, made, log_head, lambda imprint: draw_pages(imprint, records, cards, parts), combined
    )


def assembled(
    facts: CaseFacts,
    examinations: Sequence[Mapping[str, Any]],
    cards: Mapping[str, Card],
    made: datetime,
    log_head: Head | None,
    draw: Callable[[Imprint], bytes],
    combined: Sequence[Mapping[str, Any]] = (),
    searches: Sequence[Mapping[str, Any]] = (),
    **more: Any,
) -> Report:
    """The report on stated examinations.

    Args:
        facts: What the report states of the case.
        examinations: What `stated.stated` gives for each.
        cards: The cards of their models, by name.
        made: When, in local time with its zone.
        log_head: The head of the case's log.
        draw: Draws its pages.
        combined: Part findings, each with the numbers of its examinations.
        searches: Searches of a register of marks.
        **more: What else the twin states.
    """
    run = run_id(examinations, combined, searches)
    content = {
        "assay_report": REPORT_FORMAT,
        "run_id": run,
        "made": {"utc": utc(made), "local": made.isoformat(timespec="seconds")},
        "facts": as_json(facts),
        "log_head": as_json(log_head),
        "code_version": code_version(),
        "examinations": examinations,
        "parts": combined,
        **({"searches": searches} if searches else {}),
        "cards": {model: as_json(cards[model]) for model in sorted(cards)},
        **more,
    }
    twin = json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n"
    imprint = Imprint(report_id(twin), run, sha256(twin), facts, made, log_head)
    return Report(draw(imprint), twin, run)


def report_id(twin: bytes) -> str:
    """The id of the report with this JSON twin."""
    return f"R-{sha256(twin)[:12]}"


def run_id(
    examinations: Sequence[Mapping[str, Any]],
    parts: Sequence[Mapping[str, Any]] = (),
    searches: Sequence[Mapping[str, Any]] = (),
) -> str:
    """SHA-256 over all that findings depend on: hashes of inputs, weights, card and code; grounds, crops and series.

    Args:
        examinations: What `stated.stated` gives for each.
        parts: Which of them, by number from 1, were weighed together.
        searches: Searches of a register, which depend on its content and their settings as well.
    """
    inputs: list[Any] = []
    for record in (*(examination["record"] for examination in examinations), *searches):
        provenance = record["provenance"]
        kept = ("settings", "weights_sha256", "card_sha256", "code_version")
        exhibits = record["exhibits"] if "exhibits" in record else [record["exhibit"]]
        # A picture without transparency states no ground, so that its run id does not depend on one.
        grounds = [exhibit.get("ground") for exhibit in exhibits]
        inputs.append(
            {"exhibits": [exhibit["sha256"] for exhibit in exhibits]}
            | ({"grounds": grounds} if any(grounds) else {})
            | {name: provenance[name] for name in kept}
        )
    inputs += [part["examinations"] for part in parts]
    inputs += [{name: search[name] for name in ("register", "crop", "filters", "most")} for search in searches]
    return sha256(json.dumps(inputs, sort_keys=True).encode())
