"""Files of our own making that a browser fetches from the page's server."""

from __future__ import annotations

import tempfile
from pathlib import Path

from gradio.processing_utils import save_file_to_cache


def served_file(content: bytes, name: str, folder: str) -> str:
    """Put content where the page may fetch it, and give its path.

    Two examiners can come to the same file at once, and one of them may be fetching it: it is there
    whole or not at all, and is never written again.

    Args:
        content: What the file holds; equal content gets an equal path.
        name: What the file is called.
        folder: Where Gradio serves from: a component's GRADIO_CACHE, or its upload folder.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as made:
        path = Path(made) / name
        path.write_bytes(content)
        return save_file_to_cache(path, folder)
