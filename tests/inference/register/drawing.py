"""Small marks in black and red on white."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw


def drawn(shape: str, side: int = 120) -> bytes:
    """A mark in black on white, as a PNG."""
    picture = Image.new("RGB", (side, side), "white")
    draw = ImageDraw.Draw(picture)
    box = (side // 6, side // 6, side - side // 6, side - side // 6)
    if shape == "disc":
        draw.ellipse(box, fill="black")
    elif shape == "ring":
        draw.ellipse(box, outline="black", width=9)
    elif shape == "box":
        draw.rectangle(box, fill="black")
    elif shape == "pair":
        draw.ellipse((5, 30, 50, 75), fill="black")
        draw.rectangle((70, 30, 115, 75), fill="red")
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
