"""A lab's own photos: which layouts are read, what is refused, and that no split parts what belongs together."""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from inference.authenticity.near_duplicates import NEAR_BITS, hamming_distances, near_duplicates, perceptual_hash
from inference.records import Refusal
from training.data.photos.photo import SHARES, Photo, Split, Truth
from training.data.photos.photo_set import read_photo_set
from training.data.set_files import DataRefused
from training.data.splits import stratified_split

SEEDS = range(20)


def picture(key: str, side: int = 48) -> Image.Image:
    """A blotchy picture of its own for each key, with room to be brightened."""
    rng = np.random.default_rng(list(key.encode()))
    blotches = rng.integers(40, 180, (24, 24, 3), dtype=np.uint8)
    return Image.fromarray(blotches).resize((side, side), Image.Resampling.BICUBIC)


def put(file: Path, image: Image.Image | None = None, quality: int = 75) -> Path:
    """Write the picture called after the file's path below the test's own folder, or another one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    (image or picture(file.as_posix().rpartition("test_")[2])).save(file, quality=quality)
    return file


def fill(root: Path, folders: Iterable[str], count: int = 3) -> Path:
    for folder in folders:
        for number in range(count):
            put(root / folder / f"{number}.png")
    return root


def names(root: Path, photos: Iterable[Photo]) -> dict[str, Photo]:
    return {photo.path.relative_to(root).as_posix(): photo for photo in photos}


def split_of(root: Path, **options: int) -> dict[str, str]:
    return {name: photo.split for name, photo in names(root, read_photo_set(root, **options).photos).items()}


def pair(folder: str) -> list[str]:
    return [f"{folder}genuine", f"{folder}counterfeit"]


# ---- layouts


ALL = {"train", "val", "test"}


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        pytest.param(
            [*pair("bag/"), *pair("belt/")],
            {
                "bag/genuine": ("bag", "genuine", ALL),
                "bag/counterfeit": ("bag", "counterfeit", ALL),
                "belt/genuine": ("belt", "genuine", ALL),
                "belt/counterfeit": ("belt", "counterfeit", ALL),
            },
            id="series",
        ),
        pytest.param(
            pair("bag/"),
            {"bag/genuine": ("bag", "genuine", ALL), "bag/counterfeit": ("bag", "counterfeit", ALL)},
            id="one series in a folder",
        ),
        pytest.param(
            pair(""),
            {"genuine": ("lab", "genuine", ALL), "counterfeit": ("lab", "counterfeit", ALL)},
            id="one series without a folder is called after the data folder",
        ),
        pytest.param(
            [*pair("train/bag/"), *pair("val/bag/"), *pair("test/bag/")],
            {
                f"{split}/bag/{label}": ("bag", label, {split})
                for split in ("train", "val", "test")
                for label in ("genuine", "counterfeit")
            },
            id="split level over series",
        ),
        pytest.param(
            [*pair("train/"), *pair("valid/"), *pair("test/")],
            {
                "train/genuine": ("lab", "genuine", {"train"}),
                "valid/genuine": ("lab", "genuine", {"val"}),
                "test/genuine": ("lab", "genuine", {"test"}),
                "train/counterfeit": ("lab", "counterfeit", {"train"}),
                "valid/counterfeit": ("lab", "counterfeit", {"val"}),
                "test/counterfeit": ("lab", "counterfeit", {"test"}),
            },
            id="split level over one series is called after the data folder",
        ),
        pytest.param(
            [*pair("train/"), *pair("test/")],
            {
                "train/genuine": ("lab", "genuine", {"train", "val"}),
                "train/counterfeit": ("lab", "counterfeit", {"train", "val"}),
                "test/genuine": ("lab", "genuine", {"test"}),
                "test/counterfeit": ("lab", "counterfeit", {"test"}),
            },
            id="validation is taken from train",
        ),
        pytest.param(
            [*pair("train/"), *pair("val/")],
            {
                "train/genuine": ("lab", "genuine", {"train", "test"}),
                "train/counterfeit": ("lab", "counterfeit", {"train", "test"}),
                "val/genuine": ("lab", "genuine", {"val"}),
                "val/counterfeit": ("lab", "counterfeit", {"val"}),
            },
            id="test is taken from train",
        ),
        pytest.param(
            pair("train/"),
            {
                "train/genuine": ("lab", "genuine", ALL),
                "train/counterfeit": ("lab", "counterfeit", ALL),
            },
            id="only train",
        ),
    ],
)
def test_a_folder_says_the_series_the_label_and_the_split(
    tmp_path: Path, folders: list[str], expected: dict[str, tuple[str, str, set[str]]]
) -> None:
    root = fill(tmp_path / "lab", folders)
    found = read_photo_set(root)
    by_folder: dict[str, list[Photo]] = {}
    for name, photo in names(root, found.photos).items():
        by_folder.setdefault(name.rpartition("/")[0], []).append(photo)
    assert {
        folder: (photos[0].series, photos[0].label, {photo.split for photo in photos})
        for folder, photos in by_folder.items()
    } == expected
    assert all(len(photos) == 3 for photos in by_folder.values())
    assert found.series == tuple(sorted({series for series, _, _ in expected.values()}))
    assert found.classes == tuple(sorted({f"{series}/{label}" for series, label, _ in expected.values()}))
    assert all(photo.class_name in found.classes for photo in found.photos)
    assert sum(len(found.of(split)) for split in SHARES) == len(found.photos)


@pytest.mark.parametrize("genuine", ["genuine", "Real", "AUTHENTIC", "original"])
@pytest.mark.parametrize("counterfeit", ["Counterfeit", "fake", "replica", "FORGED"])
def test_labels_have_aliases_in_any_case(tmp_path: Path, genuine: str, counterfeit: str) -> None:
    root = fill(tmp_path, [f"bag/{genuine}", f"bag/{counterfeit}"])
    labels = {photo.path.parent.name: photo.label for photo in read_photo_set(root).photos}
    assert labels == {genuine: "genuine", counterfeit: "counterfeit"}


def test_two_aliases_of_a_label_are_one_class(tmp_path: Path) -> None:
    root = fill(tmp_path, ["bag/real", "bag/authentic", "bag/fake"], count=2)
    put(root / "bag/fake/2.png")
    assert Counter(photo.class_name for photo in read_photo_set(root).photos) == {
        "bag/genuine": 4,
        "bag/counterfeit": 3,
    }


@pytest.mark.parametrize("alias", ["val", "Valid", "validation", "DEV"])
def test_validation_has_aliases_in_any_case(tmp_path: Path, alias: str) -> None:
    root = fill(tmp_path, [*pair("Train/"), *pair(f"{alias}/"), *pair("TEST/")])
    splits = {photo.path.parent.parent.name: photo.split for photo in read_photo_set(root).photos}
    assert splits == {"Train": "train", alias: "val", "TEST": "test"}


def test_a_folder_below_a_label_is_one_item_with_all_that_is_in_it(tmp_path: Path) -> None:
    for label in ("genuine", "counterfeit"):
        for item in range(4):
            put(tmp_path / f"bag/{label}/{item}/front.png")
            put(tmp_path / f"bag/{label}/{item}/close/up/logo.png")
    photos = names(tmp_path, read_photo_set(tmp_path).photos)
    assert photos["bag/genuine/0/front.png"].item == photos["bag/genuine/0/close/up/logo.png"].item
    assert len({photo.item for photo in photos.values()}) == 8


def test_loose_photos_are_their_own_items(tmp_path: Path) -> None:
    photos = names(tmp_path, read_photo_set(fill(tmp_path, pair("bag/"))).photos)
    assert {name: photo.item for name, photo in photos.items()} == {name: name for name in photos}


def test_hidden_and_side_files_are_told_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = fill(tmp_path, pair("bag/"))
    ignored = [".DS_Store", "Thumbs.db", "notes.txt", "bag/a.csv", "bag/genuine/0.JSON", "bag/genuine/0.xml"]
    ignored += ["bag/genuine/._0.png", ".cache/genuine/x.png", "__MACOSX/bag/genuine/x.png", "README.md"]
    for name in ignored:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"no picture")
    assert len(read_photo_set(root).photos) == 6
    told = [line for line in caplog.messages if line.startswith("Passed over")]
    assert told == [
        f"Passed over in {root}: 5 hidden (.DS_Store, .cache, Thumbs.db and 2 more), 1 .csv (bag/a.csv), "
        "1 .json (bag/genuine/0.JSON), 1 .md (README.md), 1 .txt (notes.txt), 1 .xml (bag/genuine/0.xml)."
    ]


# ---- tables


def listed_in(root: Path, rows: Sequence[Sequence[str]], header: str = "path,series,label") -> Path:
    file = root / "photos.csv"
    file.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n", encoding="utf-8")
    return file


def six_rows(root: Path) -> list[list[str]]:
    rows = []
    for label in ("real", "fake"):
        for number in range(3):
            put(root / f"shots/{label}{number}.png")
            rows.append([f"shots/{label}{number}.png", "bag", label])
    return rows


def test_a_table_needs_path_series_and_label(tmp_path: Path) -> None:
    found = read_photo_set(listed_in(tmp_path, six_rows(tmp_path)))
    assert found.classes == ("bag/counterfeit", "bag/genuine")
    assert {photo.split for photo in found.photos} == {"train", "val", "test"}
    assert names(tmp_path, found.photos)["shots/real0.png"].item == "shots/real0.png"


def test_a_table_may_state_items_and_splits(tmp_path: Path) -> None:
    rows = six_rows(tmp_path)
    splits = ["train", "Dev", "test"] * 2
    items = ["a", "b", "c", "d", "e", ""]
    rows = [[split, item, *row] for row, item, split in zip(rows, items, splits, strict=True)]
    found = names(tmp_path, read_photo_set(listed_in(tmp_path, rows, "Split,ITEM, path ,series,label")).photos)
    assert {name: (photo.item, photo.split) for name, photo in found.items()} == {
        "shots/real0.png": ("a", "train"),
        "shots/real1.png": ("b", "val"),
        "shots/real2.png": ("c", "test"),
        "shots/fake0.png": ("d", "train"),
        "shots/fake1.png": ("e", "val"),
        "shots/fake2.png": ("shots/fake2.png", "test"),
    }


def test_a_table_may_say_what_is_known_of_a_counterfeit(tmp_path: Path) -> None:
    rows = six_rows(tmp_path)
    for name in ("masks/0.png", "masks/1.png"):
        put(tmp_path / name)
    known = [["", "", "", ""]] * 3 + [
        ["Ada", "plain", "masks/0.png", "shots/real0.png"],
        [" Bob ", "", "masks/1.png", ""],
        ["", " hard to see ", "", "shots/real2.png"],
    ]
    rows = [[*row, *more] for row, more in zip(rows, known, strict=True)]
    table = listed_in(tmp_path, rows, "path,series,label,Counterfeiter,SEVERITY,mask, twin ")
    found = names(tmp_path, read_photo_set(table).photos)
    assert len(found) == 6, "masks are no photos"
    assert {name: photo.truth for name, photo in found.items()} == {
        "shots/real0.png": Truth(),
        "shots/real1.png": Truth(),
        "shots/real2.png": Truth(),
        "shots/fake0.png": Truth("Ada", "plain", tmp_path / "masks/0.png", tmp_path / "shots/real0.png"),
        "shots/fake1.png": Truth("Bob", "", tmp_path / "masks/1.png", None),
        "shots/fake2.png": Truth("", "hard to see", None, tmp_path / "shots/real2.png"),
    }


def test_what_is_known_of_a_counterfeit_changes_nothing_else(tmp_path: Path) -> None:
    rows = six_rows(tmp_path)
    plain = read_photo_set(listed_in(tmp_path, rows))
    telling = read_photo_set(
        listed_in(tmp_path, [[*row, "Ada", "plain"] for row in rows], "path,series,label,counterfeiter,severity")
    )
    assert (telling.manifest_sha256, telling.split_rule) == (plain.manifest_sha256, plain.split_rule)
    assert [replace(photo, truth=Truth()) for photo in telling.photos] == list(plain.photos)


@pytest.mark.parametrize("column", ["mask", "twin"])
@pytest.mark.parametrize("name", ["masks/gone.png", "shots"], ids=["no file", "a folder"])
def test_a_mask_or_twin_that_is_no_file_is_refused_with_its_row(column: str, name: str, tmp_path: Path) -> None:
    rows = [[*row, ""] for row in six_rows(tmp_path)]
    rows[4][-1] = name
    with pytest.raises(DataRefused) as refusal:
        read_photo_set(listed_in(tmp_path, rows, f"path,series,label,{column}"))
    assert str(refusal.value) == (
        f"Row 6 of {tmp_path / 'photos.csv'} names the {column} {name}, which is not a file; "
        "paths start from the folder of the CSV file."
    )


def test_a_photo_carries_the_hash_of_its_file(tmp_path: Path) -> None:
    for photo in read_photo_set(fill(tmp_path, pair("bag/"))).photos:
        assert photo.sha256 == hashlib.sha256(photo.path.read_bytes()).hexdigest()


def test_a_blank_item_is_no_item(tmp_path: Path) -> None:
    rows = [[*row, " "] for row in six_rows(tmp_path)]
    found = read_photo_set(listed_in(tmp_path, rows, "path,series,label,item"))
    assert len({photo.item for photo in found.photos}) == 6
    assert "no items are stated" in found.split_rule


def test_a_table_from_a_spreadsheet_has_a_byte_order_mark(tmp_path: Path) -> None:
    file = listed_in(tmp_path, six_rows(tmp_path))
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert len(read_photo_set(file).photos) == 6


def test_the_same_item_in_two_classes_of_a_table_stays_in_one_split(tmp_path: Path) -> None:
    rows = []
    for item in range(6):
        for series in ("leather", "buckle"):
            for label in ("real", "fake"):
                path = f"{series}-{label}-{item}.png"
                put(tmp_path / path)
                rows.append([path, series, label, f"{label} bag {item}"])
    file = listed_in(tmp_path, rows, "path,series,label,item")
    for seed in SEEDS:
        splits: dict[str, set[str]] = {}
        for photo in read_photo_set(file, seed=seed).photos:
            splits.setdefault(photo.item, set()).add(photo.split)
        assert all(len(there) == 1 for there in splits.values())


@pytest.mark.parametrize(
    ("header", "change", "sentence"),
    [
        pytest.param("path,kind,label", {}, "lacks the column series; its first row names", id="column"),
        pytest.param("file;series;label", {}, "lacks the column path and series and label", id="semicolons"),
        pytest.param("", {}, "lacks the column path and series and label", id="no header"),
        pytest.param(None, {1: ",,"}, "Row 3 of .* is empty; fill it in or delete", id="empty cells"),
        pytest.param(None, {1: ""}, "Row 3 of .* is empty; fill it in or delete", id="blank line"),
        pytest.param(None, {0: ",bag,"}, "Row 2 of .* has no path and no label;", id="empty cell"),
        pytest.param(None, {5: "shots/fake2.png,bag"}, "Row 7 of .* has no label;", id="short row"),
        pytest.param(None, {2: "a,b,c,d"}, "Row 4 of .* has 4 cells for 3 columns;", id="long row"),
        pytest.param(
            None,
            {3: "shots/fake0.png,bag,Bogus"},
            "Row 5 of .* has the unknown label 'Bogus'; use one of genuine, real,",
            id="label",
        ),
        pytest.param(
            None, {3: "shots/gone.png,bag,fake"}, "Row 5 of .* lists shots/gone.png, which is not a file", id="no file"
        ),
        pytest.param(None, {3: "shots,bag,fake"}, "Row 5 of .* lists shots, which is not a file", id="a folder"),
        pytest.param(None, {4: "shots/../shots/real1.png,bag,fake"}, "Rows 3 and 6 of .* both list ", id="twice"),
        pytest.param(None, dict.fromkeys(range(6)), "has no row below its header", id="only a header"),
    ],
)
def test_a_table_is_refused_with_its_row(
    tmp_path: Path, header: str | None, change: dict[int, str | None], sentence: str
) -> None:
    lines: list[str | None] = [",".join(row) for row in six_rows(tmp_path)]
    for row, line in change.items():
        lines[row] = line
    file = tmp_path / "photos.csv"
    first = "path,series,label" if header is None else header
    file.write_text("\n".join([first, *(line for line in lines if line is not None)]))
    with pytest.raises(DataRefused, match=sentence):
        read_photo_set(file)


@pytest.mark.parametrize(
    ("splits", "sentence"),
    [
        pytest.param(["train", "", "test"], "Row 3 of .* has no split while others have one", id="some without"),
        pytest.param(["train", "held out", "test"], "Row 3 of .* has the unknown split 'held out'; use", id="unknown"),
        pytest.param(["test", "test", "val"], "The set has test and val and no train; add", id="no train"),
    ],
)
def test_a_table_of_splits_is_refused_with_what_is_wrong(tmp_path: Path, splits: list[str], sentence: str) -> None:
    rows = [[*row, split] for row, split in zip(six_rows(tmp_path), splits * 2, strict=True)]
    with pytest.raises(DataRefused, match=sentence):
        read_photo_set(listed_in(tmp_path, rows, "path,series,label,split"))


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\x00p\x00", "path,series,label\nCafé.png,bag,real\n".encode("latin-1"), b'a,b\n"a\n' + b"x" * 200_000],
    ids=["half a UTF-16", "not UTF-8", "an endless cell"],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "photos.csv").write_bytes(content)
    with pytest.raises(DataRefused, match=r"cannot be read as a table .*; save it as a CSV file in UTF-8"):
        read_photo_set(tmp_path / "photos.csv")


# ---- refusals


def nothing(root: Path) -> None:
    """Leave the folder empty."""


def without_labels(root: Path) -> None:
    fill(root, ["bag", "belt"])


def only_side_files(root: Path) -> None:
    (root / "genuine").mkdir()
    (root / "genuine/list.txt").touch()


def photo_outside(root: Path) -> None:
    fill(root, pair("bag/"))
    put(root / "overview.png")


def stray_folder(root: Path) -> None:
    fill(root, [*pair("bag/"), "bag/unsorted"])


def series_beside_labels(root: Path) -> None:
    fill(root, [*pair(""), *pair("bag/")])


def labels_below_labels(root: Path) -> None:
    fill(root, [*pair("original/"), *pair("replica/")])


def beside_splits(root: Path) -> None:
    fill(root, [*pair("train/bag/"), *pair("test/bag/"), *pair("more/bag/")])


def one_series_beside_splits(root: Path) -> None:
    fill(root, [*pair("train/"), *pair("test/"), *pair("more/")])


def no_counterfeits(root: Path) -> None:
    fill(root, [*pair("bag/"), "belt/genuine"])
    (root / "belt/counterfeit").mkdir()


def no_genuine(root: Path) -> None:
    fill(root, ["fake"])


def two_items(root: Path) -> None:
    fill(root, pair("bag/"))
    (root / "bag/genuine/2.png").unlink()


def one_item_in_two_photos(root: Path) -> None:
    fill(root, ["bag/genuine", "bag/counterfeit/1", "bag/counterfeit/2"], count=4)


def one_training_item(root: Path) -> None:
    fill(root, [*pair("train/"), *pair("test/")])
    for number in range(2):
        (root / f"train/genuine/{number}.png").unlink()


def nothing_to_test(root: Path) -> None:
    fill(root, [*pair("train/bag/"), *pair("test/bag/"), *pair("train/belt/")])


def no_training_split(root: Path) -> None:
    fill(root, pair("test/"))


def same_file_as_two_labels(root: Path) -> None:
    fill(root, pair("bag/"))
    shutil.copy(root / "bag/genuine/1.png", root / "bag/counterfeit/copy.png")


def same_file_in_two_series(root: Path) -> None:
    fill(root, [*pair("bag/"), *pair("belt/")])
    shutil.copy(root / "bag/genuine/1.png", root / "belt/genuine/copy.png")


LAYOUT = "the expected layout is <data>/<series>/genuine/\\* and <data>/<series>/counterfeit/\\*"


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (nothing, f"holds no photos in folders named genuine and counterfeit; {LAYOUT}"),
        (without_labels, f"holds no photos in folders named genuine and counterfeit; {LAYOUT}"),
        (only_side_files, f"holds no photos in folders named genuine and counterfeit; {LAYOUT}"),
        (photo_outside, f"^overview.png does not lie as the other photos of .* do; move or remove it: {LAYOUT}"),
        (stray_folder, "^bag/unsorted/0.png does not lie as the other photos"),
        (series_beside_labels, "^bag/counterfeit/0.png does not lie as the other photos"),
        (labels_below_labels, "^original/counterfeit/0.png does not lie as the other photos"),
        (beside_splits, "^more/bag/counterfeit/0.png does not lie as the other photos"),
        (one_series_beside_splits, "^more/counterfeit/0.png does not lie as the other photos"),
        (no_counterfeits, "^The series belt has no counterfeit photos; add some, or leave the series out"),
        (no_genuine, "^The series lab has no genuine photos"),
        (two_items, "^The class bag/genuine has 2 items and needs 3; add photos of other items"),
        (one_item_in_two_photos, "^The class bag/counterfeit has 2 items and needs 3"),
        (one_training_item, "^The class lab/genuine has 1 item in train and needs 2"),
        (nothing_to_test, "^The class belt/counterfeit has 0 items in test and needs 1"),
        (no_training_split, "^The set has test and no train; add the photos to train on"),
        (
            same_file_as_two_labels,
            "^bag/counterfeit/copy.png and bag/genuine/1.png are the same file, once as bag/counterfeit and once "
            "as bag/genuine; remove the one that is wrong",
        ),
        (same_file_in_two_series, "^bag/genuine/1.png and belt/genuine/copy.png are the same file"),
    ],
)
def test_a_folder_is_refused_with_what_is_wrong(tmp_path: Path, build: Callable[[Path], None], sentence: str) -> None:
    root = tmp_path / "lab"
    root.mkdir()
    build(root)
    with pytest.raises(DataRefused, match=sentence):
        read_photo_set(root)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nowhere", f"nowhere does not exist; check the path, and note that {LAYOUT}"),
        ("a.png", f"a.png is neither a folder nor a CSV file; {LAYOUT}"),
    ],
)
def test_a_path_is_refused_with_the_layout(tmp_path: Path, name: str, sentence: str) -> None:
    put(tmp_path / "a.png")
    with pytest.raises(DataRefused, match=sentence):
        read_photo_set(tmp_path / name)


@pytest.mark.parametrize(
    ("count", "named"),
    [(1, "bad00.jpg; repair"), (20, "bad19.jpg; repair"), (23, "bad19.jpg and 3 more; repair")],
)
def test_unreadable_photos_are_named_up_to_twenty(tmp_path: Path, count: int, named: str) -> None:
    root = fill(tmp_path, pair("bag/"))
    for number in range(count):
        (root / f"bag/genuine/bad{number:02d}.jpg").write_bytes(b"\xff\xd8\xff no picture")
    with pytest.raises(DataRefused, match=re.escape(named)) as refused:
        read_photo_set(root)
    message = str(refused.value)
    assert message.startswith(f"{count} of {6 + count} photos cannot be read, bag/genuine/bad00.jpg")
    assert "(of the first: bad00.jpg is a JPEG file that" in message
    assert message.count("bad") == min(count, 20) + 1


def test_a_photo_is_decoded_to_its_end(tmp_path: Path) -> None:
    root = fill(tmp_path, pair("bag/"))
    whole = (root / "bag/genuine/1.png").read_bytes()
    (root / "bag/genuine/1.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataRefused, match=r"1 of 6 photos cannot be read, bag/genuine/1\.png; repair"):
        read_photo_set(root)


@pytest.mark.parametrize("name", ["film.mp4", "model.pth", "0", "empty.png"])
def test_any_other_file_is_an_error(tmp_path: Path, name: str) -> None:
    root = fill(tmp_path, pair("bag/"))
    (root / "bag/genuine" / name).write_bytes(b"\x00\x01" if name != "empty.png" else b"")
    with pytest.raises(DataRefused, match=rf"cannot be read, bag/genuine/{re.escape(name)}; repair"):
        read_photo_set(root)


def test_more_items_can_be_asked_for(tmp_path: Path) -> None:
    root = fill(tmp_path, pair("bag/"), count=5)
    assert len(read_photo_set(root, least_items=5).photos) == 10
    with pytest.raises(DataRefused, match="The class bag/counterfeit has 5 items and needs 6"):
        read_photo_set(root, least_items=6)


def test_three_items_are_needed_whatever_is_asked(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="The class bag/counterfeit has 2 items and needs 3"):
        read_photo_set(fill(tmp_path, pair("bag/"), count=2), least_items=1)


def test_a_refusal_is_one_for_people() -> None:
    assert issubclass(DataRefused, Refusal)


# ---- the split


@pytest.mark.parametrize(
    ("items", "shares", "expected"),
    [
        (3, ("train", "val", "test"), (1, 1, 1)),
        (4, ("train", "val", "test"), (2, 1, 1)),
        (10, ("train", "val", "test"), (8, 1, 1)),
        (14, ("train", "val", "test"), (12, 1, 1)),
        (30, ("train", "val", "test"), (24, 3, 3)),
        (1000, ("train", "val", "test"), (800, 100, 100)),
        (2, ("train", "val"), (1, 1)),
        (45, ("train", "val"), (40, 5)),
        (7, ("train",), (7,)),
    ],
)
def test_each_class_is_split_by_its_shares(items: int, shares: tuple[Split, ...], expected: tuple[int, ...]) -> None:
    asked = {split: SHARES[split] for split in shares}
    for seed in SEEDS:
        splits = stratified_split([{"a"}] * items + [{"b"}] * items, asked, seed)
        for found in (splits[:items], splits[items:]):
            assert tuple(Counter(found)[split] for split in shares) == expected


def test_a_split_is_drawn_anew_for_each_seed() -> None:
    draws = {tuple(stratified_split([{"a"}] * 10, SHARES, seed)) for seed in range(30)}
    assert len(draws) > 10
    assert {draw.index("test") for draw in draws} == set(range(10))


def test_groups_of_several_classes_leave_no_class_out() -> None:
    rng = np.random.default_rng(3)
    for seed in range(40):
        classes = [{"abcd"[rng.integers(4)]} for _ in range(40)] + [
            {"abcd"[i] for i in rng.choice(4, 2, replace=False)} for _ in range(10)
        ]
        splits = stratified_split(classes, SHARES, seed)
        for name in "abcd":
            count = Counter(split for split, there in zip(splits, classes, strict=True) if name in there)
            fair = sum(name in there for there in classes) / 10
            assert all(count[split] >= 1 and abs(count[split] - fair) <= 2 for split in ("val", "test"))


def test_the_rarest_class_is_served_first() -> None:
    classes = [{"rare", "plenty"}] * 10 + [{"plenty"}] * 490
    for seed in SEEDS:
        splits = stratified_split(classes, SHARES, seed)
        assert Counter(splits[:10]) == {"train": 8, "val": 1, "test": 1}
        assert Counter(splits) == {"train": 400, "val": 50, "test": 50}


def test_items_of_several_classes_are_drawn_until_no_class_is_left_out() -> None:
    """One draw in ten leaves a class of these out."""
    classes = [{"b"}, {"c"}, {"b", "c"}, {"a"}, {"b", "c"}, {"a"}, {"a", "c"}]
    for seed in range(100):
        splits = stratified_split(classes, SHARES, seed)
        for name in "abc":
            assert {split for split, there in zip(splits, classes, strict=True) if name in there} == set(SHARES)


def test_classes_that_share_too_many_items_are_refused(tmp_path: Path) -> None:
    """Every class lies in three of four items, so no three items can serve as train, val and test for all."""
    rows = []
    for name, items in {"bag,real": "123", "bag,fake": "124", "belt,real": "134", "belt,fake": "234"}.items():
        for item in items:
            path = f"{name.replace(',', '-')}-{item}.png"
            put(tmp_path / path)
            rows.append([path, name, item])
    with pytest.raises(DataRefused, match=r"gets no item in (train|val|test) in any of 100 draws, because items"):
        read_photo_set(listed_in(tmp_path, rows, "path,series,label,item"))


def test_items_are_never_parted_and_every_class_is_in_every_split(tmp_path: Path) -> None:
    for folder in [*pair("bag/"), *pair("belt/")]:
        fill(tmp_path, [f"{folder}/{item}" for item in range(6)], count=2)
    for seed in SEEDS:
        found = read_photo_set(tmp_path, seed=seed)
        items = {split: {photo.item for photo in found.of(split)} for split in SHARES}
        assert [len(items[split]) for split in SHARES] == [16, 4, 4]
        assert not items["train"] & items["val"]
        assert not (items["train"] | items["val"]) & items["test"]
        assert all({photo.class_name for photo in found.of(split)} == set(found.classes) for split in SHARES)


def test_the_same_set_and_seed_give_the_same_split_wherever_they_lie(tmp_path: Path) -> None:
    here = fill(tmp_path / "here/lab", pair(""), count=6)
    there = shutil.copytree(here, tmp_path / "there/lab")
    first, second = read_photo_set(here, seed=5), read_photo_set(there, seed=5)
    assert [photo.path.relative_to(here) for photo in first.photos] == sorted(
        path.relative_to(here) for path in here.rglob("*.png")
    )
    assert split_of(here, seed=5) == split_of(there, seed=5) != split_of(here, seed=6)
    assert first.manifest_sha256 == second.manifest_sha256


def test_the_manifest_is_the_hash_of_its_lines(tmp_path: Path) -> None:
    root = fill(tmp_path, pair("bag/"))
    found = read_photo_set(root)
    lines = []
    for name, photo in names(root, found.photos).items():
        sha256 = hashlib.sha256(photo.path.read_bytes()).hexdigest()
        lines.append(f"{name}\t{sha256}\tbag\t{photo.label}\t{photo.item}\t{photo.split}\n")
    assert found.manifest_sha256 == hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


@pytest.mark.parametrize(
    ("folders", "rule"),
    [
        pytest.param(
            pair(""),
            "The photos were split 8:1:1 into train, val and test by photo (no items are stated, near-duplicates "
            "were kept together), stratified by class, seed 7.",
            id="loose photos",
        ),
        pytest.param(
            [f"{label}/{item}" for label in pair("") for item in range(3)],
            "The photos were split 8:1:1 into train, val and test by item, stratified by class, seed 7.",
            id="items",
        ),
        pytest.param(
            [*pair(""), "genuine/bag 1"],
            "The photos were split 8:1:1 into train, val and test by item (photos without a stated item by photo, "
            "near-duplicates kept together), stratified by class, seed 7.",
            id="some items",
        ),
        pytest.param(
            [*pair("train/"), *pair("test/")],
            "The photos for test are the set's own, the others were split 8:1 into train and val by photo (no "
            "items are stated, near-duplicates were kept together), stratified by class, seed 7.",
            id="train and test",
        ),
        pytest.param(
            [*pair("train/"), *pair("val/"), *pair("test/")],
            "The split into train, val and test is the set's own.",
            id="given",
        ),
    ],
)
def test_the_card_is_told_how_the_split_was_made(tmp_path: Path, folders: list[str], rule: str) -> None:
    assert read_photo_set(fill(tmp_path, folders), seed=7).split_rule == rule


# ---- near-duplicates


def recoded(image: Image.Image, file: Path) -> None:
    put(file, image, quality=70)


def brightened(image: Image.Image, file: Path) -> None:
    put(file, ImageEnhance.Brightness(image).enhance(1.12), quality=80)


def halved(image: Image.Image, file: Path) -> None:
    put(file, image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS))


def test_copies_of_a_photo_stay_in_one_split(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = fill(tmp_path, pair("bag/"), count=5)
    original = picture("seen three times", side=192)
    put(root / "bag/genuine/seen.png", original)
    recoded(original, root / "bag/genuine/a.jpg")
    brightened(original, root / "bag/genuine/z.jpg")
    halved(original, root / "bag/genuine/h.png")
    copies = [f"bag/genuine/{name}" for name in ("a.jpg", "h.png", "seen.png", "z.jpg")]
    drawn = set()
    for seed in SEEDS:
        splits = split_of(root, seed=seed)
        assert len({splits[copy] for copy in copies}) == 1
        drawn.add(splits[copies[0]])
    assert drawn == {"train", "val", "test"}
    with caplog.at_level(logging.INFO):
        photos = names(root, read_photo_set(root).photos)
    assert "Found 1 groups of near-duplicates: 4 of 14 photos." in caplog.messages
    assert {photos[copy].item for copy in copies} == {copies[0]}


def test_a_copy_made_a_counterfeit_stays_with_its_original(tmp_path: Path) -> None:
    root = fill(tmp_path, pair("bag/"), count=5)
    original = picture("taken apart", side=192)
    put(root / "bag/genuine/original.png", original)
    brightened(original, root / "bag/counterfeit/edited.jpg")
    for seed in SEEDS:
        splits = split_of(root, seed=seed)
        assert splits["bag/genuine/original.png"] == splits["bag/counterfeit/edited.jpg"]


def test_too_many_copies_are_too_few_items(tmp_path: Path) -> None:
    root = fill(tmp_path, pair("bag/"), count=3)
    for number in (0, 1):
        brightened(picture("one", side=192), root / f"bag/genuine/{number}.png")
    with pytest.raises(DataRefused, match=r"bag/genuine has 2 items and needs 3.*near-duplicates without a stated"):
        read_photo_set(root)


def test_alike_photos_of_two_stated_items_are_two_items(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scan = picture("scan", side=192)
    for item in range(3):
        put(tmp_path / f"bag/genuine/{item}/scan.jpg", scan, quality=90 - item)
        put(tmp_path / f"bag/counterfeit/{item}/scan.png")
    found = read_photo_set(tmp_path)
    assert {len(found.of(split)) for split in SHARES} == {2}
    warning = "1 groups of near-duplicates lie in more than one split, which flatters the figures."
    assert warning in caplog.messages
    assert found.split_rule.endswith(f"seed 0. {warning}")


def test_one_file_in_two_stated_items_keeps_them_together(tmp_path: Path) -> None:
    for label in pair("bag/"):
        fill(tmp_path, [f"{label}/{item}" for item in range(5)], count=2)
    shutil.copy(tmp_path / "bag/genuine/0/0.png", tmp_path / "bag/genuine/3/same.png")
    for seed in SEEDS:
        splits = split_of(tmp_path, seed=seed)
        assert splits["bag/genuine/0/1.png"] == splits["bag/genuine/3/1.png"]
    photos = names(tmp_path, read_photo_set(tmp_path).photos)
    assert photos["bag/genuine/0/0.png"].item == "bag/genuine/0"
    assert photos["bag/genuine/3/same.png"].item == "bag/genuine/3"


def test_a_loose_copy_belongs_to_the_item_of_its_original(tmp_path: Path) -> None:
    root = fill(tmp_path, [f"{label}/{item}" for label in pair("bag/") for item in range(4)])
    brightened(Image.open(root / "bag/genuine/3/0.png"), root / "bag/genuine/0.jpg")
    photos = names(root, read_photo_set(root).photos)
    assert photos["bag/genuine/0.jpg"].item == photos["bag/genuine/3/0.png"].item == "bag/genuine/3"
    assert photos["bag/genuine/0.jpg"].split == photos["bag/genuine/3/1.png"].split


def test_what_crosses_a_given_split_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = fill(tmp_path, [*pair("train/"), *pair("val/"), *pair("test/")])
    put(root / "train/genuine/bag 7/a.png")
    put(root / "test/genuine/bag 7/b.png")
    for number in (0, 1):
        brightened(Image.open(root / f"train/genuine/{number}.png"), root / f"test/genuine/copy{number}.jpg")
    warning = "1 stated items and 2 groups of near-duplicates lie in more than one split, which flatters the figures."
    found = read_photo_set(root)
    assert caplog.messages.count(warning) == 1
    assert found.split_rule == f"The split into train, val and test is the set's own. {warning}"
    assert len(found.of("test")) == 9


def test_a_clean_split_has_no_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read_photo_set(fill(tmp_path, pair("bag/")))
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("copied", [recoded, brightened, halved])
def test_a_hash_outlives_copying_and_tells_pictures_apart(
    tmp_path: Path, copied: Callable[[Image.Image, Path], None]
) -> None:
    for number in range(20):
        copied(picture(f"p{number}", side=192), tmp_path / f"{number}.jpg")
    originals = np.stack([perceptual_hash(np.asarray(picture(f"p{number}", side=192))) for number in range(20)])
    copies = np.stack([perceptual_hash(np.asarray(Image.open(tmp_path / f"{n}.jpg"))) for n in range(20)])
    assert originals.shape == (20, 255)
    assert originals.dtype == bool
    near = hamming_distances(originals, copies) <= NEAR_BITS
    np.testing.assert_array_equal(near, np.eye(20, dtype=bool))


def test_a_hash_is_that_of_the_plain_cosine_sums() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    frequencies = [
        sum(
            float(grey[y, x]) * np.cos(np.pi * v * (2 * y + 1) / 64) * np.cos(np.pi * u * (2 * x + 1) / 64)
            for y in range(32)
            for x in range(32)
        )
        for v in range(16)
        for u in range(16)
    ][1:]
    expected = np.array(frequencies) > sorted(frequencies)[127]
    np.testing.assert_array_equal(perceptual_hash(np.repeat(grey[..., None], 3, axis=2)), expected)


@pytest.mark.parametrize("value", [0, 77, 128, 255])
def test_flat_pictures_are_alike(value: int) -> None:
    assert not perceptual_hash(np.full((50, 40, 3), value, dtype=np.uint8)).any()


@pytest.mark.parametrize(("rows", "columns", "bits"), [(1, 1, 1), (5, 7, 64), (20, 3, 255), (0, 4, 8)])
def test_hamming_distances_count_the_different_bits(rows: int, columns: int, bits: int) -> None:
    rng = np.random.default_rng(rows)
    a, b = rng.random((rows, bits)) < 0.5, rng.random((columns, bits)) < 0.3
    expected = [[sum(p != q for p, q in zip(x, y, strict=True)) for y in b] for x in a]
    found = hamming_distances(a, b)
    np.testing.assert_array_equal(found, np.array(expected, dtype=int).reshape(rows, columns))
    assert found.dtype == np.int32


def test_near_duplicates_are_found_across_blocks() -> None:
    """At 0, 1 and 32 bits they are, at 33 not, whether the two lie in one block of rows or far apart."""
    rng = np.random.default_rng(1)
    hashes = rng.random((1300, 255)) < 0.5
    planted = [(0, 1299, 32), (3, 4, 1), (511, 512, 32), (600, 700, 0), (1023, 1024, 33), (20, 900, 33)]
    for first, second, bits in planted:
        hashes[second] = hashes[first]
        hashes[second, rng.choice(255, bits, replace=False)] ^= True
    found = {(first, int(other)) for first, others in near_duplicates(hashes) for other in others}
    expected = {
        (i, j) for i in range(1300) for j in np.flatnonzero((hashes[i] != hashes).sum(axis=1) <= 32).tolist() if j > i
    }
    assert found == expected == {(0, 1299), (3, 4), (511, 512), (600, 700)}
