"""Training the Siamese network with the HMS loss, or with a rival. Source: HMS paper, sections 2.1 and 3.2."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from itertools import repeat
from pathlib import Path
from typing import Literal, TypeVar

import cv2
import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset
from tqdm import tqdm

from inference.local_features import LocalFeatures, local_agreement, local_features
from inference.mark_framing import FRAMING
from inference.networks.backbones import Backbone, BackboneName
from inference.networks.hms import PairFeature, PairHead, Siamese
from inference.preprocessing import HALF, Preprocessing
from inference.trademarks import TrademarkExaminer, log_odds_similar
from inference.weights import Card, Confusion, Histogram
from training.calibration import Trial, Weighing, trial, weigh
from training.comparisons.arcface import ArcFace
from training.comparisons.cosface import CosFace
from training.comparisons.sphereface import SphereFace
from training.data.degradations import blurred, jpeg, noisy, resized, striped
from training.data.pairs import Mark, MarkSet, Pair, read_mark_set
from training.data.photos import Split
from training.evaluate import (
    auc,
    auc_metric,
    draw_confusion,
    histogram,
    inconclusive_band,
    look,
    share_by_source,
)
from training.fit import EpochSampler, FitSettings, Scores, accelerator_for, derive_seed, fit
from training.losses import HybridMarginSoftmax, MarginSoftmax
from training.mark_trials import Pixels, framed, frozen_embeddings, nearest_strangers, trial_pairs
from training.pretrained import start_from_imagenet, start_from_model
from training.runs import RunFolder, require_argument, require_name, require_setting, set_name, stated_settings
from training.scope import Picture, gate_metrics, gate_or_none

logger = logging.getLogger(__name__)

T = TypeVar("T")
LossName = Literal["hms", "hms_normalised", "sphereface", "cosface", "arcface", "softmax"]

AGREEMENT_WEIGHTS = (0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0)
"""Nats that full agreement of local features may add to the log odds; which, validation says."""
_NEARLY = 5e-4
_EVALUATION_BATCH = 64
_HEATMAP_PAIRS = 256


@dataclass(frozen=True)
class TrademarkSettings:
    """Train a Siamese network on similar marks with the HMS loss, or one that its paper compares it with."""

    data: Path
    """Folder with one subfolder a mark family (optionally below train, val, test), or a CSV of a, b, label."""
    fit: tyro.conf.OmitArgPrefixes[FitSettings]
    preprocessing: tyro.conf.OmitArgPrefixes[Preprocessing]
    name: str = "trademark"
    """Name of the model's two files, lower case with underscores."""
    title: str = "HMS"
    """What an examiner reads in the list of models."""
    licence: str = "not stated"
    """Licence the weights are given under."""
    remarks: tuple[str, ...] = ()
    """Sentences put first among the card's limits."""
    backbone: BackboneName = "resnet18"
    """Feature extractor."""
    pair_feature: PairFeature = "interacting"
    """How the two embeddings meet: the symmetric head, or the paper's literal concatenation."""
    pretrained: bool = True
    """Start the backbone from ImageNet, where such weights can be had."""
    start_from: Path | None = None
    """Card of a finished trademark model whose backbone is trained further, such as weights/hms_icon_marks.json."""
    loss: LossName = "hms"
    """What is minimised; each loss reads the margins that it has."""
    scale: float = 90.0
    """s, in all of them."""
    angular_margin: float = 0.003
    """d1 of HMS and m of ArcFace, added to the angle of the target class, in radians."""
    additive_margin: float = 0.006
    """d2 of HMS and m of CosFace, taken from the cosine of the target class."""
    margin_inside: bool = True
    """Whether d2 of HMS stands inside the norms, the reading that fits the printed boundary."""
    angle_multiple: int = 4
    """m of SphereFace."""
    annealed: bool = False
    """Whether SphereFace starts near plain softmax, as its authors have it."""
    hardest: bool = True
    """Also learn from the most similar stranger of each mark in a batch; without it, as the paper, from random ones."""
    kinds: tuple[str, ...] = ()
    """Of which kinds the similar training pairs are, where the set states kinds; all of them when left out."""
    augment: bool = True
    """Vary colour, position, angle, size and condition of training marks."""
    vary_colour: bool = True
    """Whether colour is varied then."""
    spoiled_share: float = 0.3
    """How many of them are spoiled then, as copying, compression and screens spoil a mark; 0 to 1."""

    def __post_init__(self) -> None:
        require_name(self.name)
        require_setting(self.scale > 0, f"--scale is above 0, not {self.scale}.")
        require_argument("scale", self.scale)
        require_setting(0 <= self.spoiled_share <= 1, f"--spoiled-share is a share, not {self.spoiled_share}.")
        require_setting(self.angle_multiple >= 1, f"--angle-multiple is at least 1, not {self.angle_multiple}.")

    def build_loss(self) -> MarginSoftmax:
        """The loss of that name with its margins."""
        match self.loss:
            case "hms":
                return HybridMarginSoftmax(self.scale, self.angular_margin, self.additive_margin, self.margin_inside)
            case "hms_normalised":
                return HybridMarginSoftmax(self.scale, self.angular_margin, self.additive_margin, normalised="both")
            case "sphereface":
                return SphereFace(self.scale, self.angle_multiple, self.annealed)
            case "cosface":
                return CosFace(self.scale, self.additive_margin)
            case "arcface":
                return ArcFace(self.scale, self.angular_margin)
            case "softmax":
                return HybridMarginSoftmax(self.scale, 0.0, 0.0)

    def build_learner(self) -> tuple[SiameseLearner, str]:
        """The network under its loss, and what its backbone starts from, in a sentence."""
        loss = self.build_loss()
        network = Siamese(self.backbone, self.pair_feature, self.scale, loss.normalised)
        return SiameseLearner(network, loss, self.hardest), self._start(network.backbone)

    def _start(self, backbone: Backbone) -> str:
        if self.start_from:
            return start_from_model(backbone, self.backbone, self.start_from, "trademark")
        return start_from_imagenet(backbone, self.backbone) if self.pretrained else "random weights"


PRESETS = {
    "paper": TrademarkSettings(
        data=tyro.MISSING,
        fit=FitSettings(out=tyro.MISSING, epochs=100, batch=16, learning_rate=0.001, weight_decay=0.0),
        preprocessing=Preprocessing(size=224, padding="white", mean=HALF, std=HALF),
        augment=False,
        hardest=False,
    ),
    "small": TrademarkSettings(
        data=tyro.MISSING,
        fit=FitSettings(
            out=tyro.MISSING,
            epochs=16,
            batch=48,
            optimiser="adamw",
            learning_rate=1e-3,
            weight_decay=0.01,
            schedule="one_cycle",
            bf16=False,  # depthwise networks gain nothing from it
        ),
        preprocessing=Preprocessing(size=128, padding="white", mean=HALF, std=HALF),
        backbone="efficientnet_lite0",
        scale=1.0,
    ),
}
"""`paper`: section 3.2. `small`: for machines without a GPU, with a scale that trains."""


def train(settings: TrademarkSettings) -> Card | None:
    """Read the marks, fit, evaluate, and write weights and card into the run folder.

    Returns:
        The card; None in the processes of a distributed run that do not write it.

    Raises:
        Refusal: if the marks, the run folder or the device cannot be used; before any training.
    """
    marks = read_mark_set(settings.data, seed=settings.fit.seed)
    pictures = read_pictures(marks.marks, settings.preprocessing)
    accelerator = accelerator_for(settings.fit)
    manifest = marks.manifest.with_start(settings.start_from)
    run = RunFolder(settings.fit.out, settings, manifest, resume=settings.fit.resume, owner=accelerator.is_main_process)
    torch.manual_seed(settings.fit.seed)
    learner, start = settings.build_learner()
    network = learner.network
    logger.info("%d marks, %d similar pairs; the backbone starts from %s", len(marks.marks), len(marks.similar), start)

    embedding = frozen_embeddings(pictures, settings.preprocessing.size, accelerator.device)
    training = TrainingPairs(marks, pictures, nearest_strangers(marks, embedding), settings)
    trials = {split: trial_pairs(marks, embedding, split) for split in ("val", "test")}

    def score(split: Split) -> dict[str, NDArray[np.float64]]:
        return pair_log_odds(network, pictures, trials[split], settings.preprocessing, accelerator.device)

    def validate(_: nn.Module) -> Scores:
        return mean_auc(score("val"))

    sampler = EpochSampler(training.draw, len(training), settings.fit.seed)
    fit(learner, training, sampler, validate, settings.fit, run, accelerator)
    if not accelerator.is_main_process:
        return None
    network.eval().to(accelerator.device)
    # Similar and hard pairs alike: what an examiner looks at.
    sample = [pair for both in zip(trials["val"]["similar"], trials["val"]["hard"], strict=False) for pair in both]
    batches = _pair_batches(pictures, sample[:_HEATMAP_PAIRS], settings.preprocessing, accelerator.device)
    targets = repeat(lambda logits: log_odds_similar(logits).abs())
    _, full_scale = look(network.features, network.head, zip(batches, targets, strict=False))

    def judged(split: Split) -> JudgedPairs:
        return JudgedPairs.of(marks, trials[split], score(split), agreements(marks, trials[split]))

    return _finish(network, marks, judged("val"), judged("test"), full_scale, settings, start, run)


class TrainingPairs(Dataset[dict[str, Tensor]]):
    """Pairs as they are drawn in training; (epoch, index) decides all that is random in one.

    An index below the number of families stands for two of the family's drawings, or, where it has
    but one, for two variations of it; the indices above stand for the labelled dissimilar pairs.
    """

    def __init__(
        self,
        marks: MarkSet,
        pictures: Sequence[Pixels],
        nearest: Sequence[Sequence[int]],
        settings: TrademarkSettings,
    ) -> None:
        self._pictures = pictures
        self._settings = settings
        self._kind = marks.kind
        self._similar: dict[str, list[Pair]] = defaultdict(list)
        for pair in marks.pairs("train", similar=True):
            if not settings.kinds or marks.kind(pair) in settings.kinds:
                self._similar[marks.marks[pair[0]].family].append(pair)
        members: dict[str, list[int]] = defaultdict(list)
        for index in marks.of("train"):
            members[marks.marks[index].family].append(index)
        # A drawing on its own is a pair only if its two copies are varied apart.
        self._families = [name for name in members if settings.augment or name in self._similar]
        self._members = members
        self._number = {name: number for number, name in enumerate(self._families)}
        self._family_of = [self._number.get(mark.family, -1) for mark in marks.marks]
        self._dissimilar = marks.pairs("train", similar=False)
        self._alike = min(2 * len(self._similar), len(self._families))
        self._neighbours = {
            name: sorted({self._family_of[near] for index in members[name] for near in nearest[index]} - {-1})
            for name in self._families
        }

    def __len__(self) -> int:
        return self._alike + min(len(self._dissimilar), self._alike)

    def draw(self, generator: torch.Generator) -> list[int]:
        """An epoch: every family of several drawings once, each followed by one that looks like it.

        Lookalikes thus meet in a batch, where they are each other's hard negatives. Single drawings
        fill the epoch up to its length.
        """
        drawn: dict[int, None] = {}
        several = [self._number[name] for name in self._similar]
        for position in torch.randperm(len(several), generator=generator).tolist():
            family = several[position]
            if family in drawn:
                continue
            drawn[family] = None
            near = [other for other in self._neighbours[self._families[family]] if other not in drawn]
            if near:
                drawn[near[int(torch.randint(len(near), (1,), generator=generator))]] = None
        drawn |= dict.fromkeys(torch.randperm(len(self._families), generator=generator).tolist())
        labelled = torch.randperm(len(self._dissimilar), generator=generator)[: self._alike] + len(self._families)
        return [*drawn][: self._alike] + labelled.tolist()

    def __getitem__(self, drawn: tuple[int, int]) -> dict[str, Tensor]:
        """One sample: pictures `a` and `b` (3, S, S), their `family_a` and `family_b`, and `similar`."""
        epoch, index = drawn
        rng = np.random.default_rng(derive_seed(self._settings.fit.seed, epoch, index))
        similar = index < len(self._families)
        if similar:
            name = self._families[index]
            pairs = self._similar.get(name)
            only = self._members[name][0]
            a, b = self._of_a_kind(pairs, rng) if pairs else (only, only)
        else:
            a, b = self._dissimilar[index - len(self._families)]
        a, b = (b, a) if rng.random() < 0.5 else (a, b)
        return {
            "a": self._tensor(a, rng),
            "b": self._tensor(b, rng),
            "family_a": torch.tensor(self._family_of[a]),
            "family_b": torch.tensor(self._family_of[b]),
            "similar": torch.tensor(int(similar)),
        }

    def _of_a_kind(self, pairs: Sequence[Pair], rng: np.random.Generator) -> Pair:
        """One of a family's pairs, each kind as likely: many pairs are redrawn where one is mirrored."""
        kinds = sorted({self._kind(pair) for pair in pairs})
        kind = kinds[rng.integers(len(kinds))]
        alike = [pair for pair in pairs if self._kind(pair) == kind]
        return alike[rng.integers(len(alike))]

    def _tensor(self, index: int, rng: np.random.Generator) -> Tensor:
        preprocessing = self._settings.preprocessing
        mark, _ = preprocessing.frame(self._pictures[index])
        if self._settings.augment:
            mark = vary(mark, rng, self._settings.vary_colour)
            mark = spoil(mark, rng) if rng.random() < self._settings.spoiled_share else mark
        return preprocessing.tensor(mark)


def vary(framed: Pixels, rng: np.random.Generator, colour: bool = True) -> Pixels:
    """Another position, angle and size of a mark, uint8 (S, S, 3), and another colour; never mirrored."""
    varied: Pixels = _recoloured(framed, rng) if colour else framed
    if rng.random() < 0.8:
        varied = _moved(np.ascontiguousarray(varied), rng)
    return varied


def spoil(framed: Pixels, rng: np.random.Generator) -> Pixels:
    """A mark, uint8 (S, S, 3), compressed, out of few pixels, out of focus, noisy, or taken from a screen."""
    match rng.choice(["jpeg", "resized", "blurred", "noisy", "striped"]):
        case "jpeg":
            return jpeg(framed, rng.uniform(10, 90))
        case "resized":
            return resized(framed, rng.uniform(0.2, 0.8))
        case "blurred":
            return blurred(framed, rng.uniform(3, 10))
        case "noisy":
            return noisy(framed, rng.uniform(2, 30), rng)
        case _:
            return striped(framed, rng.uniform(2, 30), rng.uniform(2, 12), rng.uniform(0, np.pi))


def _recoloured(framed: Pixels, rng: np.random.Generator) -> Pixels:
    varied: Pixels = framed
    if rng.random() < 0.3:
        varied = varied[..., rng.permutation(3)]
    if rng.random() < 0.15:
        varied = varied.mean(axis=2, keepdims=True).astype(np.uint8).repeat(3, axis=2)
    return varied


def _moved(framed: Pixels, rng: np.random.Generator) -> Pixels:
    side = framed.shape[0]
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), rng.uniform(-12, 12), rng.uniform(0.75, 1.1))
    turn[:, 2] += rng.uniform(-0.06, 0.06, 2) * side
    turn[0, 1] += rng.uniform(-0.08, 0.08)
    corner = [int(value) for value in framed[0, 0]]
    return cv2.warpAffine(framed, turn, (side, side), flags=cv2.INTER_LINEAR, borderValue=corner).astype(np.uint8)


class SiameseLearner(nn.Module):
    """Network, mined negatives and loss: a batch in, its loss out.

    Args:
        network: What is trained.
        loss: What it minimises.
        hardest: Whether each mark also meets its most similar stranger, not only a random one.
    """

    def __init__(self, network: Siamese, loss: MarginSoftmax, hardest: bool = True) -> None:
        super().__init__()
        self.network = network
        self.loss = loss
        self.hardest = hardest

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """The loss over labelled pairs, and over a random and (by setting) a hardest dissimilar pair for each mark."""
        head = self.network.head
        images = torch.cat([batch["a"], batch["b"]]).to(memory_format=torch.channels_last)
        first, second = self.network(images).float().chunk(2)
        hardest, random = mine_dissimilar(first, second, batch["family_a"], batch["family_b"], head)
        mined = torch.cat([hardest, random]) if self.hardest else random
        features = torch.cat([head.pair(first, second), head.pair(*pick(first, second, mined))])
        label = torch.cat([batch["similar"], batch["similar"].new_zeros(len(mined))])
        return self.loss(features, head.classifier.weight, label)


def mine_dissimilar(
    first: Tensor, second: Tensor, family_first: Tensor, family_second: Tensor, head: PairHead
) -> tuple[Tensor, Tensor]:
    """Dissimilar pairs across a batch: for each first mark the most similar second one, and a random one.

    Args:
        first: Embeddings of the first marks (B, C).
        second: Embeddings of the second marks (B, C).
        family_first: Their families (B,).
        family_second: Their families (B,).
        head: The pair head, which says what looks similar now.

    Returns:
        Two tensors of index pairs (M, 2), into first and second; M < B where a mark has no stranger.
    """
    strangers = family_first[:, None] != family_second[None, :]
    rows = strangers.any(dim=1).nonzero()[:, 0]
    with torch.no_grad():
        features = head.pair(first[:, None].expand(-1, len(second), -1).flatten(0, 1), second.repeat(len(first), 1))
        similarity = log_odds_similar(head.logits(features)).view(len(first), len(second))
    hardest = similarity.masked_fill(~strangers, -torch.inf)[rows].argmax(dim=1)
    random = torch.multinomial(strangers[rows].float(), 1)[:, 0] if len(rows) else hardest
    return torch.stack([rows, hardest], dim=1), torch.stack([rows, random], dim=1)


def pick(first: Tensor, second: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor]:
    """Embeddings of index pairs (M, 2): twice (M, C)."""
    return first[pairs[:, 0]], second[pairs[:, 1]]


def agreements(marks: MarkSet, pairs: Mapping[str, Sequence[Pair]]) -> dict[str, NDArray[np.float64]]:
    """Share of their points that lie on each other, of the pairs of each kind (n,); see `local_agreement`."""
    used = sorted({index for listed in pairs.values() for pair in listed for index in pair})
    bar = tqdm(used, "finding points", unit="mark", leave=False)
    drawn = {index: local_features(framed(marks.marks[index].path)) for index in bar}
    return {kind: shares(drawn, listed) for kind, listed in pairs.items()}


def shares(drawn: Mapping[int, LocalFeatures], pairs: Sequence[Pair]) -> NDArray[np.float64]:
    """Share of their points that lie on each other (n,), of pairs of indices into local features."""
    return np.array([local_agreement(drawn[a], drawn[b]).share for a, b in pairs])


def mean_auc(log_odds: Mapping[str, NDArray[np.float64]]) -> Scores:
    """How well similar pairs are told from each kind of dissimilar ones, and as the score the mean over the kinds."""
    figures = {f"auc_{kind}": auc(log_odds["similar"], log_odds[kind]) for kind in log_odds if kind != "similar"}
    return {"score": sum(figures.values()) / len(figures), **figures}


def pair_log_odds(
    network: Siamese,
    pictures: Sequence[Pixels],
    pairs: Mapping[str, Sequence[Pair]],
    preprocessing: Preprocessing,
    device: torch.device,
) -> dict[str, NDArray[np.float64]]:
    """Log odds of the pairs of each kind (n,), as `similar_log_odds` gives them."""
    return {kind: similar_log_odds(network, pictures, listed, preprocessing, device) for kind, listed in pairs.items()}


def similar_log_odds(
    network: Siamese,
    pictures: Sequence[Pixels],
    pairs: Sequence[Pair],
    preprocessing: Preprocessing,
    device: torch.device,
) -> NDArray[np.float64]:
    """Log P(similar) - log P(dissimilar) of pairs in nats (n,); each picture is embedded once."""
    used = sorted({index for pair in pairs for index in pair})
    place = {index: position for position, index in enumerate(used)}
    embedding = embeddings(network, pictures, used, preprocessing, device)
    with torch.no_grad():
        features = network.head.pair(embedding[[place[a] for a, _ in pairs]], embedding[[place[b] for _, b in pairs]])
        return log_odds_similar(network.head.logits(features).double()).cpu().numpy()


def embeddings(
    network: Siamese,
    pictures: Sequence[Pixels],
    indices: Sequence[int],
    preprocessing: Preprocessing,
    device: torch.device,
) -> Tensor:
    """Embeddings (n, C) of the pictures with these indices, on the device, without a graph."""
    with torch.no_grad():
        return torch.cat(
            [
                network(_stack(pictures, chunk, preprocessing, device)).float()
                for chunk in _chunks(indices, _EVALUATION_BATCH)
            ]
        )


@dataclass(frozen=True)
class JudgedPairs:
    """Trial pairs of one split and what a network makes of them, by kind: `similar`, and those of `dissimilar`.

    Attributes:
        families: The family of each pair's first mark (n,), its source.
        log_odds: Log P(similar) - log P(dissimilar) in nats (n,), NaN where a scope check refuses the pair.
        agreement: Share of their points that lie on each other (n,), 0 to 1; empty where nothing is made of it.
    """

    families: dict[str, list[str]]
    log_odds: dict[str, NDArray[np.float64]]
    agreement: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        marks: MarkSet,
        pairs: dict[str, list[Pair]],
        log_odds: dict[str, NDArray[np.float64]],
        agreement: dict[str, NDArray[np.float64]] | None = None,
    ) -> JudgedPairs:
        """Pairs of a set, of the same kinds as their log odds and their agreement."""
        families = {kind: [marks.marks[a].family for a, _ in listed] for kind, listed in pairs.items()}
        return cls(families, log_odds, agreement or {})

    def raised(self, weight: float) -> JudgedPairs:
        """The same pairs by their scores: log odds raised by so many nats for full agreement."""
        scores = {kind: log_odds + weight * self.agreement[kind] for kind, log_odds in self.log_odds.items()}
        return replace(self, log_odds=scores, agreement={})

    def agreement_weight(self) -> float:
        """The least weight in `AGREEMENT_WEIGHTS` whose scores tell similar pairs from all kinds of others nearly best.

        Points are lost sooner than looks when a mark is spoiled: what hardly helps is not worth depending on them.
        """
        kept = {kind: np.isfinite(log_odds) for kind, log_odds in self.log_odds.items()}

        def told(weight: float) -> float:
            scores = self.raised(weight).log_odds
            return mean_auc({kind: scores[kind][chosen] for kind, chosen in kept.items()})["score"]

        aucs = {weight: told(weight) for weight in AGREEMENT_WEIGHTS}
        return next(weight for weight, found in aucs.items() if found >= max(aucs.values()) - _NEARLY)

    @property
    def dissimilar(self) -> tuple[str, ...]:
        """The kinds of dissimilar pairs: `random`, `hard`, and `labelled` where somebody labelled some."""
        return tuple(kind for kind in self.families if kind != "similar")

    @property
    def probabilities(self) -> dict[str, NDArray[np.float64]]:
        """P(similar) (n,), by kind."""
        return {kind: torch.sigmoid(torch.from_numpy(values)).numpy() for kind, values in self.log_odds.items()}

    def trial(self, *dissimilar: str) -> Trial:
        """The similar pairs against those kinds of dissimilar ones."""
        kinds = ("similar", *dissimilar)
        log_odds = np.concatenate([self.log_odds[kind] for kind in kinds])
        similar = np.repeat([kind == "similar" for kind in kinds], [len(self.log_odds[kind]) for kind in kinds])
        families = np.array([family for kind in kinds for family in self.families[kind]])
        kept = np.isfinite(log_odds)
        return trial(log_odds[kept], similar[kept], families[kept])


def _finish(
    network: Siamese,
    marks: MarkSet,
    validation: JudgedPairs,
    judged: JudgedPairs,
    full_scale: float,
    settings: TrademarkSettings,
    start: str,
    run: RunFolder,
) -> Card:
    """Band from validation, figures from test, and the model's two files."""
    sides, families, test = TrademarkExaminer.sides, judged.families, judged.probabilities
    p = validation.probabilities
    band = inconclusive_band(p["similar"], np.concatenate([p[kind] for kind in validation.dissimilar]), sides)
    counts = f"{len(test['similar'])} similar pairs of {len(set(families['similar']))} test families"
    metrics = {}
    for kind in judged.dissimilar:
        over = f"{counts} against {len(test[kind])} {kind} dissimilar pairs"
        metrics[f"AUC, {kind} pairs"] = auc_metric(
            test["similar"], test[kind], families["similar"], families[kind], over
        )
        metrics[f"accuracy, {kind} pairs"] = share_by_source(
            [*(test["similar"] > 0.5), *(test[kind] <= 0.5)],
            families["similar"] + families[kind],
            f"{over}, at P(similar) = 0.5",
        )
    metrics["inconclusive share"] = share_by_source(
        [band.side(value) is None for value in np.concatenate(list(test.values()))],
        [family for kind in test for family in families[kind]],
        f"{', '.join(test)} test pairs inside the band",
    )
    weight = validation.agreement_weight()
    weighing = weigh_pairs(validation.raised(weight), judged.raised(weight), set_name(settings.data))
    metrics = weighing.figures(metrics)
    gate = gate_or_none(_pictures(marks, "train"), "trademark")
    if gate is not None:
        metrics |= gate_metrics(gate, _pictures(marks, "test"), {})
    dissimilar = np.concatenate([test[kind] for kind in judged.dissimilar])
    confusion = Confusion(
        f"{counts}, and {len(dissimilar)} dissimilar ones ({', '.join(judged.dissimilar)}); at P(similar) = 0.5",
        sides,
        (_counts(test["similar"]), _counts(dissimilar)),
    )
    run.write("confusion_matrix.png", draw_confusion(confusion))
    run.write_json("metrics.json", {name: asdict(metric) for name, metric in metrics.items()})
    card = Card(
        name=settings.name,
        title=settings.title,
        task="trademark",
        network="siamese",
        arguments={
            "backbone": settings.backbone,
            "pair_feature": settings.pair_feature,
            "scale": settings.scale,
            "normalised": network.head.normalised,
        },
        classes=Siamese.classes,
        preprocessing=settings.preprocessing,
        band=band,
        heatmap_full_scale=full_scale,
        split_rule=marks.split_rule,
        data=f"{len(marks.marks)} marks of {len(set(marks.families))} families in {set_name(settings.data)}",
        data_sha256=marks.manifest_sha256,
        seed=settings.fit.seed,
        settings=stated_settings(settings) | {"backbone_start": start},
        metrics=metrics,
        agreement_weight=weight,
        mark_framing=FRAMING,
        calibration=weighing.calibration,
        confusion=confusion,
        histogram=Histogram(counts, "P(similar)", {kind: histogram(scores) for kind, scores in test.items()}),
        licence=settings.licence,
        source="trained with python -m training trademark",
        intended_use="The visual similarity of two signs, shown flat and alone.",
        limits=weighing.limits(
            (
                *settings.remarks,
                "It was not trained on lettering: marks that are mostly words are out of scope.",
                "It judges how signs look; likelihood of confusion also asks for goods, public, sound and meaning.",
            )
        ),
        made=date.today().isoformat(),
        weights_sha256="",
    )
    return run.write_model(card, network.state_dict(), gate=gate)


def _pictures(marks: MarkSet, split: Split) -> list[Picture]:
    """The marks of a split, each with its family."""
    return [Picture(marks.marks[index].path, marks.marks[index].family, task="trademark") for index in marks.of(split)]


def weigh_pairs(validation: JudgedPairs, test: JudgedPairs, data: str) -> Weighing:
    """How a model weighs pairs of a set, calibrated on its validation pairs; `data` is what the set is called."""
    counts = {kind: int(np.isfinite(log_odds).sum()) for kind, log_odds in validation.log_odds.items()}
    against = ", ".join(f"{counts[kind]} {kind}" for kind in validation.dissimilar)
    return weigh(
        validation.trial(*validation.dissimilar),
        test.trial(*test.dissimilar),
        {f"{kind} pairs": test.trial(kind) for kind in test.dissimilar},
        sides=TrademarkExaminer.sides,
        propositions=TrademarkExaminer.propositions,
        population=f"{counts['similar']} similar validation pairs of marks in {data}, and dissimilar ones: {against}",
    )


def _counts(probabilities: NDArray[np.float64]) -> tuple[int, int]:
    similar = int((probabilities > 0.5).sum())
    return similar, len(probabilities) - similar


def read_pictures(marks: Sequence[Mark], preprocessing: Preprocessing) -> list[Pixels]:
    """The framed marks' pixels (h, w, 3) at the scale the network sees, before they are padded to a square."""
    bar = tqdm(marks, "reading marks", unit="mark", leave=False)
    return [preprocessing.tone_and_scale(framed(mark.path)) for mark in bar]


def _stack(
    pictures: Sequence[Pixels], indices: Sequence[int], preprocessing: Preprocessing, device: torch.device
) -> Tensor:
    return torch.stack([preprocessing.tensor(preprocessing.frame(pictures[index])[0]) for index in indices]).to(device)


def _pair_batches(
    pictures: Sequence[Pixels], pairs: Sequence[Pair], preprocessing: Preprocessing, device: torch.device
) -> Iterator[Tensor]:
    """Batches of all first marks, then all second marks, as the pair head takes them."""
    for chunk in _chunks(pairs, _EVALUATION_BATCH // 2):
        yield _stack(pictures, [a for a, _ in chunk] + [b for _, b in chunk], preprocessing, device)


def _chunks(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (values[start : start + size] for start in range(0, len(values), size))
