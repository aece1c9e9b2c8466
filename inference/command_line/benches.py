"""The bench that a command examines on."""

from __future__ import annotations

from collections.abc import Sequence

from inference.bench import Bench
from inference.command_line.options import BenchOptions, ExamineOptions, ReportOptions
from inference.evidence.scale import ENFSI_2015, VerbalScale
from inference.records import Crop, Exhibit, Refusal, Verdict
from inference.request import Request


def bench_for(options: BenchOptions) -> Bench:
    """The bench of the folder, the device and the laboratory's words that a command names.

    Raises:
        Refusal: if the file that is named for the words is no verbal scale.
    """
    scale = VerbalScale.read(options.verbal_scale) if options.verbal_scale else ENFSI_2015
    return Bench(options.weights, options.device, scale)


def verdicts_on(
    exhibit: Exhibit, model: str | None, crop: Crop | None, options: ExamineOptions | ReportOptions, bench: Bench
) -> Sequence[Verdict]:
    """The verdict on a photo by the model named for it, or on each part that is found on it, best first.

    Raises:
        Refusal: if a crop or a model is named for what is still to be found, or nothing is found that a model is there
            for.
    """
    if not options.locate:
        return [bench.examine(Request(exhibit, options.series, crop), model)]
    if crop is not None or model is not None:
        msg = "With --locate the crops and models follow from what is found; leave out --crop and --model."
        raise Refusal(msg)
    return bench.examine_found(exhibit, options.series)
