"""What was compiled, kept in the user's cache folder: whole, checked, and written by one process at a time."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from inference.files import make_folder, write_whole

logger = logging.getLogger(__name__)

_MOST = 64
"""Files that are kept, the latest; those of earlier versions and of models that are gone make room."""
_PATIENCE = 120.0
"""Seconds to wait for another process, many times what it takes to compile."""
_DIGEST = hashlib.sha256().digest_size


def compiled_folder() -> Path:
    """Where compiled passes are kept.

    Raises:
        RuntimeError: if the user has no home.
    """
    stated = os.environ.get("XDG_CACHE_HOME")
    return (Path(stated) if stated else Path.home() / ".cache") / "assay" / "compiled"


@dataclass(frozen=True)
class KeptFile:
    """One compiled pass, by the key of all that it was made of. Without a writable folder nothing is kept.

    Attributes:
        folder: The cache folder.
        key: Hexadecimal digits.
    """

    folder: Path
    key: str

    @property
    def path(self) -> Path:
        """Where it lies: the SHA-256 of its content, then the content."""
        return self.folder / f"{self.key}.compiled"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from compiling meanwhile; what cannot be locked is used without."""
        lock = FileLock(self.folder / ".lock", timeout=_PATIENCE)
        try:
            make_folder(self.folder)
            lock.acquire()
        except (OSError, Timeout, NotImplementedError) as error:
            logger.info("%s cannot be locked (%s).", self.folder, error)
        try:
            yield
        finally:
            lock.release()

    def read(self) -> bytes | None:
        """Its content; None if it is not there, cannot be read or is damaged."""
        try:
            stored = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            logger.info("%s cannot be read (%s).", self.path, error)
            return None
        digest, content = stored[:_DIGEST], stored[_DIGEST:]
        if hashlib.sha256(content).digest() != digest:
            logger.warning("%s is damaged; it is compiled again.", self.path)
            return None
        return content

    def write(self, content: bytes) -> None:
        """Keep content, and make room for it."""
        try:
            write_whole(self.path, hashlib.sha256(content).digest() + content)
            for old in sorted(self.folder.glob("*.compiled"), key=lambda path: path.stat().st_mtime)[:-_MOST]:
                old.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("What was compiled is not kept, and is compiled again at the next start: %s", error)
