"""Scenes for the locator: boxes that hold the parts, lookalikes that are none, and the same bytes again."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from training.data.rendered.composing import HEIGHT, WIDTH, Placed, Scene, compose, may_counterfeit
from training.data.rendered.goods import LOOKALIKES, bag, belt, box, garment
from training.data.rendered.house import PARTS
from training.data.rendered.making import make_surface
from training.data.rendered.plan import RenderingRefusal, generator
from training.data.rendered.scenes import COLUMNS, ScenesSettings, build_scenes, split_of
from training.data.rendered.typefaces import Typeface, Typefaces


@pytest.fixture(scope="module")
def settings(font_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> ScenesSettings:
    return ScenesSettings(tmp_path_factory.mktemp("scenes"), scenes=10, workers=2, cache=font_cache)


@pytest.fixture(scope="module")
def built(settings: ScenesSettings, listed: tuple[Typeface, ...]) -> list[dict[str, str]]:
    build_scenes(settings, listed)
    with (settings.out / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_manifest_has_a_box_a_part_and_one_row_for_a_scene_without(
    settings: ScenesSettings, built: list[dict[str, str]]
) -> None:
    assert tuple(built[0]) == COLUMNS
    assert len({row["path"] for row in built}) == 10
    assert {row["split"] for row in built} == {"train", "val", "test"}
    for row in built:
        with Image.open(settings.out / row["path"]) as photo:
            assert photo.size == (WIDTH, HEIGHT)
        if row["part"]:
            left, top, width, height = (int(row[name]) for name in ("left", "top", "width", "height"))
            assert 0 <= left < left + width <= WIDTH
            assert 0 <= top < top + height <= HEIGHT
            assert 0.6 <= float(row["visible"]) <= 1.001
            assert (row["label"] == "counterfeit") is bool(row["counterfeiter"])
        else:
            assert not row["item"]
    items = [row["item"] for row in built if row["item"]]
    assert len(items) == len({*items})


def test_an_interrupted_run_continues_to_the_same_bytes(
    settings: ScenesSettings, built: list[dict[str, str]], listed: tuple[Typeface, ...]
) -> None:
    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in settings.out.rglob("*") if path.is_file()}

    before = files()
    for name in ("facts/scene_00003.json", "train/scene_00003.jpg", "manifest.csv"):
        (settings.out / name).unlink()
    build_scenes(settings, listed)
    assert files() == before


def test_other_settings_are_not_mixed_in(
    settings: ScenesSettings, built: list[dict[str, str]], listed: tuple[Typeface, ...]
) -> None:
    with pytest.raises(RenderingRefusal, match="already holds something other"):
        build_scenes(ScenesSettings(settings.out, scenes=11, cache=settings.cache), listed)


@pytest.mark.parametrize("bad", [{"scenes": 9}, {"seed": -1}, {"workers": 0}])
def test_bad_settings_are_refused_with_a_sentence(tmp_path: Path, bad: dict[str, Any]) -> None:
    with pytest.raises(RenderingRefusal, match=r"is at least .*; give a larger number\."):
        ScenesSettings(tmp_path, **bad)


def test_a_box_holds_all_that_a_part_changes_but_its_shadow(font_cache: Path, listed: tuple[Typeface, ...]) -> None:
    scene, made = Scene(np.random.default_rng(1)), PARTS["leather_tag"].series[0].specification
    surface = make_surface("leather_tag", made, Typefaces(font_cache, listed), np.random.default_rng(2))
    cover = scene.lay(Placed(surface, 600, 500, 300, 30))
    rows, columns = np.nonzero(cover > 0.5)
    # A tag 300 wide and about 158 high, turned by 30 degrees, around (600, 500) or where the tilted table shows that.
    assert np.ptp(columns) == pytest.approx(300 * 0.866 + 158 * 0.5, rel=0.15)
    assert np.ptp(rows) == pytest.approx(300 * 0.5 + 158 * 0.866, rel=0.15)
    assert (columns.mean(), rows.mean()) == (pytest.approx(600, abs=30), pytest.approx(500, abs=30))


def test_a_thing_on_top_hides_what_lies_below() -> None:
    def photo(*above: Placed) -> np.ndarray:
        scene = Scene(np.random.default_rng(1))
        for thing in above:
            scene.lay(thing)
        with Image.open(io.BytesIO(scene.photograph())) as jpeg:
            return np.asarray(jpeg)[430:530, 560:640].astype(float)

    lid = Placed(box((400, 500), np.random.default_rng(3)), 600, 480, 500, 0)
    coin = Placed(LOOKALIKES["coin"][0]((120, 120), np.random.default_rng(4)), 600, 480, 120, 0)
    bare, covered, hidden = photo(lid), photo(lid, coin), photo(coin, lid)
    assert np.abs(covered - bare).mean() > 3 * np.abs(hidden - bare).mean()


def test_a_scene_without_parts_names_none_and_a_close_up_names_one(
    font_cache: Path, listed: tuple[Typeface, ...]
) -> None:
    opened = Typefaces(font_cache, listed)
    assert compose("empty", "train", opened, generator("a", 1))[1] == []
    (found,) = compose("close-up", "train", opened, generator("a", 2))[1]
    assert max(found.box[2] / WIDTH, found.box[3] / HEIGHT) > 0.5


def test_unseen_counterfeiters_work_for_test_only() -> None:
    for part in PARTS.values():
        for series in part.series:
            assert not any(hand.unseen for split in ("train", "val") for hand in may_counterfeit(series, split))
            assert any(hand.unseen for hand in may_counterfeit(series, "test"))
    assert [split_of(index) for index in (0, 7, 8, 9, 10, 18, 19)] == [
        *("train", "train", "val", "test", "train", "val", "test")
    ]


@pytest.mark.parametrize("make", [bag, belt, box, garment, *(make for make, _ in LOOKALIKES.values())])
def test_everything_is_a_surface_that_light_can_fall_on(make: Any) -> None:
    shape = (120, 160)
    surface = make(shape, np.random.default_rng(0))
    again = make(shape, np.random.default_rng(0))
    for name in ("height", "metal", "roughness", "cover"):
        plane = getattr(surface, name)
        assert (plane.shape, plane.dtype) == (shape, np.float32)
        assert np.isfinite(plane).all()
        assert (plane == getattr(again, name)).all()
    assert surface.colour.shape == (*shape, 3)
    for plane in (surface.metal, surface.roughness, surface.cover):
        assert plane.min() >= 0
        assert plane.max() <= 1
