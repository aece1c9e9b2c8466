"""The rendered demonstration set: reproducible, split by item, and fair to both labels."""

from __future__ import annotations

import csv
import hashlib
import io
import signal
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.data.rendered import (
    HOUSE,
    JPEG_QUALITIES,
    LABELS,
    PHOTO_HEIGHTS,
    PHOTO_WIDTH,
    SERIES,
    SEVERITY,
    Counterfeiter,
    Photography,
    RenderedSettings,
    RenderingRefusal,
    Series,
    Specification,
    build_rendered,
    make_tag,
    photograph,
    plan,
)


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rendered") / "set"
    build_rendered(RenderedSettings(out, items=1, photos=2, seed=3))
    return out


def test_same_seed_same_bytes(small_set: Path, tmp_path: Path) -> None:
    build_rendered(RenderedSettings(tmp_path / "again", items=1, photos=2, seed=3))
    assert digests(tmp_path / "again") == digests(small_set)


def test_another_seed_gives_other_photos(small_set: Path, tmp_path: Path) -> None:
    build_rendered(RenderedSettings(tmp_path / "other", items=1, photos=1, seed=4))
    ours, others = (
        {digest for name, digest in digests(f).items() if name.endswith(".jpg")}
        for f in (small_set, tmp_path / "other")
    )
    assert not ours & others


def test_no_photo_occurs_twice(small_set: Path) -> None:
    assert set(Counter(digests(small_set).values()).values()) == {1}


def test_the_manifest_matches_the_files(small_set: Path) -> None:
    manifest = rows(small_set)
    photos = {p.relative_to(small_set).as_posix() for p in small_set.glob("*/*/*/*")}
    assert len(manifest) == len(SERIES) * len(LABELS) * 1 * 2
    assert {row["path"] for row in manifest} == photos
    for row in manifest:
        split, series, label, name = row["path"].split("/")
        assert (split, series, label) == (row["split"], row["series"], row["label"])
        assert name.rsplit("_", 1)[0] == row["item"]
        forged = row["label"] == "counterfeit"
        assert [bool(row[c]) for c in ("counterfeiter", "severity", "alterations")] == [forged] * 3


def test_the_folder_explains_itself(small_set: Path) -> None:
    readme = (small_set / "README.md").read_text(encoding="utf-8")
    for said in ("rendered", "demonstration", "seed 3", "--items 1", "--photos 2", HOUSE):
        assert said in readme
    with Image.open(small_set / "contact_sheet.jpg") as sheet:
        assert sheet.width > sheet.height


def test_photos_are_photo_sized_rgb_jpegs(small_set: Path) -> None:
    for path in small_set.glob("*/*/*/*.jpg"):
        with Image.open(path) as photo:
            assert (photo.format, photo.mode, photo.width) == ("JPEG", "RGB", PHOTO_WIDTH)
            assert photo.height in PHOTO_HEIGHTS


@pytest.mark.parametrize(
    ("items", "shares"), [(10, (8, 1, 1)), (110, (88, 11, 11)), (160, (128, 16, 16)), (1, (1, 0, 0))]
)
def test_splits_are_by_item_and_stratified(tmp_path: Path, items: int, shares: tuple[int, int, int]) -> None:
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    planned = plan(RenderedSettings(tmp_path, items=items))
    for item in planned:
        counts[item.series.name, item.label][item.split] += 1
    assert len(counts) == len(SERIES) * len(LABELS)
    assert len({item.name for item in planned}) == len(planned)
    for split in counts.values():
        assert (split["train"], split["val"], split["test"]) == shares


def test_counterfeiters_take_turns_and_severity_is_spread(tmp_path: Path) -> None:
    forged = [item for item in plan(RenderedSettings(tmp_path, items=40)) if item.counterfeiter is not None]
    hands = Counter(item.counterfeiter.name for item in forged if item.counterfeiter is not None)
    assert set(hands.values()) == {10}
    assert len(hands) == sum(len(series.counterfeiters) for series in SERIES)
    severities = np.array([item.severity for item in forged])
    assert severities.min() >= SEVERITY[0]
    assert severities.max() <= SEVERITY[1]
    assert abs(severities.mean() - np.mean(SEVERITY)) < 0.05


@pytest.mark.parametrize("series", SERIES, ids=lambda series: series.name)
def test_a_counterfeiter_changes_what_it_names_and_nothing_else(series: Series) -> None:
    genuine = series.specification
    for hand in series.counterfeiters:
        assert 1 <= len(hand.changes) <= 3
        forged = hand.falsify(genuine, 0.5)
        differing = {f for f in genuine.__dataclass_fields__ if getattr(forged, f) != getattr(genuine, f)}
        assert differing - {"substitute"} == set(hand.changes)
        for field, change in hand.changes.items():
            assert getattr(forged, field) == pytest.approx(getattr(genuine, field) + change / 2)


@pytest.mark.parametrize("series", SERIES, ids=lambda series: series.name)
def test_every_counterfeit_looks_different_and_only_the_specification_makes_it_so(series: Series) -> None:
    def photo(specification: Specification) -> np.ndarray:
        jpeg = photograph(make_tag(specification, np.random.default_rng(5)), np.random.default_rng(6))
        return np.asarray(Image.open(io.BytesIO(jpeg)).convert("L"), np.int16)

    genuine = photo(series.specification)
    assert np.array_equal(photo(series.counterfeiters[0].falsify(series.specification, 0.0)), genuine)
    for hand in series.counterfeiters:
        altered = np.abs(photo(hand.falsify(series.specification, SEVERITY[0])) - genuine) > 40
        # The alteration shows, and the rest of the photo (leather, table, light) is the same photo.
        assert 40 < altered.sum() < 0.05 * altered.size


@pytest.mark.parametrize("series", SERIES, ids=lambda series: series.name)
def test_each_single_alteration_reaches_the_tag(series: Series) -> None:
    genuine = make_tag(series.specification, np.random.default_rng(5)).height
    for hand in series.counterfeiters:
        for field, change in hand.changes.items():
            alone = Counterfeiter(hand.name, {field: change}, hand.substitute)
            forged = make_tag(alone.falsify(series.specification, 1.0), np.random.default_rng(5)).height
            assert np.abs(forged - genuine).max() > 0.3, field


def test_photos_differ_in_circumstance_within_the_stated_ranges() -> None:
    seen = [Photography.draw(np.random.default_rng(seed)) for seed in range(600)]
    assert {photo.height for photo in seen} == set(PHOTO_HEIGHTS)
    assert {photo.quality for photo in seen} == set(JPEG_QUALITIES)
    assert max(abs(photo.rotation) for photo in seen) <= 8
    assert max(abs(angle) for photo in seen for angle in photo.tilt) <= 12
    assert {photo.cloth for photo in seen} == {True, False}


def test_an_interrupted_run_continues_to_the_same_files(small_set: Path, tmp_path: Path) -> None:
    settings = RenderedSettings(tmp_path / "set", items=1, photos=2, seed=3)

    def interrupt_after_some_photos(*_: object) -> None:
        if len(list(settings.out.glob("*/*/*/*.jpg"))) >= 5:
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt_after_some_photos)
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    try:
        with pytest.raises(KeyboardInterrupt):
            build_rendered(settings)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)

    finished = {path: path.stat().st_mtime_ns for path in settings.out.glob("*/*/*/*.jpg")}
    whole = digests(small_set)
    assert 5 <= len(finished) < 16
    assert all(whole[path.relative_to(settings.out).as_posix()] for path in finished)
    build_rendered(settings)
    assert digests(settings.out) == whole
    assert {path: path.stat().st_mtime_ns for path in finished} == finished


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"items": 0}, "items of at least 1"),
        ({"photos": 0}, "photos of at least 1"),
        ({"seed": -1}, "seed of at least 0"),
    ],
    ids=["no items", "no photos", "negative seed"],
)
def test_bad_settings_are_refused_with_a_sentence(tmp_path: Path, bad: dict[str, int], said: str) -> None:
    with pytest.raises(RenderingRefusal, match=said) as refusal:
        RenderedSettings(tmp_path, **bad)
    assert str(refusal.value).endswith(".")


def test_a_set_with_other_settings_is_not_mixed_in(small_set: Path) -> None:
    before = digests(small_set)
    with pytest.raises(RenderingRefusal, match="give an empty folder"):
        build_rendered(RenderedSettings(small_set, items=1, photos=2, seed=9))
    assert digests(small_set) == before


def test_a_file_is_no_folder_for_a_set(tmp_path: Path) -> None:
    (tmp_path / "set").write_text("not a folder", encoding="utf-8")
    with pytest.raises(RenderingRefusal, match="is a file"):
        build_rendered(RenderedSettings(tmp_path / "set", items=1))
