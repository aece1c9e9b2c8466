"""The cells of the HMS paper's tables and figures: each is one network with one loss, trained once for all of them.

The protocol is the paper's (section 3.1 and 3.2), reduced: 300 similar pairs to train on, one a brand, as many
dissimilar ones at random in every epoch, SGD .9, rate .001, batch 16, no augmentation; tested on similar pairs of
brands never seen and on as many random and as many hard dissimilar ones, at a threshold of P = .5. Where the paper is
silent (input size, epochs, start) the settings say what was done; all cells of a study start alike.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from inference.files import write_whole
from inference.models.card import Metric
from inference.networks.backbones import BackboneName
from inference.networks.hms import LinearFeature, Siamese
from inference.preprocessing import Preprocessing
from training.assessment.judged_pairs import JudgedPairs
from training.assessment.mark_trials import frozen_embeddings, judged_trials, read_pictures
from training.data.faces import read_face, read_faces
from training.data.manifest import Manifest
from training.data.marks.mark_set import MarkSet, Pair, read_mark_set
from training.data.photos.photo import Split
from training.data.pictures import Pictures
from training.experiments.budget import require_budget
from training.figures.metrics import auc, auc_metric, class_metrics, share_by_source
from training.fitting.fit import Diverged, EpochSampler, Scores, accelerator_for, finished_once, fit
from training.fitting.run_folder import RunFolder, require_setting
from training.fitting.watch import Fitting
from training.trademark.learner import log_odds_in_epoch
from training.trademark.samples import TrainingPairs
from training.trademark.settings import BY_DISTANCE, PRESETS, TrademarkSettings

logger = logging.getLogger(__name__)

_EPOCHS = 30

Row = dict[str, Any]
"""What a row changes in the settings of a training."""

LOSSES: dict[str, Row] = {
    "SphereFace": {"method": "sphereface", "scale": 90.0},
    "SphereFace, usual": {"method": "sphereface", "scale": 1.0, "annealed": True},
    "CosFace": {"method": "cosface", "scale": 90.0, "additive_margin": 0.006},
    "CosFace, usual": {"method": "cosface", "scale": 64.0, "additive_margin": 0.35},
    "ArcFace": {"method": "arcface", "scale": 90.0, "angular_margin": 0.003},
    "ArcFace, usual": {"method": "arcface", "scale": 64.0, "angular_margin": 0.5},
    "HMS (normalized)": {"method": "hms_normalised", "scale": 90.0},
    "HMS": {"method": "hms", "scale": 90.0},
    "HMS, d2 outside": {"method": "hms", "scale": 90.0, "margin_inside": False},
    "HMS, s = 1": {"method": "hms", "scale": 1.0},
    "softmax": {"method": "softmax", "scale": 1.0},
    "softmax, s = 90": {"method": "softmax", "scale": 90.0},
}
"""The rows: the paper's settings under the paper's names, each rival's usual settings beside them, and what tells
whether a gain comes from margins (softmax, s = 90, has HMS's s and none) or from s."""

Kind = Literal["random", "hard"]


@dataclass(frozen=True)
class HmsProtocol:
    """What is trained and tested for a table or figure of the HMS paper."""

    data: Path
    """A mark set as for `python -m training trademark`."""
    out: Path
    """Folder of the cells, tables and figures; tables with one folder share their cells."""
    losses: tuple[str, ...] = tuple(LOSSES)
    """Which rows."""
    backbones: tuple[BackboneName, ...] = (
        "six_layer_cnn",
        "resnet18",
        "resnet34",
        "resnet50",
        "resnet101",
        "resnet152",
    )
    """Which columns."""
    heads: tuple[LinearFeature, ...] = ("interacting", "concat")
    """Pair heads, a table for each: the symmetric one, and the paper's literal one, which cannot compare."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds; each repeats every run."""
    training_pairs: int = 300
    """Number of similar training pairs, one for each brand."""
    test_pairs: int = 1000
    """Most similar test pairs, three for each brand."""
    epochs: int | None = None
    """Passes over the training pairs; 30 by default."""
    minutes: float | None = None
    """Minutes for all cells together, in place of `epochs`: a few steps of each network are timed, and every cell takes
    as many passes as then fit. What was found is kept in the folder for the next table."""
    size: int = 64
    """Side of the input in pixels, at least 32."""
    pretrained: bool = False
    """Whether to start from ImageNet if such weights are available; the six-layer network has none."""
    optimiser: Literal["sgd", "adamw"] = "sgd"
    """The paper's SGD, or AdamW, with the paper's rate."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Device."""

    rows: ClassVar[dict[str, Row]] = LOSSES

    def __post_init__(self) -> None:
        unknown = sorted({*self.losses} - {*self.rows})
        require_setting(not unknown, f"There is no loss {unknown}; there are {', '.join(self.rows)}.")
        varied = (self.losses, self.backbones, self.heads, self.seeds)
        require_setting(all(varied), "Name at least one of each to vary.")
        require_setting(min(self.training_pairs, self.test_pairs) >= 1, "There is at least one pair to train and test.")
        require_budget(self.minutes, self.epochs)

    @property
    def passes(self) -> int:
        """Passes over the training pairs."""
        return self.epochs or _EPOCHS


@dataclass(frozen=True, kw_only=True)
class HmsFaces(HmsProtocol):
    """A table whose networks, trained on marks, are tested on faces."""

    faces: Path
    """Folder with one subfolder for each person: ORL, or LFW as published (its pairs.txt is used if it is there)."""
    face_pairs: int = 3000
    """Most pairs of one person, and of two."""


@dataclass(frozen=True)
class Cell:
    """One network under one loss, or by one method.

    Attributes:
        row: What it is called in the table.
        loss: What its settings change.
        backbone: Its network.
        head: Its head, where its method does not compare by distance.
        seed: Its seed.
    """

    row: str
    loss: tuple[tuple[str, Any], ...]
    backbone: BackboneName
    head: LinearFeature
    seed: int

    @property
    def name(self) -> str:
        """Its folder."""
        row = self.row.replace(".", "p")
        words = "".join(letter if letter.isalnum() else " " for letter in row).lower().split()
        head = "distance" if self.by_distance else self.head
        return f"{'_'.join(words)}-{self.backbone}-{head}-{self.seed}"

    @property
    def by_distance(self) -> bool:
        """Whether its method compares by distance, whatever its head."""
        return dict(self.loss).get("method") in BY_DISTANCE

    def settings(self, protocol: HmsProtocol) -> TrademarkSettings:
        """What `python -m training trademark` would be given."""
        paper, changed = PRESETS["paper"], dict(self.loss)
        out = protocol.out / "cells" / self.name
        plain = {"epochs": protocol.passes, "optimiser": protocol.optimiser, "device": protocol.device}
        how = {name: changed.pop(name, value) for name, value in plain.items()}
        stated: Row = {
            "data": protocol.data,
            "name": "cell",
            "fit": finished_once(paper.fit, out, self.seed, **how),
            "preprocessing": replace(paper.preprocessing, size=protocol.size),
            "backbone": self.backbone,
            "pair_feature": paper.pair_feature if self.by_distance else self.head,
            "pretrained": protocol.pretrained,
        }
        return replace(paper, **(stated | changed))


def cells(protocol: HmsProtocol) -> Iterator[Cell]:
    """All cells of a table, row by row."""
    for row, head, backbone, seed in product(protocol.losses, protocol.heads, protocol.backbones, protocol.seeds):
        yield Cell(row, tuple(protocol.rows[row].items()), backbone, head, seed)


class Study:
    """The cells of a protocol, each trained when it is first asked for and never again."""

    def __init__(self, protocol: HmsProtocol) -> None:
        self.protocol = protocol

    @cached_property
    def marks(self) -> MarkSet:
        """The marks of the protocol's pairs."""
        return cut(read_mark_set(self.protocol.data), self.protocol.training_pairs, self.protocol.test_pairs)

    @property
    def preprocessing(self) -> Preprocessing:
        """That of every cell."""
        return replace(PRESETS["paper"].preprocessing, size=self.protocol.size)

    @cached_property
    def pictures(self) -> Pictures:
        """Its framed marks."""
        return read_pictures(self.marks.marks, self.preprocessing)

    @cached_property
    def trials(self) -> dict[Split, dict[str, list[Pair]]]:
        """Similar, random and hard pairs, by split."""
        embedding = frozen_embeddings(self.pictures, self.protocol.size, torch.device("cpu"))
        return judged_trials(self.marks, embedding)

    def judged(self, cell: Cell) -> JudgedPairs | None:
        """What a cell makes of the test pairs; None where it diverged.

        Raises:
            Refusal: as training does; also if the cell was trained with other settings or on other pairs.
        """
        file = self.protocol.out / "cells" / cell.name / "marks.json"
        if file.exists():
            self._finished(cell)
        else:
            write_whole(file, json.dumps(self._test(cell)).encode())
        return read_judged(file)

    def judged_faces(self, cell: Cell, faces: Path, most: int) -> JudgedPairs | None:
        """What it makes of faces."""
        if self.judged(cell) is None:
            return None
        pairs = read_faces(faces, most)
        file = self.protocol.out / "cells" / cell.name / f"faces-{pairs.digest}.json"
        if not file.exists():
            pictures = [self.preprocessing.tone_and_scale(read_face(path)) for path in pairs.paths]
            network = self.network(cell)
            device = next(network.parameters()).device
            named = {"similar": list(pairs.same), "random": list(pairs.different)}
            found = log_odds_in_epoch(network, pictures, named, self.preprocessing, device)
            people = {kind: [pairs.people[a] for a, _ in listed] for kind, listed in named.items()}
            write_whole(file, json.dumps(stated_pairs(JudgedPairs(people, found))).encode())
        return read_judged(file)

    def network(self, cell: Cell) -> Siamese:
        """A finished cell's network, on the CPU."""
        learner, _ = replace(cell.settings(self.protocol), pretrained=False).build_learner()
        learner.load_state_dict(self._finished(cell).load_best())
        return learner.network.eval()

    def _finished(self, cell: Cell) -> RunFolder:
        settings = cell.settings(self.protocol)
        return RunFolder(settings.fit.out, settings, self._manifest(settings), resume=True, owner=False)

    def _test(self, cell: Cell) -> dict[str, Any]:
        logger.info("%s, %s, %s head, seed %d", cell.row, cell.backbone, cell.head, cell.seed)
        try:
            network = self.train(cell.settings(self.protocol))
        except Diverged as diverged:
            logger.warning("%s: %s", cell.name, diverged)
            return {"diverged": str(diverged)}
        device = next(network.parameters()).device
        found = log_odds_in_epoch(network, self.pictures, self.trials["test"], self.preprocessing, device)
        return stated_pairs(judged_in_epoch(self.marks, self.trials["test"], found))

    def _manifest(self, settings: TrademarkSettings) -> Manifest:
        return self.marks.manifest.with_start(settings.start_from)

    def train(self, settings: TrademarkSettings, fitted_by: Fitting | None = None) -> Siamese:
        """Train a network on the marks, and keep its run in its folder.

        Args:
            settings: Of the run.
            fitted_by: What fits the network in place of `fit`: a watch over it.

        Raises:
            Refusal: as training does.
        """
        accelerator = accelerator_for(settings.fit)
        run = RunFolder(settings.fit.out, settings, self._manifest(settings), resume=settings.fit.resume)
        torch.manual_seed(settings.fit.seed)
        learner, _ = settings.build_learner()
        training = TrainingPairs(self.marks, self.pictures, [[] for _ in self.pictures], settings)

        shown = {kind: self.trials["val"][kind] for kind in ("similar", "random")}  # the paper has no hard ones

        def validate(_: torch.nn.Module) -> Scores:
            device = next(learner.parameters()).device
            scores = learner.validated(self.pictures, shown, self.preprocessing, device)
            return {"score": auc(scores["similar"], scores["random"])}

        sampler = EpochSampler(training.draw, len(training), settings.fit.seed)
        (fitted_by or fit)(learner, training, sampler, validate, settings.fit, run, accelerator)
        return learner.network.eval()


def judged_in_epoch(
    marks: MarkSet, pairs: dict[str, list[Pair]], log_odds: dict[str, NDArray[np.float64]]
) -> JudgedPairs:
    """Pairs of a set by the log odds of a network that is in no model: the paper's tables have no scope."""
    return JudgedPairs({kind: [marks.marks[a].family for a, _ in listed] for kind, listed in pairs.items()}, log_odds)


def stated_pairs(judged: JudgedPairs) -> dict[str, Any]:
    """Judged pairs as JSON holds them."""
    return {"families": judged.families, "log_odds": {kind: v.tolist() for kind, v in judged.log_odds.items()}}


def read_judged(file: Path) -> JudgedPairs | None:
    """What `stated_pairs` stated; None where the network diverged."""
    content = json.loads(file.read_bytes())
    if "diverged" in content:
        return None
    return JudgedPairs(content["families"], {kind: np.array(v, np.float64) for kind, v in content["log_odds"].items()})


def cut(marks: MarkSet, training_pairs: int, test_pairs: int) -> MarkSet:
    """The set with at most so many similar training pairs, a third as many validation pairs, and so many test pairs.

    A brand gives one pair in training and validation, and three in test.
    """
    rng = np.random.default_rng(0)
    kept: list[Pair] = []
    rules: tuple[tuple[Split, int, int], ...] = (
        ("train", training_pairs, 1),
        ("val", max(training_pairs // 3, 1), 1),
        ("test", test_pairs, 3),
    )
    for split, most, each in rules:
        listed = marks.pairs(split, similar=True)
        taken: dict[str, int] = {}
        count = 0
        for index in rng.permutation(len(listed)).tolist():
            family = marks.marks[listed[index][0]].family
            if count < most and taken.get(family, 0) < each:
                taken[family] = taken.get(family, 0) + 1
                count += 1
                kept.append(listed[index])
    used = sorted({index for pair in kept for index in pair})
    return replace(marks, similar=tuple(kept), dissimilar=()).subset(used)


def accuracy(judged: JudgedPairs, kind: Kind) -> Metric:
    """Share of similar and of as many dissimilar pairs on their side of P = .5, with an interval by brand."""
    similar, dissimilar = judged.log_odds["similar"], judged.log_odds[kind]
    families = judged.families["similar"] + judged.families[kind]
    return share_by_source([*(similar > 0), *(dissimilar <= 0)], families, f"similar and {kind} dissimilar pairs")


def f1(judged: JudgedPairs, kind: Kind) -> Metric:
    """F1 of the similar pairs at P = .5, with an interval by brand."""
    similar, dissimilar = judged.log_odds["similar"], judged.log_odds[kind]
    predicted = (np.concatenate([similar, dissimilar]) > 0).astype(np.intp)
    labels = np.repeat([1, 0], [len(similar), len(dissimilar)]).astype(np.intp)
    families = judged.families["similar"] + judged.families[kind]
    return class_metrics(predicted, labels, families, ("dissimilar", "similar"))["similar"]["F1"]


def ranking(judged: JudgedPairs, kind: Kind) -> Metric:
    """AUC, which no threshold enters: what a loss could do where only its threshold is off."""
    return auc_metric(
        judged.log_odds["similar"], judged.log_odds[kind], judged.families["similar"], judged.families[kind], kind
    )
