"""A case as a place of work: notes of people, examinations made again, and a ZIP to hand on."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from inference.bench import Bench
from inference.casework.case import CaseFolder, NoteKind
from inference.casework.cases import add_to_case
from inference.casework.custody import check_case
from inference.casework.log import CaseRefused
from inference.casework.packed import unpacked
from inference.casework.verification import reopened
from inference.records import Comparison, Crop, Refusal, Verdict, as_json
from inference.request import Request
from tests.conftest import MakeExhibit
from tests.inference.command_line.ran import Ran, assert_refused

TIME = datetime(2026, 11, 29, 8, 30, 5, tzinfo=timezone.utc)


@pytest.fixture
def bench(tiny_models: Path) -> Bench:
    return Bench(tiny_models)


@pytest.fixture
def records(bench: Bench, striped: MakeExhibit) -> tuple[Verdict, Comparison]:
    first, second = striped("blue/genuine", 3), striped("blue/counterfeit", 4)
    verdict = bench.examine(Request(first, "blue", Crop(2, 3, 40, 30, 90)))
    return verdict, bench.compare(first, second, None, (Crop(0, 0, 50, 38), None))


@pytest.fixture
def case(tmp_path: Path, records: tuple[Verdict, Comparison]) -> CaseFolder:
    """A case with a verdict and a comparison, on two exhibits."""
    folder = CaseFolder.open(tmp_path / "case", "7", TIME)
    add_to_case(folder, records[1].exhibits, records, TIME)
    return folder


@pytest.mark.parametrize("kind", ["remark", "conclusion"])
@pytest.mark.parametrize("whole", [True, False])
def test_a_note_is_logged_apart_from_what_models_found(kind: NoteKind, whole: bool, case: CaseFolder) -> None:
    exhibit = None if whole else case.exhibits[0][0]
    case.note(kind, "E. Examiner", "Stitching of another house.\nSeen twice.", exhibit, TIME)
    (noted,) = case.entries(kind)
    assert noted.content == {
        "by": "E. Examiner",
        "exhibit": exhibit,
        "text": "Stitching of another house.\nSeen twice.",
    }
    assert check_case(case.path).findings == ()


@pytest.mark.parametrize(
    ("by", "text", "exhibit", "why"),
    [
        ("", "text", None, "The name is missing"),
        ("E", " ", None, "The conclusion is missing"),
        ("E", "x" * 4001, None, "4001 characters"),
        ("E", "\x07", None, "cannot be printed"),
        ("E", "text", "f" * 64, "holds no exhibit ffffffffffffffff; choose one"),
    ],
)
def test_a_note_that_is_not_whole_is_refused(
    by: str, text: str, exhibit: str | None, why: str, case: CaseFolder
) -> None:
    before = case.entries()
    with pytest.raises(CaseRefused, match=why):
        case.note("conclusion", by, text, exhibit, TIME)
    assert case.entries() == before


def test_an_examination_is_made_again_as_it_was(
    case: CaseFolder, bench: Bench, records: tuple[Verdict, Comparison]
) -> None:
    again = [reopened(case, entry.content, bench) for entry in case.entries("examination")]
    assert [as_json(record) for record in again] == [as_json(record) for record in records]


def test_an_examination_without_its_copy_is_not_made_again(case: CaseFolder, bench: Bench) -> None:
    case.exhibits[0][1].write_bytes(b"changed")
    with pytest.raises(CaseRefused, match="is gone from the case or was changed; verify the case"):
        reopened(case, case.entries("examination")[0].content, bench)


def test_a_case_is_packed_and_unpacked_as_it_stands(case: CaseFolder, tmp_path: Path) -> None:
    case.note("remark", "E", "text", None, TIME)
    case.export(tmp_path / "case.zip")
    with unpacked(tmp_path / "case.zip") as folder:
        copy = CaseFolder(folder)
        assert copy.entries() == case.entries()
        assert check_case(folder).findings == ()
        assert {file.name: file.read_bytes() for file in copy.files} == {
            file.name: file.read_bytes() for file in case.files
        }
    assert not folder.exists()


def of_members(path: Path, *members: tuple[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as packed:
        for name, data in members:
            packed.writestr(name, data)


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ([("log.jsonl", b"{}"), ("exhibits/../../x", b"")], "exhibits/../../x does not belong in a case"),
        ([("log.jsonl", b"{}"), ("/etc/x", b"")], "/etc/x does not belong in a case"),
        ([("log.jsonl", b"{}"), ("exhibits/..", b"")], "exhibits/.. does not belong in a case"),
        ([("case/log.jsonl", b"{}")], "case/log.jsonl does not belong in a case"),
        ([("exhibits/a.png", b"x")], "holds no log.jsonl"),
        ([], "holds no log.jsonl"),
    ],
)
def test_a_zip_of_anything_else_is_refused(members: list[tuple[str, bytes]], why: str, tmp_path: Path) -> None:
    of_members(tmp_path / "x.zip", *members)
    with pytest.raises(Refusal, match=why), unpacked(tmp_path / "x.zip"):
        pass
    (tmp_path / "x.zip").write_bytes(b"no zip")
    with pytest.raises(CaseRefused, match="cannot be read as a ZIP of a case"), unpacked(tmp_path / "x.zip"):
        pass


def test_the_command_line_packs_a_case_and_verifies_the_zip(
    called: Callable[..., Ran], case: CaseFolder, tmp_path: Path, tiny_models: Path
) -> None:
    ran = called("export", case.path, tmp_path / "case.zip")
    assert (ran.status, ran.error) == (0, "")
    assert_refused(called("export", case.path, tmp_path / "case.zip"), "exists already; choose another name")
    verified = called("verify", tmp_path / "case.zip", "--weights", tiny_models)
    assert verified.status == 3  # nothing differs, and no report vouches for the end of the log
    assert "All agrees." in verified.out
    of_members(tmp_path / "less.zip", *[("log.jsonl", case.log.read_bytes())])
    assert called("verify", tmp_path / "less.zip", "--weights", tiny_models).status == 1
