"""A set of located crops holds what an examination would cut out, with the truth of the photos it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference.intake.exhibit import read_exhibit
from inference.locator.examiner import Locator
from training.data.located_crops import LocatedCropsSettings, cut_located_parts
from training.data.photos.photo_set import read_photo_set


@pytest.fixture(scope="module")
def goods_set(goods: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of photos of goods with a striped part; the last shows none, and one counterfeit has a mask and a twin."""
    root = tmp_path_factory.mktemp("goods")
    rows = ["path,series,label,item,split,counterfeiter,severity,mask,twin"]
    for number in range(7):
        label = ("genuine", "counterfeit")[number % 2]
        pixels, _ = goods.photo(40 + number, () if number == 6 else (f"blue/{label}",))
        Image.fromarray(pixels).save(root / f"{number}.png")
        truth = "Ada,plain,mask.png,twin.png" if number == 1 else "Ada,plain,," if number % 2 else ",,,"
        rows.append(f"{number}.png,blue,{label},item {number},{('train', 'val', 'test')[number // 2 % 3]},{truth}")
        if number == 1:
            plane = np.arange(pixels[..., 0].size).reshape(pixels.shape[:2]) % 256
            Image.fromarray(plane.astype(np.uint8)).save(root / "mask.png")
            Image.fromarray(255 - pixels).save(root / "twin.png")
    (root / "manifest.csv").write_text("\n".join(rows) + "\n")
    return root / "manifest.csv"


def test_each_located_part_is_cut_out_with_its_truth(goods_set: Path, goods_models: Path, tmp_path: Path) -> None:
    told = cut_located_parts(LocatedCropsSettings(goods_set, tmp_path, "striped_part", "tiny_locator", goods_models))
    assert told == "blue/counterfeit: 3 of 3 photos\nblue/genuine: 3 of 4 photos"
    whole = {photo.item: photo for photo in read_photo_set(goods_set).photos}
    crops = read_photo_set(tmp_path / "manifest.csv").photos
    locator = Locator.load("tiny_locator", goods_models)
    assert len(crops) == 6
    for crop in crops:
        photo = whole[crop.item]
        assert (crop.class_name, crop.split) == (photo.class_name, photo.split)
        assert (crop.truth.counterfeiter, crop.truth.severity) == (photo.truth.counterfeiter, photo.truth.severity)
        exhibit = read_exhibit(photo.path)
        box = locator.locate(exhibit)[0].crop
        expected = exhibit.crop(box)
        assert np.array_equal(read_exhibit(crop.path).pixels, expected)
        if crop.item == "item 1":
            assert crop.truth.mask is not None
            assert crop.truth.twin is not None
            plane = np.asarray(Image.open(photo.truth.mask))  # type: ignore[arg-type]
            shown = plane[box.y : box.y + box.height, box.x : box.x + box.width]
            assert np.array_equal(np.asarray(Image.open(crop.truth.mask)), shown)
            assert np.array_equal(read_exhibit(crop.truth.twin).pixels, 255 - expected)


def test_a_part_that_the_locator_does_not_know_gives_an_empty_set(
    goods_set: Path, goods_models: Path, tmp_path: Path
) -> None:
    told = cut_located_parts(LocatedCropsSettings(goods_set, tmp_path, "buckle", "tiny_locator", goods_models))
    assert told == "blue/counterfeit: 0 of 3 photos\nblue/genuine: 0 of 4 photos"
