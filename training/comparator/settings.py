"""The settings of a comparator training."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import tyro

from inference.networks.backbones import BackboneName
from inference.preprocessing import HALF, Preprocessing
from training.data.key_area_warps import WarpSettings
from training.data.registered import HOUSE_CACHE
from training.fitting.fit import FitSettings
from training.fitting.model_settings import ON_A_CPU, ModelSettings
from training.fitting.run_folder import require_argument, require_setting


@dataclass(frozen=True, kw_only=True)
class ComparatorSettings(ModelSettings):
    """Train a comparator on registered photos of many houses, with masks of what is altered."""

    data: Path
    """manifest.csv of a set of houses: path, series (the house), label, item, split, and of counterfeits the mask."""
    preprocessing: tyro.conf.OmitArgPrefixes[Preprocessing]
    """`--size` is the long side of a registered photo."""
    view: int = 224
    """Side of the square that training cuts out of a registered photo, in pixels; a multiple of 32."""
    name: str = "comparator"
    title: str = "Comparator"
    backbone: BackboneName = "resnet50"
    start_from: Path | None = None
    """Card of a finished comparator of the same backbone and channels that is trained further."""
    channels: int = 96
    """Width of the feature pyramid."""
    pretrained: bool = True
    """Whether the backbone starts from ImageNet, if such weights are available."""
    mask_weight: float = 4.0
    """How much an altered cell counts against an unaltered one."""
    label_share: float = 0.3
    """Weight of the label, read off the most altered cells, beside the mask's; 0 learns from masks alone."""
    warped_share: float = 0.35
    """Probability that key areas of a genuine photo are warped, with their mask."""
    warps: WarpSettings = field(default_factory=WarpSettings)
    """Which warps."""
    least_enrolled: int = 5
    """Fewest genuine photos that a training reference is made of."""
    most_enrolled: int = 12
    """Most of them."""
    augment: bool = True
    """Vary light and fit of photos, and mirror and turn photo and reference together."""
    cache: Path = HOUSE_CACHE
    """Folder that keeps registered photos from run to run."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_setting(
            self.view >= 64 and self.view % 32 == 0, f"--view is a multiple of 32, at least 64, not {self.view}."
        )
        require_setting(self.channels >= 8, f"--channels is at least 8, not {self.channels}.")
        require_argument("channels", self.channels)
        require_setting(self.mask_weight > 0, f"--mask-weight is above 0, not {self.mask_weight}.")
        require_setting(self.label_share >= 0, f"--label-share is at least 0, not {self.label_share}.")
        require_setting(0 <= self.warped_share <= 1, f"--warped-share lies between 0 and 1, not {self.warped_share}.")
        require_setting(
            1 <= self.least_enrolled <= self.most_enrolled,
            f"--least-enrolled to --most-enrolled is a range from 1, not {self.least_enrolled} to "
            f"{self.most_enrolled}.",
        )

    @property
    def arguments(self) -> dict[str, int | float | str]:
        """The arguments of the network, as a card states them."""
        return {"backbone": self.backbone, "channels": self.channels}


PRESETS = {
    "paper": ComparatorSettings(
        data=tyro.MISSING,
        fit=FitSettings(out=tyro.MISSING, epochs=40, batch=24, optimiser="adamw", learning_rate=5e-4),
        preprocessing=Preprocessing(size=448, mean=HALF, std=HALF),
    ),
    "small": ComparatorSettings(
        data=tyro.MISSING,
        fit=FitSettings(out=tyro.MISSING, epochs=6, batch=16, learning_rate=8e-4, **ON_A_CPU),
        preprocessing=Preprocessing(size=448, mean=HALF, std=HALF),
        backbone="efficientnet_lite0",
        channels=64,
    ),
}
"""`paper`: the paper's backbone and picture size, for a GPU. `small`: for machines without one."""
