"""Both papers' losses against their formulas, written out for one sample at a time."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from inference.networks.kag_mtln import TaskLogits
from training.fitting.fusion_loss import UNLABELLED, FusionLoss
from training.fitting.hms_loss import HybridMarginSoftmax

ANGLE, COSINE = 0.003, 0.006


def cross_entropy(logits: list[float], label: int) -> float:
    return math.log(sum(math.exp(value) for value in logits)) - logits[label]


MAIN = [[2.0, -1.0, 0.5], [0.0, 0.0, 3.0], [-1.0, 1.0, 0.0]]
AUXILIARY = [[0.5, -0.5], [1.0, 2.0], [0.0, -3.0]]
LABEL, DISTURBED = [0, 1, 1], [0, 1, 1]


@pytest.mark.parametrize("weights", [[1.0, 1.0, 1.0], [0.5, 2.0, 0.5]], ids=["equal classes", "weighted classes"])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.5, 1.0])
def test_the_fusion_loss_is_equation_5(alpha: float, weights: list[float]) -> None:
    loss = FusionLoss(alpha, torch.tensor(weights))
    got = loss(TaskLogits(torch.tensor(MAIN), torch.tensor(AUXILIARY)), torch.tensor(LABEL), torch.tensor(DISTURBED))
    each = [cross_entropy(logits, label) for logits, label in zip(MAIN, LABEL, strict=True)]
    of_label = [weights[label] for label in LABEL]
    main = sum(weight * value for weight, value in zip(of_label, each, strict=True)) / sum(of_label)
    auxiliary = sum(map(cross_entropy, AUXILIARY, DISTURBED)) / len(DISTURBED)
    assert float(got) == pytest.approx(alpha * main + (1 - alpha) * auxiliary, rel=1e-6)


@pytest.mark.parametrize(
    ("alpha", "main_learns", "auxiliary_learns"),
    [
        pytest.param(1.0, True, False, id="1, the single-task network"),
        pytest.param(0.5, True, True, id="one half, both"),
        pytest.param(0.0, False, True, id="0, the auxiliary task alone"),
    ],
)
def test_alpha_says_which_branch_learns(alpha: float, main_learns: bool, auxiliary_learns: bool) -> None:
    main, auxiliary = torch.tensor(MAIN, requires_grad=True), torch.tensor(AUXILIARY, requires_grad=True)
    loss = FusionLoss(alpha, torch.ones(3))
    loss(TaskLogits(main, auxiliary), torch.tensor(LABEL), torch.tensor(DISTURBED)).backward()
    assert main.grad is not None
    assert auxiliary.grad is not None
    assert bool(main.grad.any()) == main_learns
    assert bool(auxiliary.grad.any()) == auxiliary_learns


@pytest.mark.parametrize("label", [[0, UNLABELLED, 1], [UNLABELLED, 1, 1], [UNLABELLED] * 3])
def test_an_image_without_a_main_class_teaches_the_auxiliary_task_alone(label: list[int]) -> None:
    main, auxiliary = torch.tensor(MAIN, requires_grad=True), torch.tensor(AUXILIARY, requires_grad=True)
    weights = torch.tensor([0.5, 2.0, 0.5])
    loss = FusionLoss(0.3, weights)(TaskLogits(main, auxiliary), torch.tensor(label), torch.tensor(DISTURBED))
    loss.backward()
    told = [index for index, name in enumerate(label) if name != UNLABELLED]
    each = [float(weights[label[index]]) * cross_entropy(MAIN[index], label[index]) for index in told]
    of_main = sum(each) / sum(float(weights[label[index]]) for index in told) if told else 0.0
    of_auxiliary = sum(map(cross_entropy, AUXILIARY, DISTURBED)) / 3
    assert float(loss.detach()) == pytest.approx(0.3 * of_main + 0.7 * of_auxiliary, rel=1e-6)
    assert main.grad is not None
    assert auxiliary.grad is not None
    assert [bool(row.any()) for row in main.grad] == [index in told for index in range(3)]
    assert all(bool(row.any()) for row in auxiliary.grad)


def test_class_weights_go_where_the_loss_goes_and_into_no_optimiser() -> None:
    loss = FusionLoss(0.5, torch.tensor([1.0, 2.0]))
    assert [name for name, _ in loss.named_buffers()] == ["class_weights"]
    assert not list(loss.parameters())


def margin_logits(
    features: Tensor, weight: Tensor, label: Tensor, scale: float, angular: float, additive: float, inside: bool
) -> Tensor:
    """The formula with its angles, one sample and one class at a time."""
    rows = []
    for x, y in zip(features, label.tolist(), strict=True):
        row = []
        for j, w in enumerate(weight):
            norms = w.norm() * x.norm()
            theta = torch.arccos(w @ x / norms)
            if j != y:
                row.append(scale * norms * torch.cos(theta))
            elif inside:
                row.append(scale * norms * (torch.cos(theta + angular) - additive))
            else:
                row.append(scale * (norms * torch.cos(theta + angular) - additive))
        rows.append(torch.stack(row))
    return torch.stack(rows)


def pair_features(samples: int = 6, width: int = 8, classes: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """x (samples, width), W (classes, width) and labels, in double precision."""
    generator = torch.Generator().manual_seed(0)
    features = 3 * torch.randn(samples, width, generator=generator, dtype=torch.float64)
    weight = torch.randn(classes, width, generator=generator, dtype=torch.float64)
    return features, weight, torch.arange(samples) % classes


@pytest.mark.parametrize("inside", [True, False], ids=["d2 inside the norms", "d2 outside the norms"])
@pytest.mark.parametrize(
    ("scale", "angular", "additive", "classes"),
    [
        pytest.param(90.0, ANGLE, COSINE, 2, id="the paper's margins and s"),
        pytest.param(1.0, ANGLE, COSINE, 2, id="the small preset's s"),
        pytest.param(2.0, 0.5, 0.35, 2, id="margins that are usual elsewhere"),
        pytest.param(1.0, 0.3, 0.0, 5, id="angle alone, five classes"),
        pytest.param(1.0, 0.0, 0.3, 3, id="cosine alone, three classes"),
    ],
)
def test_hms_is_its_formula(scale: float, angular: float, additive: float, classes: int, inside: bool) -> None:
    features, weight, label = pair_features(classes=classes)
    leaves = [features.requires_grad_(), weight.requires_grad_()]
    expected = margin_logits(features, weight, label, scale, angular, additive, inside)
    expected_gradients = torch.autograd.grad(functional.cross_entropy(expected, label), leaves)
    loss = HybridMarginSoftmax(scale, angular, additive, inside)
    got = loss.logits(features, weight, label)
    assert torch.allclose(got.double(), expected.detach(), rtol=1e-5, atol=1e-4 * scale)
    value = loss(features, weight, label)
    assert value.item() == pytest.approx(functional.cross_entropy(expected, label).item(), rel=1e-4)
    for gradient, oracle in zip(torch.autograd.grad(value, leaves), expected_gradients, strict=True):
        assert torch.allclose(gradient, oracle, rtol=1e-3, atol=1e-4 * float(oracle.abs().max()))


@pytest.mark.parametrize("inside", [True, False])
def test_without_margins_and_at_scale_one_it_is_plain_softmax(inside: bool) -> None:
    features, weight, label = pair_features(classes=3)
    loss = HybridMarginSoftmax(1.0, 0.0, 0.0, inside)
    plain = functional.cross_entropy(features @ weight.T, label)
    assert float(loss(features, weight, label)) == pytest.approx(float(plain), rel=1e-5)


@pytest.mark.parametrize(
    ("inside", "nats"), [(True, 90 * COSINE * 15.5), (False, 90 * COSINE)], ids=["inside: 8.4", "outside: 0.54"]
)
def test_where_d2_stands_decides_its_size(inside: bool, nats: float) -> None:
    """At |W| |x| = 15.5, where a ResNet18 starts, the two readings of the printed formula are far apart."""
    features = torch.tensor([[12.4, 9.3]])
    weight = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    free = HybridMarginSoftmax(90.0, 0.0, 0.0).logits(features, weight, torch.tensor([0]))
    lowered = HybridMarginSoftmax(90.0, 0.0, COSINE, inside).logits(features, weight, torch.tensor([0]))
    assert (free - lowered)[0].tolist() == pytest.approx([nats, 0.0], abs=1e-3)


@pytest.mark.parametrize("inside", [True, False])
def test_margins_lower_the_target_and_nothing_else(inside: bool) -> None:
    features, weight, label = pair_features(samples=40, classes=4)
    with_margins = HybridMarginSoftmax(1.0, ANGLE, COSINE, inside).logits(features, weight, label)
    without = HybridMarginSoftmax(1.0, 0.0, 0.0, inside).logits(features, weight, label)
    target = functional.one_hot(label, 4).bool()
    assert bool((with_margins < without)[target].all())
    assert torch.equal(with_margins[~target], without[~target])


def test_the_length_of_x_cancels_in_the_boundary_only_with_d2_inside() -> None:
    """The printed boundary |W_1| cos(..) = |W_2| (cos(..) - d2) knows no |x|."""
    weight, label = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0])
    direction = torch.tensor([[math.cos(0.7), math.sin(0.7)]])

    def leads(length: float, inside: bool) -> bool:
        logits = HybridMarginSoftmax(90.0, ANGLE, 0.2, inside).logits(length * direction, weight, label)[0]
        return bool(logits[0] > logits[1])

    lengths = (0.1, 1.0, 10.0, 100.0)
    assert [leads(length, inside=True) for length in lengths] == [False] * 4
    assert [leads(length, inside=False) for length in lengths] == [False, False, True, True]


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize(
    "features",
    [
        pytest.param([[3.0, 4.0]], id="theta 0"),
        pytest.param([[-3.0, -4.0]], id="theta pi"),
        pytest.param([[-4.0, 3.0]], id="a right angle"),
        pytest.param([[0.0, 0.0]], id="no length"),
    ],
)
def test_gradients_are_finite_at_every_angle(features: list[list[float]], inside: bool) -> None:
    x = torch.tensor(features, requires_grad=True)
    weight = torch.tensor([[0.6, 0.8], [1.0, 0.0]], requires_grad=True)
    HybridMarginSoftmax(90.0, ANGLE, COSINE, inside)(x, weight, torch.tensor([0])).backward()
    assert x.grad is not None
    assert weight.grad is not None
    assert bool(x.grad.isfinite().all())
    assert bool(weight.grad.isfinite().all())
