"""What every training of a model is asked for, and the card that states it; each trainer's own settings extend it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import torch
import tyro

from inference.models.card import Card
from inference.networks.backbones import BackboneName, build_backbone
from inference.preprocessing import Preprocessing
from inference.records import InconclusiveBand
from training.fitting.fit import FitSettings
from training.fitting.run_folder import require_name, require_setting, stated_settings

ONE_CYCLE: dict[str, Any] = {"optimiser": "adamw", "weight_decay": 0.01, "schedule": "one_cycle"}
"""How networks are fitted from a pretrained start in few epochs."""
ON_A_CPU: dict[str, Any] = {**ONE_CYCLE, "bf16": False}
"""The same without a GPU: depthwise networks gain nothing from bfloat16."""


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """What every training of a model is asked for."""

    data: Path
    """The set."""
    fit: tyro.conf.OmitArgPrefixes[FitSettings]
    preprocessing: tyro.conf.OmitArgPrefixes[Preprocessing]
    name: str
    """Name of the model's two files, lower case with underscores."""
    title: str
    """Title of the model in lists."""
    licence: str = "not stated"
    """Licence of the weights."""
    remarks: tuple[str, ...] = ()
    """Sentences that stand first among the card's limits."""
    backbone: BackboneName
    """Feature extractor."""

    def __post_init__(self) -> None:
        require_name(self.name)

    def require_steps(self, setting: str) -> None:
        """Guard a setting that counts some of the backbone's steps.

        Raises:
            TrainingRefused: if the backbone has not so many.
        """
        with torch.device("meta"):
            steps = len(build_backbone(self.backbone).steps)
        count = getattr(self, setting)
        require_setting(
            0 <= count <= steps,
            f"--{setting.replace('_', '-')} lies between 0 and the {steps} steps of {self.backbone}, not {count}.",
        )


UNJUDGED = {"band": InconclusiveBand(0.5, 0.5, "Not judged yet."), "heatmap_full_scale": 1.0}
"""What stands in the card of a network that has just been trained, until its judging says what is true."""


def draft_card(settings: ModelSettings, started: dict[str, Any], limits: tuple[str, ...], **stated: Any) -> Card:
    """The card of a network that has just been trained: all but what is judged.

    Args:
        settings: Of the run.
        started: What is stated beside them: what the backbone started from.
        limits: Sentences that follow the run's own remarks.
        stated: The card's other fields.
    """
    return Card(
        name=settings.name,
        title=settings.title,
        preprocessing=settings.preprocessing,
        seed=settings.fit.seed,
        settings=stated_settings(settings) | started,
        metrics={},
        confusion=None,
        histogram=None,
        licence=settings.licence,
        limits=(*settings.remarks, *limits),
        made=date.today().isoformat(),
        weights_sha256="",
        **stated,
    )
