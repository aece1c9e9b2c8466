"""What comparing two marks costs beside two bare forward passes of the same network, in one run.

Run by hand: `python -m benchmarks.comparison`. Six ways take turns: the network alone on both prepared marks; the
same with both heatmaps; all embeddings that the sub-scores need; the local features of both and what of them agrees;
and the comparison, from decoded pixels to the record, without the sub-scores and with them. Memory is the process's
peak after each way, the bare one first, so that what a way adds shows.
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, cast

import numpy as np
import torch
import tyro

from benchmarks.examination import exhibit
from benchmarks.kag_disturbance import seconds_in_turn
from inference.grad_cam import HeadGradCam
from inference.models.weights import load_model
from inference.places import WEIGHTS_FOLDER
from inference.trademark.examiner import TrademarkExaminer, log_odds_similar
from inference.trademark.local_features import local_agreement, local_features
from inference.trademark.sub_scores import variants

BARE = "two bare passes"


@dataclass(frozen=True)
class Settings:
    """Which model is timed, and how."""

    model: str = "hms_icon_marks"
    """A trademark model."""
    weights: Path = WEIGHTS_FOLDER
    """Folder with the models."""
    side: int = 500
    """Side of the compared pictures in pixels, before preprocessing."""
    rounds: int = 15
    """How often each way is timed, in turn."""


def ways(settings: Settings) -> dict[str, Callable[[], Any]]:
    """The ways to compare, the bare one first."""
    marks = [exhibit(settings.side, seed) for seed in range(2)]
    model = load_model(settings.model, settings.weights)
    preprocessing, network = model.card.preprocessing, cast("Any", model.network)
    framed = [torch.from_numpy(preprocessing(mark.pixels).values) for mark in marks]
    images, head_cam = torch.stack(framed), HeadGradCam(network.head)
    examiner = TrademarkExaminer(model)
    further = [
        variants(mark.pixels, tensor, preprocessing, turn=turn)
        for mark, tensor, turn in zip(marks, framed, (False, True), strict=True)
    ]
    views = [tensor for each in further for tensor in each.tensors]

    def bare() -> torch.Tensor:
        with torch.no_grad():
            return network.head(network.features(images))

    def with_heatmaps() -> Any:
        with torch.no_grad():
            feature_map = network.features(images)
        return head_cam(feature_map, log_odds_similar)

    return {
        BARE: bare,
        "with both heatmaps": with_heatmaps,
        f"{len(views)} further variants": lambda: examiner.embed(views),
        "local features": lambda: local_agreement(*(local_features(mark.pixels) for mark in marks)),
        "without sub-scores": lambda: examiner.compare_batch([(marks[0], marks[1])], in_other_ways=False),
        "whole comparison": lambda: examiner.compare(*marks),
    }


def main(settings: Settings) -> None:
    """Print the median seconds of each way, its ratio to two bare passes, and what it adds to the peak memory."""
    chosen = ways(settings)
    peaks = {}
    for name, way in chosen.items():
        way()
        peaks[name] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = seconds_in_turn(chosen, settings.rounds)
    print(f"{settings.model}, pictures of {settings.side} x {settings.side}, {settings.rounds} rounds")
    for name, values in seconds.items():
        ratio = median(np.array(values) / np.array(seconds[BARE]))
        more = peaks[name] - peaks[BARE]
        print(f"{name:>20}: {1000 * median(values):8.1f} ms, {ratio:5.2f} x two bare passes, {more:+.0f} MiB at peak")


if __name__ == "__main__":
    main(tyro.cli(Settings))
