"""The settings of a training of the Siamese network. Source: HMS paper, section 3.2."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro

from inference.networks.backbones import BackboneName
from inference.networks.hms import LinearFeature, Siamese
from inference.preprocessing import HALF, Preprocessing
from training.comparisons.arcface import ArcFace
from training.comparisons.contrastive import Contrastive
from training.comparisons.cosface import CosFace
from training.comparisons.fine_tuning import FineTuning
from training.comparisons.sphereface import SphereFace
from training.comparisons.triplet import Triplet
from training.fitting.fit import FitSettings
from training.fitting.hms_loss import HybridMarginSoftmax
from training.fitting.model_settings import ON_A_CPU, ModelSettings
from training.fitting.pair_loss import PairLoss
from training.fitting.pretrained import start_from_features, start_from_imagenet, start_from_model
from training.fitting.run_folder import require_argument, require_setting
from training.trademark.learner import SiameseLearner

LossDriven = Literal["hms", "hms_normalised", "sphereface", "cosface", "arcface", "softmax"]
DataDriven = Literal["contrastive", "triplet", "fine_tuning"]
MethodName = Literal[LossDriven, DataDriven]
"""HMS, the losses that its paper compares with it, and the methods of its Table 5."""
BY_DISTANCE: tuple[MethodName, ...] = ("contrastive", "triplet")
"""Methods whose head compares by distance."""
TITLES: dict[MethodName, str] = {
    "hms": "HMS",
    "hms_normalised": "HMS (normalized)",
    "sphereface": "SphereFace",
    "cosface": "CosFace",
    "arcface": "ArcFace",
    "softmax": "Softmax",
    "contrastive": "Contrastive loss",
    "triplet": "Triplet network",
    "fine_tuning": "Fine-tuning",
}


@dataclass(frozen=True, kw_only=True)
class TrademarkSettings(ModelSettings):
    """Train a Siamese network on similar marks by the HMS loss, or by a method that its paper compares it with."""

    data: Path
    """Folder with one subfolder for each mark family (optionally below train, val, test), or a CSV of a, b, label."""
    name: str = "trademark"
    title: str = ""
    """Title of the model in lists; by default its method's name."""
    backbone: BackboneName = "resnet18"
    pair_feature: LinearFeature = "interacting"
    """How the pair head combines two embeddings: symmetrically, or by the paper's literal concatenation; contrastive
    and triplet take their distance instead."""
    pyramid: int = 0
    """Channels of the feature pyramid that tells places finer; 0 for the backbone's last map, as the paper has it."""
    pretrained: bool = True
    """Whether the backbone starts from ImageNet, if such weights are available."""
    start_from: Path | None = None
    """Card of a finished trademark model whose backbone is trained further, such as weights/hms_icon_marks.json. For
    fine_tuning: that of the face model, of which all but the head is frozen."""
    method: MethodName = "hms"
    """What is trained: each method uses the margins that it has."""
    scale: float = 90.0
    """s, in all methods by softmax."""
    angular_margin: float = 0.003
    """d1 of HMS and m of ArcFace, added to the angle of the target class, in radians."""
    additive_margin: float = 0.006
    """d2 of HMS and m of CosFace, taken from the cosine of the target class."""
    margin_inside: bool = True
    """Whether d2 of HMS stands inside the norms, the reading that fits the printed boundary."""
    angle_multiple: int = 4
    """m of SphereFace."""
    annealed: bool = False
    """Whether SphereFace starts near plain softmax, as in its authors' code."""
    hardest: bool = True
    """Whether to learn from the hard negative of each mark in a batch too; without it only from random ones, as in the
    paper."""
    kinds: tuple[str, ...] = ()
    """Kinds of the similar training pairs, if the set states kinds; by default all."""
    augment: bool = True
    """Vary colour, position, angle, size and condition of training marks."""
    vary_colour: bool = True
    """Whether to vary colour then."""
    raster_share: float = 0.3
    """How many of them are then shown as on the web or the street, in chrome or on a coloured ground; 0 to 1."""
    degraded_share: float = 0.3
    """Share of marks that are degraded then, as by copying, compression and screens; 0 to 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_setting(self.scale > 0, f"--scale is above 0, not {self.scale}.")
        require_argument("scale", self.scale)
        require_setting(0 <= self.raster_share <= 1, f"--raster-share is a share, not {self.raster_share}.")
        require_setting(self.pyramid >= 0, f"--pyramid is a number of channels, not {self.pyramid}.")
        require_setting(
            0 <= self.degraded_share <= 1, f"--degraded-share lies between 0 and 1, not at {self.degraded_share}."
        )
        require_setting(self.angle_multiple >= 1, f"--angle-multiple is at least 1, not {self.angle_multiple}.")
        require_setting(
            self.method != "fine_tuning" or self.start_from is not None,
            "--method fine_tuning trains a new layer on a network that has learned faces; name that model's card by "
            "--start-from.",
        )

    def build_loss(self) -> PairLoss:
        """The loss of the method with its margins."""
        match self.method:
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
            case "contrastive":
                return Contrastive()
            case "triplet":
                return Triplet()
            case "fine_tuning":
                return FineTuning(self.scale)

    @property
    def network_arguments(self) -> dict[str, Any]:
        """The arguments of the network, as its card states them."""
        shared = {"backbone": self.backbone, "pyramid": self.pyramid}
        if self.method in BY_DISTANCE:
            return {**shared, "pair_feature": "distance"}
        normalised = self.build_loss().normalised
        return {**shared, "pair_feature": self.pair_feature, "scale": self.scale, "normalised": normalised}

    def build_learner(self) -> tuple[SiameseLearner, str]:
        """The network with its loss, and what it starts from, in words."""
        network = Siamese(**self.network_arguments)
        start = self._start(network)
        return SiameseLearner(network, self.build_loss(), self.hardest), start

    def _start(self, network: Siamese) -> str:
        if self.start_from and self.method == "fine_tuning":
            return start_from_features(network, self.backbone, self.pyramid, self.start_from)
        if self.start_from:
            return start_from_model(network.backbone, self.backbone, self.start_from, "trademark")
        return start_from_imagenet(network.backbone, self.backbone) if self.pretrained else "random weights"


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
        fit=FitSettings(out=tyro.MISSING, epochs=16, batch=48, learning_rate=1e-3, **ON_A_CPU),
        preprocessing=Preprocessing(size=128, padding="white", mean=HALF, std=HALF),
        backbone="efficientnet_lite0",
        scale=1.0,
        pyramid=256,
    ),
}
"""`paper`: section 3.2. `small`: for machines without a GPU, with a scale that trains."""
