"""MMAL-Net in use: where it sees the object, what of it its features are, and that they lie on the picture."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from inference.networks.mmal_net import Box, MmalNet, laid_back, magnified, object_boxes


def maps_of(*drawn: str) -> Tensor:
    """A map for each drawing of digits, rows apart by spaces, whose two channels sum to the digits."""
    values = torch.tensor([[[float(cell) for cell in row] for row in drawing.split()] for drawing in drawn])
    return torch.stack([values - 1, torch.ones_like(values)], dim=1)


ALL = "9999 9999 9999 0000"


@pytest.mark.parametrize(
    ("last", "earlier", "box"),
    [
        pytest.param("9000 0000 0055 0055", "0000 0000 0099 0099", (2, 2, 4, 4), id="the larger of two components"),
        pytest.param("5000 0500 0000 0009", ALL, (0, 0, 2, 2), id="cells that touch by a corner are one"),
        pytest.param("0000 0555 0555 0000", "9990 9990 9990 0000", (1, 1, 3, 3), id="where both maps agree"),
        pytest.param("5500 5500 0000 0000", "0009 0009 0009 0009", (0, 0, 4, 4), id="they agree nowhere: all"),
        pytest.param("5555 5555 5555 5555", ALL, (0, 0, 4, 4), id="nothing above the mean: all"),
    ],
)
def test_the_object_is_the_largest_component_where_both_maps_agree(last: str, earlier: str, box: Box) -> None:
    assert object_boxes(maps_of(earlier), maps_of(last)) == [box]


def test_each_picture_has_its_own_object_and_its_own_mean() -> None:
    last = maps_of("9000 9000 0000 0000", "0000 0000 0002 0002")
    assert object_boxes(maps_of(ALL, "0000 9999 9999 9999"), last) == [(0, 0, 2, 1), (2, 3, 4, 4)]


def test_an_object_is_cropped_in_its_own_picture_and_fills_it() -> None:
    images = torch.rand(2, 3, 64, 96)
    crops = magnified(images, [(0, 1, 1, 3), (0, 0, 2, 3)], (2, 3))
    by_hand = functional.interpolate(images[:1, :, 0:32, 32:96], size=(64, 96), mode="bilinear")
    assert torch.equal(crops[:1], by_hand)
    assert torch.equal(crops[1], images[1]), "the whole picture stays as it is"
    assert magnified(images, [(0, 0, 1, 1)] * 2, (2, 3), (8, 10)).shape == (2, 3, 8, 10)


@pytest.mark.parametrize("box", [(0, 0, 4, 5), (1, 2, 3, 5), (3, 4, 4, 5), (0, 1, 3, 4)])
def test_a_crops_map_is_laid_back_by_area_with_its_mean(box: Box) -> None:
    torch.manual_seed(0)
    crop = torch.randn(1, 3, 4, 5)
    whole = laid_back(crop, [box])
    top, left, bottom, right = box
    rows, columns = bottom - top, right - left
    # Cut so finely that every cell of the box holds whole pieces.
    fine = crop.repeat_interleave(rows, 2).repeat_interleave(columns, 3)
    expected = torch.zeros_like(crop)
    for row in range(rows):
        for column in range(columns):
            piece = fine[..., 4 * row : 4 * (row + 1), 5 * column : 5 * (column + 1)]
            expected[..., top + row, left + column] = piece.mean((2, 3)) * 20 / (rows * columns)
    torch.testing.assert_close(whole, expected)
    torch.testing.assert_close(whole.mean((2, 3)), crop.mean((2, 3)))


def test_the_verdict_is_that_of_the_object_branch_and_its_map_lies_on_the_picture() -> None:
    torch.manual_seed(1)
    network: Any = MmalNet("six_layer_cnn", classes=3).eval()
    images = 0.1 * torch.rand(2, 3, 128, 128)
    images[:, :, 32:96, 64:] += 0.9 * torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        last = network.backbone(images)
        boxes = object_boxes(network.backbone(images, until=22), last)
        assert any(box != (0, 0, 4, 4) for box in boxes)
        logits = []
        for image, (top, left, bottom, right) in zip(images, boxes, strict=True):
            crop = image[None, :, 32 * top : 32 * bottom, 32 * left : 32 * right]
            magnified_crop = functional.interpolate(crop, size=(128, 128), mode="bilinear")
            logits.append(network.classifier(network.backbone(magnified_crop).mean((2, 3))))
        feature_map = network.features(images)
        torch.testing.assert_close(network.head(feature_map), torch.cat(logits), rtol=1e-4, atol=1e-5)
        assert feature_map.shape == last.shape
        for one, (top, left, bottom, right) in zip(feature_map, boxes, strict=True):
            one[:, top:bottom, left:right] = 0
            assert not one.any(), "outside the object there is nothing"


def test_a_residual_network_asks_its_last_two_blocks() -> None:
    network: Any = MmalNet("resnet50", classes=2).eval()
    images = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        earlier, last = network.last_two(images)
        conv5_b = network.backbone.body.layer4[:2](network.backbone.body[:-1](images))
        assert torch.equal(earlier, conv5_b)
        assert torch.equal(last, network.backbone(images))
