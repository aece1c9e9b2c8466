"""The code and the libraries that an examination ran on."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from inference.records import EngineName

ASSAY_VERSION = "0.1.0"

_WRITES_ONLY = ("casework", "command_line", "drawing.py", "__main__.py")
"""Rooms that show or file findings and compute none; a change there changes no run id."""

_DISTRIBUTIONS = ("torch", "torchvision", "timm", "numpy", "pillow", "opencv-python-headless", "grad-cam")


@cache
def code_version() -> str:
    """Assay's version and the first 12 digits of a hash of the code that computes findings.

    The hash is over source files, so that a change of one line shows even without version control.
    """
    return f"{ASSAY_VERSION}+{hash_of_findings_code(Path(__file__).parents[1])[:12]}"


def hash_of_findings_code(package: Path) -> str:
    """SHA-256 over the sources that compute findings, by path and content; line ends make no difference."""
    digest = hashlib.sha256()
    for source in sorted(package.rglob("*.py")):
        if source.relative_to(package).parts[0] in _WRITES_ONLY:
            continue
        digest.update(source.relative_to(package).as_posix().encode() + b"\0")
        digest.update(source.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()


@cache
def library_versions(engine: EngineName = "torch") -> dict[str, str]:
    """Versions of Python and of the libraries that the numbers of an engine depend on."""
    libraries = {"python": platform.python_version()} | {name: version(name) for name in _DISTRIBUTIONS}
    return libraries if engine == "torch" or find_spec(engine) is None else libraries | {engine: version(engine)}
