"""The rivals of KAG-MTLN: one step of each, worked out anew with loops and formulas, and what API-Net is fed."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.networks.backbones import BackboneName
from inference.networks.classifier import PooledClassifier
from inference.networks.mmal_net import MmalNet, object_boxes
from training.authenticity.methods import RIVALS
from training.authenticity.settings import MethodName
from training.comparisons import api_net, dcl, mmal_net
from training.comparisons.api_net import ApiNetLearner, balanced, nearest_pairs
from training.comparisons.dcl import DclLearner, confuse, confusion, coordinates
from training.comparisons.method import ClassifierLearner
from training.comparisons.mhem import MhemLearner
from training.comparisons.mmal_net import MmalNetLearner, proposed_windows
from training.fitting.run_folder import TrainingRefused

Rows = list[list[float]]


class Tiny(nn.Module):
    """A plain classifier whose pictures are its feature maps."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.backbone: Any = nn.Identity()
        self.backbone.channels = channels
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(1))
        self.classifier = nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.pool(images))
        return logits


def softmax(logits: list[float]) -> list[float]:
    whole = sum(math.exp(value) for value in logits)
    return [math.exp(value) / whole for value in logits]


def linear(layer: nn.Linear, x: list[float]) -> list[float]:
    bias = layer.bias.tolist()
    return [
        sum(w * v for w, v in zip(row, x, strict=True)) + b for row, b in zip(layer.weight.tolist(), bias, strict=True)
    ]


def weighted_cross_entropy(logits: Rows, labels: list[int], weights: list[float]) -> float:
    """Each row's -log p of its class, by the weight of that class."""
    total = sum(weights[label] * -math.log(softmax(row)[label]) for row, label in zip(logits, labels, strict=True))
    return total / sum(weights[label] for label in labels)


def as_batch(features: Rows, labels: list[int]) -> dict[str, Tensor]:
    return {"image": torch.tensor(features)[:, :, None, None], "label": torch.tensor(labels)}


FEATURES: Rows = [[0.2, -1.0, 0.5], [0.1, 0.4, -0.3], [1.5, 0.2, 0.1], [-0.7, 0.9, 0.3], [0.3, -0.8, 0.7]]
LABELS = [0, 1, 0, 1, 1]
WEIGHTS = [1.5, 0.5]


def test_a_plain_learner_weighs_the_cross_entropy_by_class() -> None:
    torch.manual_seed(0)
    tiny: Any = Tiny(3, 2)
    loss = ClassifierLearner(tiny, torch.tensor(WEIGHTS))(as_batch(FEATURES, LABELS))
    expected = weighted_cross_entropy([linear(tiny.classifier, x) for x in FEATURES], LABELS, WEIGHTS)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_mhem_adds_a_modulated_cross_entropy() -> None:
    learner = MhemLearner(Tiny(2, 2), torch.tensor(WEIGHTS))  # type: ignore[arg-type]
    # Of the true class 3/4 and 1/5.
    logits = torch.tensor([[math.log(3.0), 0.0], [math.log(4.0), 0.0]])
    loss = learner.modulated(logits, torch.tensor([0, 1]))
    each = [-math.log(p) * (1 + (1 - 0.2 * (0.9 + p)) ** 2) for p in (0.75, 0.2)]
    assert loss.item() == pytest.approx((1.5 * each[0] + 0.5 * each[1]) / 2, rel=1e-5)


def test_mhem_weighs_the_hardest_examples_less_than_twice_the_easiest() -> None:
    learner = MhemLearner(Tiny(2, 2), torch.ones(2))  # type: ignore[arg-type]
    for gap, modulation in ((-40.0, (1 - 0.18) ** 2), (40.0, (1 - 0.38) ** 2)):
        logits = torch.tensor([[gap, 0.0]], dtype=torch.float64)
        plain = float(functional.cross_entropy(logits, torch.tensor([0])))
        found = float(learner.modulated(logits, torch.tensor([0])))
        assert found == pytest.approx((1 + modulation) * plain, rel=1e-3, abs=1e-6)


# ---- API-Net


def pairs_naively(features: Rows, labels: list[int]) -> list[tuple[int, int]]:
    """The nearest of one's own class for all, then the nearest of another."""
    found = []
    for own in (True, False):
        for one, x in enumerate(features):
            others = [
                (math.dist(x, y), other)
                for other, y in enumerate(features)
                if other != one and (labels[other] == labels[one]) == own
            ]
            if others:
                found.append((one, min(others)[1]))
    return found


@pytest.mark.parametrize("labels", [LABELS, [0, 0, 0, 0, 0], [0, 1, 2, 3, 4], [0, 0, 0, 0, 1]], ids=str)
def test_each_photo_is_paired_with_the_nearest_of_its_class_and_of_another(labels: list[int]) -> None:
    first, second = nearest_pairs(torch.tensor(FEATURES), torch.tensor(labels))
    assert [*zip(first.tolist(), second.tolist(), strict=True)] == pairs_naively(FEATURES, labels)


def test_api_net_compares_pairs_by_mutual_vector_and_gates() -> None:
    torch.manual_seed(0)
    tiny: Any = Tiny(3, 2)
    learner = ApiNetLearner(tiny, torch.tensor(WEIGHTS)).eval()
    into, _, out = learner.mutual
    assert (into.in_features, into.out_features, out.out_features) == (6, 512, 3)
    rows: Rows = []
    labels: list[int] = []
    ranks = []
    for one, other in pairs_naively(FEATURES, LABELS):
        x = FEATURES[one], FEATURES[other]
        mutual = linear(out, linear(into, [*x[0], *x[1]]))
        gates = [[1 / (1 + math.exp(-m * v)) for m, v in zip(mutual, own, strict=True)] for own in x]
        for at, label in ((0, LABELS[one]), (1, LABELS[other])):
            by_gate = [
                linear(tiny.classifier, [v + v * g for v, g in zip(x[at], gate, strict=True)])
                for gate in (gates[at], gates[1 - at])
            ]
            rows += by_gate
            labels += [label, label]
            p_self, p_other = (softmax(row)[label] for row in by_gate)
            ranks.append(max(0.0, p_other - p_self + 0.05))
    expected = weighted_cross_entropy(rows, labels, WEIGHTS) + sum(ranks) / len(ranks)
    assert len({*ranks}) > 1
    assert learner(as_batch(FEATURES, LABELS)).item() == pytest.approx(expected, rel=1e-4)


def test_api_net_forgets_half_of_the_mutual_vectors_middle_while_it_learns() -> None:
    learner = ApiNetLearner(Tiny(3, 2), torch.ones(2))  # type: ignore[arg-type]
    _, dropout, _ = learner.mutual
    assert isinstance(dropout, nn.Dropout)
    assert (dropout.p, api_net.LAMBDA, api_net.EPSILON) == (0.5, 1, 0.05)


@pytest.mark.parametrize(
    ("counts", "batch", "each"),
    [
        pytest.param([20, 20], 16, 8, id="two classes"),
        pytest.param([50, 3, 20, 9, 9, 9, 9, 9], 24, 3, id="eight classes of which one is small"),
        pytest.param([30] * 16, 16, 2, id="half of the classes"),
    ],
)
def test_a_batch_holds_equally_many_of_each_class(counts: list[int], batch: int, each: int) -> None:
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    sampler = balanced(labels, batch, seed=3)
    drawn = list(sampler)
    assert len(drawn) == len(sampler) == len(labels) // batch * batch
    assert {epoch for epoch, _ in drawn} == {0}
    chosen = [index for _, index in drawn]
    for start in range(0, len(chosen), batch):
        counted = Counter(labels[index] for index in chosen[start : start + batch])
        assert set(counted.values()) == {each}
    # Each class goes through all of its photos before one comes again.
    for label, count in enumerate(counts):
        order = [index for index in chosen if labels[index] == label]
        assert all(len({*order[at : at + count]}) == len(order[at : at + count]) for at in range(0, len(order), count))


def test_classes_fill_a_batch_that_they_do_not_divide() -> None:
    labels = [index % 6 for index in range(60)]
    chosen = [index for _, index in balanced(labels, 16, seed=0)]
    for start in range(0, len(chosen), 16):
        counted = Counter(labels[index] for index in chosen[start : start + 16])
        assert sorted(counted.values()) == [2, 2, 2, 2, 4, 4]


def test_epoch_and_seed_decide_what_is_drawn() -> None:
    labels = [0, 1] * 20
    first, again, other = balanced(labels, 8, 0), balanced(labels, 8, 0), balanced(labels, 8, 1)
    assert [*first] == [*again]
    assert [*first] != [*other]
    before = [index for _, index in first]
    first.epoch = 1
    assert [index for _, index in first] != before


# ---- DCL


def confusion_naively(noise: Tensor) -> list[list[list[int]]]:
    """Each row is sorted by its place and noise, then each column of what came out."""
    found = []
    for rows, columns in zip(*noise.tolist(), strict=True):
        count = len(rows)
        grid = [[i * count + j for j in range(count)] for i in range(count)]
        for i in range(count):
            ordered = sorted(range(count), key=lambda j: j + rows[i][j])
            grid[i] = [grid[i][j] for j in ordered]
        for j in range(count):
            ordered = sorted(range(count), key=lambda i: i + columns[i][j])
            column = [grid[i][j] for i in ordered]
            for i in range(count):
                grid[i][j] = column[i]
        found.append(grid)
    return found


def test_regions_are_confused_along_rows_and_columns_within_their_range() -> None:
    torch.manual_seed(0)
    noise = (2 * torch.rand(2, 50, 7, 7) - 1) * dcl.RANGE
    sources = confusion(noise)
    assert sources.tolist() == confusion_naively(noise)
    assert all(sorted(one.flatten().tolist()) == [*range(49)] for one in sources)
    at = torch.arange(7)
    down, across = (sources // 7 - at[:, None]).abs(), (sources % 7 - at).abs()
    assert (dcl.REGIONS, dcl.RANGE) == (7, 2)
    assert 0 < int(across.max()) < 2 * dcl.RANGE
    assert 0 < int(down.max()) < 2 * dcl.RANGE


def test_a_destroyed_picture_is_made_of_the_regions_that_its_sources_name() -> None:
    torch.manual_seed(0)
    images = torch.rand(3, 2, 21, 14)
    sources = confusion((2 * torch.rand(2, 3, 7, 7) - 1) * 2)
    destroyed = confuse(images, sources)
    for one, image, numbers in zip(destroyed, images, sources.tolist(), strict=True):
        for i, row in enumerate(numbers):
            for j, number in enumerate(row):
                top, left = 3 * (number // 7), 2 * (number % 7)
                came = one[:, 3 * i : 3 * i + 3, 2 * j : 2 * j + 2]
                assert torch.equal(came, image[:, top : top + 3, left : left + 2])


def test_a_picture_that_seven_does_not_divide_keeps_its_size() -> None:
    images = torch.rand(2, 3, 32, 20)
    assert confuse(images, torch.arange(49).view(1, 7, 7).expand(2, 7, 7)).shape == images.shape


def test_coordinates_are_those_that_a_region_had() -> None:
    sources = torch.arange(49).view(1, 7, 7).flip(1)
    found = coordinates(sources)
    assert found[0, :, 0, 0].tolist() == [1.0, 0.0]
    assert found[0, :, 6, 3].tolist() == [0.0, 0.5]


def test_dcl_learns_class_destruction_and_place() -> None:
    torch.manual_seed(0)
    tiny: Any = Tiny(3, 2)
    learner = DclLearner(tiny, torch.tensor(WEIGHTS))
    maps, labels = torch.randn(4, 3, 7, 7), [0, 1]
    noise = (2 * torch.rand(2, 2, 7, 7) - 1) * 2
    intact = torch.arange(49).view(1, 7, 7).expand(2, 7, 7)
    loss = learner.of_maps(maps, torch.tensor(labels), torch.cat([intact, confusion(noise)]))

    vectors = [[float(channel.mean()) for channel in one] for one in maps]
    classes = [linear(tiny.classifier, vector) for vector in vectors]
    of_class = sum(weighted_cross_entropy(rows, labels, WEIGHTS) for rows in (classes[:2], classes[2:]))
    told = [softmax(linear(learner.destroyed, vector)) for vector in vectors]
    of_destruction = -sum(math.log(p[d]) for p, d in zip(told, (0, 0, 1, 1), strict=True)) / 2
    convolution = learner.location[0]
    weight, bias = convolution.weight[:, :, 0, 0], convolution.bias
    numbers = [*intact.tolist(), *confusion_naively(noise)]
    apart = 0.0
    for one, grid in zip(maps, numbers, strict=True):
        for i, row in enumerate(grid):
            for j, number in enumerate(row):
                place = torch.clamp(weight @ one[:, i, j] + bias, min=0).tolist()
                apart += abs(place[0] - number // 7 / 6) + abs(place[1] - number % 7 / 6)
    of_place = apart / (2 * 2 * 49)
    assert loss.item() == pytest.approx(of_class + of_destruction + 0.01 * of_place, rel=1e-4)


def test_dcl_sees_each_picture_whole_and_destroyed(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    learner = DclLearner(Tiny(3, 2), torch.ones(2))  # type: ignore[arg-type]
    seen: list[Tensor] = []
    monkeypatch.setattr(learner, "of_maps", lambda *given: seen.extend(given))
    images = torch.rand(2, 3, 14, 14)
    learner.loss(images, torch.tensor([0, 1]))
    maps, _, sources = seen
    whole, destroyed = maps.chunk(2)
    assert torch.equal(whole, images)
    assert torch.equal(destroyed, confuse(images, sources[2:]))
    assert not torch.equal(destroyed, images)
    assert sources[:2].tolist() == [torch.arange(49).view(7, 7).tolist()] * 2


# ---- MMAL-Net


def windows_naively(activation: Tensor) -> list[tuple[int, int, int, int]]:
    """Every window of a group by its mean, best first, without those that overlap a better one too much."""
    found = []
    rows, columns = activation.shape
    for group, count in zip(mmal_net.GROUPS, mmal_net.COUNTS, strict=True):
        scored = []
        for tall, wide in group:
            height, width = max(1, round(tall * rows / 14)), max(1, round(wide * columns / 14))
            for top in range(rows - height + 1):
                for left in range(columns - width + 1):
                    inside = activation[top : top + height, left : left + width]
                    scored.append((float(inside.double().mean()), (top, left, top + height, left + width)))
        kept: list[tuple[int, int, int, int]] = []
        for _, box in sorted(scored, key=lambda pair: -pair[0]):
            if all(overlap(box, other) <= 0.25 for other in kept):
                kept.append(box)
        found += [kept[number % len(kept)] for number in range(count)]
    return found


def overlap(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    height = max(0, min(one[2], other[2]) - max(one[0], other[0]))
    width = max(0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return height * width / (sum(areas) - height * width)


@pytest.mark.parametrize("shape", [(14, 14), (7, 7), (10, 14), (2, 2)])
def test_windows_are_the_most_active_of_each_group_that_hardly_overlap(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    maps = torch.rand(3, 4, *shape)
    found = proposed_windows(maps)
    assert [len(one) for one in found] == [7, 7, 7]
    if shape == (2, 2):
        return  # Windows of one size tie there.
    assert found == [windows_naively(one.sum(0)) for one in maps]


def test_mmal_net_sums_the_losses_of_its_three_branches() -> None:
    torch.manual_seed(1)
    network: Any = MmalNet("six_layer_cnn", classes=2)
    learner = MmalNetLearner(network, torch.tensor(WEIGHTS)).eval()
    # So that what a branch sees tells in its loss; at its start a network finds all pictures alike.
    nn.init.normal_(network.classifier.weight, std=3)
    images = 0.1 * torch.rand(2, 3, 128, 128)
    images[:, :, 32:96, 64:] += 0.9 * torch.rand(2, 3, 64, 64)
    labels = [0, 1]

    def scaled(image: Tensor, box: tuple[int, ...], side: int) -> Tensor:
        top, left, bottom, right = (32 * edge for edge in box)
        return functional.interpolate(image[:, :, top:bottom, left:right], size=(side, side), mode="bilinear")

    def logits(image: Tensor) -> list[float]:
        values: list[float] = network.classifier(network.backbone(image).mean((2, 3)))[0].tolist()
        return values

    branches: tuple[Rows, Rows, Rows] = ([], [], [])
    with torch.no_grad():
        for image in images.split(1):
            (box,) = object_boxes(network.backbone(image, until=22), network.backbone(image))
            assert box != (0, 0, 4, 4)
            seen = scaled(image, box, 128)
            branches[0].append(logits(image))
            branches[1].append(logits(seen))
            (windows,) = proposed_windows(network.backbone(seen))
            branches[2].extend(logits(scaled(seen, window, 64)) for window in windows)
        found = float(learner({"image": images, "label": torch.tensor(labels)}))
    expected = (
        weighted_cross_entropy(branches[0], labels, WEIGHTS)
        + weighted_cross_entropy(branches[1], labels, WEIGHTS)
        + weighted_cross_entropy(branches[2], [0] * 7 + [1] * 7, WEIGHTS)
    )
    assert found == pytest.approx(expected, rel=1e-4)


# ---- all of them


SMALLEST: dict[MethodName, BackboneName] = {"eca_net": "efficientnet_lite0", "cbam": "efficientnet_lite0"}


@pytest.mark.parametrize("name", RIVALS)
def test_every_rival_learns_what_its_network_then_knows(name: MethodName) -> None:
    """Bright and dark squares at random places, in noise."""
    torch.manual_seed(0)
    method = RIVALS[name]
    backbone = method.backbone(SMALLEST.get(name, "six_layer_cnn"))
    network: Any = method.build(method.stated(backbone, 2, 0))
    learner = method.learner(network, torch.ones(2))
    images, labels = 0.2 * torch.randn(32, 3, 64, 64), torch.arange(32) % 2
    for image, label in zip(images, labels.tolist(), strict=True):
        top, left = torch.randint(0, 32, (2,)).tolist()
        image[:, top : top + 32, left : left + 32] += 1 if label else -1
    optimiser = torch.optim.AdamW(learner.parameters(), 5e-4)
    losses = []
    for _ in range(6):
        for batch in torch.randperm(32).split(8):
            optimiser.zero_grad()
            loss = learner({"image": images[batch], "label": labels[batch]})
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    assert sum(losses[-4:]) < 0.8 * sum(losses[:4])
    assert all(parameter.grad is not None for parameter in learner.parameters())


def test_attention_is_for_backbones_that_have_a_place_for_it() -> None:
    choose = RIVALS["eca_net"].backbone
    assert choose("resnet50") == choose("resnet50_eca") == "resnet50_eca"
    for name in ("six_layer_cnn", "resnet50_cbam"):
        with pytest.raises(
            TrainingRefused, match="There is ECA for --backbone resnet50 and efficientnet_lite0, not for"
        ):
            choose(name)


def test_steps_belong_to_the_head_of_a_rival_where_its_map_is_the_backbones() -> None:
    for name, method in RIVALS.items():
        stated = method.stated("six_layer_cnn", 4, 2)
        assert ("steps_in_head" in stated) == (name != "mmal_net")


def test_the_windows_of_a_group_grow() -> None:
    areas = [[height * width for height, width in group] for group in mmal_net.GROUPS]
    assert all(max(smaller) < min(larger) for smaller, larger in pairwise(areas))
    assert PooledClassifier in MmalNet.__mro__
