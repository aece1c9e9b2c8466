"""The bench on which a command examines."""

from __future__ import annotations

from collections.abc import Sequence

from inference.bench import Bench
from inference.command_line.options import BenchOptions, ExamineOptions, ReportOptions
from inference.evidence.scale import ENFSI_2015, VerbalScale
from inference.records import Crop, Deviation, Exhibit, Refusal, Verdict
from inference.request import Request


def bench_for(options: BenchOptions) -> Bench:
    """The bench with the folder, the device and the verbal scale that a command names.

    Raises:
        Refusal: if the named file is not a verbal scale.
    """
    scale = VerbalScale.read(options.verbal_scale) if options.verbal_scale else ENFSI_2015
    return Bench(options.weights, options.device, scale, options.collections)


def examined_on(
    exhibit: Exhibit, model: str | None, crop: Crop | None, options: ExamineOptions | ReportOptions, bench: Bench
) -> Sequence[Verdict | Deviation]:
    """The examination of a photo by the named model, or with --references beside a collection.

    With --locate it is that of each detected part, the best detection first.

    Raises:
        Refusal: if an option stands beside one that it leaves nothing to, or no part is found that can be examined.
    """
    if options.references is not None:
        if model is not None or options.locate:
            msg = "With --references no model is asked; leave out --model and --locate."
            raise Refusal(msg)
        return [bench.examine_beside(Request(exhibit, options.series, crop), options.references)]
    if not options.locate:
        return [bench.examine(Request(exhibit, options.series, crop), model)]
    if crop is not None or model is not None:
        msg = "With --locate, crops and models follow from the parts that are found; leave out --crop and --model."
        raise Refusal(msg)
    return bench.examine_found(exhibit, options.series)
