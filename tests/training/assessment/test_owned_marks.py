"""Real marks of which only the owners are known: what is counted, and what each pair is told."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from inference.intake.exhibit import read_exhibit
from inference.models.weights import load_model
from inference.records import Refusal
from inference.trademark.examiner import TrademarkExaminer
from training.assessment.owned_marks import OwnedMarksSettings, assess_owned_marks, owner_of

EXAMPLES = Path(__file__).parents[3] / "ui" / "examples" / "marks"


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("acme.com.png", "acme"),
        ("acme-paris.png", "acme"),
        ("www.Acme.org.png", "acme"),
        ("acme_2.png", "acme"),
        ("acmeson.png", "acmeson"),
        ("acme/logo.png", "acme"),
        ("acme/old/logo.png", "acme/old"),
    ],
)
def test_an_owner_is_the_folder_or_the_first_word_of_the_name(name: str, owner: str) -> None:
    assert owner_of(Path("marks") / name, Path("marks")) == owner


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Marks of three owners, two of which own two, a blank picture of a fourth, and a file that is no picture."""
    root = tmp_path_factory.mktemp("owned")
    for number, folder in enumerate(sorted(EXAMPLES.iterdir())):
        for place, file in enumerate(sorted(folder.glob("*.png"))[: 2 - number // 2]):
            shutil.copy(file, root / f"owner{number}-{place}.png")
    Image.new("RGB", (300, 300), "white").save(root / "nothing.png")
    (root / "broken-1.png").write_bytes(b"no picture")
    return root


def test_pairs_are_told_as_an_examiner_tells_them_and_counted_by_owner(
    owned: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        assess_owned_marks(OwnedMarksSettings("hms_icon_marks", owned, tmp_path))
    assert "broken-1.png" in caplog.text
    with (tmp_path / "owned_marks.csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    files = sorted(file.name for file in owned.glob("*.png") if not file.name.startswith("broken"))
    assert len(rows) == len(files) * (len(files) - 1) / 2
    examiner = TrademarkExaminer(load_model("hms_icon_marks"))
    for row in rows[::3]:
        told = examiner.compare(read_exhibit(owned / row["first"]), read_exhibit(owned / row["second"]))
        assert row["outcome"] == told.outcome
        if told.evidence is not None:
            assert float(row["log10 LR"]) == pytest.approx(told.evidence.log10_lr, abs=1e-3)
    table = json.loads((tmp_path / "owned_marks.json").read_bytes())["figures"]
    assert table["marks"]["refused for contrast"]["value"] == 1 / len(files)
    assert table["marks"]["refused of those that are not blank"]["value"] == 0.0
    for side, of_one in (("pairs of two owners", False), ("pairs of one owner", True)):
        seen = [
            row["outcome"]
            for row in rows
            if (row["first owner"] == row["second owner"]) == of_one and row["outcome"] != "out of scope"
        ]
        shares = {outcome: figure["value"] for outcome, figure in table[side].items()}
        assert shares == {outcome: seen.count(outcome) / len(seen) for outcome in shares}
        assert sum(shares.values()) == pytest.approx(1)
    for name in ("refused", "two_owners_most_similar", "one_owner_least_similar"):
        with Image.open(tmp_path / f"{name}.png") as sheet:
            assert len(sheet.getcolors(1 << 20)) > 1


def test_draws_are_limited_and_repeat(owned: Path, tmp_path: Path) -> None:
    settings = [
        OwnedMarksSettings("hms_icon_marks", owned, tmp_path / name, limit=4, pairs=2, seed=seed)
        for name, seed in (("a", 1), ("b", 1))
    ]
    first, second = (assess_owned_marks(one) for one in settings)
    assert first == second
    listed = [(one.out / "owned_marks.csv").read_text() for one in settings]
    assert listed[0] == listed[1]
    assert len(listed[0].splitlines()) <= 1 + 2 + 2


@pytest.mark.parametrize(("names", "limit"), [((), 5), (("owner0-0.png", "owner0-1.png"), 5), (("owner0-0.png",), 0)])
def test_a_folder_without_two_owners_is_refused(
    owned: Path, tmp_path: Path, names: tuple[str, ...], limit: int
) -> None:
    folder = tmp_path / "some"
    folder.mkdir()
    for name in names:
        shutil.copy(owned / name, folder / name)
    with pytest.raises(Refusal, match=r"two owners|at least one"):
        assess_owned_marks(OwnedMarksSettings("hms_icon_marks", folder, tmp_path, limit=limit))
