"""The settings of a locator training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import tyro

from inference.networks.backbones import BackboneName, build_backbone
from inference.preprocessing import HALF, Preprocessing
from training.fitting.fit import FitSettings
from training.fitting.run_folder import require_argument, require_name, require_setting


@dataclass(frozen=True)
class LocatorSettings:
    """Train a locator on photos of whole goods with the boxes of the parts on them."""

    data: Path
    """Folder with photos and a manifest.csv: path, split, part, left, top, width, height; one row for each part."""
    fit: tyro.conf.OmitArgPrefixes[FitSettings]
    preprocessing: tyro.conf.OmitArgPrefixes[Preprocessing]
    """`--size` is the long side of the photo as the network sees it."""
    view: int = 640
    """Side of the square that training cuts out of a zoomed photo, in pixels; a multiple of 32."""
    name: str = "locator"
    """Name of the model's two files, lower case with underscores."""
    title: str = "Locator"
    """Title of the model in lists."""
    licence: str = "not stated"
    """Licence of the weights."""
    remarks: tuple[str, ...] = ()
    """Sentences that stand first among the card's limits."""
    backbone: BackboneName = "resnet50"
    """Feature extractor."""
    channels: int = 128
    """Width of the feature pyramid and of the head, a multiple of 32, at least 64."""
    convolutions: int = 4
    """Depth of each of the head's two branches."""
    frozen_steps: int = 0
    """Number of the backbone's first steps that are not trained."""
    most_false_finds: float = 0.02
    """Most false detections per empty validation scene at the chosen threshold."""

    def __post_init__(self) -> None:
        require_name(self.name)
        require_setting(
            self.view >= 64 and self.view % 32 == 0, f"--view is a multiple of 32, at least 64, not {self.view}."
        )
        require_setting(
            self.channels >= 64 and self.channels % 32 == 0,
            f"--channels is a multiple of 32, at least 64, not {self.channels}.",
        )
        require_setting(self.convolutions >= 1, f"--convolutions is at least 1, not {self.convolutions}.")
        require_argument("channels", self.channels)
        require_argument("convolutions", self.convolutions)
        require_setting(
            self.preprocessing.padding == "gray", "--padding is gray for a locator, which pads with grey itself."
        )
        require_setting(self.most_false_finds >= 0, f"--most-false-finds is at least 0, not {self.most_false_finds}.")
        with torch.device("meta"):
            steps = len(build_backbone(self.backbone).steps)
        require_setting(
            0 <= self.frozen_steps <= steps,
            f"--frozen-steps lies between 0 and the {steps} steps of {self.backbone}, not {self.frozen_steps}.",
        )


PRESETS = {
    "paper": LocatorSettings(
        data=tyro.MISSING,
        fit=FitSettings(
            out=tyro.MISSING,
            epochs=60,
            batch=16,
            optimiser="adamw",
            learning_rate=5e-4,
            weight_decay=0.01,
            schedule="one_cycle",
        ),
        preprocessing=Preprocessing(size=640, mean=HALF, std=HALF),
    ),
    "small": LocatorSettings(
        data=tyro.MISSING,
        fit=FitSettings(
            out=tyro.MISSING,
            epochs=4,
            batch=8,
            optimiser="adamw",
            learning_rate=6e-4,
            weight_decay=0.01,
            schedule="one_cycle",
            bf16=False,  # depthwise networks gain nothing from it
        ),
        preprocessing=Preprocessing(size=512, mean=HALF, std=HALF),
        view=352,
        backbone="efficientnet_lite0",
        channels=64,
        convolutions=2,
        frozen_steps=4,
    ),
}
"""`paper`: the picture size of the paper's first stage, for a GPU. `small`: for machines without one."""
