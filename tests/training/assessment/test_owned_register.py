"""A search of a register for the other marks of an owner: what counts as found, and for whom."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from inference.bench import Bench
from inference.files import sha256
from inference.intake.exhibit import read_exhibit
from inference.progress import untold
from inference.records import Refusal
from tests.inference.register.drawing import drawn
from training.assessment.owned_register import OwnedRegisterSettings, search_owned_marks


@pytest.fixture
def owned(tmp_path: Path) -> Path:
    """Round's discs of three sizes, one of them twice; Square's box and ring; Single's pair; a blank picture."""
    root = tmp_path / "marks"
    files = {
        **{f"round/{side}.png": drawn("disc", side) for side in (70, 120, 150)},
        "round/copy.png": drawn("disc", 120),
        "square/box.png": drawn("box"),
        "square/ring.png": drawn("ring"),
        "single/pair.png": drawn("pair"),
        "single/blank.png": drawn("nothing"),
    }
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def test_figures_are_those_of_each_search_by_itself(owned: Path, weighing_models: Path, tmp_path: Path) -> None:
    table = search_owned_marks(OwnedRegisterSettings("tiny_marks", owned, tmp_path / "out", weighing_models, seed=1))
    owners = {"round": ["70.png", "120.png", "150.png"], "square": ["box.png", "ring.png"]}
    expected: dict[str, list[tuple[float, float]]] = {}
    with closing(Bench(weighing_models).register(str(tmp_path / "out" / "register"))) as register:
        assert str(register.take_in(owned, untold)) == "0 new, 0 changed, 0 gone, 8 unchanged"
        for owner, names in owners.items():
            own = {sha256((owned / owner / name).read_bytes()) for name in names}
            for name in names:
                exhibit = read_exhibit(owned / owner / name)
                others = own - {exhibit.sha256}
                for ranking in register.search(exhibit, most=100).rankings:
                    order = []
                    for mark in ranking.marks:
                        if mark.sha256 not in [exhibit.sha256, *order]:
                            order.append(mark.sha256)
                    hits = len(others & {*order[: len(others)]}) / len(others)
                    expected.setdefault(ranking.name, []).append((float(order[0] in others), hits))
    for ranking, of in expected.items():
        first, precision = (sum(values) / len(values) for values in zip(*of, strict=True))
        assert table[ranking]["first"].value == pytest.approx(first), ranking
        assert table[ranking]["R-precision"].value == pytest.approx(precision), ranking
    assert table["best of the four"]["first"].value >= max(table[ranking]["first"].value for ranking in expected)
    assert "5 searches for the other marks of 2 owners among 7 marks" in table["as it is"]["first"].over
    assert (tmp_path / "out" / "owned_register.json").is_file()


def test_owners_of_one_mark_each_are_refused(owned: Path, weighing_models: Path, tmp_path: Path) -> None:
    settings = OwnedRegisterSettings("tiny_marks", owned / "single", tmp_path / "out", weighing_models)
    with pytest.raises(Refusal, match="holds no owner with two marks"):
        search_owned_marks(settings)
