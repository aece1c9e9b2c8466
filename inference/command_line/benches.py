"""The bench on which a command examines."""

from __future__ import annotations

from inference.bench import Bench
from inference.command_line.options import BatchOptions, BenchOptions, ExamineOptions, ReportOptions
from inference.evidence.scale import ENFSI_2015, VerbalScale
from inference.request import Means


def bench_for(options: BenchOptions) -> Bench:
    """The bench with the folder, the device and the verbal scale that a command names.

    Raises:
        Refusal: if the named file is not a verbal scale.
    """
    scale = VerbalScale.read(options.verbal_scale) if options.verbal_scale else ENFSI_2015
    return Bench(options.weights, options.device, scale, options.collections)


def means_of(options: ExamineOptions | ReportOptions | BatchOptions, model: str | None) -> Means:
    """By what a command examines.

    Raises:
        Refusal: if an option stands beside one that it leaves nothing to.
    """
    return Means(model, options.references, options.locate, options.series)
