"""`register`: marks are taken in, searched and listed from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from inference.bench import Bench
from inference.command_line import commands
from inference.intake.exhibit import read_exhibit
from inference.records import as_json
from tests.inference.command_line.ran import Ran, assert_refused, started
from tests.inference.register.drawing import drawn

CSV = "path;owner;Nice\ndisc.png;Müller;25\nring.png;Brown;9\nring.png;Müller;14\n"


@pytest.fixture(scope="module")
def desk(weighing_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with marks, one of them blank, and the register into which they were taken."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "marks").mkdir()
    for shape in ("disc", "ring", "pair", "nothing"):
        (folder / "marks" / f"{shape}.png").write_bytes(drawn(shape))
    (folder / "marks" / "list.csv").write_text(CSV)
    ran = started("register", "add", folder / "marks", "--register", folder / "register", "--weights", weighing_models)
    assert ran.status == 0, ran.error
    assert f"{folder / 'marks'}: 5 new, 0 changed, 0 gone, 0 unchanged, 1 not taken in.\n" in ran.out
    assert "not taken in: nothing.png: The mark is too faint" in ran.error
    assert f"{folder / 'register'} holds 4 marks" in ran.out
    return folder


@pytest.fixture
def called(
    desk: Path, weighing_models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ran]:
    """A command of `register` in this process."""

    def call(*arguments: object) -> Ran:
        where = ("--register", desk / "register", "--weights", weighing_models)
        monkeypatch.setattr("sys.argv", ["inference", "register", *map(str, (*arguments, *where))])
        status = commands.main()
        told = capsys.readouterr()
        return Ran(status, told.out, told.err)

    return call


def test_a_search_prints_every_ranking(desk: Path, weighing_models: Path, called: Callable[..., Ran]) -> None:
    ran = called("search", desk / "marks" / "disc.png")
    lines = ran.out.splitlines()
    assert ran.status == 0
    assert lines[0].startswith("searched    4 of 4 marks of register ")
    assert [line for line in lines if line.isupper()] == [
        "AS IT IS",
        "WITHOUT COLOUR",
        "TURNED OR MIRRORED",
        "PART OF IT",
    ]
    first = lines[lines.index("AS IT IS") + 1]
    assert first.startswith("   1 ")
    assert first.endswith("disc.png; Nice 25; owner Müller  (both as they are)")
    record = as_json(
        Bench(weighing_models, engine="auto")
        .register(str(desk / "register"))
        .search(read_exhibit(desk / "marks" / "disc.png"), most=10)
    )
    assert json.loads(called("search", desk / "marks" / "disc.png", "--json").out) == record
    assert record["rankings"][0]["marks"][0]["path"] == "disc.png"


def test_a_search_looks_only_at_what_the_columns_hold(desk: Path, called: Callable[..., Ran]) -> None:
    ran = called("search", desk / "marks" / "disc.png", "--where", "owner=MÜLL", "--where", "Nice=14")
    assert ran.out.startswith("searched    1 of 4 marks of register ")
    both = called("search", desk / "marks" / "ring.png").out
    assert "ring.png; Nice 9; owner Brown; and 1 more mark of the same picture  (both as they are)" in both
    rows = [line for line in ran.out.splitlines() if line.startswith("   1 ")]
    assert len(rows) == 4
    assert all("ring.png; Nice 14; owner Müller" in row for row in rows)
    assert "AS IT IS\nnothing" in called("search", desk / "marks" / "disc.png", "--where", "owner=Nobody").out


def test_info_says_what_it_holds_and_what_it_does_not(called: Callable[..., Ran]) -> None:
    ran = called("info")
    assert "holds 4 marks; its content is " in ran.out
    assert "columns  Nice, owner\n" in ran.out
    assert "nothing.png: The mark is too faint" in ran.out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("search", "marks/nothing.png"), "The mark is too faint"),
        (("search", "marks/disc.png", "--where", "owner"), "'owner' is not COLUMN=TEXT"),
        (("search", "marks/disc.png", "--where", "o=a"), "No mark of the register has a column 'o'; there are: Nice"),
        (("search", "marks/disc.png", "--most", "0"), "A ranking holds one picture or more, and 0"),
        (("search", "marks/disc.png", "--crop", "0,0,999,9"), "reaches outside"),
        (("search", "marks/disc.png", "--model", "gone"), "There is no model 'gone' for trademark"),
        (("add", "gone"), "gone does not exist"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(
    arguments: tuple[str, ...], why: str, desk: Path, called: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(desk)
    assert_refused(called(*arguments), why)


def test_a_folder_without_a_register_is_refused_and_stays_as_it_is(tmp_path: Path, desk: Path) -> None:
    ran = started("register", "search", desk / "marks" / "disc.png", "--register", tmp_path / "none")
    assert_refused(ran, "There is no register in")
    assert not (tmp_path / "none").exists()


def test_a_search_is_reported_in_a_case_that_can_be_verified(
    desk: Path, weighing_models: Path, called: Callable[..., Ran], tmp_path: Path
) -> None:
    case = ("--case", tmp_path / "case", "--case-number", "7", "--examiner", "E. Examiner")
    ran = called("search", desk / "marks" / "disc.png", *case)
    pdf, twin = map(Path, ran.out.splitlines()[-2:])
    assert pdf.parent == twin.parent == tmp_path / "case" / "reports"
    verified = started("verify", tmp_path / "case", "--register", desk / "register", "--weights", weighing_models)
    assert (verified.status, verified.error) == (0, "")
    assert "agrees  ranking part of it: as stated." in verified.out
    assert_refused(called("search", desk / "marks" / "disc.png", "--examiner", "E"), "The case number is missing")
