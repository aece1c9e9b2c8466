"""The plain classifier and the bodies that rivals put into it, each against its formula or its library's own way."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

from inference.networks.attention import AttentionName
from inference.networks.backbones import BackboneName, build_backbone
from inference.networks.classifier import PooledClassifier
from inference.networks.swin import swin_tiny


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def test_the_classifier_is_a_linear_layer_on_the_mean_of_each_channel() -> None:
    network: Any = PooledClassifier("six_layer_cnn", classes=3).eval()
    images = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        feature_map = network.features(images)
        vectors = feature_map.sum((2, 3)) / 6
        by_hand = vectors @ network.classifier.weight.T + network.classifier.bias
        torch.testing.assert_close(network.head(feature_map), by_hand)
        assert network(images).equal(network.head(feature_map))


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def eca_naively(x: Tensor, module: Any) -> Tensor:
    """A channel's weight is the sigmoid of a weighted sum of its neighbours' means (ECA-Net, eq. 7 to 9)."""
    weights = module.conv.weight.flatten().tolist()
    reach = len(weights) // 2
    out = x.clone()
    for one, changed in zip(x, out, strict=True):
        y = [float(channel.mean()) for channel in one]
        for i in range(len(y)):
            near = [(w, y[i + j - reach]) for j, w in enumerate(weights) if 0 <= i + j - reach < len(y)]
            changed[i] *= sigmoid(sum(w * value for w, value in near))
    return out


def cbam_naively(x: Tensor, module: Any) -> Tensor:
    """Channels first, then places (CBAM, eq. 1 to 3)."""
    first, second = module.channel.fc1.weight[:, :, 0, 0], module.channel.fc2.weight[:, :, 0, 0]
    kernel, norm = module.spatial.conv.conv.weight[0], module.spatial.conv.bn
    out = x.clone()
    for changed in out:
        for_mean, for_max = (
            second @ torch.clamp(first @ pooled, min=0) for pooled in (changed.mean((1, 2)), changed.amax((1, 2)))
        )
        for i in range(len(changed)):
            changed[i] *= sigmoid(float(for_mean[i] + for_max[i]))
        height, width = changed.shape[1:]
        pooled = torch.zeros(2, height + 6, width + 6)
        pooled[:, 3:-3, 3:-3] = torch.stack([changed.mean(0), changed.amax(0)])
        scale = float(norm.weight / (norm.running_var + norm.eps).sqrt())
        shift = float(norm.bias - norm.running_mean * scale)
        place = [
            [float((kernel * pooled[:, y : y + 7, x : x + 7]).sum()) * scale + shift for x in range(width)]
            for y in range(height)
        ]
        changed *= torch.tensor([[sigmoid(value) for value in row] for row in place])
    return out


@pytest.mark.parametrize(("name", "naively"), [("eca", eca_naively), ("cbam", cbam_naively)])
def test_an_attention_module_is_its_formula(name: AttentionName, naively: Any) -> None:
    body: Any = build_backbone("resnet50_eca" if name == "eca" else "resnet50_cbam").eval().body
    module = body.layer1[0].se
    x = torch.randn(2, 256, 5, 6)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.3 * torch.randn_like(parameter))
        torch.testing.assert_close(module(x), naively(x, module), rtol=1e-4, atol=1e-5)


def test_the_kernel_of_eca_follows_the_number_of_channels() -> None:
    """|log2(C) / 2 + 1 / 2| to an odd number: 256 gives 4.5, 512 gives 5, 1024 gives 5.5, 2048 gives 6."""
    body: Any = build_backbone("resnet50_eca").body
    layers = (body.layer1, body.layer2, body.layer3, body.layer4)
    assert [[block.se.conv.weight.shape[2] for block in layer] for layer in layers] == [
        *([5] * 3, [5] * 4, [5] * 6, [7] * 3)
    ]


def test_the_perceptron_of_cbam_has_a_sixteenth_of_the_width() -> None:
    body: Any = build_backbone("resnet50_cbam").body
    for layer, channels in zip(
        (body.layer1, body.layer2, body.layer3, body.layer4), (256, 512, 1024, 2048), strict=True
    ):
        for block in layer:
            assert block.se.channel.fc1.weight.shape[:2] == (channels // 16, channels)
            assert block.se.spatial.conv.conv.weight.shape == (1, 2, 7, 7)


@pytest.mark.parametrize(
    ("plain", "attention", "blocks"),
    [
        ("resnet50", "eca", 16),
        ("resnet50", "cbam", 16),
        ("efficientnet_lite0", "eca", 16),
        ("efficientnet_lite0", "cbam", 16),
    ],
)
def test_attention_adds_its_own_parameters_and_renames_none(
    plain: BackboneName, attention: AttentionName, blocks: int
) -> None:
    before = build_backbone(plain).state_dict()
    backbone: Any = build_backbone(f"{plain}_{attention}")  # type: ignore[arg-type]
    after = backbone.state_dict()
    added = after.keys() - before.keys()
    assert not before.keys() - after.keys()
    assert all(".se." in name for name in added)
    assert len({name.partition(".se.")[0] for name in added}) == blocks
    assert all(before[name].shape == after[name].shape for name in before)


class _Half(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x / 2


@pytest.mark.parametrize("plain", ["resnet50", "efficientnet_lite0"])
def test_attention_stands_where_its_paper_puts_it(plain: BackboneName) -> None:
    """In place of attention, modules that halve what passes: so a block's branch is halved where it is normalised."""
    backbone: Any = build_backbone(f"{plain}_eca").eval()  # type: ignore[arg-type]
    block = backbone.body.layer1[1] if plain == "resnet50" else backbone.body.blocks[1][0]
    x = torch.rand(1, 256 if plain == "resnet50" else 16, 8, 8)
    block.se = _Half()
    with torch.no_grad():
        if plain == "resnet50":
            inner = block.act2(block.bn2(block.conv2(block.act1(block.bn1(block.conv1(x))))))
            nn.init.ones_(block.bn3.weight)
            expected = torch.relu(block.bn3(block.conv3(inner)) / 2 + x)
        else:
            inner = block.bn2(block.conv_dw(block.bn1(block.conv_pw(x))))
            expected = block.bn3(block.conv_pwl(inner / 2))
        torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize("shape", [(64, 96), (50, 66), (224, 224)])
def test_swin_is_torchvisions_with_channels_first_at_every_step(shape: tuple[int, int]) -> None:
    ours, theirs = swin_tiny().eval(), torchvision.models.swin_t(weights=None).eval()
    state = ours.state_dict()
    theirs.load_state_dict(state | {key: value for key, value in theirs.state_dict().items() if "head" in key})
    images = torch.rand(1, 3, *shape)
    padded = nn.functional.pad(images, (0, -shape[1] % 4, 0, -shape[0] % 4))
    with torch.no_grad():
        expected = theirs.permute(theirs.norm(theirs.features(padded)))
        torch.testing.assert_close(ours(images), expected)
        assert ours(images).shape == (1, 768, math.ceil(shape[0] / 32), math.ceil(shape[1] / 32))
