"""API-Net: photos are compared in pairs while it learns; in use it is a plain classifier of one photo.

Paper: Zhuang, Wang, Qiao, Learning Attentive Pairwise Interaction for Fine-Grained Classification, AAAI 2020. Each
photo of a batch is paired with its nearest one of the same class and its nearest one of another class (Euclidean
distance of the features x; section 3.4). A pair has a mutual vector x_m = f_m([x_1, x_2]) (eq. 1), gates
g_i = sigmoid(x_m * x_i) (eq. 2), and four features (eq. 3 to 6): x_i^self = x_i + x_i * g_i and, by the other's gate,
x_i^other = x_i + x_i * g_j. L = L_ce + lambda L_rk with lambda = 1 (eq. 8): L_ce is the cross-entropy of all four
(eq. 7, 9), and L_rk = max(0, p_i^other(c_i) - p_i^self(c_i) + epsilon), epsilon = .05, asks that a photo is recognised
better by its own gate (eq. 10). f_m has two linear layers over 512 numbers, with dropout .5 between. The authors'
code (PeiqinZhuang/API-Net), of which nothing is used, states no licence.

What differs: a batch holds all classes, at least two photos of each, where the paper draws 30 classes x 4 photos; as
all classes are drawn alike, they weigh the same. Losses are means over pairs. The backbone is the preset's, the paper's
ResNet101.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle, islice

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.networks.classifier import PooledClassifier
from training.comparisons.method import ClassifierLearner, Method
from training.fitting.fit import EpochSampler

HIDDEN, DROPOUT = 512, 0.5
EPSILON, LAMBDA = 0.05, 1.0


class ApiNetLearner(ClassifierLearner):
    """Network, mutual vector, and the losses of all pairs of a batch."""

    def __init__(self, network: PooledClassifier, class_weights: Tensor) -> None:
        super().__init__(network, class_weights)
        channels = network.backbone.channels
        self.mutual = nn.Sequential(nn.Linear(2 * channels, HIDDEN), nn.Dropout(DROPOUT), nn.Linear(HIDDEN, channels))

    def loss(self, images: Tensor, label: Tensor) -> Tensor:
        """The loss of all pairs among images (B, 3, H, W) with their classes (B,)."""
        return self.of_pairs(self.network.pool(self.network.backbone(images)), label)

    def of_pairs(self, features: Tensor, label: Tensor) -> Tensor:
        """The loss of features x (B, D) with their classes (B,)."""
        first, second = nearest_pairs(features, label)
        x_1, x_2, c_1, c_2 = features[first], features[second], label[first], label[second]
        x_m = self.mutual(torch.cat([x_1, x_2], dim=1))
        g_1, g_2 = (x_m * x_1).sigmoid(), (x_m * x_2).sigmoid()
        selves = self.network.classifier(torch.cat([x_1 + x_1 * g_1, x_2 + x_2 * g_2])).float()
        others = self.network.classifier(torch.cat([x_1 + x_1 * g_2, x_2 + x_2 * g_1])).float()
        c = torch.cat([c_1, c_2])
        cross_entropy = self.cross_entropy(torch.cat([selves, others]), torch.cat([c, c]))
        p_self, p_other = (logits.softmax(1).gather(1, c[:, None]) for logits in (selves, others))
        return cross_entropy + LAMBDA * functional.relu(p_other - p_self + EPSILON).mean()


@torch.no_grad()
def nearest_pairs(features: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """Both partners of each photo: its nearest other photo of its own class, and its nearest of another class.

    Args:
        features: (B, D).
        label: Classes (B,).

    Returns:
        Indices of the first and of the second photo of each pair, both (P,): pairs of one class, then pairs of two. A
        photo without such a partner makes no such pair.
    """
    x = features.float()
    distance = (x[:, None] - x[None]).square().sum(2)
    same = label[:, None] == label
    oneself = torch.eye(len(label), dtype=torch.bool, device=label.device)
    firsts, seconds = [], []
    for partners in (same & ~oneself, ~same):
        first = partners.any(1).nonzero()[:, 0]
        firsts.append(first)
        seconds.append(distance.masked_fill(~partners, float("inf"))[first].argmin(1))
    return torch.cat(firsts), torch.cat(seconds)


def balanced(labels: Sequence[int], batch: int, seed: int) -> EpochSampler:
    """Epochs of whole batches, each of all classes with equally many photos, at least two; section 3.4.

    A batch that cannot hold two of every class holds two each of classes drawn at random.

    Args:
        labels: Class of each photo.
        batch: Photos a batch.
        seed: Seed of all epochs.
    """
    of_class = {one: [index for index, label in enumerate(labels) if label == one] for one in sorted({*labels})}
    each = max(2, batch // len(of_class))
    batches = max(1, len(labels) // batch)

    def draw(generator: torch.Generator) -> list[int]:
        decks = {one: _endless(indices, generator) for one, indices in of_class.items()}
        drawn = []
        for _ in range(batches):
            slots = [one for one in _shuffled([*of_class], generator) for _ in range(each)]
            drawn += [next(decks[one]) for one in islice(cycle(slots), batch)]
        return drawn

    return EpochSampler(draw, batches * batch, seed)


def _shuffled(values: list[int], generator: torch.Generator) -> list[int]:
    return [values[at] for at in torch.randperm(len(values), generator=generator).tolist()]


def _endless(indices: list[int], generator: torch.Generator) -> Iterator[int]:
    """All of them in random order, and again."""
    while True:
        yield from _shuffled(indices, generator)


API_NET = Method(
    "API-Net",
    "Zhuang et al., Learning Attentive Pairwise Interaction for Fine-Grained Classification, AAAI 2020",
    ApiNetLearner,
    sampler=balanced,
)
