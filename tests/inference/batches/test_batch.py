"""A batch says of each photo what a single examination says, and goes on where it was stopped."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from itertools import product
from pathlib import Path
from typing import get_args

import pytest

from inference.batches.batch import Batch
from inference.batches.store import FILE
from inference.bench import Bench
from inference.casework.case import CaseFolder
from inference.casework.facts import CaseFacts
from inference.casework.stated import stated
from inference.casework.verification import verify_report
from inference.database import DatabaseRefused
from inference.files import sha256
from inference.intake.exhibit import read_exhibit
from inference.models.weights import load_model, save_model
from inference.records import BatchRow, Refusal, RowOrder, as_json
from inference.request import Means, Request

MADE = datetime(2026, 11, 29, 8, 30, 5, tzinfo=timezone.utc)
FACTS = CaseFacts("C 1", "A. Examiner")


@pytest.fixture
def bench(tiny_models: Path) -> Bench:
    return Bench(tiny_models)


@pytest.fixture
def batch(photos: Path, tmp_path: Path, bench: Bench) -> Batch:
    """A batch of four photos, none of them examined yet."""
    return Batch.begin(tmp_path / "batch", bench, Means(), [photos])


@pytest.fixture
def done(batch: Batch) -> Batch:
    """The same, examined."""
    batch.run()
    return batch


def stops_after(photos: int) -> Callable[[str, float], None]:
    """Progress that stops what it is told of."""
    told = []

    def progress(what: str, share: float) -> None:
        told.append(what)
        if len(told) == photos:
            raise KeyboardInterrupt

    return progress


def test_each_row_says_what_a_single_examination_says(done: Batch, photos: Path, bench: Bench) -> None:
    rows = done.store.rows()
    assert [(row.photo, row.part, row.path) for row in rows] == [
        (1, 1, "a.png"),
        (2, 1, "b.png"),
        (3, 0, "c.png"),
        (4, 1, "d.png"),
    ]
    for row in rows:
        data = (photos / row.path).read_bytes()
        assert row.sha256 == sha256(data)
        if row.part:
            verdict = bench.examine(Request(read_exhibit(data, row.path)))
            assert (row.outcome, row.reason, row.score) == (verdict.outcome, verdict.reason, verdict.score)
            assert row.by == f"{verdict.provenance.model}, {verdict.series}"
            assert as_json(done.examined_again(row.key)) == as_json(verdict)


def test_a_bad_file_is_a_row_with_the_reason_and_stops_nothing(done: Batch) -> None:
    (bad,) = (row for row in done.store.rows() if not row.part)
    assert (bad.path, bad.outcome, bad.score, bad.log10_lr) == ("c.png", "not examined", None, None)
    assert "c.png" in bad.reason
    assert done.state.outcomes["not examined"] == 1
    assert sum(done.state.outcomes.values()) == 4
    with pytest.raises(Refusal, match=r"Row 3\.0 of batch holds no examination"):
        done.examined_again(bad.key)


@pytest.mark.parametrize("after", [1, 2, 3])
def test_what_was_stopped_goes_on_there(after: int, batch: Batch, photos: Path, tmp_path: Path, bench: Bench) -> None:
    with pytest.raises(KeyboardInterrupt):
        batch.run(stops_after(after))
    assert (batch.state.done, batch.state.finished) == (after, False)
    batch.close()
    again = Batch(tmp_path / "batch", bench)
    told: list[tuple[str, float]] = []
    again.run(lambda what, share: told.append((what.partition(",")[0], share)))
    assert told == [(f"{number} of 4 photos", number / 4) for number in range(after + 1, 5)]
    whole = Batch.begin(tmp_path / "whole", bench, Means(), [photos])
    whole.run()
    assert again.store.rows() == whole.store.rows()


def test_a_killed_process_loses_no_photo_that_is_done(photos: Path, tmp_path: Path, tiny_models: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from inference.batches.batch import Batch
from inference.bench import Bench
from inference.request import Means
folder, models, photos = map(Path, sys.argv[1:])
batch = Batch.begin(folder, Bench(models), Means(), [photos])
batch.run(lambda what, share: share < .5 or os.kill(os.getpid(), signal.SIGKILL))
"""
    command = [sys.executable, "-c", code, tmp_path / "batch", tiny_models, photos]
    ran = subprocess.run(command, check=False, cwd=Path(__file__).parents[3])
    assert ran.returncode == -9
    left = Batch(tmp_path / "batch", Bench(tiny_models))
    assert left.state.done == 2
    left.run()
    assert left.state.finished


def oracle(rows: list[BatchRow], outcome: str, text: str, order: RowOrder) -> list[BatchRow]:
    def holds(row: BatchRow) -> bool:
        said = [row.path, json.dumps(dict(row.columns), ensure_ascii=False), row.by, row.outcome, row.reason]
        return text.casefold() in " ".join(said).casefold()

    found = [row for row in rows if outcome in ("", row.outcome) and holds(row)]
    if order == "by name":
        return sorted(found, key=lambda row: row.path)
    if order == "as listed":
        return found
    sign = -1 if order == "least like genuine first" else 1
    return sorted(found, key=lambda row: (row.against is None, sign * (row.against or 0)))


@pytest.mark.parametrize(
    ("outcome", "text"), [("", ""), ("", "STRASSE"), ("", "Bag"), ("not examined", ""), ("", "zzz")]
)
def test_rows_are_filtered_and_ordered(outcome: str, text: str, done: Batch) -> None:
    every = done.store.rows()
    for order in get_args(RowOrder):
        expected = oracle(every, outcome, text, order)
        assert done.store.rows(outcome, text, order) == expected
        assert done.store.count(outcome, text) == len(expected)
        for start, most in product((0, 1, 3), (1, 2)):
            assert done.store.rows(outcome, text, order, start, most) == expected[start : start + most]


def test_evidence_orders_rows_and_what_has_none_comes_last(done: Batch) -> None:
    against = [row.against for row in done.store.rows(order="least like genuine first")]
    known = [value for value in against if value is not None]
    assert known == sorted(known, reverse=True)
    assert against[len(known) :] == [None] * (4 - len(known))


def test_the_csv_holds_all_rows_and_runs_no_formula(done: Batch) -> None:
    head, *rows = csv.reader(io.StringIO(done.csv().decode()))
    assert head[:2] + head[-1:] == ["path", "outcome", "item"]
    assert [row[0] for row in rows] == ["a.png", "b.png", "c.png", "d.png"]
    assert [row[-1] for row in rows] == ["Bag 1", "'=Bag 2", "", "Straße"]
    assert rows[0][head.index("score")] == f"{done.store.rows()[0].score:.3f}"


def test_a_score_of_zero_is_written_and_none_is_left_empty(done: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [replace(row, score=0.0 if row.part else None) for row in done.store.rows()]
    monkeypatch.setattr(done.store, "rows", lambda: rows)
    scores = [row["score"] for row in csv.DictReader(io.StringIO(done.csv().decode()))]
    assert scores == ["0.000", "0.000", "", "0.000"]


def test_a_file_that_was_changed_is_not_opened(done: Batch, photos: Path) -> None:
    (photos / "a.png").write_bytes((photos / "b.png").read_bytes())
    with pytest.raises(Refusal, match=r"a\.png in .* was changed since it was examined"):
        done.examined_again("1.1")


def test_a_row_is_not_opened_by_other_weights(photos: Path, tmp_path: Path, tiny_models: Path) -> None:
    model = load_model("tiny_parts", tiny_models)
    save_model(replace(model.card, title="One"), model.network.state_dict(), tmp_path / "one")
    save_model(replace(model.card, title="Other"), model.network.state_dict(), tmp_path / "other")
    first = Batch.begin(tmp_path / "batch", Bench(tmp_path / "one"), Means(), [photos])
    first.run()
    first.close()
    with pytest.raises(Refusal, match=r"a\.png was examined by other weights"):
        Batch(tmp_path / "batch", Bench(tmp_path / "other")).examined_again("1.1")


def test_a_report_in_a_case_can_be_verified(done: Batch, bench: Bench, tmp_path: Path) -> None:
    case = CaseFolder.open(tmp_path / "case", "C 1", MADE)
    report = done.report(FACTS, MADE, case)
    twin = json.loads(report.json)
    assert [one["record"]["exhibit"]["name"] for one in twin["examinations"]] == ["a.png", "b.png", "d.png"]
    assert [one["path"] for one in twin["batch"]["not examined"]] == ["c.png"]
    assert twin["examinations"][0]["record"]["heatmap"]["raw"] is None
    assert report.pdf.startswith(b"%PDF")
    assert done.state.cases == ("C 1",)
    lines = verify_report(case.path / "reports" / f"{report.id}.json", bench)
    assert {line.status for line in lines} == {"agrees"}
    assert sum(line.subject.startswith("heatmap") for line in lines) == 3

    # A second report adds nothing but itself.
    before = len(case.entries())
    done.report(FACTS, MADE, case)
    assert [entry.event for entry in case.entries()[before:]] == ["report issued"]


def test_what_was_changed_in_its_report_is_found(done: Batch, bench: Bench, photos: Path, tmp_path: Path) -> None:
    twin = json.loads(done.report(FACTS, MADE).json)
    twin["examinations"][0]["record"]["log_odds"] += 1
    twin["examinations"][1]["maps"][0]["sha256"] = "0" * 64
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(twin))
    lines = verify_report(path, bench, [photos])
    assert [line.subject for line in lines if line.status == "differs"] == ["log odds 1"]
    assert [line.subject for line in lines if line.status == "told"] == ["PDF", "heatmap 2"]


def test_examinations_are_logged_as_the_report_states_them(done: Batch, bench: Bench, tmp_path: Path) -> None:
    case = CaseFolder.open(tmp_path / "case", "C 1", MADE)
    done.add_to_case(case, MADE)
    logged = [entry.content for entry in case.entries("examination")]
    assert logged == [told for _, _, examinations in done.store.examined() for told in examinations]
    maps = stated(done.examined_again("1.1"))["maps"]
    assert logged[0]["maps"] == maps
    assert {name for _, _, name in case.exhibits} == {"a.png", "b.png", "d.png"}


def test_what_an_interrupted_addition_logged_is_not_logged_again(done: Batch, tmp_path: Path) -> None:
    case = CaseFolder.open(tmp_path / "case", "C 1", MADE)
    case.add_examined(
        ((done.examined_again("1.1").exhibit, told) for _, _, told in [next(done.store.examined())]), MADE
    )
    done.add_to_case(case, MADE)
    assert len(case.entries("examination")) == 3


def test_a_case_of_the_same_number_in_another_folder_is_filled_as_well(
    done: Batch, photos: Path, tmp_path: Path
) -> None:
    one, two = (CaseFolder.open(tmp_path / folder / "case", "C 1", MADE) for folder in ("one", "two"))
    for case in (one, two):
        done.report(FACTS, MADE, case)
        assert [len(case.entries(event)) for event in ("exhibit added", "examination")] == [3, 3]
    for photo in photos.iterdir():
        photo.unlink()
    done.report(FACTS, MADE, one)
    assert len(one.reports) == 2, "what a case holds is not read again"


def test_nothing_examined_is_nothing_to_report(batch: Batch) -> None:
    with pytest.raises(Refusal, match="No photo of batch was examined"):
        batch.report(FACTS, MADE)


def test_a_folder_holds_one_batch_and_a_refusal_makes_none(
    batch: Batch, photos: Path, tmp_path: Path, bench: Bench
) -> None:
    with pytest.raises(Refusal, match="holds a batch already"):
        Batch.begin(tmp_path / "batch", bench, Means(), [photos])
    for sources, why in (([], "There are no photos"), ([tmp_path / "gone"], "gone does not exist")):
        with pytest.raises(Refusal, match=why):
            Batch.begin(tmp_path / "new", bench, Means(), sources)
    assert not (tmp_path / "new").exists()
    with pytest.raises(Refusal, match="There is no batch in"):
        Batch(tmp_path / "new", bench)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / FILE).write_bytes(b"no database" * 99)
    with pytest.raises(DatabaseRefused, match="cannot be read as a batch"):
        Batch(tmp_path / "new", bench)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"references": "x", "model": "y"}, "leave out --model"),
        ({"references": "x", "locate": True}, "--locate"),
        ({"locate": True, "model": "y"}, "leave out --model"),
    ],
)
def test_means_leave_something_to_each_other(given: dict[str, object], why: str) -> None:
    with pytest.raises(Refusal, match=why):
        Means(**given)  # type: ignore[arg-type]
