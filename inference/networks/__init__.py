"""Plain networks without I/O; a network that examines has two halves, `features(images)` and `head(feature map)`."""

from __future__ import annotations

from typing import Any

from torch import nn

from inference.networks.backbones import build_backbone
from inference.networks.classifier import PooledClassifier
from inference.networks.comparator import Comparator
from inference.networks.hms import Siamese
from inference.networks.kag_mtln import KagMtln
from inference.networks.locator import Locator
from inference.networks.mmal_net import MmalNet

_NETWORKS: dict[str, Any] = {
    "kag_mtln": KagMtln,
    "pooled_classifier": PooledClassifier,
    "mmal_net": MmalNet,
    "siamese": Siamese,
    "comparator": Comparator,
    "locator": Locator,
    "backbone": build_backbone,
}


def build_network(network: str, arguments: dict[str, Any]) -> nn.Module:
    """The network a card names, randomly initialised.

    Raises:
        ValueError: if there is no such network.
        TypeError: if the network does not take these arguments.
    """
    if network not in _NETWORKS:
        msg = f"there is no network {network!r}; there are {', '.join(_NETWORKS)}"
        raise ValueError(msg)
    return _NETWORKS[network](**arguments)
