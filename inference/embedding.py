"""The frozen embedding: what a network that was never trained on the goods makes of a part.

It is the EfficientNet-Lite0 of `weights/`, as it came from ImageNet: a pass at 224 pixels, averaged over the picture.
It is loaded once a process, whatever number of models examine.
"""

from __future__ import annotations

from functools import cache
from threading import Lock
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from inference.weights import Model, load_model

Pixels = NDArray[np.uint8]

_NAME = "efficientnet_lite0"
_LOADING = Lock()


class FrozenEmbedding:
    """A pretrained backbone, averaged over the picture; safe to share between threads."""

    def __init__(self, model: Model) -> None:
        self.sha256 = model.card.weights_sha256
        self._network = model.network.eval().requires_grad_(False)
        self._preprocessing = model.card.preprocessing
        self._lock = Lock()

    def __call__(self, part: Pixels) -> NDArray[np.float32]:
        """Embedding (d,), of length 1, of a part, uint8 (H, W, 3).

        Parts are embedded one at a time, so that the last bits of one never depend on its company.
        """
        image = self._preprocessing(part).tensor[None]
        with self._lock, torch.no_grad():
            feature_map = cast("Tensor", self._network(image))
        return np.asarray(functional.normalize(feature_map.mean((2, 3)))[0].numpy())


def frozen_embedding() -> FrozenEmbedding:
    """The embedding that all gates of this process share.

    Raises:
        WeightsRefused: if its weights cannot be loaded.
    """
    with _LOADING:
        return _load()


@cache
def _load() -> FrozenEmbedding:
    return FrozenEmbedding(load_model(_NAME))
