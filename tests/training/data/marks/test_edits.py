"""Lookalikes made on the drawing: what is taken apart, what each kind changes, and a whole set with its kinds."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.preprocessing import Preprocessing
from inference.records import Refusal
from training.data.marks import building as mark_sets
from training.data.marks import designs, packages
from training.data.marks.building import MarksSettings, build_marks
from training.data.marks.editing import Editor
from training.data.marks.edits import edits, glyph_changed
from training.data.marks.elements import Elements, as_svg, extent, fitted, minor, movable, possible, read_elements
from training.data.marks.mark_set import read_mark_set
from training.data.marks.packages import Drawing, Package
from training.data.marks.rasters import render
from training.data.marks.rows import Row
from training.data.marks.shapes import overlaps, shape_of
from training.data.rendered.typefaces import Glyph, Typeface
from training.trademark.samples import TrainingPairs
from training.trademark.settings import PRESETS

SIZE = 48
DOT = '<rect x="20" y="20" width="3" height="3"/>'
SQUARE, DISC = '<rect x="1" y="2" width="8" height="8"/>', '<circle cx="17" cy="6" r="4" fill="#c03020"/>'
RING = '<path d="M4 14h8v8h-8zM6 16v4h4v-4z" fill-rule="evenodd"/>'
KINDS = [*edits(None)]  # type: ignore[arg-type]


def svg(body: str) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">{body}</svg>'


class Blocks:
    """A typeface whose letters are blocks, one row a letter's place in the alphabet."""

    def __init__(self, cache: Path | None = None, _: tuple[Typeface, ...] = ()) -> None:
        self.cache = cache

    def glyph(self, _: str, letter: str) -> Glyph:
        height = 0.3 + 0.02 * (ord(letter) - ord("A"))
        block = np.array([[0, 0], [0.5, 0], [0.5, -height], [0, -height]], np.float32)
        return Glyph((block,), (), 0.6)


def elements(body: str) -> Elements:
    found = read_elements(svg(body))
    assert found is not None
    return found


def silhouette(drawing: Elements) -> np.ndarray:
    rgba = render(as_svg(drawing), 64)
    assert rgba is not None
    return shape_of(rgba).silhouette


@pytest.mark.parametrize(
    ("body", "count"),
    [
        pytest.param(SQUARE, 1, id="one shape"),
        pytest.param(SQUARE + DISC, 2, id="two shapes"),
        pytest.param(f'<g fill="#123456">{SQUARE}{DISC}</g>', 2, id="in a group"),
        pytest.param('<path d="M0 0h4v4h-4zM10 10h4v4h-4z"/>', 2, id="two outlines of one path"),
        pytest.param(RING, 1, id="a hole belongs to what it lies in"),
        pytest.param('<path d="m0 0h4v4h-4zm10 10h4v4h-4z"/>', 2, id="relative outlines"),
    ],
)
def test_a_drawing_is_taken_apart_into_what_belongs_together(body: str, count: int) -> None:
    found = elements(body)
    assert len(found) == count
    low, high = extent(found)
    assert (high - low).max() == pytest.approx(1)
    rgba = render(svg(body), 64)
    assert rgba is not None
    assert overlaps(shape_of(rgba).silhouette[None], silhouette(found)[None])[0, 0] > 0.9


@pytest.mark.parametrize(
    "body",
    [
        '<path d="M0 0h9v9z" stroke="#000"/>',
        '<path d="M0 0h9v9z" transform="scale(2)"/>',
        '<path d="M0 0h9v9z" fill="url(#a)"/>',
        '<path d="M0 0h9v9z" style="fill:red"/>',
        '<defs><linearGradient id="a"/></defs><path d="M0 0h9v9z"/>',
        '<rect width="9" height="9" rx="3%"/>',
        '<circle cx="12px" cy="12" r="9"/>',
        "<text>A</text>",
        "",
    ],
)
def test_what_is_more_than_plain_shapes_is_left_as_it_is(body: str) -> None:
    assert read_elements(svg(body)) is None


@pytest.mark.parametrize("kind", KINDS)
def test_an_edit_changes_the_mark_and_a_generator_decides_how(kind: str) -> None:
    own, other = elements(SQUARE + DISC + RING), elements('<path d="M1 1L20 4L9 22z" fill="#2040a0"/>')
    edit = edits(Blocks())[kind]  # type: ignore[arg-type]
    made, again = (edit(own, other, np.random.default_rng(3)) for _ in range(2))
    assert as_svg(made) == as_svg(again)
    pictures = [render(as_svg(drawing), 64) for drawing in (own, made)]
    assert all(picture is not None for picture in pictures)
    first, second = pictures
    assert first is not None
    assert second is not None
    assert first.shape != second.shape or (first != second).any()


def test_edits_do_what_their_names_say() -> None:
    own, other = elements(SQUARE + DISC + RING), elements('<path d="M1 1L20 4L9 22z" fill="#2040a0"/>')
    kinds = edits(Blocks())  # type: ignore[arg-type]
    made = {kind: edit(own, other, np.random.default_rng(0)) for kind, edit in kinds.items()}
    more = [len(made[kind]) - len(own) for kind in ("element removed", "element added", "negative", "framed")]
    assert more == [-1, 1, 1, 1]
    assert {element.fill for element in made["recoloured"]}.isdisjoint({element.fill for element in own})
    assert np.array_equal(silhouette(made["recoloured"]), silhouette(own))
    assert all(element.stroke > 0 for element in made["outline"])
    assert np.array_equal(silhouette(made["mirrored"]), silhouette(own)[:, ::-1])
    changed = [a for a, b in zip(own, made["element moved"], strict=True) if a is not b]
    assert len(changed) == 1
    low, high = extent(made["proportions changed"])
    assert (high - low).prod() < 1
    low, high = extent(fitted(own, (0.2, 0.2), (0.4, 0.9)))
    assert low.min() >= 0.2 - 1e-9
    assert (high <= np.array([0.4, 0.9]) + 1e-9).all()


def test_a_ground_is_never_taken_for_an_element_and_white_paper_is_no_part() -> None:
    paper = '<rect width="24" height="24" fill="#fff"/>'
    assert len(elements(paper + SQUARE + DISC)) == 2
    tile = '<rect width="24" height="24" fill="#204060"/>'
    own = elements(tile + SQUARE + DISC + RING + DOT)
    assert movable(own) == [1, 2, 3, 4]
    kinds = edits(Blocks())  # type: ignore[arg-type]
    for seed in range(5):
        for kind in ("element removed", "element moved", "element swapped"):
            made = kinds[kind](own, elements(tile + SQUARE), np.random.default_rng(seed))
            assert made[0].fill == "#204060"
            assert all(np.array_equal(a, b) for a, b in zip(made[0].polygons, own[0].polygons, strict=True))
    assert movable(elements(SQUARE)) == [0]


@pytest.mark.parametrize(
    ("tile", "glyph"), [("#204060", "#ffffff"), ("#204060", "#fdfdfd"), ("#202020", "#c0c0c0"), ("#e8e8e8", "#204060")]
)
@pytest.mark.parametrize("kind", ["negative", "outline"])
def test_what_lies_on_a_ground_is_still_seen_after_the_edit(kind: str, tile: str, glyph: str) -> None:
    ground = f'<circle cx="12" cy="12" r="11" fill="{tile}"/>'
    plain, lettered = (elements(ground + body) for body in ("", f'<path d="M8 8h8v8h-8z" fill="{glyph}"/>'))
    made = edits(Blocks())[kind](lettered, plain, np.random.default_rng(0))  # type: ignore[arg-type]
    without = edits(Blocks())[kind](plain, plain, np.random.default_rng(0))  # type: ignore[arg-type]
    pictures = [render(as_svg(drawing), 64) for drawing in (made, without)]
    on_paper = [p[..., 3:] / 255 * p[..., :3] + 255 - p[..., 3:] for p in pictures if p is not None]
    assert (np.abs(on_paper[0] - on_paper[1]).max(axis=2) > 30).mean() > 0.01


def test_in_the_negative_white_and_the_largest_colour_change_places() -> None:
    disc, square = '<circle cx="12" cy="12" r="11" fill="#204060"/>', '<path d="M8 8h8v8h-8z" fill="#fff"/>'
    made = edits(Blocks())["negative"](elements(disc + square), (), np.random.default_rng(0))  # type: ignore[arg-type]
    assert [element.fill for element in made] == ["#204060", "#ffffff", "#204060"]


@pytest.mark.parametrize(
    ("body", "smaller"),
    [
        pytest.param(SQUARE, [], id="one element is the mark"),
        pytest.param(SQUARE + DISC, [], id="either of two equal ones is half of it"),
        pytest.param(SQUARE + DOT, [1], id="the lesser of two"),
        pytest.param(SQUARE + DISC + RING, [0, 1, 2], id="a third each"),
        pytest.param(
            '<rect width="24" height="24" fill="#204060"/>' + SQUARE + DOT, [2], id="the ground does not count"
        ),
    ],
)
def test_an_edit_takes_a_third_of_a_mark_at_most(body: str, smaller: list[int]) -> None:
    own = elements(body)
    assert minor(own) == smaller
    assert possible("element removed", own) == possible("element swapped", own) == bool(smaller)
    assert possible("element moved", own) == (len(movable(own)) > 1)
    assert possible("recoloured", own)
    other = elements('<path d="M1 1L20 4L9 22z" fill="#2040a0"/>')
    for kind in ("element removed", "element swapped") if smaller else ():
        for seed in range(5):
            made = edits(Blocks())[kind](own, other, np.random.default_rng(seed))  # type: ignore[arg-type]
            gone = [i for i, element in enumerate(own) if not any(element is kept for kept in made)]
            assert len(gone) == 1
            assert gone[0] in smaller


def test_one_letter_of_a_word_is_changed_and_nothing_else() -> None:
    own = elements(SQUARE)
    for seed in range(5):
        first, second = glyph_changed(own, Blocks(), np.random.default_rng(seed))  # type: ignore[arg-type]
        assert len(first) == len(second) > 3
        shapes = [[np.ptp(element.polygons[0], axis=0) for element in drawing] for drawing in (first, second)]
        ratios = [float(a[1] / a[0] / (b[1] / b[0])) for a, b in zip(*shapes, strict=True)]
        assert sum(abs(ratio - 1) > 1e-4 for ratio in ratios) == 1


@pytest.fixture
def package(tmp_path: Path) -> Package:
    """Thirty plain drawings of two or three elements, and as many by another hand."""
    cache = tmp_path / "cache"
    cache.mkdir()
    rng = np.random.default_rng(0)
    icons = {}
    for number in range(40):
        x, y, w, h = rng.integers(1, 10, 4).tolist()
        disc = f'<circle cx="{20 - x}" cy="20" r="{h // 2 + 2}"/>'
        body = f'<rect x="{x}" y="{y}" width="{w + 2}" height="{h + 2}"/>{disc}'
        icons[f"brand{chr(97 + number % 26)}{number}x"] = {"body": body}
        icons[f"brand{chr(97 + number % 26)}{number}x-line"] = {"body": body.replace("<rect", '<rect rx="2"')}
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        text = json.dumps({"width": 24, "height": 24, "icons": icons}).encode()
        entry = tarfile.TarInfo("package/icons.json")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
    made = Package("@drawn/plain", "1.0.0", sha256(content.getvalue()).hexdigest(), "CC0-1.0", "the tests", "plain")
    (cache / made.tarball).write_bytes(content.getvalue())
    return made


def test_a_set_states_the_kind_of_every_pair_and_training_draws_kinds_alike(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mark_sets, "Typefaces", Blocks)
    out = tmp_path / "set"
    build_marks(MarksSettings(out, SIZE, tmp_path / "cache", edited=2, words=20), [package], ())
    with (out / "pairs.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    stated = {row["kind"] for row in rows}
    assert len(stated & {*KINDS, "glyph changed"}) > 6
    assert all(row["a"].split("/")[:2] == row["b"].split("/")[:2] for row in rows)
    summary = json.loads((out / "summary.json").read_text())
    assert sum(sum(split.values()) for split in summary["similar"].values()) == len(rows)
    marks = read_mark_set(out)
    assert {marks.kind(pair) for pair in marks.similar} == stated
    for row in rows:
        if row["kind"] in ("element added", "element swapped", "partly copied"):
            assert row["donor"] in marks.families
        elif row["kind"] not in ("redesigned", "imitated"):
            assert not row["donor"]
    assert {row["donor"] for row in rows} - {""} == {*marks.donors.values()}
    bearing = {str(marks.marks[index].path.relative_to(out)): donor for index, donor in marks.donors.items()}
    assert bearing == {row["b"]: row["donor"] for row in rows if row["donor"]}
    assert all(marks.marks[a].family != marks.marks[b].family for a, b in marks.dissimilar)
    assert all(marks.marks[a].split == marks.marks[b].split for a, b in marks.dissimilar)
    hard = {
        "same silhouette",
        "same colour",
        "same letter",
        "same frame",
        "same layout",
        "another word in its typeface",
    }
    assert {marks.kind(pair) for pair in marks.dissimilar} <= hard

    pictures = [np.full((SIZE, SIZE, 3), 255, np.uint8)] * len(marks.marks)
    settings = replace(PRESETS["small"], preprocessing=Preprocessing(SIZE, "white"))
    nearest: list[list[int]] = [[] for _ in pictures]
    pairs = TrainingPairs(marks, pictures, nearest, settings)
    listed = [(0, 1)] * 9 + [(0, 2)]
    monkeypatch.setattr(pairs, "_kind", lambda pair: "mirrored" if pair == (0, 2) else "redrawn")
    rng = np.random.default_rng(0)
    drawn = [pairs._of_a_kind(listed, rng) for _ in range(200)]
    assert 70 < sum(pair == (0, 2) for pair in drawn) < 130
    assert len(pairs.draw(torch.Generator().manual_seed(0))) == len(pairs)


def test_no_lookalike_of_a_brand_is_the_same_picture_as_one_of_another(tmp_path: Path) -> None:
    """Two brands whose drawings are one: what is edited without chance comes out alike, and is kept of one of them."""
    editor = Editor(tmp_path, SIZE, 99, Blocks())  # type: ignore[arg-type]
    for brand in ("first", "second"):
        row = Row(f"train/{brand}/plain.png", brand, "plain", "plain", "train", "CC0-1.0", "@drawn/plain", "1.0.0")
        editor.take(brand, [(row, Drawing(brand, "plain", "plain", svg(SQUARE + DISC + RING)))])
    rows, _ = editor.lookalikes()
    brands_of: dict[str, set[str]] = {}
    for row in rows:
        brands_of.setdefault(sha256((tmp_path / row.path).read_bytes()).hexdigest(), set()).add(row.brand)
    assert all(len(brands) == 1 for brands in brands_of.values())
    assert {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*.png")} == {row.path for row in rows}
    mirrored = [row.brand for row in rows if row.icon.startswith("mirrored")]
    assert mirrored == ["first"]


def test_two_designs_of_one_brand_are_no_similar_pair_and_no_strangers(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def built(out: Path) -> set[tuple[str, str]]:
        build_marks(MarksSettings(out, SIZE, tmp_path / "cache", edited=0), [package], ())
        with (out / "pairs.csv").open(newline="") as table:
            return {(row["a"], row["b"]) for row in csv.DictReader(table)}

    every = built(tmp_path / "every")
    first, second = sorted(every)[0]
    brand = Path(first).parent.name
    monkeypatch.setattr(designs, "OTHER_DESIGNS", {brand: [[Path(second).stem]]})
    assert every - built(tmp_path / "judged") == {(first, second)}
    marks = read_mark_set(tmp_path / "judged")
    by_path = {str(mark.path.relative_to(tmp_path / "judged")): mark for mark in marks.marks}
    assert by_path[first].family == by_path[second].family


def test_the_judged_designs_name_drawings_of_the_packages_once() -> None:
    sets = {package.set for package in packages.PACKAGES}
    for brand, groups in designs.OTHER_DESIGNS.items():
        stems = [stem for group in groups for stem in group]
        assert all(groups), brand
        assert len(stems) == len({*stems}), brand
        assert {stem.split("--")[0] for stem in stems} <= sets, brand
        assert [designs.design_of(brand, group[0]) for group in groups] == [*range(1, len(groups) + 1)]
        assert designs.design_of(brand, "drawn by nobody") == 0


def test_pairs_of_one_family_are_not_dissimilar(mark_folder: Path, tmp_path: Path) -> None:
    for folder in ("a", "b", "c"):
        (tmp_path / folder).symlink_to(sorted(mark_folder.iterdir())[ord(folder) - ord("a")])
    (tmp_path / "dissimilar.csv").write_text("a,b,kind\na/0.png,a/1.png,same colour\n")
    with pytest.raises(Refusal, match=r"dissimilar\.csv, line 2: a and b are not two marks of two families"):
        read_mark_set(tmp_path)
