"""The networks: shapes, pooling, their two halves, and what each head can and cannot tell."""

from __future__ import annotations

import math
from typing import Any, get_args

import numpy as np
import pytest
import torch

from inference.grad_cam import HeadGradCam
from inference.networks import build_network
from inference.networks.backbones import BackboneName, build_backbone
from inference.networks.classifier import PooledClassifier
from inference.networks.hms import DistanceHead, LinearHead, PairFeature, PairHead, Siamese
from inference.networks.kag_mtln import KagMtln
from inference.networks.spatial_pyramid import SpatialPyramid

CHANNELS: dict[BackboneName, int] = {
    "six_layer_cnn": 512,
    "resnet18": 512,
    "resnet34": 512,
    "resnet50": 2048,
    "resnet101": 2048,
    "resnet152": 2048,
    "efficientnet_lite0": 1280,
    "efficientnet_b2": 1408,
    "vgg19": 512,
    "swin_tiny": 768,
    "resnet50_eca": 2048,
    "resnet50_cbam": 2048,
    "efficientnet_lite0_eca": 1280,
    "efficientnet_lite0_cbam": 1280,
}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def test_the_table_of_channels_leaves_no_backbone_out() -> None:
    assert set(CHANNELS) == set(get_args(BackboneName))


@pytest.mark.parametrize(("name", "channels"), CHANNELS.items())
def test_a_backbone_ends_at_stride_32_with_its_channels(name: BackboneName, channels: int) -> None:
    backbone = build_backbone(name).eval()
    with torch.no_grad():
        feature_map = backbone(torch.rand(1, 3, 64, 96))
    assert backbone.channels == channels
    assert feature_map.shape == (1, channels, 2, 3)


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.parametrize("shape", [(96, 160), (50, 66)])
def test_the_quarter_is_the_last_map_before_a_coarser_one(name: BackboneName, shape: tuple[int, int]) -> None:
    backbone = build_backbone(name).eval()
    feature_map = images = torch.rand(1, 3, *shape)
    with torch.no_grad():
        for step in backbone.steps:
            coarser = step(feature_map)
            if coarser.shape[-1] * 4 < shape[1]:
                break
            feature_map = coarser
        found = backbone.quarter(images)
    assert torch.equal(found, feature_map)


@pytest.mark.parametrize(
    ("network", "arguments", "words"),
    [
        ("resnet", {}, "no network 'resnet'"),
        ("backbone", {"name": "vgg16"}, "no backbone 'vgg16'"),
        ("kag_mtln", {"backbone": "vgg16", "classes": 2}, "no backbone 'vgg16'"),
    ],
)
def test_an_unknown_name_is_a_value_error_that_lists_the_known(network: str, arguments: dict, words: str) -> None:
    with pytest.raises(ValueError, match=f"{words}; there are .*,"):
        build_network(network, arguments)


def test_foreign_arguments_are_a_type_error() -> None:
    with pytest.raises(TypeError, match="colour"):
        build_network("kag_mtln", {"backbone": "six_layer_cnn", "classes": 2, "colour": "blue"})


def pyramid_naively(feature_map: torch.Tensor) -> list[list[float]]:
    """Each level's windows run from floor(i h / n) to ceil((i + 1) h / n)."""
    rows, columns = feature_map.shape[2:]
    vectors = []
    for image in feature_map.double():
        vector = []
        for level in (1, 2, 4):
            for channel in image:
                for i in range(level):
                    for j in range(level):
                        top, bottom = i * rows // level, math.ceil((i + 1) * rows / level)
                        left, right = j * columns // level, math.ceil((j + 1) * columns / level)
                        cells = [float(channel[y, x]) for y in range(top, bottom) for x in range(left, right)]
                        vector.append(sum(cells) / len(cells))
        vectors.append(vector)
    return vectors


@pytest.mark.parametrize(
    ("rows", "columns"), [(size, size) for size in range(4, 15)] + [(4, 7), (14, 5), (1, 1), (2, 3)]
)
def test_the_spatial_pyramid_averages_over_its_windows(rows: int, columns: int) -> None:
    feature_map = torch.randn(2, 3, rows, columns)
    pooled = SpatialPyramid()(feature_map)
    assert pooled.shape == (2, 21 * 3)
    torch.testing.assert_close(pooled, torch.tensor(pyramid_naively(feature_map)), atol=1e-6, rtol=1e-5)


def test_the_classifier_of_kag_mtln_is_two_linear_layers_on_the_pyramid() -> None:
    network: Any = KagMtln("six_layer_cnn", classes=6, hidden=16).eval()
    feature_map = torch.randn(2, 512, 4, 4)
    _, first, _, second = network.main
    by_hand = second(torch.clamp(first(torch.tensor(pyramid_naively(feature_map))), min=0))
    assert first.in_features == 21 * 512
    torch.testing.assert_close(network.head(feature_map), by_hand)


def test_the_halves_of_kag_mtln_make_its_whole() -> None:
    network: Any = KagMtln("six_layer_cnn", classes=6, hidden=16).eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        both, feature_map = network(images), network.features(images)
        assert both.main.shape == (2, 6)
        assert both.auxiliary.shape == (2, 2)
        assert both.main.equal(network.head(feature_map))
        assert both.auxiliary.equal(network.auxiliary(feature_map))


@pytest.mark.parametrize(
    ("name", "steps", "rows"),
    [
        ("six_layer_cnn", 0, 2),
        ("six_layer_cnn", 4, 4),
        ("six_layer_cnn", 12, 16),
        ("six_layer_cnn", 23, 64),
        ("resnet18", 2, 4),
        ("resnet18", 4, 8),
        ("efficientnet_lite0", 4, 2),
        ("efficientnet_lite0", 6, 4),
    ],
)
def test_steps_in_the_head_make_the_map_finer_and_change_no_logit(name: BackboneName, steps: int, rows: int) -> None:
    whole: Any = KagMtln(name, classes=4, hidden=16).eval()
    finer: Any = KagMtln(name, classes=4, hidden=16, steps_in_head=steps).eval()
    finer.load_state_dict(whole.state_dict())
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        feature_map = finer.features(images)
        assert feature_map.shape[2:] == (rows, rows)
        logits = whole.main(whole.backbone(images))
        assert finer.head(feature_map).equal(logits)
        assert finer(images).main.equal(logits)


@pytest.mark.parametrize("name", CHANNELS)
def test_the_steps_of_a_backbone_are_all_of_its_body(name: BackboneName) -> None:
    """EfficientNet's and ResNet's own way through their modules is the oracle."""
    backbone = build_backbone(name).eval()
    body: Any = backbone.body
    images = torch.rand(1, 3, 32, 64)
    with torch.no_grad():
        expected = body.forward_features(images) if name.startswith("efficientnet_lite0") else body(images)
        assert backbone(images).equal(expected)
        halfway = backbone(images, until=3)
        for step in backbone.steps[3:]:
            halfway = step(halfway)
        assert halfway.equal(expected)


@pytest.mark.parametrize("name", CHANNELS)
def test_a_heatmap_can_be_taken_before_each_of_the_last_steps_of_a_backbone(name: BackboneName) -> None:
    whole = PooledClassifier(name, 2).eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        expected = whole(images)
    for steps in range(4):
        cut: Any = PooledClassifier(name, 2, steps_in_head=steps).requires_grad_(False).eval()
        cut.load_state_dict(whole.state_dict())
        logits, maps = HeadGradCam(cut.head)(cut.features(images), lambda logits: logits[:, 1] - logits[:, 0])
        assert torch.allclose(logits, expected, atol=1e-5)
        assert maps.shape == (2, *cut.features(images).shape[2:])
        assert np.isfinite(maps).all()


@pytest.mark.parametrize("steps", [-1, 24, 100])
def test_more_steps_than_a_backbone_takes_cannot_be_in_the_head(steps: int) -> None:
    with pytest.raises(ValueError, match=f"six_layer_cnn has 23 steps, of which {steps} cannot be in the head"):
        KagMtln("six_layer_cnn", classes=2, steps_in_head=steps)


def test_the_tasks_share_the_backbone_and_nothing_else() -> None:
    network = KagMtln("six_layer_cnn", classes=2, hidden=16)
    network(torch.rand(2, 3, 32, 32)).auxiliary.sum().backward()
    moved = {name.split(".")[0] for name, parameter in network.named_parameters() if parameter.grad is not None}
    assert moved == {"backbone", "auxiliary"}


def test_an_exported_kag_mtln_keeps_its_main_task_only() -> None:
    trained = KagMtln("six_layer_cnn", classes=4, hidden=16).eval()
    exported = KagMtln("six_layer_cnn", classes=4, hidden=16, auxiliary=False).eval()
    kept = {name: value for name, value in trained.state_dict().items() if not name.startswith("auxiliary")}
    exported.load_state_dict(kept)
    images = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert exported.head(exported.features(images)).equal(trained(images).main)
    with pytest.raises(RuntimeError, match="no auxiliary branch"):
        exported(images)


def head(pair_feature: PairFeature, scale: float = 1.0) -> PairHead:
    if pair_feature == "distance":
        return DistanceHead()
    return LinearHead(channels=8, pair_feature=pair_feature, scale=scale).requires_grad_(False)


def scores(pair_head: PairHead, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Log odds of similarity of feature maps (C, h, w)."""
    dissimilar, similar = pair_head(torch.stack([first, second])).double()[0]
    return similar - dissimilar


@pytest.mark.parametrize(("pair_feature", "symmetric"), [("interacting", True), ("concat", False), ("distance", True)])
def test_all_heads_but_the_literal_one_are_symmetric_to_the_bit(pair_feature: PairFeature, symmetric: bool) -> None:
    first, second = torch.randn(5, 8, 3, 3), torch.randn(5, 8, 3, 3)
    pair_head = head(pair_feature)
    there, back = pair_head(torch.cat([first, second])), pair_head(torch.cat([second, first]))
    assert there.equal(back) is symmetric


@pytest.mark.parametrize(("pair_feature", "compares"), [("concat", False), ("interacting", True), ("distance", True)])
def test_a_head_on_concatenated_features_cannot_compare(pair_feature: PairFeature, compares: bool) -> None:
    """If score(x1, x2) = a(x1) + b(x2), two similar pairs score what they score with partners swapped."""
    first, second, third, fourth = torch.randn(4, 8, 3, 3)
    pair_head = head(pair_feature)
    matched = scores(pair_head, first, second) + scores(pair_head, third, fourth)
    swapped = scores(pair_head, first, fourth) + scores(pair_head, third, second)
    assert (abs(matched - swapped) > 1e-2) == compares
    assert (abs(matched - swapped) < 1e-5) != compares


@pytest.mark.parametrize(
    ("pair_feature", "expected"),
    [
        ("interacting", [[4.0, 3.0, 5.0, 4.0]]),
        ("concat", [[1.0, 4.0, 5.0, 1.0]]),
        ("distance", [[5.0]]),
    ],
)
def test_two_embeddings_meet_in_the_feature_of_the_pair(pair_feature: PairFeature, expected: list) -> None:
    pair = head(pair_feature).pair(torch.tensor([[1.0, 4.0]]), torch.tensor([[5.0, 1.0]]))
    assert pair.tolist() == expected


def test_log_odds_fall_with_the_distance_and_are_even_at_the_threshold() -> None:
    pair_head = DistanceHead()
    pair_head.threshold.fill_(2.0)
    pair_head.log_slope.fill_(math.log(3.0))
    logits = pair_head.logits(torch.tensor([[0.0], [2.0], [2.5]]))
    assert (logits[:, 1] - logits[:, 0]).tolist() == pytest.approx([6.0, 0.0, -1.5])
    assert not any(each.requires_grad for each in pair_head.parameters()), "validation pairs choose both"
    assert {*pair_head.state_dict()} == {"threshold", "log_slope"}


def test_two_equal_marks_give_no_gradient_and_not_an_infinite_one() -> None:
    feature_maps = torch.rand(1, 8, 3, 3).repeat(2, 1, 1, 1).requires_grad_()
    DistanceHead()(feature_maps)[:, 1].sum().backward()
    assert feature_maps.grad is not None
    assert not feature_maps.grad.any()


@pytest.mark.parametrize("scale", [1.0, 90.0])
def test_logits_are_scale_times_the_weights_times_the_feature(scale: float) -> None:
    pair_head: Any = head("interacting", scale)
    features = torch.randn(3, 16)
    weights = pair_head.classifier.weight.double()
    expected = [
        [scale * sum(float(w * x) for w, x in zip(row, feature, strict=True)) for row in weights]
        for feature in features.double()
    ]
    assert pair_head.classifier.bias is None
    torch.testing.assert_close(pair_head.logits(features), torch.tensor(expected), rtol=1e-4, atol=1e-4)


def test_the_head_takes_all_first_marks_and_then_all_second_marks() -> None:
    first, second = torch.randn(3, 8, 2, 2), torch.randn(3, 8, 2, 2)
    pair_head = head("concat")
    together = pair_head(torch.cat([first, second]))
    for index in range(3):
        single = pair_head(torch.stack([first[index], second[index]]))[0]
        torch.testing.assert_close(together[index], single, rtol=1e-5, atol=1e-6)


def test_an_embedding_is_the_mean_of_each_channel() -> None:
    feature_map = torch.randn(2, 8, 3, 5)
    torch.testing.assert_close(head("interacting").embed(feature_map), feature_map.mean(dim=(2, 3)))


def test_the_halves_of_the_siamese_network_make_its_whole() -> None:
    network = Siamese("six_layer_cnn", scale=2.0).eval()
    images = torch.rand(4, 3, 64, 64)
    with torch.no_grad():
        embeddings = network(images)
        logits = network.head(network.features(images))
        first, second = embeddings.chunk(2)
        assert embeddings.shape == (4, 512)
        assert logits.equal(network.head.logits(network.head.pair(first, second)))
    assert Siamese.classes == ("dissimilar", "similar")
