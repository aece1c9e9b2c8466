"""The comparator: a map at a quarter of its input, and a score that is read off the most altered places."""

from __future__ import annotations

from typing import cast

import pytest
import torch

from inference.networks import build_network
from inference.networks.backbones import BackboneName
from inference.networks.comparator import Comparator, most_altered


@pytest.mark.parametrize("backbone", ["six_layer_cnn", "resnet18", "efficientnet_lite0"])
def test_a_map_has_a_quarter_of_the_input_s_size(backbone: BackboneName) -> None:
    network = cast("Comparator", build_network("comparator", {"backbone": backbone, "channels": 8})).eval()
    images = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        maps = network(images)
        assert maps.shape == (2, 16, 24)
        assert torch.equal(maps, network.head(network.features(images)))


@pytest.mark.parametrize("cells", [3, 100, 450])
def test_the_score_is_the_mean_of_the_most_altered_hundredth_of_the_covered_cells(cells: int) -> None:
    generator = torch.Generator().manual_seed(cells)
    maps = torch.randn((2, 20, 25), generator=generator)
    covered = torch.zeros(2, 500, dtype=torch.bool)
    for one in covered:
        one[torch.randperm(500, generator=generator)[:cells]] = True
    found = most_altered(maps, covered.view(2, 20, 25))
    for value, one, inside in zip(found, maps, covered, strict=True):
        ordered = sorted(one.flatten()[inside].tolist(), reverse=True)
        count = max(1, round(cells / 100))
        assert float(value) == pytest.approx(sum(ordered[:count]) / count, abs=1e-5)
