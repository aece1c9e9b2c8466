"""Examinations beside a collection in a case: logged, reported, and verified against the collection as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from inference.bench import Bench
from inference.casework.lines import Line
from inference.casework.verification import verify_report
from inference.collections.collection import Collection
from inference.collections.files import save_collection
from inference.command_line import commands
from inference.files import png_bytes
from inference.models.weights import Model, save_model


@dataclass
class Issued:
    """A report on two photos beside a collection, and where its models and collections lie."""

    report: Path
    weights: Path
    references: Path

    def lines(self) -> dict[str, Line]:
        """The lines of a verification, by subject and examination."""
        bench = Bench(self.weights, references=self.references, engine="auto")
        return {line.subject: line for line in verify_report(self.report, bench)}


@pytest.fixture
def issued(
    comparator: Model, labels: Collection, lettered: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Issued:
    weights, references = tmp_path / "weights", tmp_path / "references"
    save_model(comparator.card, comparator.network.state_dict(), weights)
    made = {**labels.made_with, "comparator": Bench(weights).catalogue.cards["tiny_comparator"].weights_sha256}
    save_collection(replace(labels, made_with=made), references)
    photos = []
    for number, label in enumerate(("genuine", "counterfeit"), 60):
        photos.append(tmp_path / f"{label}.png")
        photos[-1].write_bytes(png_bytes(Image.fromarray(lettered.photo(f"quorum/{label}", number))))
    asked = ("--references", labels.name, "--weights", weights, "--collections", references)
    case = ("--case", tmp_path / "case", "--case-number", "2026-5", "--examiner", "A. Examiner")
    monkeypatch.setattr("sys.argv", ["inference", "report", *map(str, (*photos, *asked, *case))])
    assert commands.main() == 0
    (report,) = (tmp_path / "case" / "reports").glob("*.json")
    return Issued(report, weights, references)


def test_a_report_states_each_deviation_and_agrees_with_itself(issued: Issued, labels: Collection) -> None:
    twin = json.loads(issued.report.read_text())
    assert [one["task"] for one in twin["examinations"]] == ["collection", "collection"]
    assert all(one["record"]["collection"] == labels.name for one in twin["examinations"])
    assert issued.report.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    lines = issued.lines()
    assert {line.status for line in lines.values()} == {"agrees"}
    assert {f"{subject} 2" for subject in ("collection", "score", "typicality", "heatmap")} <= lines.keys()


def removed(issued: Issued) -> None:
    (issued.references / "label_quorum_2.json").unlink()


def enrolled_again(issued: Issued) -> None:
    card = issued.references / "label_quorum_2.json"
    stated = json.loads(card.read_text())
    card.write_text(json.dumps(stated | {"arrays_sha256": "0" * 64}))


def one_deviation_edited(issued: Issued) -> None:
    card = issued.references / "label_quorum_2.json"
    stated = json.loads(card.read_text())
    enrolled = next(photo for photo in stated["photos"] if photo["deviations"])
    enrolled["deviations"][0][1] += 1.0
    card.write_text(json.dumps(stated))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (removed, "there is no label_quorum_2 in"),
        (enrolled_again, "it is "),
        (one_deviation_edited, "it is "),
    ],
    ids=["removed", "enrolled again", "a deviation edited"],
)
def test_a_collection_that_is_not_as_it_was_is_named(
    issued: Issued, change: Callable[[Issued], None], text: str
) -> None:
    change(issued)
    lines = issued.lines()
    assert lines["collection 1"].status == "differs"
    assert lines["collection 1"].text.startswith(text)
    assert lines["findings 1"].text == "they were not made again: an input is not as stated."


def test_another_finding_is_named(issued: Issued) -> None:
    stated = json.loads(issued.report.read_text())
    record = stated["examinations"][0]["record"]
    record["score"] += 0.5
    record["typicality"]["as_far"] = (record["typicality"]["as_far"] + 1) % 8
    issued.report.write_text(json.dumps(stated))
    lines = issued.lines()
    assert {lines["score 1"].status, lines["typicality 1"].status} == {"differs"}
    assert lines["score 2"].status == "agrees"


@pytest.mark.parametrize(
    ("option", "why"),
    [
        (("--one-item",), "--references gives no verdict"),
        (("--locate",), "With --references no model is asked"),
        (("--model", "tiny_comparator"), "With --references no model is asked"),
    ],
)
def test_photos_beside_a_collection_are_not_combined(
    option: tuple[str, ...], why: str, issued: Issued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    asked = ("--references", "label_quorum_2", "--weights", issued.weights, "--collections", issued.references)
    case = ("--case", tmp_path / "other", "--case-number", "6", "--examiner", "A. Examiner")
    monkeypatch.setattr(
        "sys.argv", ["inference", "report", *map(str, (tmp_path / "genuine.png", *asked, *case)), *option]
    )
    assert commands.main() == 2
    assert why in capsys.readouterr().err
    assert not (tmp_path / "other").exists()
