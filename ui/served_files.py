"""Files made by Assay that a browser fetches from the page's server."""

from __future__ import annotations

import tempfile
from pathlib import Path

from gradio.processing_utils import save_file_to_cache


def served_file(content: bytes, name: str, folder: str) -> str:
    """Put content where the page may fetch it, and give its path.

    Two examiners can need the same file at once, and one of them may be fetching it: so the file is
    whole or missing, and is never written again.

    Args:
        content: Content of the file; equal content has an equal path.
        name: Name of the file.
        folder: A folder that Gradio serves: a component's GRADIO_CACHE, or its upload folder.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as made:
        path = Path(made) / name
        path.write_bytes(content)
        return save_file_to_cache(path, folder)
