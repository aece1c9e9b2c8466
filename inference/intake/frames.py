"""The frames of a file, of which the first is examined."""

from __future__ import annotations

from PIL import ImageFile

from inference.intake.notes import Notes

MAX_PAGES_COUNTED = 1000
"""Counting stops here: a hostile TIFF may chain millions of pages."""


def note_frames(stored: ImageFile.ImageFile, notes: Notes) -> None:
    """Warn of frames that are not examined."""
    frames = _count_pages(stored) if stored.format == "TIFF" else getattr(stored, "n_frames", 1)
    if frames > 1:
        count = f"at least {frames}" if frames == MAX_PAGES_COUNTED else frames
        notes.warnings.append(f"The file holds {count} frames; only frame {stored.tell() + 1} is examined.")


def _count_pages(stored: ImageFile.ImageFile) -> int:
    pages = 1
    try:
        while pages < MAX_PAGES_COUNTED:
            stored.seek(pages)
            pages += 1
    except EOFError:
        pass
    stored.seek(0)
    return pages
