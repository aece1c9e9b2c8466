"""The pictures on the pages of a report, with their captions."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from reportlab.lib.colors import Color, black
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Image

from inference.casework.stated import map_sha256
from inference.casework.typesetting import BODY_WIDTH, LATIN, SMALL, side_by_side, text
from inference.drawing import (
    DIFFERENCE_FULL_SCALE,
    colours,
    difference_picture,
    element_picture,
    in_two_colours,
    lay_over,
    numbered,
    overlay,
    ringed,
)
from inference.files import png_bytes
from inference.models.card import Card, Metric
from inference.records import Comparison, Deviation, ElementFinding, Heatmap, Record, ReferenceComparison, Verdict

_PICTURE_PIXELS = 640
_PICTURE_HEIGHT, GAP = 44 * mm, 2 * mm
_BAR_WIDTH, _ROW_PICTURE = 13 * mm, 13 * mm
Pixels = NDArray[np.uint8]


class _ColourBar(Flowable):
    """A fixed colour scale from 0 to full scale, with a mark at what was reached."""

    def __init__(self, height: float, full_scale: float, reached: float) -> None:
        super().__init__()
        self._full_scale, self._reached = full_scale, reached
        self.width, self.height = _BAR_WIDTH, height

    def draw(self) -> None:
        """Draw the bar, its ends and the mark."""
        steps, wide = 64, 3 * mm
        ramp = colours(np.linspace(0, 1, steps, dtype=np.float32)[:, None])[:, 0]
        for step, colour in enumerate(ramp):
            self.canv.setFillColor(Color(*(colour / 255)))
            # Each strip reaches under the next one, so that no gap shows between them.
            tall = self.height / steps * (2 if step < steps - 1 else 1)
            self.canv.rect(0, step * self.height / steps, wide, tall, stroke=0, fill=1)
        self.canv.setFillColor(black)
        self.canv.setFont(LATIN, 5.6)
        for height, value in ((self.height - 4.5, self._full_scale), (0, 0)):
            self.canv.drawString(wide + 6, height, f"{value:.3g}")
        at = min(self._reached / self._full_scale, 1) * self.height
        mark = self.canv.beginPath()
        mark.moveTo(wide + 0.5, at)
        mark.lineTo(wide + 4.5, at + 2)
        mark.lineTo(wide + 4.5, at - 2)
        mark.close()
        self.canv.drawPath(mark, stroke=0, fill=1)
        if 8 < at < self.height - 11:
            self.canv.drawString(wide + 6, at - 2, f"{self._reached:.2g}")


def pictures(record: Record, card: Card) -> list[Flowable]:
    """Each examined part or mark beside its heatmap, its reference, and the figures on such heatmaps."""
    match record:
        case Verdict():
            part = "registered part" if record.reference else "examined part"
            shown = _seen_with_heatmap(part, record.seen, record.heatmap)
            shown += _reference(record.reference) if record.reference else []
            heatmap = record.heatmap
        case Deviation():
            shown, heatmap = [*_witnesses(record)], max(record.every_heatmap, key=_peak)
        case Comparison():
            shown = [*_seen_mark(record, 0), *_seen_mark(record, 1), *_laid_over(record)]
            heatmap = max(record.heatmaps, key=_peak)
    content: list[Flowable] = [_row(shown, heatmap)]
    if isinstance(record, Comparison) and record.element is not None and record.element.decides:
        content.append(_row(_elements(record, record.element), max(record.element.heatmaps, key=_peak)))
    measured = [(name, metric) for name, metric in card.metrics.items() if metric.topic == "heatmaps"]
    figures = "; ".join(f"{name} {figure(metric)}" for name, metric in measured)
    content.append(
        text(
            f"Heatmap: evidence for {heatmap.target}, at the {heatmap.layer}; its scale is fixed for the model. "
            + (f"Measured: {figures}." if measured else "How well such heatmaps point has not been measured.")
        )
    )
    if isinstance(record, Deviation):
        content.append(text(_areas(record)))
    if isinstance(record, Comparison):
        content.append(text(_answering(record)))
        content.append(text(f"Laid over each other (SIFT points): {record.weighed}"))
        scores = "; ".join(f"{s.name} {s.log_odds:+.2f} ({s.view})" for s in record.sub_scores)
        content.append(text(f"Log odds in nats, not calibrated, and no verdict: {scores}."))
    if record.outcome == "genuine":
        content.append(text("A genuine part has no altered area: its heatmap cannot be checked against an alteration."))
    return content


def _row(shown: Sequence[tuple[Pixels, str]], heatmap: Heatmap) -> Flowable:
    """Pictures beside each other, each with its caption, and the colour scale of their heatmaps."""
    width = (BODY_WIDTH - _BAR_WIDTH) / len(shown)
    images = [image(pixels, width - GAP, _PICTURE_HEIGHT) for pixels, _ in shown]
    columns = [[image, text(caption, SMALL)] for image, (_, caption) in zip(images, shown, strict=True)]
    bar = _ColourBar(max(image.drawHeight for image in images), heatmap.full_scale, heatmap.peak)
    return side_by_side([*columns, bar], (*(width,) * len(shown), _BAR_WIDTH))


def _seen_with_heatmap(name: str, seen: Pixels, heatmap: Heatmap) -> list[tuple[Pixels, str]]:
    small = _reduced(seen)
    peak = f"peak {heatmap.peak:.3g} of {heatmap.full_scale:.3g}"
    shown = peak if heatmap.shows_evidence else f"it shows no evidence ({peak})"
    raw = f"raw map {' x '.join(map(str, heatmap.raw.shape))}, SHA-256 {map_sha256(heatmap.raw)[:8]}…"
    return [(small, name.capitalize()), (overlay(heatmap, small), f"Heatmap over it: {shown}; {raw}")]


def _witnesses(record: Deviation) -> Iterator[tuple[Pixels, str]]:
    """The registered part with its areas numbered, the reference, and the map of each witness."""
    beside = record.reference
    yield numbered(beside.registered, [area.box for area in record.areas]), "Registered part, its areas numbered"
    yield beside.reference, f"Genuine reference, mean of {beside.photos} photos; fit {beside.score:.2f}"
    if record.nearest:
        yield record.nearest.pixels, f"Nearest genuine photo: {record.nearest.name}, {record.nearest.item}"
    for one in record.witnesses:
        (_, (pixels, caption)) = _seen_with_heatmap("registered part", beside.registered, one.heatmap)
        yield pixels, f"By the {one.witness}, {one.score:+.1f} standard deviations. {caption}"


def _areas(record: Deviation) -> str:
    if not record.areas:
        return "No area deviates more than genuine photos do."
    listed = "; ".join(f"{area.number}: {area.score:.1f} by the {area.witness}" for area in record.areas)
    return f"Areas that deviate most, in standard deviations of genuine photos: {listed}."


def _seen_mark(record: Comparison, index: int) -> list[tuple[Pixels, str]]:
    """One of two marks with its corresponding areas numbered, and its heatmap."""
    (plain, name), heat = _seen_with_heatmap(f"mark {index + 1}", record.seen[index], record.heatmaps[index])
    return [(ringed(plain, record.correspondences, index), name), heat]


def _elements(record: Comparison, element: ElementFinding) -> list[tuple[Pixels, str]]:
    """Both marks with the element of each, under its heatmap."""
    shown = []
    for number, seen in enumerate(record.seen, 1):
        place, heatmap = element.places[number - 1], element.heatmaps[number - 1]
        where = f"its element at {place}" if place else "the whole of it"
        shown.append((_reduced(element_picture(seen, place, heatmap)), f"Mark {number}: {where}"))
    return shown


def _peak(heatmap: Heatmap) -> float:
    return heatmap.peak


def _laid_over(record: Comparison) -> Iterator[tuple[Pixels, str]]:
    """One mark laid over the other, if any of their points agree."""
    laid = lay_over(*record.compared, record.agreement)
    if laid is not None:
        whose = "mark 2 in inverse polarity" if record.agreement.negative else "mark 2"
        caption = f"Laid over each other. Red: dark in mark 1 alone; cyan: in {whose} alone; black: in both"
        yield _reduced(in_two_colours(record.compared[0], laid)), caption


def _answering(record: Comparison) -> str:
    shown = f"The maps show {record.maps_show}. "
    if not record.correspondences:
        return shown + "No area of one mark corresponds to an area of the other."
    strengths = "; ".join(f"{part.number}: {part.strength:.2f}" for part in record.correspondences)
    return f"{shown}Rings with the same number mark corresponding areas (strengths {strengths})."


def _reference(view: ReferenceComparison) -> list[tuple[Pixels, str]]:
    scale = f"dark 0 to bright {DIFFERENCE_FULL_SCALE:g} standard deviations"
    away = f"Difference of {view.measured}, {scale}; deviation {view.deviation:.1f}"
    return [
        (view.reference, f"Genuine reference of {view.series}, mean of {view.photos} photos; fit {view.score:.2f}"),
        (difference_picture(view), away),
    ]


def figure(metric: Metric) -> str:
    """A figure of a card, with its interval where it has one."""
    if metric.low is None or metric.high is None:
        return f"{metric.value:.2f}"
    return f"{metric.value:.2f} [{metric.low:.2f}, {metric.high:.2f}]"


def _reduced(pixels: Pixels) -> Pixels:
    """At most 640 pixels on the long side, which is what a page shows."""
    scale = _PICTURE_PIXELS / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def image(pixels: Pixels, most_wide: float, most_high: float) -> Image:
    """A picture as large as fits."""
    file = io.BytesIO(png_bytes(PillowImage.fromarray(_reduced(pixels))))
    scale = min(most_wide / pixels.shape[1], most_high / pixels.shape[0])
    return Image(file, pixels.shape[1] * scale, pixels.shape[0] * scale, hAlign="LEFT")


def thumbnail(data: bytes) -> Flowable | str:
    """A small JPEG in a row of a table; nothing where there is none."""
    if not data:
        return ""
    picture = Image(io.BytesIO(data))
    scale = _ROW_PICTURE / max(picture.imageWidth, picture.imageHeight)
    picture.drawWidth, picture.drawHeight = picture.imageWidth * scale, picture.imageHeight * scale
    return picture
