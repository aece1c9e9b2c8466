"""The settings of a locator training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from inference.networks.backbones import BackboneName
from inference.preprocessing import HALF, Preprocessing
from training.fitting.fit import FitSettings
from training.fitting.model_settings import ON_A_CPU, ONE_CYCLE, ModelSettings
from training.fitting.run_folder import require_argument, require_setting


@dataclass(frozen=True, kw_only=True)
class LocatorSettings(ModelSettings):
    """Train a locator on photos of whole goods with the boxes of the parts on them."""

    data: Path
    """Folder with photos and a manifest.csv: path, split, part, left, top, width, height; one row for each part."""
    preprocessing: tyro.conf.OmitArgPrefixes[Preprocessing]
    """`--size` is the long side of the photo as the network sees it."""
    view: int = 640
    """Side of the square that training cuts out of a zoomed photo, in pixels; a multiple of 32."""
    name: str = "locator"
    title: str = "Locator"
    backbone: BackboneName = "resnet50"
    channels: int = 128
    """Width of the feature pyramid and of the head, a multiple of 32, at least 64."""
    convolutions: int = 4
    """Depth of each of the head's two branches."""
    frozen_steps: int = 0
    """Number of the backbone's first steps that are not trained."""
    most_false_finds: float = 0.02
    """Most false detections per empty validation scene at the chosen threshold."""

    def __post_init__(self) -> None:
        super().__post_init__()
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
        self.require_steps("frozen_steps")


PRESETS = {
    "paper": LocatorSettings(
        data=tyro.MISSING,
        fit=FitSettings(out=tyro.MISSING, epochs=60, batch=16, learning_rate=5e-4, **ONE_CYCLE),
        preprocessing=Preprocessing(size=640, mean=HALF, std=HALF),
    ),
    "small": LocatorSettings(
        data=tyro.MISSING,
        fit=FitSettings(out=tyro.MISSING, epochs=4, batch=8, learning_rate=6e-4, **ON_A_CPU),
        preprocessing=Preprocessing(size=512, mean=HALF, std=HALF),
        view=352,
        backbone="efficientnet_lite0",
        channels=64,
        convolutions=2,
        frozen_steps=4,
    ),
}
"""`paper`: the picture size of the paper's first stage, for a GPU. `small`: for machines without one."""
