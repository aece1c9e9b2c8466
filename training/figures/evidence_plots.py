"""Pictures of likelihood ratios whose truth is known: Tippett, PAV and ECE plots, as PNG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from inference.evidence.figures import ece, pav, tippett
from inference.files import write_whole
from training.figures.plots import png_of

Values = NDArray[np.float64]

_COLOURS = "#0072b2", "#d55e00"
_PRIORS = np.linspace(-3, 3, 121)


def draw_evidence(first: Values, second: Values, sides: tuple[str, str], folder: Path) -> None:
    """Write tippett.png, pav.png and ece.png of log10 LRs of both sides, (n,) and (m,), into a folder that is there."""
    for name, draw in (("tippett", _draw_tippett), ("pav", _draw_pav), ("ece", _draw_ece)):
        figure = Figure(figsize=(6, 4.5), layout="constrained")
        axes = figure.add_subplot()
        draw(axes, first, second, sides)
        axes.legend()
        write_whole(folder / f"{name}.png", png_of(figure, 150))


def _draw_tippett(axes: Axes, first: Values, second: Values, sides: tuple[str, str]) -> None:
    levels, *shares = tippett(first, second)
    for share, side, colour in zip(shares, sides, _COLOURS, strict=True):
        axes.step(levels, share, where="pre", color=colour, label=f"{side} samples")
    axes.axvline(0, color="grey", linewidth=0.8)
    axes.set(xlabel="log10 LR", ylabel="share with an LR at least so great", title="Tippett plot")


def _draw_pav(axes: Axes, first: Values, second: Values, sides: tuple[str, str]) -> None:
    best = pav(first, second)
    for stated, fitted, side, colour in zip((first, second), best, sides, _COLOURS, strict=True):
        known = np.isfinite(fitted)
        axes.scatter(stated[known], fitted[known], s=14, alpha=0.5, color=colour, label=f"{side} samples")
    ends = min(first.min(), second.min(), 0), max(first.max(), second.max(), 0)
    axes.plot(ends, ends, color="grey", linewidth=0.8, label="perfectly calibrated")
    left_out = sum(int((~np.isfinite(fitted)).sum()) for fitted in best)
    title = f"PAV plot; {left_out} of infinite recalibrated LR left out" if left_out else "PAV plot"
    axes.set(xlabel="log10 LR", ylabel="log10 LR recalibrated on the truth", title=title)


def _draw_ece(axes: Axes, first: Values, second: Values, _sides: tuple[str, str]) -> None:
    neutral = np.zeros(1)
    axes.plot(_PRIORS, ece(first, second, _PRIORS), color=_COLOURS[1], label="these LRs")
    axes.plot(_PRIORS, ece(*pav(first, second), _PRIORS), color=_COLOURS[0], linestyle="--", label="after PAV")
    axes.plot(_PRIORS, ece(neutral, neutral, _PRIORS), color="grey", linestyle=":", label="LR = 1 for all")
    axes.set(xlabel="prior log10 odds", ylabel="empirical cross-entropy in bits", title="ECE plot")
