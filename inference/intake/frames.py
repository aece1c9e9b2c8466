"""The frames of a file, of which the first is examined."""

from __future__ import annotations

from PIL import ImageFile

from inference.intake.gif import count_frames
from inference.intake.notes import Notes
from inference.intake.tiff import count_pages

MAX_FRAMES_COUNTED = 1000
"""Frames at which counting stops: a hostile TIFF or GIF may chain millions."""


def note_frames(stored: ImageFile.ImageFile, data: bytes, notes: Notes) -> None:
    """Warn of frames that are not examined."""
    if stored.format == "TIFF":
        frames = count_pages(data, MAX_FRAMES_COUNTED)
    elif stored.format == "GIF":
        frames = count_frames(data, MAX_FRAMES_COUNTED)
    else:
        frames = getattr(stored, "n_frames", 1)
    if frames > 1:
        count = f"at least {frames}" if frames == MAX_FRAMES_COUNTED else frames
        notes.warnings.append(f"The file holds {count} frames; only frame {stored.tell() + 1} is examined.")
