"""Which code and which libraries an examination ran on."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

ASSAY_VERSION = "0.1.0"

_DISTRIBUTIONS = ("torch", "torchvision", "timm", "numpy", "pillow", "opencv-python-headless", "grad-cam")


@cache
def code_version() -> str:
    """Assay's version and the first 12 digits of a hash of the code that examines.

    The hash is over this package's own source files, so that a change of one line shows, with or
    without version control.
    """
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for source in sorted(package.rglob("*.py")):
        digest.update(source.relative_to(package).as_posix().encode() + b"\0")
        digest.update(source.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return f"{ASSAY_VERSION}+{digest.hexdigest()[:12]}"


@cache
def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries the numbers depend on."""
    return {"python": platform.python_version()} | {name: version(name) for name in _DISTRIBUTIONS}
