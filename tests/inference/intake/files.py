"""Small files of every kind, drawn for the tests of the intake."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

SIZE = (4, 3)
RED, GREEN, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (255, 255, 255), (0, 0, 0)


def encoded(image: Image.Image, container: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, container, **options)
    return buffer.getvalue()


def painted(container: str, mode: str, colour: float | tuple[float, ...], **options: object) -> bytes:
    return encoded(Image.new(mode, SIZE, colour), container, **options)


def photograph() -> Image.Image:
    """Smooth colours that every codec has something to do with."""
    noise = np.random.default_rng(7).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((48, 36), Image.Resampling.BICUBIC)
