"""Photos that a page takes from the cases: which there are, and that they are the ones that were handed in."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from inference.casework.cases import Cases, add_to_case
from inference.intake.exhibit import read_exhibit
from inference.records import Exhibit, Refusal
from ui.case_photos import CasePhotos
from ui.cases_in_use import CasesInUse
from ui.file_names import given_name

TIME = datetime(2026, 11, 28, 12, tzinfo=timezone.utc)


@pytest.fixture
def cases(tmp_path: Path) -> Cases:
    return Cases(tmp_path / "cases")


@pytest.fixture
def exhibits(lettered: Any) -> list[Exhibit]:
    return [lettered("quorum/genuine", seed) for seed in range(2)]


def test_each_exhibit_of_any_case_can_be_taken_by_its_name(
    cases: Cases, exhibits: list[Exhibit], tmp_path: Path
) -> None:
    photos = CasePhotos(CasesInUse(cases))
    assert photos.choices() == []
    for number, handed_in in (("26-001", exhibits), ("26-002", exhibits[:1])):
        add_to_case(cases.open(number, TIME), handed_in, [], TIME)
    assert sorted(sha256 for _, sha256 in photos.choices()) == sorted(one.sha256 for one in exhibits), "each once"
    assert f"{exhibits[1].name}, case 26-001" in [words for words, _ in photos.choices()]
    copies = photos.taken([one.sha256 for one in exhibits], str(tmp_path / "handed in"))
    for copy, exhibit in zip(copies, exhibits, strict=True):
        assert Path(copy).is_relative_to(tmp_path / "handed in")
        assert read_exhibit(Path(copy), given_name(copy)).sha256 == exhibit.sha256
        assert given_name(copy) == exhibit.name


def test_what_was_deleted_or_changed_is_not_taken(cases: Cases, exhibits: list[Exhibit], tmp_path: Path) -> None:
    case, photos = cases.open("26-001", TIME), CasePhotos(CasesInUse(cases))
    add_to_case(case, exhibits, [], TIME)
    changed = next(path for sha256, path, _ in case.exhibits if sha256 == exhibits[0].sha256)
    changed.write_bytes(b"another picture")
    with pytest.raises(Refusal, match=f"The copy of {exhibits[0].name} was changed; verify the case"):
        photos.taken([exhibits[0].sha256], str(tmp_path))
    case.delete("A. Person", "asked to", TIME)
    assert photos.choices() == []
    with pytest.raises(Refusal, match="No case holds this photo any more"):
        photos.taken([exhibits[1].sha256], str(tmp_path))
