"""`batch`: many photos are examined, go on where they were stopped, and are reported."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.inference.command_line.ran import Ran, assert_refused


@pytest.fixture
def batch(called: Callable[..., Ran], photos: Path, tmp_path: Path, tiny_models: Path) -> Callable[..., Ran]:
    def call(*options: object) -> Ran:
        return called("batch", photos, "--out", tmp_path / "out", "--weights", tiny_models, *options)

    return call


def test_results_are_written_and_told(batch: Callable[..., Ran], tmp_path: Path) -> None:
    ran = batch()
    assert (ran.status, ran.error) == (0, "")
    assert ran.out.startswith("out: 4 of 4 photos, by the model tiny_parts\n")
    assert "        1  not examined\n" in ran.out
    assert "not examined: c.png: " in ran.out
    rows = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [row["path"] for row in rows] == ["a.png", "b.png", "c.png", "d.png"]
    with (tmp_path / "out" / "results.csv").open(newline="") as file:
        assert [row["outcome"] for row in csv.DictReader(file)] == [row["outcome"] for row in rows]
    again = batch()
    assert again.out == ran.out


@pytest.mark.parametrize("case", [False, True])
def test_a_report_lies_in_the_case_or_beside_the_results(case: bool, batch: Callable[..., Ran], tmp_path: Path) -> None:
    where = ("--case", tmp_path / "case") if case else ()
    ran = batch("--case-number", "C 1", "--examiner", "A. Examiner", *where)
    pdf, twin = map(Path, ran.out.splitlines()[-2:])
    assert pdf.parent == twin.parent == (tmp_path / "case" / "reports" if case else tmp_path / "out")
    assert pdf.read_bytes().startswith(b"%PDF")
    assert json.loads(twin.read_text())["facts"]["case_number"] == "C 1"


def test_facts_without_a_case_number_are_refused_before_anything(batch: Callable[..., Ran], tmp_path: Path) -> None:
    assert_refused(batch("--examiner", "A. Examiner"), "The case number is missing")
    assert not (tmp_path / "out").exists()


def test_a_batch_goes_on_by_the_same_means_alone(batch: Callable[..., Ran]) -> None:
    batch()
    assert_refused(batch("--series", "blue"), "holds a batch examined by the model tiny_parts; choose another folder")
