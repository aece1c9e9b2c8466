"""KAG-MTLN and the methods that its paper compares it with (Table 2; DCL is its reference 35), by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from training.authenticity.learner import KagMtlnLearner
from training.authenticity.settings import AuthenticitySettings, MethodName
from training.comparisons.api_net import API_NET
from training.comparisons.cbam import CBAM
from training.comparisons.dcl import DCL
from training.comparisons.eca_net import ECA_NET
from training.comparisons.method import Method
from training.comparisons.mhem import MHEM
from training.comparisons.mmal_net import MMAL_NET
from training.comparisons.swin import SWIN
from training.fitting.fusion_loss import FusionLoss

RIVALS: dict[MethodName, Method] = {
    "eca_net": ECA_NET,
    "cbam": CBAM,
    "swin": SWIN,
    "mmal_net": MMAL_NET,
    "api_net": API_NET,
    "mhem": MHEM,
    "dcl": DCL,
}


def method_of(settings: AuthenticitySettings) -> Method:
    """The method that the settings name."""
    if settings.method != "kag_mtln":
        return RIVALS[settings.method]
    return Method(
        "KAG-MTLN",
        "",
        lambda network, weights: KagMtlnLearner(network, FusionLoss(settings.alpha, weights)),
        network="kag_mtln",
        arguments={"hidden": settings.hidden, "auxiliary": False},
        training_arguments={"auxiliary": True},
        disturbs=True,
    )


def settled(settings: AuthenticitySettings) -> AuthenticitySettings:
    """The settings as their method is trained, which a run folder and a card record.

    A rival of KAG-MTLN learns whole photos alone, by its own backbone; a title that is not set is the method's.

    Raises:
        TrainingRefused: if the method has no such backbone.
    """
    method = method_of(settings)
    whole: dict[str, Any] = {} if method.disturbs else {"disturbed_share": 0.0, "warped_share": 0.0}
    return replace(settings, title=settings.title or method.title, backbone=method.backbone(settings.backbone), **whole)
