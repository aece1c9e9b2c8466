"""The pictures of a record as PNG files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.drawing import (
    difference_picture,
    element_picture,
    in_two_colours,
    lay_over,
    numbered,
    overlay,
    picture,
    ringed,
)
from inference.records import Comparison, Deviation, Heatmap, ReferenceComparison, Verdict


def write_examined(found: Verdict | Deviation, folder: Path, stem: str) -> None:
    """Write the maps of an examination and their overlays, and what is seen beside the genuine reference."""
    if isinstance(found, Verdict):
        _write_verdict(found, folder, stem)
    else:
        _write_deviation(found, folder, stem)


def _write_verdict(verdict: Verdict, folder: Path, stem: str) -> None:
    _write_heatmap(verdict.heatmap, verdict.seen, folder, stem)
    if verdict.reference:
        _write_reference(verdict.reference, folder, stem)


def _write_deviation(found: Deviation, folder: Path, stem: str) -> None:
    for one in found.witnesses:
        _write_heatmap(one.heatmap, found.reference.registered, folder, f"{stem}.{one.witness}")
    _write_reference(found.reference, folder, stem)
    boxes = numbered(found.reference.registered, [area.box for area in found.areas])
    Image.fromarray(boxes).save(folder / f"{stem}.areas.png")


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """Write both heatmaps, their overlays, both marks with numbered areas and with elements, and one over the other."""
    for index, (heatmap, seen) in enumerate(zip(comparison.heatmaps, comparison.seen, strict=True)):
        stem = f"mark_{index + 1}"
        _write_heatmap(heatmap, seen, folder, stem)
        numbered = ringed(seen, comparison.correspondences, index)
        Image.fromarray(numbered).save(folder / f"{stem}.parts.png")
    if comparison.element is not None:
        shown = zip(comparison.seen, comparison.element.places, comparison.element.heatmaps, strict=True)
        for number, (seen, place, heatmap) in enumerate(shown, 1):
            Image.fromarray(element_picture(seen, place, heatmap)).save(folder / f"mark_{number}.element.png")
    laid = lay_over(*comparison.compared, comparison.agreement)
    if laid is not None:
        Image.fromarray(in_two_colours(comparison.compared[0], laid)).save(folder / "laid_over.png")


def _write_heatmap(heatmap: Heatmap, seen: NDArray[np.uint8], folder: Path, stem: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    height, width = seen.shape[:2]
    Image.fromarray(picture(heatmap, width, height)).save(folder / f"{stem}.heatmap.png")
    Image.fromarray(overlay(heatmap, seen)).save(folder / f"{stem}.overlay.png")


def _write_reference(view: ReferenceComparison, folder: Path, stem: str) -> None:
    pictures = {
        "registered": view.registered,
        "reference": view.reference,
        "difference": difference_picture(view),
    }
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(folder / f"{stem}.{name}.png")
