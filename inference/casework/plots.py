"""The plots in the appendix of a report: a model's likelihood ratios on samples whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from reportlab.graphics.shapes import Circle, Drawing, Line, PolyLine, Rect, String
from reportlab.lib.colors import black
from reportlab.lib.units import mm

from inference.casework.typesetting import GREY, HAIRLINE, LATIN
from inference.evidence.figures import ece, pav, tippett

Points = NDArray[np.float64]

_WIDTH, _HEIGHT = 86 * mm, 66 * mm
_LEFT, _RIGHT, _BOTTOM, _TOP = 28, 6, 26, 34
_SOLID, _DASHED, _DOTTED = None, (5, 2), (1, 2)


@dataclass(frozen=True)
class Curve:
    """A line of a plot, distinct from others in black and white.

    Attributes:
        label: What it is.
        points: x and y (n, 2).
        dash: Lengths of ink and gap; None for a solid line.
        dots: Whether its points are drawn instead of a line.
    """

    label: str
    points: Points
    dash: tuple[int, int] | None = None
    dots: bool = False


@dataclass(frozen=True)
class Plot:
    """Curves over two labelled axes; points outside them are drawn at the edge."""

    title: str
    axes: tuple[str, str]
    across: tuple[float, float]
    up: tuple[float, float]
    curves: tuple[Curve, ...]


def held_out_plots(held_out: tuple[Points, Points], sides: tuple[str, str]) -> tuple[Plot, Plot, Plot]:
    """Tippett, PAV and ECE plot of bounded log10 LRs (n,) and (m,) of samples of either side."""
    first, second = held_out
    reach = float(np.ceil(max(np.abs(np.concatenate(held_out)).max(), 0.5) * 2) / 2)
    levels, share_first, share_second = tippett(first, second)
    tippett_plot = Plot(
        "Tippett: share of samples whose log10 LR is at least x",
        ("log10 LR", "share"),
        (-reach, reach),
        (0, 1),
        (
            Curve(f"{sides[0]} ({len(first)})", np.column_stack([levels, share_first])),
            Curve(f"{sides[1]} ({len(second)})", np.column_stack([levels, share_second]), _DASHED),
        ),
    )
    best_first, best_second = pav(first, second)
    stated, best = np.concatenate(held_out), np.concatenate([best_first, best_second])
    pav_plot = Plot(
        "PAV: log10 LR after the best monotone recalibration, infinite at the edge",
        ("log10 LR as stated", "after PAV"),
        (-reach, reach),
        (-reach, reach),
        (
            Curve("samples", np.column_stack([stated, best]), dots=True),
            Curve("perfect calibration", np.array([[-reach, -reach], [reach, reach]]), _DOTTED),
        ),
    )
    prior = np.linspace(-2.5, 2.5, 101)
    nothing = np.zeros(1)
    ece_plot = Plot(
        "ECE: what the likelihood ratios leave uncertain",
        ("log10 prior odds", "bits"),
        (-2.5, 2.5),
        (0, 1),
        (
            Curve("as stated", np.column_stack([prior, ece(first, second, prior)])),
            Curve("after PAV", np.column_stack([prior, ece(best_first, best_second, prior)]), _DASHED),
            Curve("without evidence", np.column_stack([prior, ece(nothing, nothing, prior)]), _DOTTED),
        ),
    )
    return tippett_plot, pav_plot, ece_plot


def draw(plot: Plot) -> Drawing:
    """A plot as reportlab draws it, 86 x 66 mm."""
    drawing = Drawing(_WIDTH, _HEIGHT)
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _BOTTOM - _TOP
    low = np.array([plot.across[0], plot.up[0]])
    span = np.array([plot.across[1], plot.up[1]]) - low
    drawing.add(String(_LEFT, _HEIGHT - 9, plot.title, fontName=LATIN, fontSize=6.2))
    drawing.add(Rect(_LEFT, _BOTTOM, width, height, fillColor=None, strokeColor=HAIRLINE, strokeWidth=0.5))
    for step in range(5):
        at = low + span * step / 4
        x, y = _LEFT + width * step / 4, _BOTTOM + height * step / 4
        drawing.add(Line(x, _BOTTOM, x, _BOTTOM - 2.5, strokeColor=GREY, strokeWidth=0.5))
        drawing.add(Line(_LEFT, y, _LEFT - 2.5, y, strokeColor=GREY, strokeWidth=0.5))
        drawing.add(_number(x, _BOTTOM - 9, at[0], "middle"))
        drawing.add(_number(_LEFT - 4, y - 2, at[1], "end"))
    drawing.add(String(_LEFT + width / 2, _BOTTOM - 18, f"x: {plot.axes[0]}; y: {plot.axes[1]}", **_caption("middle")))
    for number, curve in enumerate(plot.curves):
        placed = np.clip((curve.points - low) / span, 0, 1) * (width, height) + (_LEFT, _BOTTOM)
        _add_curve(drawing, curve, placed)
        _add_key(drawing, curve, _LEFT + number * width / len(plot.curves), _HEIGHT - 22)
    return drawing


def _add_curve(drawing: Drawing, curve: Curve, placed: Points) -> None:
    if curve.dots:
        for x, y in placed:
            drawing.add(Circle(x, y, 0.9, fillColor=None, strokeColor=black, strokeWidth=0.4))
    else:
        drawing.add(PolyLine(placed.ravel().tolist(), strokeColor=black, strokeWidth=0.9, strokeDashArray=curve.dash))


def _add_key(drawing: Drawing, curve: Curve, x: float, y: float) -> None:
    _add_curve(drawing, curve, np.array([[x, y + 2], [x + 14, y + 2]]))
    drawing.add(String(x + 17, y, curve.label, **_caption("start")))


def _number(x: float, y: float, value: float, anchor: str) -> String:
    return String(x, y, f"{value:g}", **_caption(anchor))


def _caption(anchor: str) -> dict[str, object]:
    return {"fontName": LATIN, "fontSize": 5.4, "fillColor": GREY, "textAnchor": anchor}
