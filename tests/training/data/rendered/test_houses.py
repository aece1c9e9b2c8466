"""Many houses: each decided by its number, counterfeits that differ where their mask says, and the same bytes again."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.data.rendered.build import altered_area
from training.data.rendered.house_design import House, house_of, lookalikes, outline_distance
from training.data.rendered.houses import COLUMNS, HousesSettings, build_houses, plan_houses, split_of
from training.data.rendered.making import make_surface
from training.data.rendered.ornaments import (
    Border,
    Emblem,
    EmblemShape,
    Guilloche,
    border_distance,
    emblem_distance,
    guilloche_cover,
)
from training.data.rendered.plan import RenderingRefusal
from training.data.rendered.specification import EVERY_ALTERATION, PART_WIDTH, Print
from training.data.rendered.typefaces import Typeface, Typefaces


@pytest.fixture(scope="module")
def settings(font_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> HousesSettings:
    return HousesSettings(
        tmp_path_factory.mktemp("houses"),
        houses=10,
        genuine=8,
        held_out_genuine=8,
        counterfeit=4,
        workers=2,
        cache=font_cache,
    )


@pytest.fixture(scope="module")
def built(settings: HousesSettings, listed: tuple[Typeface, ...]) -> list[dict[str, str]]:
    build_houses(settings, listed)
    with (settings.out / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_manifest_names_each_photo_with_house_item_and_alterations(
    settings: HousesSettings, built: list[dict[str, str]]
) -> None:
    assert tuple(built[0]) == COLUMNS
    assert Counter(row["label"] for row in built) == {"genuine": 80, "counterfeit": 40}
    splits = {row["series"]: row["split"] for row in built}
    assert Counter(splits.values()) == {"train": 8, "val": 1, "test": 1}
    assert len({row["item"] for row in built}) == len(built)
    for row in built:
        assert (settings.out / row["path"]).exists()
        forged = row["label"] == "counterfeit"
        assert all(bool(row[name]) is forged for name in ("counterfeiter", "severity", "alterations", "mask"))
        if forged:
            with Image.open(settings.out / row["path"]) as photo, Image.open(settings.out / row["mask"]) as mask:
                assert mask.size == photo.size
    assert len({row["severity"] for row in built if row["severity"]}) == 4


def test_an_interrupted_run_continues_to_the_same_bytes(
    settings: HousesSettings, built: list[dict[str, str]], listed: tuple[Typeface, ...]
) -> None:
    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in settings.out.rglob("*") if path.is_file()}

    before = files()
    for row in built[::9]:
        (settings.out / row["path"]).unlink()
    (settings.out / "manifest.csv").unlink()
    build_houses(settings, listed)
    assert files() == before
    with pytest.raises(RenderingRefusal, match="give an empty folder"):
        build_houses(replace(settings, seed=1), listed)


@pytest.mark.parametrize("name", ["houses", "genuine", "held_out_genuine", "counterfeit", "photos"])
def test_too_few_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(RenderingRefusal, match=f"--{name} is at least"):
        HousesSettings(tmp_path, **{name: 0})


def test_houses_are_split_and_every_item_is_of_its_house() -> None:
    plan = plan_houses(HousesSettings(Path("set"), houses=20, genuine=8, held_out_genuine=9, counterfeit=4))
    assert {item.split for item in plan if item.house % 10 == 9} == {"test"}
    assert all(item.split == split_of(item.house) for item in plan)
    genuine = Counter(item.series for item in plan if item.label == "genuine")
    assert set(genuine.values()) == {8, 9}
    assert genuine["house0008"] == genuine["house0019"] == 9


@pytest.fixture(scope="module")
def houses(typefaces: Typefaces) -> list[House]:
    return [house_of(0, number, typefaces) for number in range(40)]


def test_houses_differ_and_are_decided_by_their_number(houses: list[House], typefaces: Typefaces) -> None:
    assert house_of(0, 3, typefaces) == houses[3]
    assert house_of(1, 3, typefaces) != houses[3]
    assert len({house.specification for house in houses}) == len(houses)
    assert {type(house.specification.material).__name__ for house in houses} == {"Leather", "Metal", "Print"}
    for house in houses:
        assert 4 <= len(house.specification.house.text) <= 9
        assert all(hand.alterations for hand in house.counterfeiters)


def test_every_alteration_of_a_house_shows_on_its_part(houses: list[House], typefaces: Typefaces) -> None:
    """At the strongest grade each alteration alone changes the surface somewhere."""
    tried: set[str] = set()
    for house in houses:
        for name in {name for hand in house.counterfeiters for name in hand.strays} - tried:
            tried.add(name)
            rng = np.random.default_rng(1)
            altered = EVERY_ALTERATION[name].apply(house.specification, 1.0, "plain", rng)
            surfaces = [
                make_surface(house.part, made, typefaces, np.random.default_rng(2))
                for made in (altered, house.specification)
            ]
            assert altered_area(surfaces[0], surfaces[1]).any(), (name, house.specification)
    assert len(tried) > 15


def test_letters_of_the_nearest_typeface_are_the_most_alike(typefaces: Typefaces) -> None:
    for face in typefaces.names[:3]:
        found = lookalikes(face, typefaces)
        assert face not in found
        away = [outline_distance(face, other, typefaces) for other in found]
        assert away == sorted(away)
        assert outline_distance(face, face, typefaces) == 0
        assert outline_distance(face, found[0], typefaces) == outline_distance(found[0], face, typefaces)


@pytest.mark.parametrize("shape", ["star", "rosette", "shield", "leaf", "sun", "knot"])
def test_an_emblem_lies_in_its_circle_and_turns_and_moves(shape: EmblemShape) -> None:
    emblem = Emblem(shape, 5, 0.5, 40.0, 20.0, -10.0)
    ink = emblem_distance(emblem, (200, 300)) > 0
    y, x = np.argwhere(ink).T
    away = np.hypot(x - (150 + 20), y - (100 - 10))
    assert 100 < ink.sum() < np.pi * 41**2
    assert away.max() < 44
    moved = emblem_distance(replace(emblem, x=50.0), (200, 300)) > 0
    assert (np.roll(ink, 30, axis=1) == moved).mean() > 0.995
    assert (emblem_distance(replace(emblem, turn=25.0), (200, 300)) > 0).sum() == pytest.approx(ink.sum(), rel=0.06)
    ringed = emblem_distance(replace(emblem, ring=4.0), (200, 300)) > 0
    assert ringed[90, 170 - 38]
    assert not ringed[90, 170 - 35]


def test_a_border_follows_the_edge_of_its_part() -> None:
    inside = np.minimum.outer(*(np.minimum(np.arange(side), np.arange(side)[::-1]) for side in (60, 80)))
    lines = border_distance(Border(12, 4, 8), inside) > 0
    assert set(inside[lines]) == {11, 12, 13, 20}


def test_waves_repeat_at_their_pitch() -> None:
    cover = guilloche_cover(Guilloche(10.0, 0.0, 100.0, 0.2), (100, 50))
    assert np.allclose(cover[10:], cover[:-10])
    assert not np.allclose(cover[5:], cover[:-5])
    assert cover.min() == 0
    assert cover.max() <= 1


def test_prints_are_flat_and_foil_mirrors(houses: list[House], typefaces: Typefaces) -> None:
    printed = next(house for house in houses if isinstance(house.specification.material, Print))
    material = printed.specification.material
    assert isinstance(material, Print)
    for stock, metal in (("paper", 0.0), ("card", 0.0), ("cloth", 0.0), ("foil", 0.9)):
        made = replace(printed.specification, material=replace(material, stock=stock))
        surface = make_surface(printed.part, made, typefaces, np.random.default_rng(3))
        assert surface.metal.max() == pytest.approx(metal, abs=1e-6)
        assert surface.colour.shape == (made.height, PART_WIDTH, 3)
