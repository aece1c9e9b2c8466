"""The frozen embedding of a part, by a network that was never trained on the goods."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from inference.preprocessing import Preprocessing


class FrozenEmbedding:
    """A pretrained backbone, averaged over the picture. Threads may share it.

    Args:
        backbone: Images (B, 3, S, S) to its last feature map (B, C, h, w).
        preprocessing: The preprocessing of its input.
        sha256: SHA-256 of its weights file.
        features: What runs the backbone, to its last feature map alone.
    """

    def __init__(
        self,
        backbone: nn.Module,
        preprocessing: Preprocessing,
        sha256: str,
        features: Callable[[Tensor], tuple[Tensor, ...]],
    ) -> None:
        self.sha256 = sha256
        self.backbone = backbone.eval().requires_grad_(False)
        self.preprocessing = preprocessing
        self._features = features
        self._lock = Lock()

    def __call__(self, part: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embedding (C,), of length 1, of a part, uint8 (H, W, 3).

        Parts are embedded one at a time, so that no bit of an embedding depends on a batch.
        """
        image = torch.from_numpy(self.preprocessing(part).values)[None]
        with self._lock:
            (feature_map,) = self._features(image)
        return np.asarray(functional.normalize(feature_map.mean((2, 3)))[0].numpy())
