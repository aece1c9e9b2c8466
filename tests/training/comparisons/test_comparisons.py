"""The losses that the HMS paper compares with its own, against their formulas with the angles written out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from inference.networks.hms import LinearHead, Normalised, Siamese
from inference.records import Refusal
from training.comparisons.arcface import ArcFace
from training.comparisons.cosface import CosFace
from training.comparisons.sphereface import SphereFace
from training.fitting.hms_loss import HybridMarginSoftmax
from training.fitting.margin_softmax import MarginSoftmax
from training.trademark.learner import SiameseLearner
from training.trademark.settings import PRESETS, MethodName

Target = Callable[[float], float]


def psi(theta: float, m: int) -> float:
    """Folded by hand: where m theta passes another pi, the cosine is mirrored and lowered by 2."""
    turns = 0
    while m * theta > (turns + 1) * math.pi:
        turns += 1
    return (-1) ** turns * math.cos(m * theta) - 2 * turns


def arc(theta: float, m: float) -> float:
    return math.cos(theta + m) if theta <= math.pi - m else math.cos(theta) - m * math.sin(m)


LOSSES: dict[str, tuple[MarginSoftmax, Normalised, Target]] = {
    "SphereFace, s = 90": (SphereFace(90.0, 4), "weight", lambda theta: psi(theta, 4)),
    "SphereFace, m = 2": (SphereFace(1.0, 2), "weight", lambda theta: psi(theta, 2)),
    "SphereFace, annealed": (SphereFace(1.0, 4, True), "weight", lambda t: (1000 * math.cos(t) + psi(t, 4)) / 1001),
    "CosFace, the paper's margin": (CosFace(90.0, 0.006), "both", lambda theta: math.cos(theta) - 0.006),
    "CosFace, usual": (CosFace(64.0, 0.35), "both", lambda theta: math.cos(theta) - 0.35),
    "ArcFace, the paper's margin": (ArcFace(90.0, 0.003), "both", lambda theta: arc(theta, 0.003)),
    "ArcFace, usual": (ArcFace(64.0, 0.5), "both", lambda theta: arc(theta, 0.5)),
    "HMS normalised": (
        HybridMarginSoftmax(90.0, normalised="both"),
        "both",
        lambda theta: math.cos(theta + 0.003) - 0.006,
    ),
}


def by_loops(x: Tensor, w: Tensor, label: Tensor, scale: float, normalised: Normalised, target: Target) -> Tensor:
    rows = []
    for features, y in zip(x, label.tolist(), strict=True):
        row = []
        for j, weight in enumerate(w):
            length = 1.0 if normalised == "both" else float(features.norm())
            theta = math.acos(float(features @ weight / features.norm() / weight.norm()))
            row.append(scale * length * (target(theta) if j == y else math.cos(theta)))
        rows.append(row)
    return torch.tensor(rows)


def at_angles(degrees: list[float]) -> tuple[Tensor, Tensor, Tensor]:
    """x at these angles from the first of three classes, of many lengths; every class is once the target."""
    theta = torch.tensor([math.radians(angle) for angle in degrees]).repeat(3)
    x = (
        torch.stack([theta.cos(), theta.sin(), torch.zeros_like(theta)], dim=1)
        * torch.linspace(0.2, 7, len(theta))[:, None]
    )
    w = torch.tensor([[2.0, 0.0, 0.0], [0.3, 0.4, 0.0], [-1.0, 2.0, 2.0]])
    return x, w, torch.arange(3).repeat_interleave(len(degrees))


@pytest.mark.parametrize("name", LOSSES)
def test_a_rival_is_its_formula_at_every_angle(name: str) -> None:
    loss, normalised, target = LOSSES[name]
    x, w, label = at_angles([3, 20, 44, 46, 80, 91, 134, 136, 155, 178])
    expected = by_loops(x, w, label, loss.scale, normalised, target)
    assert torch.allclose(loss.logits(x, w, label), expected, rtol=1e-3, atol=2e-3 * loss.scale)
    value = loss.eval()(x, w, label)
    assert float(value) == pytest.approx(float(functional.cross_entropy(expected, label)), rel=1e-3)


@pytest.mark.parametrize("name", LOSSES)
def test_the_targets_logit_falls_with_its_angle_and_gradients_are_finite(name: str) -> None:
    loss = LOSSES[name][0]
    theta = torch.linspace(0, math.pi, 91)
    x = torch.stack([theta.cos(), theta.sin()], dim=1).requires_grad_()
    w = torch.tensor([[1.0, 0.0], [0.0, 1.0]], requires_grad=True)
    logits = loss.logits(x, w, torch.zeros(91, dtype=torch.long))
    assert bool((logits[:, 0].diff() < 2e-3 * loss.scale).all())
    loss.eval()(x, w, torch.zeros(91, dtype=torch.long)).backward()
    assert all(leaf.grad is not None and bool(leaf.grad.isfinite().all()) for leaf in (x, w))


def test_sphereface_starts_near_plain_softmax_and_ends_at_a_sixth_of_its_own() -> None:
    loss = SphereFace(1.0, 4, annealed=True)
    x, w, label = at_angles([60, 150])
    start = loss.logits(x, w, label)
    for _ in range(3):
        loss.eval()(x, w, label)
    assert torch.equal(loss.logits(x, w, label), start), "use is no step"
    loss.train()(x, w, label)
    assert not torch.equal(loss.logits(x, w, label), start)
    loss.steps += 10**6
    end = by_loops(x, w, label, 1.0, "weight", lambda theta: (5 * math.cos(theta) + psi(theta, 4)) / 6)
    assert torch.allclose(loss.logits(x, w, label), end, atol=1e-3)
    assert "steps" in loss.state_dict(), "a resumed run goes on where it was"


@pytest.mark.parametrize("normalised", ["nothing", "weight", "both"])
def test_the_head_uses_the_logits_of_its_loss_without_the_margins(normalised: Normalised) -> None:
    torch.manual_seed(0)
    head = LinearHead(4, "interacting", 3.0, normalised)
    x = torch.randn(5, 8)
    loss = HybridMarginSoftmax(3.0, 0.0, 0.0, normalised=normalised)
    expected = loss.logits(x, head.classifier.weight, torch.zeros(5, dtype=torch.long))
    assert torch.allclose(head.logits(x), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"method": "hms", "margin_inside": False}, HybridMarginSoftmax(2.0, 0.1, 0.2, margin_inside=False)),
        ({"method": "hms_normalised"}, HybridMarginSoftmax(2.0, 0.1, 0.2, normalised="both")),
        ({"method": "sphereface", "angle_multiple": 3, "annealed": True}, SphereFace(2.0, 3, annealed=True)),
        ({"method": "cosface"}, CosFace(2.0, 0.2)),
        ({"method": "arcface"}, ArcFace(2.0, 0.1)),
        ({"method": "softmax"}, HybridMarginSoftmax(2.0, 0.0, 0.0)),
    ],
    ids=lambda value: value["method"] if isinstance(value, dict) else "",
)
def test_settings_name_the_loss_and_its_margins(changes: dict[str, Any], expected: MarginSoftmax) -> None:
    settings = replace(PRESETS["small"], scale=2.0, angular_margin=0.1, additive_margin=0.2, **changes)
    loss = settings.build_loss()
    assert type(loss) is type(expected)
    x, w, label = at_angles([10, 100, 170])
    assert torch.equal(loss.logits(x, w, label), expected.logits(x, w, label))


@pytest.mark.parametrize("name", ["hms", "hms_normalised", "sphereface", "cosface", "arcface", "softmax"])
def test_every_loss_trains_the_network_that_uses_its_logits(name: MethodName) -> None:
    settings = replace(PRESETS["small"], method=name, scale=8.0, backbone="six_layer_cnn", pretrained=False)
    torch.manual_seed(0)
    learner, start = settings.build_learner()
    assert start == "random weights"
    assert isinstance(learner, SiameseLearner)
    assert isinstance(learner.network, Siamese)
    assert learner.network.head.normalised == learner.loss.normalised
    family = torch.arange(6) // 2
    images = torch.randn(3, 3, 32, 32).repeat_interleave(2, dim=0) + 0.1 * torch.randn(6, 3, 32, 32)
    batch = {
        "a": images,
        "b": images.flip(3),
        "family_a": family,
        "family_b": family,
        "similar": torch.ones(6).long(),
        "graded": torch.zeros(6, dtype=torch.bool),
    }
    optimiser = torch.optim.AdamW(learner.parameters(), 1e-3)
    losses = []
    for _ in range(6):
        optimiser.zero_grad()
        loss = learner(batch)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert min(losses[-2:]) < 0.8 * losses[0]


def test_without_the_hardest_the_loss_is_over_similar_and_random_pairs() -> None:
    torch.manual_seed(0)
    network, loss = Siamese("six_layer_cnn", scale=1.0).eval(), HybridMarginSoftmax(1.0)
    images = torch.randn(4, 3, 32, 32)
    family = torch.tensor([0, 1])
    batch = {
        "a": images[:2],
        "b": images[2:],
        "family_a": family,
        "family_b": family,
        "similar": torch.tensor([1, 1]),
        "graded": torch.tensor([False, False]),
    }
    with torch.no_grad():
        value = SiameseLearner(network, loss, hardest=False)(batch)
        a, b, head = network(batch["a"]), network(batch["b"]), network.head
        rows = [(0, 0, 1), (1, 1, 1), (0, 1, 0), (1, 0, 0)]
        each = [
            loss(head.pair(a[[i]], b[[j]]), head.classifier.weight, torch.tensor([similar])) for i, j, similar in rows
        ]
    assert float(value) == pytest.approx(float(torch.stack(each).mean()), rel=1e-5)


def test_an_angle_times_less_than_one_is_refused() -> None:
    with pytest.raises(Refusal, match="--angle-multiple is at least 1, not 0"):
        replace(PRESETS["small"], angle_multiple=0)
