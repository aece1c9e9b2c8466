"""The rendered set: reproducible, planned by item, fair to both labels, and true about what was altered."""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from training.data.photos.photo_set import read_photo_set
from training.data.rendered import build
from training.data.rendered.build import build_rendered, specified
from training.data.rendered.house import PARTS
from training.data.rendered.plan import LABELS, Item, RenderedSettings, RenderingRefusal, plan
from training.data.rendered.specification import ALTERATIONS, GRADES, HOUSE, SUBSTITUTED_LETTERS, Specification
from training.data.rendered.typefaces import Typeface
from training.data.rendered.written import COLUMNS, severity_table

LEAST = 32
EVERY_PART = pytest.mark.parametrize("part", PARTS)


def settings_of(out: Path, cache: Path, **changes: Any) -> RenderedSettings:
    """The smallest set of buckles, one to calibrate on."""
    smallest = {"items": LEAST, "photos": 1, "seed": 3, "held_out": 0.5, "workers": 2}
    return RenderedSettings(**{"part": "metal_buckle", "out": out, "cache": cache, **smallest, **changes})


@pytest.fixture(scope="module")
def buckles(font_cache: Path, listed: tuple[Typeface, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rendered") / "set"
    build_rendered(settings_of(out, font_cache), listed)
    return out


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def manifest_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as photo:
        return np.asarray(photo)


class FirstItems:
    """Interrupts a run, as Ctrl-C does, once some items are rendered."""

    def __init__(self, items: int) -> None:
        self.left = items

    def update(self, *_: object) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def interrupt_after(items: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build.tqdm, "update", FirstItems(items).update)


def test_an_interrupted_run_continues_to_the_same_bytes_with_other_workers(
    buckles: Path,
    font_cache: Path,
    listed: tuple[Typeface, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = settings_of(tmp_path / "set", font_cache, workers=1)
    with monkeypatch.context() as patch:
        interrupt_after(6, patch)
        with pytest.raises(KeyboardInterrupt):
            build_rendered(settings, listed)
    photos = sorted(settings.out.glob("*/*/*/*.jpg"))
    assert 6 <= len(photos) < LEAST
    photos.pop(0).unlink()
    finished = {path: path.stat().st_mtime_ns for path in photos}

    build_rendered(settings, listed)
    assert digests(settings.out) == digests(buckles)
    assert {path: path.stat().st_mtime_ns for path in finished} == finished


def test_the_counterfeits_of_a_hand_are_alike_where_it_has_one_mould(tmp_path: Path, font_cache: Path) -> None:
    for mould in ("item", "hand"):
        settings = settings_of(tmp_path, font_cache, items=80, mould=mould)
        made: dict[str, list[tuple[Specification, Specification]]] = defaultdict(list)
        for item in plan(settings):
            made[f"{item.series.name}/{item.counterfeiter and item.counterfeiter.name}"].append(
                specified(item, settings)
            )
        for hand, listed in made.items():
            own = [altered for altered, _ in listed]
            assert all((altered == genuine) == hand.endswith("/None") for altered, genuine in listed)
            alike = mould == "hand" and not hand.endswith("/None")
            assert all((one == own[0]) == alike for one in own[1:])


def test_a_lesser_processor_renders_the_same_bytes(
    buckles: Path, font_cache: Path, listed: tuple[Typeface, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set against a process whose NumPy and OpenCV do without every instruction set that they may do without."""
    settings = settings_of(tmp_path / "set", font_cache)
    shutil.copytree(buckles, settings.out)
    for photo in (settings.out / row["path"] for row in manifest_of(buckles)[::8]):
        photo.unlink()
    monkeypatch.setenv("NPY_DISABLE_CPU_FEATURES", " ".join(np.show_config(mode="dicts")["SIMD Extensions"]["found"]))
    monkeypatch.setenv("OPENCV_CPU_DISABLE", "AVX512-SKX,AVX2,FMA3,AVX,FP16,SSE4.2,SSE4.1")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as lesser:
        lesser.submit(build_rendered, settings, listed).result()
    assert digests(settings.out) == digests(buckles)


def test_another_seed_gives_other_photos(
    buckles: Path,
    font_cache: Path,
    listed: tuple[Typeface, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = settings_of(tmp_path / "set", font_cache, seed=4)
    interrupt_after(6, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        build_rendered(settings, listed)
    ours, others = (
        {digest for name, digest in digests(folder).items() if name.endswith((".jpg", ".png"))}
        for folder in (buckles, settings.out)
    )
    assert len(others) >= 6
    assert not ours & others


def test_no_file_occurs_twice(buckles: Path) -> None:
    assert set(Counter(digests(buckles).values()).values()) == {1}


def test_the_manifest_matches_the_files(buckles: Path) -> None:
    rows = manifest_of(buckles)
    assert tuple(rows[0]) == COLUMNS
    found = {path.relative_to(buckles).as_posix() for path in buckles.rglob("*") if path.is_file()}
    named = {row[column] for row in rows for column in ("path", "mask", "twin") if row[column]}
    assert found == named | {"README.md", "AUDIT.md", "manifest.csv", "contact_sheet.jpg"}
    assert len(rows) == LEAST
    for row, item in zip(rows, plan(settings_of(buckles, buckles)), strict=True):
        split, series, label, file = row["path"].split("/")
        assert (split, series, label) == (row["split"], row["series"], row["label"])
        assert file == f"{row['item']}_0.jpg"
        assert row["item"] == item.name
        if item.counterfeiter:
            assert row["counterfeiter"] == f"{series} {item.counterfeiter.name}"
            assert row["severity"] == item.grade
            assert row["alterations"].split(";") == list(item.counterfeiter.alterations)
            assert (row["mask"], row["twin"]) == (f"masks/{row['item']}_0.png", f"twins/{row['item']}_0.jpg")
        else:
            assert not any(row[column] for column in COLUMNS[5:])


def test_the_set_is_read_with_its_own_split(buckles: Path) -> None:
    rows = {buckles / row["path"]: row for row in manifest_of(buckles)}
    photos = read_photo_set(buckles / "manifest.csv").photos
    assert len(photos) == len(rows)
    for photo in photos:
        row = rows[photo.path]
        assert (photo.series, photo.label, photo.item, photo.split) == (
            row["series"],
            row["label"],
            row["item"],
            row["split"],
        )


def test_a_counterfeit_differs_from_its_twin_inside_the_mask_only(buckles: Path) -> None:
    """Lens and sharpening reach a few pixels, JPEG's coarse chroma a block of 16 and the filter beside it."""
    counterfeits = [row for row in manifest_of(buckles) if row["twin"]]
    for row in counterfeits:
        photo, twin = (pixels(buckles / row[column]).astype(int) for column in ("path", "twin"))
        mask = pixels(buckles / row["mask"])
        assert mask.dtype == bool
        assert mask.shape == photo.shape[:2] == twin.shape[:2]
        difference = np.abs(photo - twin).max(axis=2)
        away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
        assert mask.any(), row["item"]
        assert difference[mask].max() > 12, row["item"]
        assert difference[away > 4].max(initial=0) <= 40, row["item"]
        assert difference[away > 24].max(initial=0) <= 10, row["item"]
        assert (difference[away > 8] > 8).mean() < 0.002, row["item"]
    assert len(counterfeits) == LEAST // 2


def test_the_folder_explains_itself(buckles: Path) -> None:
    page = (buckles / "README.md").read_text(encoding="utf-8")
    for said in (
        HOUSE,
        "does not exist",
        "train, val and test hold 0:5:5 of the items",
        f"--part metal_buckle --out DIR --items {LEAST} --photos 1 --seed 3 --held-out 0.5`",
        f"{LEAST} items of 4 series",
        f"OpenCV {cv2.__version__}",
        severity_table(),
    ):
        assert said in page
    for series in PARTS["metal_buckle"].series:
        for hand in series.counterfeiters:
            (line,) = (line for line in page.splitlines() if line.startswith(f"| {series.name} | {hand.name} |"))
            assert all(name in line for name in hand.alterations)
            assert hand.lookalike in line
            assert ("test only" in line) == hand.unseen
    assert (buckles / "AUDIT.md").read_text(encoding="utf-8").startswith("# Shortcut audit")
    with Image.open(buckles / "contact_sheet.jpg") as sheet:
        assert (sheet.format, sheet.width) == ("JPEG", 7 * 340)
        shown = np.asarray(sheet.convert("L"))
    # Of each series a genuine item, a counterfeit, its twin and its mask; this small set has no second grade.
    for column in range(4):
        assert (shown[:, column * 340 : (column + 1) * 340] < 200).mean() > 0.3


def test_the_severity_table_holds_every_alteration_at_every_grade() -> None:
    table = [line for line in severity_table().splitlines() if line.startswith("| ")]
    header, letterform, *others = ([cell.strip() for cell in line.strip("|").split("|")] for line in table)
    assert header == ["alteration", *GRADES]
    assert letterform[1:] == [str(count) for count in SUBSTITUTED_LETTERS.values()]
    assert [line[0].split(":")[0] for line in others] == list(ALTERATIONS)
    for (_, *steps), kind in zip(others, ALTERATIONS.values(), strict=True):
        shown = [float(step.removesuffix(" px")) for step in steps]
        assert shown == pytest.approx([kind.plain * share for share in GRADES.values()], rel=0.05)
        assert all(step.endswith(" px") == (kind.unit == "px") for step in steps)


def planned(part: Any, items: int | None = None, seed: int = 0, **changes: Any) -> list[Item]:
    return plan(RenderedSettings(part, Path("set"), items=items, seed=seed, **changes))


def least(part: Any) -> int:
    return 4 * len(LABELS) * len(PARTS[part].series)


@EVERY_PART
@pytest.mark.parametrize("more", [0, 1, 17, 160, None], ids=lambda more: "default" if more is None else f"least+{more}")
def test_a_plan_has_as_many_items_as_asked_for(part: Any, more: int | None) -> None:
    items = planned(part, None if more is None else least(part) + more)
    assert len(items) == (PARTS[part].items if more is None else least(part) + more)
    assert len({item.name for item in items}) == len(items)
    assert min(Counter((item.series.name, item.label) for item in items).values()) >= 4


@EVERY_PART
def test_classes_have_their_shares(part: Any) -> None:
    counts = Counter((item.series.name, item.label) for item in planned(part))
    for series in PARTS[part].series:
        for label in LABELS:
            share = getattr(series, label) * PARTS[part].items
            assert counts[series.name, label] == pytest.approx(share, abs=1)


@EVERY_PART
@pytest.mark.parametrize("more", [0, 40, None])
def test_splits_are_eight_to_one_to_one_by_item_in_each_class(part: Any, more: int | None) -> None:
    splits: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    unseen: Counter[tuple[str, str]] = Counter()
    for item in planned(part, None if more is None else least(part) + more):
        if item.counterfeiter and item.counterfeiter.unseen:
            assert item.split == "test"
            unseen[item.series.name, item.label] += 1
        else:
            splits[item.series.name, item.label][item.split] += 1
    for (series, label), counts in splits.items():
        held_out = max(1, round(counts.total() / 10))
        assert (counts["val"], counts["test"]) == (held_out, held_out)
        assert counts["train"] == counts.total() - 2 * held_out > 0
        of_class = counts.total() + unseen[series, label]
        assert unseen[series, label] == (max(1, round(of_class / 10)) if label == "counterfeit" else 0)


@EVERY_PART
@pytest.mark.parametrize(("held_out", "more"), [(0.25, 60), (0.5, 0), (0.5, 61)])
def test_a_set_to_calibrate_on_holds_more_out(part: Any, held_out: float, more: int) -> None:
    classes: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for item in planned(part, least(part) + more, held_out=held_out):
        if not (item.counterfeiter and item.counterfeiter.unseen):
            classes[item.series.name, item.label][item.split] += 1
    for counts in classes.values():
        assert counts["val"] == counts["test"] == pytest.approx(counts.total() * held_out, abs=1.01)
        assert counts["train"] == counts.total() - 2 * counts["val"] >= 1
        assert held_out < 0.5 or counts["train"] <= 2


@EVERY_PART
def test_every_hand_and_every_grade_has_its_turn(part: Any) -> None:
    hands: dict[str, Counter[str]] = defaultdict(Counter)
    grades: dict[tuple[str, str], set[str]] = defaultdict(set)
    for item in planned(part):
        if item.counterfeiter is None:
            assert item.grade is None
            continue
        assert item.counterfeiter in item.series.counterfeiters
        hands[item.series.name][item.counterfeiter.name] += 1
        grades[item.series.name, item.counterfeiter.name].add(str(item.grade))
    for series in PARTS[part].series:
        counts = [hands[series.name][hand.name] for hand in series.counterfeiters if not hand.unseen]
        assert min(counts) >= max(counts) - 1 > 0
        for hand in series.counterfeiters:
            assert grades[series.name, hand.name] == set(GRADES), hand.name


@EVERY_PART
def test_the_smallest_set_has_a_known_and_an_unseen_hand_in_each_series(part: Any) -> None:
    hands: dict[str, set[bool]] = defaultdict(set)
    for item in planned(part, least(part)):
        if item.counterfeiter:
            hands[item.series.name].add(item.counterfeiter.unseen)
    assert all(found == {False, True} for found in hands.values())


def test_the_seed_draws_the_split_and_nothing_else_of_the_plan() -> None:
    ours, again, others = (planned("round_label", seed=seed) for seed in (0, 0, 1))
    assert ours == again
    assert [item.split for item in ours] != [item.split for item in others]
    assert [(item.name, item.counterfeiter, item.grade) for item in ours] == [
        (item.name, item.counterfeiter, item.grade) for item in others
    ]


def test_all_photos_of_an_item_lie_in_its_split() -> None:
    for item in planned("round_label", least("round_label")):
        paths = [item.path(photo) for photo in range(3)]
        assert len({*paths, *(item.twin(photo) for photo in range(3)), *(item.mask(photo) for photo in range(3))}) == 9
        assert {path.parts[:3] for path in paths} == {(item.split, item.series.name, item.label)}


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"items": LEAST - 1}, "--items is at least 32, not 31"),
        ({"items": 0}, "--items is at least 32, not 0"),
        ({"part": "round_label", "items": 23}, "--items is at least 24"),
        ({"photos": 0}, "--photos is at least 1"),
        ({"seed": -1}, "--seed is at least 0"),
        ({"held_out": 0.0}, "above 0 and at most 0.5"),
        ({"held_out": 0.51}, "above 0 and at most 0.5"),
        ({"workers": 0}, "--workers is at least 1"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_bad_settings_are_refused_with_a_sentence(tmp_path: Path, bad: dict[str, Any], said: str) -> None:
    with pytest.raises(RenderingRefusal, match=said) as refusal:
        settings_of(tmp_path, tmp_path, **bad)
    assert str(refusal.value).endswith(".")


def test_a_set_with_other_settings_is_not_mixed_in(
    buckles: Path, font_cache: Path, listed: tuple[Typeface, ...]
) -> None:
    before = digests(buckles)
    with pytest.raises(RenderingRefusal, match="give an empty folder"):
        build_rendered(settings_of(buckles, font_cache, seed=9), listed)
    assert digests(buckles) == before


def test_a_folder_with_other_files_is_refused(font_cache: Path, listed: tuple[Typeface, ...], tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious", encoding="utf-8")
    with pytest.raises(RenderingRefusal, match="give an empty folder"):
        build_rendered(settings_of(tmp_path, font_cache), listed)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_is_no_folder_for_a_set(font_cache: Path, listed: tuple[Typeface, ...], tmp_path: Path) -> None:
    (tmp_path / "set").write_text("not a folder", encoding="utf-8")
    with pytest.raises(RenderingRefusal, match="is a file"):
        build_rendered(settings_of(tmp_path / "set", font_cache), listed)
