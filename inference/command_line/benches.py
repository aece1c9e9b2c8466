"""The bench on which a command examines."""

from __future__ import annotations

from inference.bench import Bench
from inference.command_line.options import (
    BatchOptions,
    BenchOptions,
    CollectionOptions,
    ExamineOptions,
    ModelOptions,
    ReportOptions,
)
from inference.evidence.scale import ENFSI_2015, VerbalScale
from inference.places import REFERENCES_FOLDER
from inference.request import Means


def bench_for(options: ModelOptions) -> Bench:
    """The bench with the folders, the device, the engine and the verbal scale that a command names.

    Raises:
        Refusal: if the named file is not a verbal scale, or the engine cannot run.
    """
    stated = options.verbal_scale if isinstance(options, BenchOptions) else None
    return Bench(
        options.weights,
        options.device,
        VerbalScale.read(stated) if stated else ENFSI_2015,
        options.collections if isinstance(options, CollectionOptions) else REFERENCES_FOLDER,
        options.engine,
    )


def means_of(options: ExamineOptions | ReportOptions | BatchOptions, model: str | None) -> Means:
    """By what a command examines.

    Raises:
        Refusal: if an option stands beside one that it leaves nothing to.
    """
    return Means(model, options.references, options.locate, options.series)
