"""A run is continued with the data it was started with, wherever both lie by then, and with no other."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from training.authenticity import settings as authenticity_settings
from training.authenticity import train as authenticity
from training.authenticity.settings import AuthenticitySettings
from training.data.marks.mark_set import read_mark_set
from training.data.photos.photo_set import read_photo_set
from training.data.scenes.scene_set import read_scene_set
from training.fitting.run_folder import RunFolder, TrainingRefused
from training.locator import settings as locator_settings
from training.locator import train as locator
from training.trademark import settings as trademark_settings
from training.trademark import train as trademark

TRAINERS: dict[str, Any] = {"authenticity": authenticity, "trademark": trademark, "locator": locator}
PRESETS: dict[str, Any] = {
    "authenticity": authenticity_settings.PRESETS,
    "trademark": trademark_settings.PRESETS,
    "locator": locator_settings.PRESETS,
}
READERS: dict[str, Callable[[Path], Any]] = {
    "authenticity": read_photo_set,
    "trademark": read_mark_set,
    "locator": read_scene_set,
}
Change = Callable[[Path], object]


def picture(file: Path, seed: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    blotches = Image.fromarray(np.random.default_rng(seed).integers(0, 255, (12, 16, 3)).astype(np.uint8))
    blotches.resize((160, 120)).save(file)


def photo_folder(root: Path) -> Path:
    for number in range(6):
        for label, first in (("genuine", 0), ("counterfeit", 100)):
            picture(root / label / f"{number}.png", first + number)
    return root


def table(root: Path, header: str, rows: list[str]) -> Path:
    (root / "manifest.csv").write_text("\n".join([header, *rows]) + "\n")
    return root / "manifest.csv"


def photo_table(root: Path) -> Path:
    photo_folder(root)
    rows = [f"{label}/{n}.png,bag,{label},{'ab'[n % 2]}" for label in ("genuine", "counterfeit") for n in range(6)]
    return table(root, "path,series,label,counterfeiter", rows)


def mark_folder(root: Path) -> Path:
    for family in range(12):
        for drawing in range(2):
            picture(root / f"f{family}" / f"{drawing}.png", 200 + 2 * family + drawing)
    return root


def stated_marks(root: Path) -> Path:
    mark_folder(root)
    rows = [f"f{family}/0.png,f{family}/1.png,redrawn" for family in range(12)]
    (root / "pairs.csv").write_text("\n".join(["a,b,kind", *rows]) + "\n")
    return root


def pair_table(root: Path) -> Path:
    mark_folder(root)
    picture(root / "x.png", 998)
    rows = [f"f{family}/0.png,f{family}/1.png,similar" for family in range(12)]
    return table(root, "a,b,label", [*rows, "x.png,f3/1.png,dissimilar"])


def scene_folder(root: Path) -> Path:
    rows = []
    for number in range(9):
        picture(root / f"{number}.png", 300 + number)
        rows.append(f"{number}.png,{('train', 'val', 'test')[number % 3]},tag,{number},2,30,40")
    return table(root, "path,split,part,left,top,width,height", rows).parent


@dataclass(frozen=True)
class Case:
    trainer: str
    build: Callable[[Path], Path]
    change: Change
    said: str


def replaced(old: str, new: str, file: str = "manifest.csv") -> Change:
    """One thing in a table written otherwise."""

    def change(root: Path) -> None:
        text = (root / file).read_text()
        assert old in text
        (root / file).write_text(text.replace(old, new, 1))

    return change


def added(names: list[str]) -> Change:
    return lambda root: [picture(root / name, 900 + n) for n, name in enumerate(names)]


def more_rows(rows: list[str], names: list[str], file: str = "manifest.csv") -> Change:
    def change(root: Path) -> None:
        added(names)(root)
        (root / file).write_text((root / file).read_text() + "\n".join(rows) + "\n")

    return change


CASES = {
    "a photo added": Case("authenticity", photo_folder, added(["genuine/x.png"]), "1 file added (genuine/x.png)"),
    "photos added": Case(
        "authenticity",
        photo_folder,
        added([f"genuine/x{n}.png" for n in range(5)]),
        "5 files added (genuine/x0.png, genuine/x1.png, genuine/x2.png and 2 more)",
    ),
    "a photo gone": Case(
        "authenticity", photo_folder, lambda root: (root / "genuine/0.png").unlink(), "1 file gone (genuine/0.png)"
    ),
    "a photo altered": Case(
        "authenticity",
        photo_folder,
        lambda root: picture(root / "counterfeit/4.png", 77),
        "1 file altered (counterfeit/4.png)",
    ),
    "a photo with one byte more": Case(
        "authenticity",
        photo_folder,
        lambda root: (root / "genuine/4.png").write_bytes((root / "genuine/4.png").read_bytes() + b"\0"),
        "1 file altered (genuine/4.png)",
    ),
    "a photo moved to the other label": Case(
        "authenticity",
        photo_folder,
        lambda root: (root / "genuine/0.png").rename(root / "counterfeit/10.png"),
        "1 file renamed (genuine/0.png, now counterfeit/10.png)",
    ),
    "a row relabelled": Case(
        "authenticity",
        photo_table,
        replaced("genuine/0.png,bag,genuine", "genuine/0.png,bag,fake"),
        "1 file relabelled (genuine/0.png: bag/genuine, a, now bag/counterfeit, a)",
    ),
    "another counterfeiter": Case(
        "authenticity",
        photo_table,
        replaced("counterfeit/1.png,bag,counterfeit,b", "counterfeit/1.png,bag,counterfeit,c"),
        "1 file relabelled (counterfeit/1.png: bag/counterfeit, b, now bag/counterfeit, c)",
    ),
    "a row more": Case("authenticity", photo_table, more_rows(["x.png,bag,fake,a"], ["x.png"]), "1 file added (x.png)"),
    "a mark added": Case("trademark", mark_folder, added(["f3/x.png"]), "1 file added (f3/x.png)"),
    "a family added": Case("trademark", mark_folder, added(["g/0.png", "g/1.png"]), "2 files added (g/0.png, g/1.png)"),
    "a family gone": Case(
        "trademark", mark_folder, lambda root: shutil.rmtree(root / "f5"), "2 files gone (f5/0.png, f5/1.png)"
    ),
    "a mark altered": Case(
        "trademark", mark_folder, lambda root: picture(root / "f5/1.png", 5), "1 file altered (f5/1.png)"
    ),
    "a family renamed": Case(
        "trademark",
        mark_folder,
        lambda root: (root / "f5").rename(root / "g5"),
        "2 files renamed (f5/0.png, now g5/0.png, f5/1.png, now g5/1.png)",
    ),
    "the kind of a pair": Case(
        "trademark",
        stated_marks,
        replaced("f4/0.png,f4/1.png,redrawn", "f4/0.png,f4/1.png,mirrored", "pairs.csv"),
        "1 pair relabelled (f4/0.png and f4/1.png: similar, redrawn, now similar, mirrored)",
    ),
    "a pair gone": Case(
        "trademark",
        stated_marks,
        replaced("f4/0.png,f4/1.png,redrawn\n", "", "pairs.csv"),
        "1 pair gone (f4/0.png and f4/1.png)",
    ),
    "a row of a pair table relabelled": Case(
        "trademark",
        pair_table,
        replaced("f11/0.png,f11/1.png,similar", "f11/0.png,f11/1.png,dissimilar"),
        "1 pair relabelled (f11/0.png and f11/1.png: similar, now dissimilar)",
    ),
    "a row of a pair table more": Case(
        "trademark",
        pair_table,
        more_rows(["y.png,z.png,similar"], ["y.png", "z.png"]),
        "2 files added (y.png, z.png), 1 pair added (y.png and z.png)",
    ),
    "rows in another order": Case(
        "trademark",
        pair_table,
        replaced(
            "f0/0.png,f0/1.png,similar\nf1/0.png,f1/1.png,similar",
            "f1/0.png,f1/1.png,similar\nf0/0.png,f0/1.png,similar",
        ),
        "its table says something else, or the same in another order",
    ),
    "a scene altered": Case("locator", scene_folder, lambda root: picture(root / "4.png", 5), "1 file altered (4.png)"),
    "a scene added": Case(
        "locator", scene_folder, more_rows(["x.png,train,tag,1,2,3,4"], ["x.png"]), "1 file added (x.png)"
    ),
    "a scene gone": Case("locator", scene_folder, replaced("0.png,train,tag,0,2,30,40\n", ""), "1 file gone (0.png)"),
    "a box moved": Case(
        "locator",
        scene_folder,
        replaced("3.png,train,tag,3,2", "3.png,train,tag,4,2"),
        "1 file relabelled (3.png: tag at (3, 2, 33, 42), now tag at (4, 2, 34, 42))",
    ),
    "a scene of another split": Case(
        "locator",
        scene_folder,
        replaced("3.png,train", "3.png,val"),
        "1 file of another item or split (3.png: train, now val)",
    ),
}


def settings_of(trainer: str, data: Path, out: Path, resume: bool) -> Any:
    small = PRESETS[trainer]["small"]
    fitting = replace(small.fit, out=out, epochs=2, batch=4, device="cpu", resume=resume)
    smaller = replace(small.preprocessing, size=64 if trainer == "locator" else 32)
    return replace(
        small,
        data=data,
        fit=fitting,
        preprocessing=smaller,
        backbone="six_layer_cnn",
        **({"frozen_steps": 0, "view": 64} if trainer == "locator" else {}),
    )


@pytest.mark.parametrize("name", CASES)
def test_what_changed_since_the_start_is_named_before_training(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    data = case.build(tmp_path / "data")
    started = settings_of(case.trainer, data, tmp_path / "run", resume=False)
    RunFolder(tmp_path / "run", started, READERS[case.trainer](data).manifest, resume=False)
    kept = {file.name: file.read_bytes() for file in (tmp_path / "run").iterdir()}
    case.change(tmp_path / "data")
    with pytest.raises(TrainingRefused) as refused:
        TRAINERS[case.trainer].train(settings_of(case.trainer, data, tmp_path / "run", resume=True))
    assert str(refused.value) == (
        f"The data is not what the run in {tmp_path / 'run'} was started with: {case.said}; restore it, or start "
        "again into another --out."
    )
    assert {file.name: file.read_bytes() for file in (tmp_path / "run").iterdir()} == kept


def run_of(data: Path, out: Path, resume: bool = False) -> AuthenticitySettings:
    settings: AuthenticitySettings = settings_of("authenticity", data, out, resume)
    return settings


@pytest.mark.parametrize(
    ("build", "data", "out"),
    [
        pytest.param(photo_folder, "data", "elsewhere/run", id="the run moved"),
        pytest.param(photo_folder, "elsewhere/data", "run", id="the data moved"),
        pytest.param(photo_folder, "elsewhere/photos", "elsewhere/run", id="both moved, the data renamed"),
        pytest.param(photo_table, "elsewhere/photos", "moved", id="a table moved"),
    ],
)
def test_a_run_goes_on_to_the_same_result_wherever_it_lies(
    build: Callable[[Path], Path], data: str, out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build(tmp_path / "data")
    whole = authenticity.train(run_of(built, tmp_path / "whole"), for_examiners=False)
    save = RunFolder.save_checkpoint

    def save_and_stop(folder: RunFolder, *epoch: Any) -> None:
        save(folder, *epoch)
        raise KeyboardInterrupt

    monkeypatch.setattr(RunFolder, "save_checkpoint", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        authenticity.train(run_of(built, tmp_path / "run"), for_examiners=False)
    monkeypatch.setattr(RunFolder, "save_checkpoint", save)
    for before, after in (("data", data), ("run", out)):
        (tmp_path / after).parent.mkdir(exist_ok=True)
        (tmp_path / before).rename(tmp_path / after)
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    moved = Path("..") / data / built.relative_to(tmp_path / "data")
    card = authenticity.train(run_of(moved, Path("..") / out, resume=True), for_examiners=False)
    assert whole is not None
    assert card is not None
    assert (card.weights_sha256, card.classes, card.data_sha256) == (
        whole.weights_sha256,
        whole.classes,
        whole.data_sha256,
    )
    assert card.metrics == whole.metrics


@pytest.mark.parametrize("lost", ["checkpoint.pt", "log.jsonl", "settings.json"])
def test_what_is_lost_of_a_run_is_told_before_epochs_are_spent(lost: str, tmp_path: Path) -> None:
    data = photo_folder(tmp_path / "data")
    authenticity.train(run_of(data, tmp_path / "run"), for_examiners=False)
    (tmp_path / "run" / lost).unlink()
    with pytest.raises(TrainingRefused, match=rf"{lost} is missing or damaged"):
        authenticity.train(run_of(data, tmp_path / "run", resume=True), for_examiners=False)
