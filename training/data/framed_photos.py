"""Photos as a training keeps and sees them: framed once at twice the input's scale, sampled anew for every batch.

One bilinear sampling does all that moves pixels: small variations of place, FWD's scale, and KAG, which is a map of
columns to columns (`source_columns`). No photo is resized to a grid for KAG, so that sharpness does not tell disturbed
photos from others.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from inference.intake.exhibit import read_exhibit
from inference.preprocessing import Preprocessing, resize
from inference.records import Placement

Pixels = NDArray[np.uint8]

DETAIL = 2
"""Photos are kept at so many times the scale of the network's input."""
OUTSIDE = 128.0
"""Grey level beyond the frame, of which a varied photo shows a little."""
# A photo is softened once, and two points of each pixel, in pixels from its middle, sample it. Together they come near
# an examination's antialiasing; and patches, which mostly move by a fraction of a pixel, are on average as sharp as
# those that stay.
_SOFTENING = np.array([0.1, 0.8, 0.1], np.float32)
_WITHIN = ((-0.155, -0.155), (0.155, 0.155))


def framed(toned: Pixels, preprocessing: Preprocessing) -> tuple[Pixels, Placement]:
    """A toned photo in its square as an examination frames it, at `DETAIL` times the scale.

    The square is the examination's own, enlarged; only the part in it is scaled anew from the photo. So the padding and
    the place of the part are those of the examination.

    Args:
        toned: uint8 (H, W, 3).
        preprocessing: How an examination prepares it.

    Returns:
        uint8 (D, D, 3), D = `DETAIL` x size, and where the part lies in it.
    """
    square, placement = preprocessing.frame(preprocessing.scale(toned))
    whole = np.repeat(np.repeat(square, DETAIL, axis=0), DETAIL, axis=1)
    rows, columns = lies_in(placement, len(whole))
    part = resize(toned, columns.stop - columns.start, rows.stop - rows.start)
    whole[rows, columns] = cv2.sepFilter2D(part, -1, _SOFTENING, _SOFTENING, borderType=cv2.BORDER_REPLICATE)
    return whole, placement


def lies_in(placement: Placement, side: int) -> tuple[slice, slice]:
    """Rows and columns of the part in a frame of so many pixels."""
    top, left = round(placement.top * side), round(placement.left * side)
    return slice(top, top + round(placement.height * side)), slice(left, left + round(placement.width * side))


def read_framed(paths: Sequence[Path], preprocessing: Preprocessing) -> tuple[Tensor, tuple[Placement, ...]]:
    """Photos, each read and framed once: uint8 (n, D, D, 3), and where the part lies in each."""
    side = DETAIL * preprocessing.size
    frames = torch.empty((len(paths), side, side, 3), dtype=torch.uint8)

    def keep(index: int) -> Placement:
        pixels, placement = framed(preprocessing.tone(read_exhibit(paths[index]).pixels), preprocessing)
        frames[index] = torch.from_numpy(pixels)
        return placement

    # What takes the time, decoding and scaling, leaves the interpreter to other threads.
    with ThreadPoolExecutor() as pool:
        kept = pool.map(keep, range(len(paths)))
        return frames, tuple(tqdm(kept, "reading photos", len(paths), unit="photo", leave=False))


def sampled(frames: Tensor, parts: Tensor, sources: Tensor, to_frame: Tensor) -> Tensor:
    """A batch of the network's input, disturbed and varied, from framed photos; all tensors on one device.

    A point of the input lies at (x, y), both from -1 to 1 across the square. `to_frame` says where in the frame it is
    looked for; there, a point of the part is looked for in the column of patches from which KAG takes its own.

    Args:
        frames: uint8 (B, D, D, 3).
        parts: Left, top, width and height of the part, in fractions of the frame (B, 4).
        sources: Column of each place of KAG's grid (B, N, N), as by `source_columns`.
        to_frame: Affine maps (B, 2, 3).

    Returns:
        Grey levels, 0 to 255, float32 (B, 3, D / `DETAIL`, D / `DETAIL`).
    """
    degree, size = sources.shape[1], frames.shape[1] // DETAIL
    grey_levels = frames.permute(0, 3, 1, 2).float()
    left, top, width, height = (2 * one[:, None, None] for one in parts.unbind(1))
    # The grid has one more place on each side, where nothing moves: it stands for the padding.
    column = torch.arange(degree, device=frames.device)
    moves = functional.pad((sources - column) * (width / degree), (1, 1, 1, 1)).flatten(1)
    total = torch.zeros((), device=frames.device)
    for within in _WITHIN:
        x, y = _looked_for(to_frame, size, within)
        in_column = ((x + (1 - left)) * (degree / width) + 1).clamp(0, degree + 1).long()
        in_row = ((y + (1 - top)) * (degree / height) + 1).clamp(0, degree + 1).long()
        x = x + moves.gather(1, (in_row * (degree + 2) + in_column).flatten(1)).view_as(x)
        points = torch.stack([x, y], dim=3)
        total = total + functional.grid_sample(grey_levels, points, padding_mode="border", align_corners=False)
    x, y = _looked_for(to_frame, size, (0, 0))
    covered = ((1 - torch.maximum(x.abs(), y.abs())) * (size / 2) + 0.5).clamp(0, 1)
    return OUTSIDE + (total / len(_WITHIN) - OUTSIDE) * covered[:, None]


def _looked_for(to_frame: Tensor, size: int, within: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Where in the frame one point of each pixel of the input is looked for: x and y, both (B, S, S)."""
    middles = (2 * torch.arange(size, device=to_frame.device) + 1) / size - 1
    across, down = (middles + 2 * one / size for one in within)
    rows = to_frame[..., None, None].unbind(1)
    x, y = (by_x * across + (by_y * down[:, None] + start) for by_x, by_y, start in (one.unbind(1) for one in rows))
    return x, y


class Normalisation:
    """From grey levels to a network's input on a device, as by `Preprocessing.normalised`."""

    def __init__(self, preprocessing: Preprocessing, device: torch.device) -> None:
        self._mean, self._std = (
            torch.tensor(one, device=device)[:, None, None] for one in (preprocessing.mean, preprocessing.std)
        )

    def __call__(self, grey_levels: Tensor) -> Tensor:
        """Grey levels (B, 3, S, S), 0 to 255, as float32 of the same shape, channels last."""
        return ((grey_levels / 255 - self._mean) / self._std).contiguous(memory_format=torch.channels_last)
