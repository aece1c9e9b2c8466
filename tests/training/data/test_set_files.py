"""The files of a set: links followed or named, what is passed over told, every unreadable file named by its path."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.intake.containers import FORMATS
from training.data.marks.mark_set import read_mark_set
from training.data.photos.photo_set import read_photo_set
from training.data.scenes.scene_set import read_scene_set
from training.data.set_files import MOST_NAMED, PICTURES, DataRefused, walk

BROKEN = {
    "cut short": lambda whole: whole[: len(whole) // 2],
    "no picture": lambda _: b"\x89PNG\r\n\x1a\n no picture",
    "empty": lambda _: b"",
    "a drawing by another name": lambda _: b"<svg xmlns='http://www.w3.org/2000/svg'/>",
}


def picture(file: Path) -> Path:
    """A picture of its own for each path below the test's folder."""
    file.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(list("/".join(file.parts[-4:]).encode()))
    blotches = Image.fromarray(rng.integers(40, 180, (24, 24, 3), dtype=np.uint8))
    blotches.resize((48, 48), Image.Resampling.BICUBIC).save(file)
    return file


def photos(root: Path, series: tuple[str, ...] = ("bag", "belt")) -> Path:
    for name in series:
        for label in ("genuine", "counterfeit"):
            for number in range(13):
                picture(root / name / label / f"{number}.png")
    return root


def marks(root: Path, families: int = 12) -> Path:
    for family in range(families):
        for drawing in "ab":
            picture(root / f"f{family}" / f"{drawing}.png")
    return root


def pair_table(root: Path) -> Path:
    marks(root)
    rows = [f"f{family}/a.png,f{family}/b.png,similar" for family in range(12)]
    (root / "list.csv").write_text("\n".join(["a,b,label", *rows]))
    return root / "list.csv"


def photo_table(root: Path) -> Path:
    photos(root)
    rows = [f"{file.relative_to(root)},{file.parts[-3]},{file.parts[-2]}" for file in sorted(root.rglob("*.png"))]
    (root / "list.csv").write_text("\n".join(["path,series,label", *rows]))
    return root / "list.csv"


def scenes(root: Path) -> Path:
    rows = []
    for number in range(24):
        picture(root / "photos" / f"{number}.png")
        rows.append(f"photos/{number}.png,{('train', 'val', 'test')[number % 3]},tag,1,2,3,4")
    (root / "manifest.csv").write_text("\n".join(["path,split,part,left,top,width,height", *rows]))
    return root


SETS: dict[str, tuple[Callable[[Path], Path], Callable[[Path], object]]] = {
    "photos": (photos, read_photo_set),
    "a table of photos": (photo_table, read_photo_set),
    "marks": (marks, read_mark_set),
    "a table of pairs": (pair_table, read_mark_set),
    "scenes": (scenes, read_scene_set),
}


@pytest.mark.parametrize("damage", BROKEN)
@pytest.mark.parametrize("count", [1, 2, 20, 23])
@pytest.mark.parametrize("kind", SETS)
def test_every_file_that_cannot_be_read_is_named_by_its_path(
    kind: str, count: int, damage: str, tmp_path: Path
) -> None:
    build, read = SETS[kind]
    data = build(tmp_path / "set")
    every = sorted((tmp_path / "set").rglob("*.png"))
    chosen = [every[i] for i in np.linspace(0, len(every) - 1, count).astype(int)]
    for file in chosen:
        file.write_bytes(BROKEN[damage](file.read_bytes()))
    with pytest.raises(DataRefused) as refused:
        read(data)
    sentence = str(refused.value)
    assert sentence.startswith(f"{count} of {len(every)} ")
    listed = sentence.partition("cannot be read, ")[2].partition("; repair")[0]
    names = {file.relative_to(tmp_path / "set").as_posix() for file in chosen}
    shown = {*listed.partition(" and ")[0].split(", ")}
    assert shown <= names
    assert len(shown) == min(count, MOST_NAMED)
    assert listed.endswith(f" and {count - MOST_NAMED} more") == (count > MOST_NAMED)


@pytest.mark.parametrize("kind", ["photos", "marks"])
@pytest.mark.parametrize(
    "moved",
    [["bag", "f1"], ["bag/genuine", "f1"], ["belt/counterfeit/3.png", "f2/a.png"], ["belt", "bag", "f3", "f4"]],
    ids=["a folder", "a folder below", "a file", "several folders"],
)
def test_what_a_link_leads_to_is_read(kind: str, moved: list[str], tmp_path: Path) -> None:
    build, read = SETS[kind]
    data = build(tmp_path / "set")
    whole = read(data)
    for name in moved:
        if (data / name).exists():
            (tmp_path / "elsewhere" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(data / name, tmp_path / "elsewhere" / name)
            (data / name).symlink_to(tmp_path / "elsewhere" / name)
    assert read(data) == whole


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("bag/genuine/up", ".."),
        ("bag/genuine/self", "."),
        ("bag/again", ".."),
        ("bag/genuine/root", "../../.."),
        ("belt/counterfeit/deep/er", "../../../.."),
    ],
)
def test_a_link_back_is_not_followed_and_named(
    link: str, target: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = photos(tmp_path / "set" / "lab")
    files = walk(root).files
    (root / link).parent.mkdir(exist_ok=True)
    (root / link).symlink_to(target)
    again = walk(root).files
    assert {*files} <= {*again}
    assert all(len(file.parts) < 12 for file in again)
    assert any(f"{link} leads back" in line or "leads back to a folder" in line for line in caplog.messages)


@pytest.mark.parametrize("kind", ["photos", "marks"])
def test_links_that_lead_nowhere_are_all_named(kind: str, tmp_path: Path) -> None:
    build, read = SETS[kind]
    data = build(tmp_path / "set")
    (data / "gone").symlink_to("../nowhere")
    inside = next(folder for folder in sorted(data.rglob("*")) if folder.is_dir() and any(folder.glob("*.png")))
    (inside / "lost.png").symlink_to("lost too.png")
    (data / ".#lock").symlink_to("a process that is gone")
    with pytest.raises(DataRefused) as refused:
        read(data)
    lost = (inside / "lost.png").relative_to(data).as_posix()
    names = ", ".join(sorted(["gone (to ../nowhere)", f"{lost} (to lost too.png)"]))
    assert str(refused.value) == f"2 links lead nowhere in {data}: {names}; repair or remove them."


def test_what_of_a_mark_set_is_passed_over_is_told_by_kind(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = marks(tmp_path / "set")
    for name in ("f1/logo.svg", "f2/logo.SVG", "f3/x.pdf", "notes", ".cache/x.png", "f4/.hidden.png", "f5/x.psd"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"<svg/>")
    for name in ("loose.png", "f1/old/1.png", "f1/old/2.png", "f2/old/er/3.png", "f2/old/4.png"):
        picture(root / name)
    assert len(read_mark_set(root).marks) == 24
    assert caplog.messages == [
        f"Passed over in {root}: 2 hidden (.cache, f4/.hidden.png), 1 without an ending (notes), 1 .pdf (f3/x.pdf), "
        "1 .psd (f5/x.psd), 2 .svg (f1/logo.svg, f2/logo.SVG), 1 pictures in no family's folder (loose.png), "
        "4 pictures in folders below a family's (f1/old/1.png, f1/old/2.png, f2/old/4.png and 1 more)."
    ]


def test_what_the_intake_reads_is_a_picture_and_nothing_else(tmp_path: Path) -> None:
    known = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".tif": "TIFF", ".bmp": "BMP", ".gif": "GIF"}
    assert {ending: ending in PICTURES for ending in known} == {end: kind in FORMATS for end, kind in known.items()}
    assert not PICTURES & {".svg", ".pdf", ".txt", ".csv", ".mp4", ""}


SAME: dict[str, list[tuple[str, str]]] = {
    "photos": [
        ("bag/genuine/1.png", "bag/counterfeit/copy.png"),
        ("bag/genuine/1.png", "belt/genuine/copy.png"),
        ("belt/counterfeit/12.png", "bag/counterfeit/copy.jpg"),
    ],
    "marks": [("f1/a.png", "f2/same as f1.png"), ("f11/b.png", "f0/c.jpg"), ("f3/a.png", "f33/a.png")],
}


@pytest.mark.parametrize("how", ["copied", "linked", "hard linked", "by a linked folder"])
@pytest.mark.parametrize(("kind", "first", "second"), [(k, a, b) for k, pairs in SAME.items() for a, b in pairs])
def test_one_file_under_two_labels_is_refused_naming_both(
    kind: str, first: str, second: str, how: str, tmp_path: Path
) -> None:
    build, read = SETS[kind]
    data = build(tmp_path / "set")
    (data / second).parent.mkdir(exist_ok=True)
    if how == "copied":
        shutil.copy(data / first, data / second)
    elif how == "linked":
        (data / second).symlink_to(data / first)
    elif how == "hard linked":
        (data / second).hardlink_to(data / first)
    else:
        shutil.rmtree((data / second).parent)
        (data / second).parent.symlink_to((data / first).parent)
        second = f"{Path(second).parent.as_posix()}/{Path(first).name}"
    with pytest.raises(DataRefused, match="are the same file, once as") as refused:
        read(data)
    sentence = str(refused.value)
    if how == "by a linked folder":
        first, second = Path(first).parent.as_posix(), Path(second).parent.as_posix()
    assert first in sentence
    assert second in sentence


@pytest.mark.parametrize("count", [1, 2, 5])
def test_how_many_more_files_are_in_two_families_is_said(count: int, tmp_path: Path) -> None:
    data = marks(tmp_path / "set")
    for number, (first, second) in list(enumerate(combinations(range(12), 2)))[:count]:
        shutil.copy(data / f"f{first}/a.png", data / f"f{second}/copy {number}.png")
    with pytest.raises(DataRefused, match="are the same file") as refused:
        read_mark_set(data)
    assert (f"(and so are {count - 1} more)" in str(refused.value)) == (count > 1)


def test_a_table_that_lists_one_picture_under_two_names_is_refused(tmp_path: Path) -> None:
    table = pair_table(tmp_path / "set")
    shutil.copy(tmp_path / "set/f1/a.png", tmp_path / "set/f2/copy.png")
    table.write_text(table.read_text() + "\nf2/copy.png,f2/a.png,similar\n")
    with pytest.raises(DataRefused, match=r"f1/a\.png and f2/copy\.png are the same file"):
        read_mark_set(table)


def test_a_scene_in_two_splits_is_refused(tmp_path: Path) -> None:
    root = scenes(tmp_path / "set")
    shutil.copy(root / "photos/0.png", root / "photos/copy.png")
    (root / "manifest.csv").write_text((root / "manifest.csv").read_text() + "\nphotos/copy.png,val,tag,1,2,3,4\n")
    with pytest.raises(DataRefused, match=r"^photos/0.png and photos/copy.png are the same file, once as train scene"):
        read_scene_set(root)
