"""Flat pictures that are no marks: what a gate of marks is measured on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.data.rendered.flat_pictures import KINDS, FlatPicturesSettings, build_flat_pictures, draw_flat
from training.data.rendered.plan import RenderingRefusal


def test_the_kinds_take_turns_and_the_same_seed_draws_the_same(tmp_path: Path) -> None:
    first = build_flat_pictures(FlatPicturesSettings(tmp_path / "a", pictures=2 * len(KINDS), seed=3))
    assert [path.name.split("-")[0] for path in first] == 2 * [*KINDS]
    again = build_flat_pictures(FlatPicturesSettings(tmp_path / "b", pictures=2 * len(KINDS), seed=3))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    other = build_flat_pictures(FlatPicturesSettings(tmp_path / "c", pictures=2 * len(KINDS), seed=4))
    assert all(one.read_bytes() != two.read_bytes() for one, two in zip(first, other, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_flat_and_shows_something(kind: str) -> None:
    for seed in range(8):
        pixels = np.asarray(draw_flat(kind, np.random.default_rng(seed)))
        assert pixels.shape[2] == 3
        assert min(pixels.shape[:2]) >= 240
        _, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
        assert 0.002 < 1 - counts.max() / counts.sum() < 0.95
        assert np.sort(counts)[::-1][:6].sum() > 0.7 * counts.sum()


def test_what_is_there_is_not_drawn_again_and_another_folder_is_left_alone(tmp_path: Path) -> None:
    settings = FlatPicturesSettings(tmp_path / "set", pictures=3)
    paths = build_flat_pictures(settings)
    Image.new("RGB", (4, 4)).save(paths[0])
    kept = paths[0].read_bytes()
    paths[1].unlink()
    assert build_flat_pictures(settings) == paths
    assert paths[0].read_bytes() == kept
    assert paths[1].exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep")
    with pytest.raises(RenderingRefusal, match="already holds something other"):
        build_flat_pictures(FlatPicturesSettings(tmp_path / "mine"))


@pytest.mark.parametrize("changes", [{"pictures": 0}, {"seed": -1}], ids=str)
def test_settings_below_their_least_are_refused(tmp_path: Path, changes: dict[str, int]) -> None:
    with pytest.raises(RenderingRefusal, match="is at least"):
        FlatPicturesSettings(tmp_path, **changes)
