"""Training KAG-MTLN on genuine and counterfeit photos. Source: KAG-MTLN paper, sections 3 and 4.1."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset
from torchmetrics.functional.classification import (
    binary_auroc,
    multiclass_accuracy,
)

from inference.authenticity import log_odds_each
from inference.heatmap import CamMethod
from inference.networks.backbones import BackboneName, build_backbone
from inference.networks.kag_mtln import KagMtln
from inference.preprocessing import HALF, Preprocessing, resize
from inference.reference_stack import Channel, ReferenceStack
from inference.registration import Reference
from inference.weights import Card
from training.data.disturbance import disturb, on_grid
from training.data.key_area_warps import WarpSettings, warp_key_areas
from training.data.photos import Photo, PhotoSet, Split, read_photo_set
from training.deviation import FusedScore
from training.evaluate import (
    draw_confusion,
    look,
)
from training.fit import EpochSampler, FitSettings, Scores, accelerator_for, derive_seed, fit
from training.judgement import Scored, judge_photos
from training.looks import REFERENCE_CACHE, Look, PhotoLook, ReferenceLook, Seen, build_references
from training.losses import UNLABELLED, FusionLoss
from training.pretrained import start_from_imagenet, start_from_model
from training.runs import (
    RunFolder,
    recorded_manifest,
    require_argument,
    require_name,
    require_setting,
    set_name,
    stated_settings,
)
from training.scope import Picture, gate_metrics, gate_or_none

logger = logging.getLogger(__name__)

_EVALUATION_BATCH = 32
_TEMPERATURES = tuple(1.1**step for step in range(-24, 49))  # .1 to 97
_MET = "It has met no counterfeiter but those of its training set, and knows no other series."


@dataclass(frozen=True)
class ReferenceSettings:
    """How a reference-guided network lays photos beside genuine ones."""

    long_side: int = 448
    """Long side of the references, and of the network's input, in pixels."""
    channels: tuple[Channel, Channel, Channel] = ("luminance", "edges", "genuine edges")
    """What the network's three input channels hold."""
    cache: Path = REFERENCE_CACHE
    """Folder that keeps references, and how photos were registered, from run to run."""


@dataclass(frozen=True)
class AuthenticitySettings:
    """Train KAG-MTLN on photos of genuine and counterfeit parts."""

    data: Path
    """Folder <series>/<genuine|counterfeit>/*, or a CSV of path, series, label and optional item, split."""
    fit: tyro.conf.OmitArgPrefixes[FitSettings]
    preprocessing: tyro.conf.OmitArgPrefixes[Preprocessing]
    look: Literal["photo", "reference"] = "photo"
    """`photo`: the paper's network. `reference`: the same on the photo registered to the genuine reference of its
    series, which is built from the genuine training photos."""
    reference: ReferenceSettings = ReferenceSettings()
    """Of the look `reference`."""
    name: str = "authenticity"
    """Name of the model's two files, lower case with underscores."""
    title: str = "KAG-MTLN"
    """What an examiner reads in the list of models."""
    part: str | None = None
    """What the locator calls the part, such as leather_tag, so that photos of whole goods lead to this model."""
    licence: str = "not stated"
    """Licence the weights are given under."""
    remarks: tuple[str, ...] = ()
    """Sentences put first among the card's limits."""
    backbone: BackboneName = "resnet50"
    """Feature extractor."""
    start_from: Path | None = None
    """Card of a finished KAG-MTLN whose backbone is trained further, such as weights/leather_tag.json; without it the
    backbone starts from ImageNet."""
    hidden: int = 512
    """Width of the classifiers' middle layer."""
    alpha: float = 0.5
    """Weight of the main task in the fusion loss (eq. 5)."""
    segment_degree: int = 20
    """KAG's N: a picture is cut into N x N patches (Table 3)."""
    disturbed_share: float = 0.5
    """Probability that a photo is disturbed by KAG when it is drawn."""
    warped_share: float = 0.0
    """Probability that a genuine photo gets key areas warped, where KAG leaves it alone."""
    warps: WarpSettings = field(default_factory=WarpSettings)
    """Which warps."""
    disturbed_are_counterfeits: bool = True
    """Whether the main task learns disturbed photos as counterfeits; otherwise they teach the auxiliary task alone."""
    augment: bool = True
    """Vary position, angle, light and colour of training photos a little; lettering is never flipped."""
    genuine_only: bool = False
    """Train on the genuine photos and what the disturbances make of them, with no counterfeit at all."""
    training_share: float = 1.0
    """Share of the training items of each class that is used, for learning curves (Fig. 10)."""
    steps_in_head: int = 0
    """How many of the backbone's last steps are left to the head: the more, the finer the heatmap."""
    heatmap: CamMethod = "grad_cam"
    """How the heatmap weighs the feature map."""

    def __post_init__(self) -> None:
        require_name(self.name)
        require_setting(self.hidden >= 1, f"--hidden is at least 1, not {self.hidden}.")
        require_argument("hidden", self.hidden)
        require_setting(0 <= self.alpha <= 1, f"--alpha lies between 0 and 1, not {self.alpha}.")
        require_setting(self.segment_degree >= 2, f"--segment-degree is at least 2, not {self.segment_degree}.")
        for name in ("disturbed_share", "warped_share"):
            share = getattr(self, name)
            require_setting(0 <= share <= 1, f"--{name.replace('_', '-')} lies between 0 and 1, not {share}.")
        require_setting(
            not self.genuine_only or self.disturbed_share + self.warped_share > 0,
            "--genuine-only needs --disturbed-share or --warped-share: something must make counterfeits.",
        )
        require_setting(
            self.disturbed_are_counterfeits or not self.genuine_only,
            "--genuine-only needs --disturbed-are-counterfeits: it has no others.",
        )
        if self.steps_in_head:
            with torch.device("meta"):
                steps = len(build_backbone(self.backbone).steps)
            require_setting(
                0 <= self.steps_in_head <= steps,
                f"--steps-in-head lies between 0 and the {steps} steps of {self.backbone}, not {self.steps_in_head}.",
            )
        require_setting(
            0 < self.training_share <= 1, f"--training-share lies above 0 and up to 1, not {self.training_share}."
        )


PRESETS = {
    "paper": AuthenticitySettings(
        data=tyro.MISSING,
        fit=FitSettings(out=tyro.MISSING),
        preprocessing=Preprocessing(size=448),
        augment=False,
    ),
    "small": AuthenticitySettings(
        data=tyro.MISSING,
        fit=FitSettings(
            out=tyro.MISSING,
            epochs=20,
            batch=16,
            optimiser="adamw",
            learning_rate=5e-4,
            weight_decay=0.01,
            schedule="one_cycle",
            patience=10,
            bf16=False,  # depthwise networks gain nothing from it
        ),
        preprocessing=Preprocessing(size=224, mean=HALF, std=HALF),
        backbone="efficientnet_lite0",
        hidden=128,
    ),
}
"""`paper`: section 4.1. `small`: for machines without a GPU."""


def train(settings: AuthenticitySettings, *, for_examiners: bool = True) -> Card | None:
    """Read the photos, fit, evaluate, and write weights and card into the run folder.

    Args:
        settings: What to train, and how.
        for_examiners: Fit what only examinations need, scope gate and series rule, too. On two cores that takes as
            long as a short training; a study of training goes without.

    Returns:
        The card; None in the processes of a distributed run that do not write it.

    Raises:
        Refusal: if the photos, the run folder or the device cannot be used; before any training.
    """
    before = recorded_manifest(settings.fit.out) if settings.fit.resume else None
    every = read_photo_set(settings.data, seed=settings.fit.seed, called=before.called if before else "")
    photos = training_share(every, settings.training_share)
    photos = genuine_training(photos) if settings.genuine_only else photos
    accelerator = accelerator_for(settings.fit)
    manifest = every.manifest.with_start(settings.start_from)
    run = RunFolder(settings.fit.out, settings, manifest, resume=settings.fit.resume, owner=accelerator.is_main_process)
    beside = settings.reference
    references = build_references(photos, beside.long_side, beside.cache) if settings.look == "reference" else ()
    stack = ReferenceStack.around(references, beside.channels) if references else None
    how = ReferenceLook(references, stack, beside.cache) if stack else PhotoLook(settings.preprocessing)
    torch.manual_seed(settings.fit.seed)
    network = KagMtln(settings.backbone, len(photos.classes), settings.hidden)
    start = (
        start_from_model(network.backbone, settings.backbone, settings.start_from, "authenticity")
        if settings.start_from
        else start_from_imagenet(network.backbone, settings.backbone)
    )
    logger.info("%d photos of %d classes; the backbone starts from %s", len(photos.photos), len(photos.classes), start)

    training = TrainingPhotos(photos, settings, how)
    validation = how.read(photos.of("val"))
    labels = torch.tensor([photos.classes.index(photo.class_name) for photo in photos.of("val")])
    weights = class_weights(photos, settings)
    learner = KagMtlnLearner(network, FusionLoss(settings.alpha, weights))
    sampler = EpochSampler(
        lambda generator: torch.randperm(len(training), generator=generator).tolist(),
        len(training),
        settings.fit.seed,
    )

    def validate(_: nn.Module) -> Scores:
        with torch.no_grad():
            batches = _batches(validation, how, accelerator.device)
            logits = torch.cat([network.head(network.features(images)).float().cpu() for images in batches])
        return validation_scores(logits, labels, photos.classes)

    fit(learner, training, sampler, validate, settings.fit, run, accelerator)
    if not accelerator.is_main_process:
        return None
    best = KagMtln(settings.backbone, len(photos.classes), settings.hidden, steps_in_head=settings.steps_in_head)
    best.load_state_dict(network.state_dict())
    best.eval().to(accelerator.device)
    return _finish(best, photos, settings, how, Basis(start, references, stack), run, for_examiners)


@dataclass(frozen=True)
class Basis:
    """What a run stood on, for its card: where the backbone started, and what photos were laid beside."""

    start: str
    references: tuple[Reference, ...]
    stack: ReferenceStack | None


def training_share(photos: PhotoSet, share: float) -> PhotoSet:
    """The set with only a share of the training items of each class, at least one; a larger share holds a smaller."""
    if share == 1:
        return photos
    items: dict[str, list[str]] = {}
    for photo in photos.of("train"):
        items.setdefault(photo.class_name, []).append(photo.item)
    kept = set()
    for name, listed in items.items():
        # By hash, so that which items are kept does not follow from their order in the set.
        ordered = sorted({*listed}, key=lambda item: hashlib.sha256(item.encode()).digest())
        kept |= {(name, item) for item in ordered[: max(1, round(len(ordered) * share))]}
    chosen = tuple(p for p in photos.photos if p.split != "train" or (p.class_name, p.item) in kept)
    rule = f"{photos.split_rule} Of the training items {share:.0%} of each class were used."
    return replace(photos, photos=chosen, split_rule=rule)


def genuine_training(photos: PhotoSet) -> PhotoSet:
    """The set without its counterfeits in training; they stay in validation and test."""
    kept = tuple(photo for photo in photos.photos if photo.split != "train" or photo.label == "genuine")
    return replace(photos, photos=kept, split_rule=f"{photos.split_rule} Counterfeits were left out of training.")


class TrainingPhotos(Dataset[dict[str, Tensor]]):
    """Photos as they are drawn in training; (epoch, index) decides all that is random in one.

    Photos are read once and kept as pixels; disturbances come after that and before the network's input is made.
    """

    def __init__(self, photos: PhotoSet, settings: AuthenticitySettings, how: Look) -> None:
        self._photos = photos.of("train")
        self._classes = photos.classes
        self._settings = settings
        self._how = how
        self._seen = how.read(self._photos)

    def __len__(self) -> int:
        return len(self._photos)

    def __getitem__(self, drawn: tuple[int, int]) -> dict[str, Tensor]:
        """One sample: `image` (3, H, W), its main class `label`, and `disturbed` (0 or 1)."""
        epoch, index = drawn
        settings, photo, seen = self._settings, self._photos[index], self._seen[index]
        generator = torch.Generator().manual_seed(derive_seed(settings.fit.seed, epoch, index))
        swapped = bool(torch.rand(1, generator=generator) < settings.disturbed_share)
        warped = bool(torch.rand(1, generator=generator) < settings.warped_share) and photo.label == "genuine"
        pixels = seen.pixels
        if swapped:
            pixels = disturb(pixels, settings.segment_degree, generator)
        elif warped:
            rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator)))
            pixels = warp_key_areas(pixels, self._how.key_edges(seen), settings.warps, rng)
        if settings.disturbed_share > 0 and not swapped:
            # KAG's grid costs a little sharpness, which must not tell disturbed photos apart.
            pixels = on_grid(pixels, settings.segment_degree)
        pixels = resize(pixels, seen.pixels.shape[1], seen.pixels.shape[0])
        disturbed = swapped or warped
        return {
            "image": self._how.tensor(seen, pixels, generator if settings.augment else None),
            "label": torch.tensor(self._label(photo, disturbed)),
            "disturbed": torch.tensor(int(disturbed)),
        }

    def _label(self, photo: Photo, disturbed: bool) -> int:
        if not disturbed:
            return self._classes.index(photo.class_name)
        known = self._settings.disturbed_are_counterfeits
        return self._classes.index(f"{photo.series}/counterfeit") if known else UNLABELLED


class KagMtlnLearner(nn.Module):
    """Network and fusion loss: a batch in, its loss out."""

    def __init__(self, network: KagMtln, loss: FusionLoss) -> None:
        super().__init__()
        self.network = network
        self.loss = loss

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """The fused loss of a batch of `TrainingPhotos`."""
        images = batch["image"].to(memory_format=torch.channels_last)
        return self.loss(self.network(images), batch["label"], batch["disturbed"])


def class_weights(photos: PhotoSet, settings: AuthenticitySettings) -> Tensor:
    """Weights (classes,) that give each class the same say, although disturbed photos may be counterfeits.

    A weight is the inverse of how often the class is expected to be drawn; their mean is 1.
    """
    drawn = dict.fromkeys(photos.classes, 0.0)
    for photo in photos.of("train"):
        intact = (1 - settings.disturbed_share) * (1 - settings.warped_share if photo.label == "genuine" else 1)
        drawn[photo.class_name] += intact
        if settings.disturbed_are_counterfeits:
            drawn[f"{photo.series}/counterfeit"] += 1 - intact
    inverse = 1 / torch.tensor([drawn[name] for name in photos.classes]).clamp(min=1)
    return inverse / inverse.mean()


def validation_scores(logits: Tensor, labels: Tensor, classes: Sequence[str]) -> Scores:
    """Figures of one epoch on undisturbed photos; the score to raise is the mean log probability, calibrated.

    It is a proper score and, unlike accuracy, does not saturate on a small validation set. The temperature that suits
    the logits best is taken first: networks grow too sure of themselves while they still learn to tell (Guo et al.
    2017), and how sure they are is calibrated afterwards.
    """
    series, sides = zip(*(name.rsplit("/", 1) for name in (classes[label] for label in labels)), strict=True)
    genuine = torch.tensor([side == "genuine" for side in sides])
    return {
        "score": -min(float(functional.cross_entropy(logits / t, labels)) for t in _TEMPERATURES),
        "accuracy": float(multiclass_accuracy(logits, labels, len(classes), average="micro")),
        "auc": float(binary_auroc(log_odds_each(logits, classes, series), genuine.long())),
    }


def _finish(
    network: KagMtln,
    photos: PhotoSet,
    settings: AuthenticitySettings,
    how: Look,
    basis: Basis,
    run: RunFolder,
    for_examiners: bool,
) -> Card:
    """Band and scale from validation, figures from test, both undisturbed, and the model's two files."""
    classes = photos.classes
    device = next(network.parameters()).device

    def examine(split: Split) -> tuple[list[Seen], Tensor, NDArray[np.float64], float]:
        seen, series = how.read(photos.of(split)), [photo.series for photo in photos.of(split)]
        targets = (
            partial(_size_of_log_odds, classes=classes, series=series[start : start + _EVALUATION_BATCH])
            for start in range(0, len(seen), _EVALUATION_BATCH)
        )
        batches = zip(_batches(seen, how, device), targets, strict=True)
        logits, full_scale = look(network.features, network.head, batches, settings.heatmap)
        return seen, logits, log_odds_each(logits.double(), classes, series).numpy(), full_scale

    seen, logits, log_odds, full_scale = examine("val")
    fused = FusedScore.or_none(network, how, photos, seen, log_odds) if isinstance(how, ReferenceLook) else None

    def scored(seen: Sequence[Seen], logits: Tensor, log_odds: NDArray[np.float64]) -> Scored:
        # A bad fit would be refused, and is not weighed.
        weighed = np.where([how.fits(one) for one in seen], fused(seen, log_odds) if fused else log_odds, np.nan)
        return Scored(logits.numpy(), log_odds, weighed)

    validation = scored(seen, logits, log_odds)
    seen, logits, log_odds, _ = examine("test")
    test = scored(seen, logits, log_odds)
    judgement = judge_photos(
        photos, classes, validation, test, basis.references, set_name(settings.data), leave_series_open=for_examiners
    )
    gate = gate_or_none(_pictures(photos.of("train")), "authenticity", basis.references) if for_examiners else None
    count = len({photo.item for photo in photos.photos})
    card = Card(
        name=settings.name,
        title=settings.title,
        part=settings.part,
        task="authenticity",
        network="kag_mtln",
        arguments={
            "backbone": settings.backbone,
            "classes": len(classes),
            "hidden": settings.hidden,
            "auxiliary": False,
            "steps_in_head": settings.steps_in_head,
        },
        classes=classes,
        preprocessing=settings.preprocessing,
        stack=basis.stack,
        band=None,
        heatmap_method=settings.heatmap,
        heatmap_full_scale=full_scale,
        split_rule=photos.split_rule,
        data=f"{len(photos.photos)} photos of {count} items, {set_name(settings.data)}",
        data_sha256=photos.manifest_sha256,
        seed=settings.fit.seed,
        settings=stated_settings(settings) | {"backbone_start": basis.start},
        metrics=gate_metrics(gate, _pictures(photos.of("test")), {}, basis.references) if gate else {},
        fusion=fused.fusion if fused else None,
        confusion=None,
        histogram=None,
        licence=settings.licence,
        source="trained with python -m training authenticity",
        intended_use=f"Parts of the series {', '.join(photos.series)}, photographed like the training photos.",
        limits=(*settings.remarks, "It has met no counterfeit in training." if settings.genuine_only else _MET),
        made=date.today().isoformat(),
        weights_sha256="",
    )
    card = judgement.stated_in(card)
    run.write("confusion_matrix.png", draw_confusion(judgement.confusion))
    run.write_json("metrics.json", {name: asdict(metric) for name, metric in card.metrics.items()})
    exported = {key: value for key, value in network.state_dict().items() if not key.startswith("auxiliary.")}
    return run.write_model(card, exported, fused.how.references if fused else basis.references, gate)


def _pictures(photos: Sequence[Photo]) -> list[Picture]:
    return [Picture(photo.path, photo.item, series=photo.series) for photo in photos]


def _batches(seen: Sequence[Seen], how: Look, device: torch.device) -> Iterator[Tensor]:
    for start in range(0, len(seen), _EVALUATION_BATCH):
        chosen = seen[start : start + _EVALUATION_BATCH]
        yield torch.stack([how.tensor(one, one.pixels) for one in chosen]).to(device)


def _size_of_log_odds(logits: Tensor, classes: Sequence[str], series: Sequence[str]) -> Tensor:
    """What a heatmap explains: the log odds of the side that each part leans to (B,)."""
    return log_odds_each(logits, classes, series).abs()
