"""Drawn figures as files."""

from __future__ import annotations

import io

from matplotlib.figure import Figure


def png_of(figure: Figure, dpi: int) -> bytes:
    """A figure as a PNG, so that it is written whole like every other file."""
    encoded = io.BytesIO()
    figure.savefig(encoded, format="png", dpi=dpi)
    return encoded.getvalue()
