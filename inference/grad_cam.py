"""Grad-CAM on a network's head.

The backbone runs once and without a graph; only the head runs under autograd, so that a heatmap costs next to nothing.
Source: Selvaraju et al., Grad-CAM (KAG-MTLN paper, section 4.4.6).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_grad_cam import GradCAM, HiResCAM, LayerCAM
from torch import Tensor, nn

from inference.heatmap import CamMethod

Target = Callable[[Tensor], Tensor]
_METHODS: dict[CamMethod, type[GradCAM]] = {"grad_cam": GradCAM, "hires_cam": HiResCAM, "layer_cam": LayerCAM}


class HeadGradCam:
    """Grad-CAM, HiResCAM or LayerCAM at the feature map that enters a head.

    Grad-CAM weighs each channel by its mean gradient. At fine layers, where a channel means different things in
    different places, HiResCAM (Draelos and Carin, 2020) and LayerCAM (Jiang et al., 2021) weigh each cell.

    It is not thread-safe, since hooks and gradients live on the module; its examiner holds a lock.
    """

    def __init__(self, head: nn.Module, method: CamMethod = "grad_cam") -> None:
        entry = nn.Identity()
        self._cam = _METHODS[method](model=nn.Sequential(entry, head), target_layers=[entry])

    def __call__(self, feature_map: Tensor, target: Target) -> tuple[Tensor, NDArray[np.float32]]:
        """Logits and raw maps from one pass of the head.

        Args:
            feature_map: (B, C, h, w), from the backbone.
            target: Function from logits (B, K) to one score an image (B,); the heatmap shows its gradient.

        Returns:
            Logits (B, K), detached, and raw maps float32 (B, h, w), >= 0, without any rescaling.
        """
        entering = feature_map.detach().float().requires_grad_()
        with torch.enable_grad():
            logits = self._cam.activations_and_grads(entering)
            target(logits).sum().backward()
        record = self._cam.activations_and_grads
        activations, gradients = record.activations[0].numpy(), record.gradients[0].numpy()
        maps = self._cam.get_cam_image(entering, None, None, activations, gradients, eigen_smooth=False)
        return logits.detach(), np.maximum(maps, 0).astype(np.float32)
