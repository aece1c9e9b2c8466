"""The settings of a training of KAG-MTLN, or of a rival. Source: KAG-MTLN paper, section 4.1."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import tyro

from inference.heatmap import CamMethod
from inference.networks.backbones import BackboneName
from inference.preprocessing import HALF, Preprocessing
from inference.reference.stack import Channel
from training.authenticity.views import REFERENCE_CACHE
from training.data.key_area_warps import WarpSettings
from training.fitting.fit import FitSettings
from training.fitting.model_settings import ON_A_CPU, ModelSettings
from training.fitting.run_folder import require_argument, require_setting

MethodName = Literal["kag_mtln", "eca_net", "cbam", "swin", "mmal_net", "api_net", "mhem", "dcl"]
"""KAG-MTLN, and the methods that its paper compares it with."""


@dataclass(frozen=True)
class ReferenceSettings:
    """The references of a reference view."""

    long_side: int = 448
    """Long side of the references, and of the network's input, in pixels."""
    channels: tuple[Channel, Channel, Channel] = ("luminance", "edges", "genuine edges")
    """The network's three input channels."""
    cache: Path = REFERENCE_CACHE
    """Folder that keeps references and registrations from run to run."""


@dataclass(frozen=True, kw_only=True)
class AuthenticitySettings(ModelSettings):
    """Train KAG-MTLN, or a rival, on photos of genuine and counterfeit parts."""

    data: Path
    """Folder <series>/<genuine|counterfeit>/*, or a CSV of path, series, label and optional item, split."""
    method: MethodName = "kag_mtln"
    """KAG-MTLN, or a method that its paper compares it with; these learn whole photos alone."""
    view: Literal["photo", "reference"] = "photo"
    """`photo`: the part alone, as in the paper. `reference`: the part registered to the genuine reference of its
    series, which is built from the genuine training photos, and stacked with it."""
    reference: ReferenceSettings = ReferenceSettings()
    """Settings of the view `reference`."""
    name: str = "authenticity"
    title: str = ""
    """Title of the model in lists; by default the method's name."""
    part: str | None = None
    """The locator's name of the part, such as leather_tag, by which parts located on whole goods reach this model."""
    backbone: BackboneName = "resnet50"
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
    """Probability that KAG disturbs a photo when it is drawn."""
    warped_share: float = 0.0
    """Probability of key-area warps on a genuine photo that KAG has not disturbed."""
    warps: WarpSettings = field(default_factory=WarpSettings)
    """Which warps."""
    disturbed_are_counterfeits: bool = True
    """Whether the main task learns disturbed photos as counterfeits; if not, only the auxiliary task learns them."""
    augment: bool = True
    """Vary position, angle, light and colour of training photos a little; photos are never mirrored."""
    genuine_only: bool = False
    """Train on genuine photos and their disturbed copies only, without any counterfeit."""
    training_share: float = 1.0
    """Share of the training items of each class that is used, for learning curves (Fig. 10)."""
    steps_in_head: int = 0
    """Number of the backbone's last steps that belong to the head; more steps give a finer heatmap."""
    heatmap: CamMethod = "grad_cam"
    """How the heatmap weighs the feature map."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_setting(self.hidden >= 1, f"--hidden is at least 1, not {self.hidden}.")
        require_argument("hidden", self.hidden)
        require_setting(0 <= self.alpha <= 1, f"--alpha lies between 0 and 1, not {self.alpha}.")
        require_setting(self.segment_degree >= 2, f"--segment-degree is at least 2, not {self.segment_degree}.")
        for name in ("disturbed_share", "warped_share"):
            share = getattr(self, name)
            require_setting(0 <= share <= 1, f"--{name.replace('_', '-')} lies between 0 and 1, not {share}.")
        require_setting(
            not self.genuine_only or self.method == "kag_mtln",
            "--genuine-only needs --method kag_mtln, since no other method is fed what disturbances make.",
        )
        require_setting(
            not self.steps_in_head or self.method != "mmal_net",
            "--method mmal_net needs --steps-in-head 0, since it lays its last feature map back into the picture.",
        )
        require_setting(
            not self.genuine_only or self.disturbed_share + self.warped_share > 0,
            "--genuine-only needs --disturbed-share or --warped-share above 0, since these make the counterfeits.",
        )
        require_setting(
            self.disturbed_are_counterfeits or not self.genuine_only,
            "--genuine-only needs --disturbed-are-counterfeits, since it has no other counterfeits.",
        )
        if self.steps_in_head:
            self.require_steps("steps_in_head")
        require_setting(
            0 < self.training_share <= 1,
            f"--training-share lies above 0 and at most at 1, not at {self.training_share}.",
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
        fit=FitSettings(out=tyro.MISSING, epochs=20, batch=16, learning_rate=5e-4, patience=10, **ON_A_CPU),
        preprocessing=Preprocessing(size=224, mean=HALF, std=HALF),
        backbone="efficientnet_lite0",
        hidden=128,
    ),
}
"""`paper`: section 4.1. `small`: for machines without a GPU."""
