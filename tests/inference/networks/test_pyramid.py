"""The feature pyramid: its levels, its map, and the Siamese network that looks through it."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch.nn import functional

from inference.networks.backbones import BackboneName, build_backbone
from inference.networks.hms import Siamese
from inference.networks.pyramid import FeaturePyramid


@pytest.mark.parametrize("name", get_args(BackboneName))
def test_levels_are_the_last_maps_of_an_eighth_a_sixteenth_and_a_32nd(name: BackboneName) -> None:
    torch.manual_seed(0)
    backbone = build_backbone(name).eval()
    with torch.no_grad():
        maps = backbone.levels(images := torch.rand(1, 3, 64, 96))
        assert torch.equal(maps[-1], backbone(images))
    assert [one.shape[-2:] for one in maps] == [(8, 12), (4, 6), (2, 3)]
    assert tuple(one.shape[1] for one in maps) == backbone.level_channels()


def test_each_place_of_the_map_joins_the_levels_above_it() -> None:
    torch.manual_seed(0)
    pyramid = FeaturePyramid((3, 4, 5), 6).eval()
    maps = [torch.rand(1, 3, 8, 12), torch.rand(1, 4, 4, 6), torch.rand(1, 5, 2, 3)]
    with torch.no_grad():
        fine, middle, coarse = (lateral(one) for lateral, one in zip(pyramid.lateral, maps, strict=True))
        joined = torch.stack(
            [
                torch.stack(
                    [fine[..., y, x] + middle[..., y // 2, x // 2] + coarse[..., y // 4, x // 4] for x in range(12)], -1
                )
                for y in range(8)
            ],
            -2,
        )
        assert torch.allclose(pyramid(maps), pyramid.smooth(joined), atol=1e-6)


def test_a_mark_of_160_pixels_is_told_in_twenty_by_twenty_places() -> None:
    torch.manual_seed(0)
    network = Siamese("efficientnet_lite0", scale=1.0, pyramid=16).eval()
    with torch.no_grad():
        images = torch.rand(2, 3, 160, 160)
        (feature_map,) = network.features_and_finer(images)
        assert feature_map.shape == (2, 1280 + 16, 20, 20)
        last = functional.interpolate(network.backbone(images), size=(20, 20), mode="bilinear")
        assert torch.equal(feature_map[:, :1280], last)
        assert network.pyramid is not None
        assert torch.equal(feature_map[:, 1280:], network.pyramid(network.backbone.levels(images)))
        embedded = network(images)
        assert torch.allclose(embedded, functional.adaptive_avg_pool2d(feature_map, 1).flatten(1))
        assert network.head(feature_map).shape == (1, 2)


def test_without_a_pyramid_the_network_is_the_papers() -> None:
    network = Siamese("six_layer_cnn", scale=1.0)
    assert not any(name.startswith("pyramid") for name in network.state_dict())
