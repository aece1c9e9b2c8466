"""Batches of photos alone, made on the device that trains them, so that a fast one does not wait for its samples."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from inference.reference.edges import edge_strength
from training.authenticity.samples import Draw, Draws
from training.authenticity.settings import AuthenticitySettings
from training.data.framed_photos import Normalisation, lies_in, read_framed, sampled
from training.data.kag import source_columns, toss_coins
from training.data.photos.photo import PhotoSet
from training.data.variations import Tints, Variation
from training.fitting.device_speed import compiles, room_on, sent
from training.fitting.fit import BatchDataset

_SHARE_OF_ROOM = 0.5


class PhotoBatches(BatchDataset):
    """Training photos, disturbed and varied anew in every epoch; (epoch, index) decides all randomness of a sample.

    They are framed once and kept as pixels: on the device, or beside the processor where they would take more than half
    of what the device has free. Then each batch is sent.

    Args:
        photos: The set.
        settings: The settings of the run.
        device: Where the network is trained.
    """

    def __init__(self, photos: PhotoSet, settings: AuthenticitySettings, device: torch.device) -> None:
        self._draws = Draws(photos, settings)
        self._settings = settings
        self._device = device
        paths = [photo.path for photo in self._draws.photos]
        self._frames, self._placements = read_framed(paths, settings.preprocessing)
        self._parts = torch.tensor([[one.left, one.top, one.width, one.height] for one in self._placements])
        has_room = self._frames.nbytes <= _SHARE_OF_ROOM * room_on(device)
        self._kept = self._frames.to(device) if has_room else self._frames
        self._normalised = Normalisation(settings.preprocessing, device)
        self._sampled = torch.compile(sampled) if compiles(settings.fit.compile, device) else sampled

    def __len__(self) -> int:
        return len(self._kept)

    def __getitems__(self, drawn: Sequence[tuple[int, int]]) -> dict[str, Tensor]:
        """A batch: `image` (B, 3, S, S), channels last, main class `label` (B,), and `disturbed` (B,), 0 or 1."""
        draws = [self._draws(*one) for one in drawn]
        frames = torch.stack([self._frame(draw) for draw in draws])
        sources = torch.cat([self._sources(draw) for draw in draws])
        varied = [Variation.drawn(draw.generator) for draw in draws] if self._settings.augment else []
        to_frame = torch.tensor([one.to_frame for one in varied or [Variation()] * len(draws)])
        on_device = (
            self._sent(one) for one in (frames, self._parts[[draw.index for draw in draws]], sources, to_frame)
        )
        grey_levels = self._sampled(*on_device)
        if varied:
            tints = Tints.of(varied)
            grey_levels = Tints(self._sent(tints.mixing), self._sent(tints.of_mean)).applied(grey_levels)
        return {
            "image": self._normalised(grey_levels),
            "label": self._sent(torch.tensor([draw.label for draw in draws])),
            "disturbed": self._sent(torch.tensor([int(draw.disturbed) for draw in draws])),
        }

    def _frame(self, draw: Draw) -> Tensor:
        """A framed photo, uint8 (D, D, 3), its key areas warped if it was drawn so."""
        if not draw.warped:
            return self._kept[draw.index]
        frame = self._frames[draw.index].clone()
        rows, columns = lies_in(self._placements[draw.index], len(frame))
        part = frame[rows, columns].numpy()
        warped = draw.warp(part, edge_strength(part), self._settings.warps)
        frame[rows, columns] = torch.from_numpy(warped)
        return sent(frame, self._kept.device)

    def _sources(self, draw: Draw) -> Tensor:
        """From which columns KAG takes each patch, (1, N, N)."""
        degree = self._settings.segment_degree
        tosses = toss_coins(1, degree, draw.generator) if draw.swapped else torch.zeros(1, degree, degree - 1).bool()
        return source_columns(tosses)

    def _sent(self, tensor: Tensor) -> Tensor:
        return sent(tensor, self._device)
