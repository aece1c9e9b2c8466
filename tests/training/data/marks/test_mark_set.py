"""Mark sets: what is similar, which family is in which split, and what is refused."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.data.marks.mark_set import MarkSet, read_mark_set
from training.data.photos.photo import Split
from training.data.set_files import DataRefused

SPLITS: tuple[Split, ...] = ("train", "val", "test")


def picture(file: Path, key: str = "") -> Path:
    """Write a small picture of its own for each key, which is the name with its folder where none is given."""
    rng = np.random.default_rng(list((key or f"{file.parent.name} {file.stem}").encode()))
    Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).save(file)
    return file


def draw(folder: Path, drawings: int) -> None:
    folder.mkdir(parents=True)
    for number in range(drawings):
        picture(folder / f"{number}.png")


def draw_families(root: Path, families: Mapping[str, int]) -> Path:
    for name, drawings in families.items():
        draw(root / name, drawings)
    return root


def draw_split_families(root: Path, families: int = 2) -> Path:
    for split in SPLITS:
        draw_families(root / split, {f"{split} {number}": 2 for number in range(families)})
    return root


def write_table(folder: Path, rows: Sequence[tuple[str, str, object]], header: str = "a,b,label") -> Path:
    """A CSV of pairs beside files for every name it has."""
    folder.mkdir(exist_ok=True)
    for name in {name for a, b, _ in rows for name in (a, b)}:
        picture(folder / name)
    table = folder / "pairs.csv"
    table.write_text("\n".join([header, *(f"{a},{b},{label}" for a, b, label in rows)]) + "\n", encoding="utf-8")
    return table


def chains(count: int) -> list[tuple[str, str, object]]:
    """Families of three marks that hang together by two similar pairs."""
    return [
        pair
        for number in range(count)
        for pair in (
            (f"{number}a.png", f"{number}b.png", "similar"),
            (f"{number}c.png", f"{number}b.png", "similar"),
        )
    ]


def splits_of_families(marks: MarkSet) -> dict[str, set[Split]]:
    splits = defaultdict(set)
    for mark in marks.marks:
        splits[mark.family].add(mark.split)
    return splits


def named(marks: MarkSet, pairs: Sequence[tuple[int, int]]) -> set[frozenset[str]]:
    return {frozenset(marks.marks[index].path.name for index in pair) for pair in pairs}


def test_a_folder_is_a_family_and_its_drawings_are_similar(tmp_path: Path) -> None:
    families = {f"brand {number:02d}": 1 + number % 4 for number in range(20)}
    marks = read_mark_set(draw_families(tmp_path / "marks", families))
    assert Counter(marks.families) == families
    assert all(mark.path.parent.name == mark.family for mark in marks.marks)
    expected = {(a, b) for a, b in combinations(range(len(marks.marks)), 2) if marks.families[a] == marks.families[b]}
    assert set(marks.similar) == expected
    assert not marks.dissimilar


def test_what_is_no_picture_is_left_out(tmp_path: Path) -> None:
    root = draw_families(tmp_path, {f"brand {number}": 2 for number in range(10)})
    for name in ("brand 0/notes.txt", "brand 0/.hidden.png", "loose.png"):
        (root / name).write_bytes(b"")
    draw(root / ".thumbnails", 2)
    (root / "empty").mkdir()
    picture(root / "brand 1" / "2.JPEG")
    marks = read_mark_set(root)
    assert Counter(marks.families) == {f"brand {number}": 3 if number == 1 else 2 for number in range(10)}


def test_a_given_split_is_kept(tmp_path: Path) -> None:
    marks = read_mark_set(draw_split_families(tmp_path))
    assert all(mark.split == mark.path.parent.parent.name for mark in marks.marks)
    assert marks.split_rule == "By family, as given by the set's own train, val and test folders."


@pytest.mark.parametrize("missing", SPLITS)
def test_a_given_split_is_complete(missing: str, tmp_path: Path) -> None:
    root = draw_split_families(tmp_path / "marks")
    (root / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(DataRefused, match=rf"but no {missing}; give all three or none"):
        read_mark_set(root)


def test_a_family_is_in_one_given_split(tmp_path: Path) -> None:
    root = draw_split_families(tmp_path)
    draw(root / "test" / "train 0", 2)
    with pytest.raises(DataRefused, match="a family in more than one of train, val and test"):
        read_mark_set(root)


def list_pairs(root: Path, rows: Sequence[tuple[str, str]]) -> Path:
    """A table of similar pairs beside the families' folders."""
    (root / "pairs.csv").write_text("\n".join(["a,b", *(f"{a},{b}" for a, b in rows)]) + "\n")
    return root


def test_a_table_beside_the_folders_says_which_of_a_familys_marks_are_similar(tmp_path: Path) -> None:
    root = draw_families(tmp_path, {f"brand {number}": 3 for number in range(10)})
    rows = [(f"brand {number}/2.png", f"brand {number}/0.png") for number in range(10)]
    marks = read_mark_set(list_pairs(root, rows))
    assert Counter(marks.families) == {f"brand {number}": 3 for number in range(10)}
    places = [mark.path.relative_to(root).as_posix() for mark in marks.marks]
    assert {frozenset((places[a], places[b])) for a, b in marks.similar} == {frozenset(row) for row in rows}
    assert not marks.dissimilar


def test_a_part_of_a_set_keeps_what_is_stated_of_it(tmp_path: Path) -> None:
    root = draw_families(tmp_path, {f"brand {number}": 2 for number in range(10)})
    lines = [f"brand {n}/0.png,brand {n}/1.png,kind {n},brand {(n + 1) % 10}" for n in range(10)]
    (root / "pairs.csv").write_text("\n".join(["a,b,kind,donor", *lines]) + "\n")
    whole = read_mark_set(root)
    part = whole.subset([index for index, mark in reversed([*enumerate(whole.marks)]) if mark.family > "brand 5"])
    assert {mark.family for mark in part.marks} == {f"brand {n}" for n in range(6, 10)}
    assert len(part.similar) == 4
    for a, b in part.similar:
        family = part.marks[a].family
        assert (part.marks[b].family, part.kind((a, b))) == (family, family.replace("brand", "kind"))
        assert (part.marks[a].path.name, part.marks[b].path.name) == ("0.png", "1.png")
        assert part.donors[b] == f"brand {(int(family[-1]) + 1) % 10}"
        assert a not in part.donors
    assert len(part.kinds) == 4


@pytest.mark.parametrize(
    ("a", "b"),
    [
        pytest.param("brand 0/0.png", "brand 1/0.png", id="of two families"),
        pytest.param("brand 0/0.png", "brand 0/9.png", id="not there"),
        pytest.param("brand 0/0.png", "", id="left out"),
        pytest.param("brand 0/0.png", "brand 0/0.png", id="one mark twice"),
    ],
)
def test_such_a_table_pairs_two_marks_of_one_family(a: str, b: str, tmp_path: Path) -> None:
    root = draw_families(tmp_path, {f"brand {number}": 2 for number in range(10)})
    rows = [(f"brand {number}/0.png", f"brand {number}/1.png") for number in range(10)]
    with pytest.raises(DataRefused, match=r"pairs\.csv, line 12: a and b are not two marks of one family's folder"):
        read_mark_set(list_pairs(root, [*rows, (a, b)]))


@pytest.mark.parametrize(
    ("several", "alone", "expected"),
    [
        pytest.param(40, 0, {"train": 32, "val": 4, "test": 4}, id="8:1:1"),
        pytest.param(40, 20, {"train": 48, "val": 6, "test": 6}, id="single drawings by themselves"),
        pytest.param(3, 0, {"train": 1, "val": 1, "test": 1}, id="at least one each"),
    ],
)
def test_families_are_split_8_1_1_and_never_parted(
    several: int, alone: int, expected: dict[str, int], tmp_path: Path
) -> None:
    families = {f"several {number:02d}": 3 for number in range(several)}
    families |= {f"alone {number:02d}": 1 for number in range(alone)}
    marks = read_mark_set(draw_families(tmp_path / "marks", families), seed=4)
    splits = splits_of_families(marks)
    assert all(len(split) == 1 for split in splits.values())
    assert Counter(split for (split,) in splits.values()) == expected
    assert marks.split_rule == "By family, 8:1:1, shuffled with seed 4."


def test_a_seed_gives_one_split(tmp_path: Path) -> None:
    root = draw_families(tmp_path, {f"brand {number}": 2 for number in range(40)})
    first, again, other = (read_mark_set(root, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.manifest_sha256 == again.manifest_sha256
    assert splits_of_families(first) != splits_of_families(other)


def test_pairs_and_marks_of_a_split(tmp_path: Path) -> None:
    marks = read_mark_set(draw_families(tmp_path, {f"brand {number}": 3 for number in range(20)}))
    for split in SPLITS:
        members = marks.of(split)
        assert members == tuple(index for index, mark in enumerate(marks.marks) if mark.split == split)
        assert marks.pairs(split, similar=True) == tuple(
            pair for pair in marks.similar if marks.marks[pair[0]].split == split
        )
        assert {index for pair in marks.pairs(split, similar=True) for index in pair} == set(members)


def test_a_family_in_a_table_is_what_hangs_together_by_similar_pairs(tmp_path: Path) -> None:
    rows = [*chains(20), ("0a.png", "x.png", "dissimilar"), ("y.png", "x.png", "dissimilar")]
    marks = read_mark_set(write_table(tmp_path, rows))
    families = defaultdict(set)
    for mark in marks.marks:
        families[mark.family].add(mark.path.name)
    expected = [{f"{number}{letter}.png" for letter in "abc"} for number in range(20)]
    assert sorted(map(sorted, families.values())) == sorted(map(sorted, [*expected, {"x.png"}, {"y.png"}]))
    assert named(marks, marks.similar) == {frozenset(pair[:2]) for pair in chains(20)}
    assert all(len(split) == 1 for split in splits_of_families(marks).values())


def test_dissimilar_pairs_across_splits_are_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stated = [(f"{a}a.png", f"{b}c.png", "dissimilar") for a, b in combinations(range(20), 2)]
    with caplog.at_level(logging.INFO):
        marks = read_mark_set(write_table(tmp_path, [*chains(20), *stated]))
    split_of = {mark.path.name: mark.split for mark in marks.marks}
    kept = {frozenset((a, b)) for a, b, _ in stated if split_of[a] == split_of[b]}
    assert named(marks, marks.dissimilar) == kept
    assert f"{len(stated) - len(kept)} dissimilar pairs cross two splits" in caplog.text
    for split in SPLITS:
        assert {marks.marks[i].split for pair in marks.pairs(split, similar=False) for i in pair} <= {split}


@pytest.mark.parametrize(
    ("similar", "dissimilar"), [("similar", "dissimilar"), ("1", "0"), (" Similar ", "DISSIMILAR")]
)
def test_labels_are_words_or_digits(similar: str, dissimilar: str, tmp_path: Path) -> None:
    rows = [(a, b, similar) for a, b, _ in chains(10)]
    marks = read_mark_set(write_table(tmp_path, [*rows, ("x.png", "y.png", dissimilar)]))
    assert len(marks.similar) == 20


def test_a_table_from_a_spreadsheet_may_start_with_a_byte_order_mark(tmp_path: Path) -> None:
    table = write_table(tmp_path, chains(10))
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes())
    assert len(read_mark_set(table).similar) == 20


@pytest.mark.parametrize(
    ("added", "sentence"),
    [
        pytest.param("0a.png,1a.png,maybe", "pairs.csv, line 22: the label is 'maybe'", id="an unknown label"),
        pytest.param("0a.png,1a.png,", "pairs.csv, line 22: the label is ''", id="no label"),
        pytest.param("0a.png,1a.png", "pairs.csv, line 22: the label is None", id="a short row"),
        pytest.param("0a.png,gone.png,similar", "pairs.csv, line 22: there is no file", id="no such file"),
        pytest.param(",0a.png,similar", "pairs.csv, line 22: there is no file", id="no name"),
        pytest.param("\n0a.png,1a.png,maybe", "pairs.csv, line 23: the label is 'maybe'", id="after an empty line"),
        pytest.param("0a.png,0c.png,dissimilar", "calls 0a.png and 0c.png dissimilar, but", id="a contradiction"),
        pytest.param("0a.png,0a.png,dissimilar", "calls 0a.png and 0a.png dissimilar, but", id="a mark and itself"),
    ],
)
def test_a_bad_row_is_named(added: str, sentence: str, tmp_path: Path) -> None:
    table = write_table(tmp_path, chains(10))
    table.write_text(table.read_text() + added + "\n")
    with pytest.raises(DataRefused) as refusal:
        read_mark_set(table)
    assert sentence in str(refusal.value)
    assert "pairs.csv" in str(refusal.value)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"a,b,label\n", id="a header alone"),
        pytest.param(b"first,second,label\n0.png,1.png,similar\n", id="other columns"),
        pytest.param("a,b,label\nCafé.png,1.png,similar\n".encode("latin-1"), id="not UTF-8"),
        pytest.param(b"\x89PNG\r\n\x1a\n\x00\x00", id="a picture"),
    ],
)
def test_what_is_no_table_is_refused(content: bytes, tmp_path: Path) -> None:
    table = tmp_path / "pairs.csv"
    table.write_bytes(content)
    with pytest.raises(DataRefused, match=r"pairs\.csv"):
        read_mark_set(table)


@pytest.mark.parametrize(
    ("families", "sentence"),
    [
        pytest.param({}, "holds no pictures in subfolders", id="nothing"),
        pytest.param({"one": 1, "two": 1, "three": 1}, "no pair of similar marks for train", id="single drawings"),
        pytest.param({"one": 2, "two": 2}, "no pair of similar marks for val", id="two families"),
    ],
)
def test_a_folder_that_is_too_little_is_refused(families: dict[str, int], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=sentence):
        read_mark_set(draw_families(tmp_path, families))


def test_a_set_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=r"There is no .*nowhere"):
        read_mark_set(tmp_path / "nowhere")


def test_one_byte_of_one_picture_changes_the_manifest(tmp_path: Path) -> None:
    root = draw_families(tmp_path, {f"brand {number}": 2 for number in range(10)})
    before = read_mark_set(root).manifest_sha256
    picture(root / "brand 7" / "1.png", "brand 7 !")
    assert read_mark_set(root).manifest_sha256 != before


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(("x.png", "y.png", "similar"), id="another label"),
        pytest.param(("y.png", "x.png", "dissimilar"), id="another order"),
    ],
)
def test_one_row_changes_the_manifest(row: tuple[str, str, object], tmp_path: Path) -> None:
    # with seed 0 both marks fall into one split, or the pair would be left out
    rows = [*chains(10), ("x.png", "y.png", "dissimilar")]
    before = read_mark_set(write_table(tmp_path, rows))
    assert before.dissimilar
    assert read_mark_set(write_table(tmp_path, rows)).manifest_sha256 == before.manifest_sha256
    assert read_mark_set(write_table(tmp_path, [*rows[:-1], row])).manifest_sha256 != before.manifest_sha256
