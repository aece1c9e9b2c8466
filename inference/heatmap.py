"""Grad-CAM on a network's head, and its picture on a fixed scale.

The backbone runs once and without a graph; only the head runs under autograd, so that a heatmap
costs next to nothing. Source: Selvaraju et al., Grad-CAM (KAG-MTLN paper, section 4.4.6).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pytorch_grad_cam import GradCAM, HiResCAM, LayerCAM
from torch import Tensor, nn

from inference.records import FIRST_STEP, Heatmap, Placement, ReferenceView

Pixels = NDArray[np.uint8]
Target = Callable[[Tensor], Tensor]
CamMethod = Literal["grad_cam", "hires_cam", "layer_cam"]

DIFFERENCE_FULL_SCALE = 6.0
"""Standard deviations from the genuine edges that are drawn with the last colour."""

_COLOUR_BAR_WIDTH = 84
_INK, _PAPER = (38, 42, 48), (255, 255, 255)


_METHODS: dict[CamMethod, type[GradCAM]] = {"grad_cam": GradCAM, "hires_cam": HiResCAM, "layer_cam": LayerCAM}


class HeadGradCam:
    """Grad-CAM, or one of its finer relatives, at the feature map that enters a head.

    Grad-CAM weighs each channel by its mean gradient. At fine layers, where one channel means different things at
    different places, HiResCAM (Draelos and Carin, 2020) and LayerCAM (Jiang et al., 2021) weigh each cell.

    Not thread-safe (hooks and gradients live on the module): its examiner holds one lock.
    """

    def __init__(self, head: nn.Module, method: CamMethod = "grad_cam") -> None:
        entry = nn.Identity()
        self._cam = _METHODS[method](model=nn.Sequential(entry, head), target_layers=[entry])

    def __call__(self, feature_map: Tensor, target: Target) -> tuple[Tensor, NDArray[np.float32]]:
        """Logits and raw maps from one pass of the head.

        Args:
            feature_map: (B, C, h, w), from the backbone.
            target: Logits to one score an image, (B, K) to (B,); its gradient is what the map shows.

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


def overlay(heatmap: Heatmap, part: Pixels, opacity: float = 0.6) -> Pixels:
    """The part with the map laid over it, uint8 (H, W, 3).

    A pixel is covered in proportion to its evidence on the model's fixed scale, so that a part
    without evidence stays as it was photographed.

    Args:
        heatmap: The map of this part.
        part: The pixels that were examined, uint8 (H, W, 3).
        opacity: Cover of a pixel at full scale, 0 to 1.
    """
    height, width = part.shape[:2]
    value = strength(heatmap, width, height)
    cover = (opacity * np.sqrt(value))[..., None]
    return np.round(part * (1 - cover) + colours(value) * cover).astype(np.uint8)


def picture(heatmap: Heatmap, width: int, height: int) -> Pixels:
    """The map alone on its fixed scale, with its colour bar: uint8 (height, width + bar, 3)."""
    return np.hstack([colours(strength(heatmap, width, height)), colour_bar(heatmap, height)])


def difference_picture(view: ReferenceView) -> Pixels:
    """How far a registered part strays from genuine ones, on a scale fixed for all models: uint8 (h, w, 3)."""
    return colours(np.clip(view.difference / np.float32(DIFFERENCE_FULL_SCALE), 0, 1))


def strength(heatmap: Heatmap, width: int, height: int) -> NDArray[np.float32]:
    """The map over the examined part as a share of full scale, float32 (height, width), 0 to 1.

    What does not reach the first step of the scale is 0: it would darken the photo without being seen.
    """
    value = np.clip(over_part(heatmap, width, height) / np.float32(heatmap.full_scale), 0, 1)
    return np.where(value < FIRST_STEP, np.float32(0), value)


def over_part(heatmap: Heatmap, width: int, height: int) -> NDArray[np.float32]:
    """The raw map over the examined part, float32 (height, width), >= 0; bilinear between the centres of the cells."""
    return over_frame(heatmap.raw, heatmap.placement, width, height)


def over_frame(cells: NDArray[np.float32], place: Placement, width: int, height: int) -> NDArray[np.float32]:
    """Cells (h, w) that tile what a network saw, over the part of it that lies at `place`: float32 (height, width)."""
    rows, columns = cells.shape
    down = _bilinear(place.top, place.height, height, rows)
    across = _bilinear(place.left, place.width, width, columns)
    return np.asarray(down @ cells @ across.T, np.float32)


def _bilinear(start: float, extent: float, pixels: int, cells: int) -> NDArray[np.float32]:
    """Weights (pixels, cells) of the two nearest cells for pixel centres along one side of the part."""
    at = np.clip((start + (np.arange(pixels) + 0.5) / pixels * extent) * cells - 0.5, 0, cells - 1)
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(cells))).astype(np.float32)


def colour_bar(heatmap: Heatmap, height: int) -> Pixels:
    """The scale of a map: colours from 0 (bottom) to full scale (top), and a mark at its peak."""
    bar = Image.new("RGB", (_COLOUR_BAR_WIDTH, height), _PAPER)
    levels = np.linspace(1, 0, max(height - 24, 2), dtype=np.float32)[:, None].repeat(16, axis=1)
    bar.paste(Image.fromarray(colours(levels)), (8, 12))
    draw = ImageDraw.Draw(bar)
    font = ImageFont.load_default(11)
    peak = min(heatmap.peak / heatmap.full_scale, 1)
    peak_y = 12 + (1 - peak) * (height - 24)
    draw.text((30, 5), f"{heatmap.full_scale:.3g}", _INK, font)
    draw.text((30, height - 19), "0", _INK, font)
    draw.polygon([(25, peak_y), (31, peak_y - 4), (31, peak_y + 4)], _INK)
    if 20 < peak_y < height - 28:
        draw.text((34, peak_y - 7), f"{heatmap.peak:.2g}", _INK, font)
    return np.asarray(bar)


def colours(value: NDArray[np.float32]) -> Pixels:
    """Shares of full scale (H, W), 0 to 1, in the inferno colour map, uint8 RGB (H, W, 3)."""
    levels = np.round(value * 255).astype(np.uint8)
    bgr = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).astype(np.uint8)
