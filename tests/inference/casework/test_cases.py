"""The folder of the cases: every number has a folder of its own, and no path but those is ever reached."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from inference.casework.case import CaseFolder
from inference.casework.cases import Cases
from inference.casework.log import CaseRefused

TIME = datetime(2026, 11, 22, 16, 30, 5, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("number", "folder"),
    [
        ("2026-17", "2026-17"),
        ("案件-3", "案件-3"),
        ("2026/17", "2026-17-7c1a7a2f"),
        ("../2026", "2026-"),
        ("..", ""),
        ("A b", "A-b-"),
        ("a.", "a-"),
        ("x" * 200, "x" * 60 + "-"),
    ],
)
def test_a_case_lies_in_a_folder_of_its_own_right_under_the_folder(number: str, folder: str, tmp_path: Path) -> None:
    cases = Cases(tmp_path / "cases")
    case = cases.open(number, TIME)
    assert case.path.parent == tmp_path / "cases"
    assert case.path.name.startswith(folder[:8])
    assert len(case.path.name) <= 80
    assert cases.case(number).path == case.path
    assert cases.numbers == (number,)


def test_numbers_that_look_alike_share_no_folder(tmp_path: Path) -> None:
    cases = Cases(tmp_path)
    numbers = {"2026-17", "2026/17", "2026 17", "2026:17", "2026-17."}
    assert len({cases.open(number, TIME).path for number in numbers}) == len(numbers)
    assert set(cases.numbers) == numbers


def test_a_case_is_found_by_its_number_whatever_its_folder_is_called(tmp_path: Path) -> None:
    CaseFolder.open(tmp_path / "tags of June", "2026-17", TIME)
    assert Cases(tmp_path).open("2026-17", TIME).path == tmp_path / "tags of June"


def test_what_is_no_case_is_refused_in_a_sentence(tmp_path: Path) -> None:
    cases = Cases(tmp_path)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "log.jsonl").write_text("{}\n")
    assert cases.numbers == ()
    (refusal,) = cases.refusals
    assert "does not name a case" in refusal
    with pytest.raises(CaseRefused, match=r"photos is not a case folder, since it holds a\.jpg"):
        cases.open("photos", TIME)
    for number in ("photos", "broken", "../x", "log.jsonl"):
        with pytest.raises(CaseRefused, match="There is no case"):
            cases.case(number)
    for number in (None, ""):
        with pytest.raises(CaseRefused, match="Choose a case first"):
            cases.case(number)


def test_a_file_is_no_folder_of_cases(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CaseRefused, match="cannot hold the cases"):
        Cases(tmp_path / "file")
