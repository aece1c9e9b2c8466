"""Training KAG-MTLN on genuine and counterfeit photos. Source: KAG-MTLN paper, sections 3 and 4.1."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

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
    multiclass_confusion_matrix,
)
from torchvision.transforms import v2
from tqdm import tqdm

from inference.authenticity import AuthenticityExaminer, log_odds_genuine
from inference.exhibit import read_exhibit
from inference.networks.backbones import BackboneName
from inference.networks.kag_mtln import KagMtln
from inference.preprocessing import HALF, Preprocessing
from inference.records import InconclusiveBand
from inference.weights import Card, Confusion, Histogram, Metric, save_model
from training.data.disturbance import disturb
from training.data.photos import Photo, PhotoSet, Split, read_photo_set
from training.evaluate import auc_metric, draw_confusion, histogram, inconclusive_band, look, share_by_source
from training.fit import EpochSampler, FitSettings, Scores, accelerator_for, derive_seed, fit
from training.losses import FusionLoss
from training.pretrained import start_from_imagenet
from training.runs import RunFolder, require_name, require_setting, stated_settings

logger = logging.getLogger(__name__)

Pixels = NDArray[np.uint8]
_EVALUATION_BATCH = 32


@dataclass(frozen=True)
class AuthenticitySettings:
    """Train KAG-MTLN on photos of genuine and counterfeit parts."""

    data: Path
    """Folder <series>/<genuine|counterfeit>/*, or a CSV of path, series, label and optional item, split."""
    fit: tyro.conf.OmitArgPrefixes[FitSettings]
    preprocessing: tyro.conf.OmitArgPrefixes[Preprocessing]
    name: str = "authenticity"
    """Name of the model's two files, lower case with underscores."""
    title: str = "KAG-MTLN"
    """What an examiner reads in the list of models."""
    licence: str = "not stated"
    """Licence the weights are given under."""
    remarks: tuple[str, ...] = ()
    """Sentences put first among the card's limits."""
    backbone: BackboneName = "resnet50"
    """Feature extractor."""
    hidden: int = 512
    """Width of the classifiers' middle layer."""
    alpha: float = 0.5
    """Weight of the main task in the fusion loss (eq. 5)."""
    segment_degree: int = 20
    """KAG's N: a picture is cut into N x N patches (Table 3)."""
    disturbed_share: float = 0.5
    """Probability that a photo is disturbed by KAG when it is drawn."""
    augment: bool = True
    """Vary position, angle, light and colour of training photos a little; lettering is never flipped."""

    def __post_init__(self) -> None:
        require_name(self.name)
        require_setting(self.hidden >= 1, f"--hidden is at least 1, not {self.hidden}.")
        require_setting(0 <= self.alpha <= 1, f"--alpha lies between 0 and 1, not {self.alpha}.")
        require_setting(self.segment_degree >= 2, f"--segment-degree is at least 2, not {self.segment_degree}.")
        require_setting(
            0 <= self.disturbed_share <= 1, f"--disturbed-share lies between 0 and 1, not {self.disturbed_share}."
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


def train(settings: AuthenticitySettings) -> Card | None:
    """Read the photos, fit, evaluate, and write weights and card into the run folder.

    Returns:
        The card; None in the processes of a distributed run that do not write it.

    Raises:
        Refusal: if the photos, the run folder or the device cannot be used; before any training.
    """
    photos = read_photo_set(settings.data, seed=settings.fit.seed)
    accelerator = accelerator_for(settings.fit)
    run = RunFolder(settings.fit.out, settings, resume=settings.fit.resume, owner=accelerator.is_main_process)
    torch.manual_seed(settings.fit.seed)
    network = KagMtln(settings.backbone, len(photos.classes), settings.hidden)
    start = start_from_imagenet(network.backbone, settings.backbone)
    logger.info("%d photos of %d classes; the backbone starts from %s", len(photos.photos), len(photos.classes), start)

    training = TrainingPhotos(photos, settings)
    validation = _read(photos.of("val"), settings.preprocessing)
    labels = torch.tensor([photos.classes.index(photo.class_name) for photo in photos.of("val")])
    learner = KagMtlnLearner(network, FusionLoss(settings.alpha, class_weights(photos, settings.disturbed_share)))
    sampler = EpochSampler(
        lambda generator: torch.randperm(len(training), generator=generator).tolist(),
        len(training),
        settings.fit.seed,
    )

    def validate(_: nn.Module) -> Scores:
        batches = _batches(validation, settings.preprocessing, accelerator.device)
        with torch.no_grad():
            logits = torch.cat([network.head(network.features(images)).float().cpu() for images in batches])
        return validation_scores(logits, labels, photos.classes)

    fit(learner, training, sampler, validate, settings.fit, run, accelerator)
    if not accelerator.is_main_process:
        return None
    network.eval().to(accelerator.device)
    return _finish(network, photos, settings, start, run)


class TrainingPhotos(Dataset[dict[str, Tensor]]):
    """Photos as they are drawn in training; (epoch, index) decides all that is random in one.

    Photos are toned and scaled once and kept; KAG comes after that and before FWD padding.
    """

    def __init__(self, photos: PhotoSet, settings: AuthenticitySettings) -> None:
        self._photos = photos.of("train")
        self._classes = photos.classes
        self._settings = settings
        self._scaled = _read(self._photos, settings.preprocessing)

    def __len__(self) -> int:
        return len(self._photos)

    def __getitem__(self, drawn: tuple[int, int]) -> dict[str, Tensor]:
        """One sample: `image` (3, S, S), its main class `label`, and `disturbed` (0 or 1)."""
        epoch, index = drawn
        settings, photo = self._settings, self._photos[index]
        generator = torch.Generator().manual_seed(derive_seed(settings.fit.seed, epoch, index))
        pixels = self._scaled[index]
        disturbed = bool(torch.rand(1, generator=generator) < settings.disturbed_share)
        if disturbed:
            pixels = disturb(pixels, settings.segment_degree, generator)
        framed, _ = settings.preprocessing.frame(pixels)
        if settings.augment:
            framed = vary(framed, generator)
        label = f"{photo.series}/counterfeit" if disturbed else photo.class_name
        return {
            "image": settings.preprocessing.tensor(framed),
            "label": torch.tensor(self._classes.index(label)),
            "disturbed": torch.tensor(int(disturbed)),
        }


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


def class_weights(photos: PhotoSet, disturbed_share: float) -> Tensor:
    """Weights (classes,) that give each class the same say, although disturbed photos are counterfeits.

    A weight is the inverse of how often the class is expected to be drawn; their mean is 1.
    """
    drawn = dict.fromkeys(photos.classes, 0.0)
    for photo in photos.of("train"):
        drawn[photo.class_name] += 1 - disturbed_share
        drawn[f"{photo.series}/counterfeit"] += disturbed_share
    inverse = 1 / torch.tensor([drawn[name] for name in photos.classes]).clamp(min=1)
    return inverse / inverse.mean()


def vary(framed: Pixels, generator: torch.Generator) -> Pixels:
    """A little other position, angle, perspective, light and colour; uint8 (S, S, 3), never mirrored."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
        image = torch.from_numpy(framed.transpose(2, 0, 1).copy())
        return _VARIATIONS(image).numpy().transpose(1, 2, 0)


_VARIATIONS = v2.Compose(
    [
        v2.RandomAffine(
            degrees=5,
            translate=(0.04, 0.04),
            scale=(0.92, 1.08),
            interpolation=v2.InterpolationMode.BILINEAR,
            fill=128,
        ),
        v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.02),
    ]
)


def validation_scores(logits: Tensor, labels: Tensor, classes: Sequence[str]) -> Scores:
    """Figures of one epoch on undisturbed photos; the score to raise is the mean log probability.

    It is a proper score: it rewards honest probabilities and, unlike accuracy, does not saturate on
    a small validation set.
    """
    genuine = torch.tensor([name.endswith("/genuine") for name in classes])[labels]
    return {
        "score": -float(functional.cross_entropy(logits, labels)),
        "accuracy": float(multiclass_accuracy(logits, labels, len(classes), average="micro")),
        "auc": float(binary_auroc(log_odds_genuine(logits, classes), genuine.long())),
    }


def _finish(network: KagMtln, photos: PhotoSet, settings: AuthenticitySettings, start: str, run: RunFolder) -> Card:
    """Band and scale from validation, figures from test, both undisturbed, and the model's two files."""
    classes, preprocessing = photos.classes, settings.preprocessing
    device = next(network.parameters()).device

    def examine(split: Split) -> tuple[Tensor, NDArray[np.float64], float]:
        batches = _batches(_read(photos.of(split), preprocessing), preprocessing, device)
        logits, full_scale = look(
            network.features, network.head, batches, lambda logits: log_odds_genuine(logits, classes).abs()
        )
        return logits, torch.sigmoid(log_odds_genuine(logits.double(), classes)).numpy(), full_scale

    _, p, full_scale = examine("val")
    genuine = np.array([photo.label == "genuine" for photo in photos.of("val")])
    band = inconclusive_band(p[genuine], p[~genuine], AuthenticityExaminer.sides)

    test = photos.of("test")
    logits, p, _ = examine("test")
    genuine = np.array([photo.label == "genuine" for photo in test])
    labels = torch.tensor([classes.index(photo.class_name) for photo in test])
    metrics = test_metrics(logits, labels, p, genuine, np.array([photo.item for photo in test]), band)
    confusion = Confusion(
        f"{len(test)} test photos",
        classes,
        tuple(map(tuple, multiclass_confusion_matrix(logits, labels, len(classes)).tolist())),
    )
    draw_confusion(confusion, run.path / "confusion_matrix.png")
    run.write_json("metrics.json", {name: asdict(metric) for name, metric in metrics.items()})
    items = len({photo.item for photo in photos.photos})
    card = Card(
        name=settings.name,
        title=settings.title,
        task="authenticity",
        network="kag_mtln",
        arguments={
            "backbone": settings.backbone,
            "classes": len(classes),
            "hidden": settings.hidden,
            "auxiliary": False,
        },
        classes=classes,
        preprocessing=preprocessing,
        band=band,
        heatmap_full_scale=full_scale,
        split_rule=photos.split_rule,
        data=f"{len(photos.photos)} photos of {items} items, {settings.data.name}",
        data_sha256=photos.manifest_sha256,
        seed=settings.fit.seed,
        settings=stated_settings(settings) | {"backbone_start": start},
        metrics=metrics,
        confusion=confusion,
        histogram=Histogram(
            confusion.over, "P(genuine)", {"genuine": histogram(p[genuine]), "counterfeit": histogram(p[~genuine])}
        ),
        licence=settings.licence,
        source="trained with python -m training authenticity",
        intended_use=f"Parts of the series {', '.join(photos.series)}, photographed like the training photos.",
        limits=(
            *settings.remarks,
            "Probabilities are uncalibrated: they order photos, they do not weigh evidence.",
            "It has met no counterfeiter but those of its training set, and knows no other series.",
        ),
        made=date.today().isoformat(),
        weights_sha256="",
    )
    exported = {key: value for key, value in network.state_dict().items() if not key.startswith("auxiliary.")}
    return save_model(card, exported, run.path)


def test_metrics(
    logits: Tensor,
    labels: Tensor,
    p: NDArray[np.float64],
    genuine: NDArray[np.bool_],
    items: NDArray[np.str_],
    band: InconclusiveBand,
) -> dict[str, Metric]:
    """Figures of undisturbed test photos.

    Args:
        logits: (N, classes).
        labels: Main classes (N,).
        p: P(genuine) (N,).
        genuine: The truth (N,).
        items: The item each photo shows (N,), whose photos are not independent.
        band: The inconclusive band, from validation.
    """
    conclusive = np.array([band.side(value) is not None for value in p])
    right = (p > 0.5) == genuine
    metrics = {
        "class accuracy": share_by_source((logits.argmax(1) == labels).numpy(), items, "series and authenticity right"),
        "authenticity accuracy": share_by_source(right, items, "authenticity right, at P(genuine) = 0.5"),
        "authenticity AUC": auc_metric(
            p[genuine], p[~genuine], items[genuine], items[~genuine], "P(genuine), genuine against counterfeit"
        ),
        "inconclusive share": share_by_source(~conclusive, items, "P(genuine) inside the band"),
    }
    if conclusive.any():
        metrics["accuracy where conclusive"] = share_by_source(
            right[conclusive], items[conclusive], "authenticity right, outside the band"
        )
    return metrics


def _read(photos: Sequence[Photo], preprocessing: Preprocessing) -> list[Pixels]:
    bar = tqdm(photos, "reading photos", unit="photo", leave=False)
    return [preprocessing.tone_and_scale(read_exhibit(photo.path).pixels) for photo in bar]


def _batches(scaled: Sequence[Pixels], preprocessing: Preprocessing, device: torch.device) -> Iterator[Tensor]:
    for start in range(0, len(scaled), _EVALUATION_BATCH):
        framed = [preprocessing.frame(pixels)[0] for pixels in scaled[start : start + _EVALUATION_BATCH]]
        yield torch.stack([preprocessing.tensor(pixels) for pixels in framed]).to(device)
