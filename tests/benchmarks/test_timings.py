"""The page of timings: what it is made of, and what it names when something takes longer than was recorded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.__main__ import Options, main, record, regressed
from benchmarks.jobs import ASSAY, BARE, BY_TORCH, STOCK, Settings, Timed

pytest.importorskip("openvino")


def timed(assay: float, by_torch: float) -> Timed:
    """A job that the compiled network alone does in two seconds."""
    return Timed("examine", {STOCK: [9.0, 9.0], BARE: [2.0, 2.0], BY_TORCH: [2 * by_torch] * 2, ASSAY: [2 * assay] * 2})


def test_a_ratio_is_that_of_one_round() -> None:
    one = Timed("examine", {BARE: [1.0, 2.0], ASSAY: [3.0, 10.0]})
    assert one.ratios(ASSAY) == [3, 5]


@pytest.mark.parametrize(
    ("assay", "by_torch", "named"),
    [(4.0, 8.0, []), (4.7, 9.5, []), (4.9, 8.0, ["Assay"]), (4.9, 9.7, ["Assay by PyTorch", "Assay"]), (2.0, 8.0, [])],
)
def test_what_takes_over_a_fifth_more_than_recorded_is_named(assay: float, by_torch: float, named: list[str]) -> None:
    found = regressed([timed(assay, by_torch)], {"examine": {ASSAY: 4.0, BY_TORCH: 8.0}})
    assert [sentence.partition(", ")[2].partition(":")[0] for sentence in found] == named
    assert regressed([timed(assay, by_torch)], {}) == []


def test_what_has_regressed_is_not_recorded_unless_it_is_accepted(tmp_path: Path) -> None:
    options = Options(results=tmp_path)
    assert record([timed(4.0, 8.0)], options) == []
    before = (tmp_path / "timings.json").read_bytes()
    assert json.loads(before) == {"examine": {STOCK: 4.5, BARE: 1.0, BY_TORCH: 8.0, ASSAY: 4.0}}
    (tmp_path / "timings.md").unlink()
    assert record([timed(5.0, 8.0)], options) != []
    assert (tmp_path / "timings.json").read_bytes() == before
    assert not (tmp_path / "timings.md").exists()
    record([timed(5.0, 8.0)], replace(options, accept=True))
    row = "| examine | 2000.0 | 4.5 (4.5 to 4.5) | 8 (8 to 8) | 5 (5 to 5) | 0.9 (0.9 to 0.9) |"
    assert row in (tmp_path / "timings.md").read_text()


def test_every_job_is_timed_by_every_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(Options(Settings(long_side=640, batch=1, taken=1, rounds=1), tmp_path))
    assert "nothing has regressed" in capsys.readouterr().out
    ratios, text = json.loads((tmp_path / "timings.json").read_text()), (tmp_path / "timings.md").read_text()
    assert len(ratios) == 5
    assert all(ways[BARE] == 1 and ways.keys() == {STOCK, BARE, BY_TORCH, ASSAY} for ways in ratios.values())
    assert "$" not in text
    assert all(f"| {job} | " in text for job in ratios)
    assert f"torch {torch.__version__.partition('+')[0]}" in text
