"""The folder of uploads of a running bench, and its removal, even after a signal or a crash.

The folder of a run is `assay-` and 32 hex digits among the system's temporary files, with its lock beside it. The lock
is held from before the folder is made until the folder is gone, and the system releases it however the bench ends.
So a lock that can be taken belongs to a bench that no longer runs, and the next bench removes what it left.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
import stat
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import FrameType

from filelock import FileLock, Timeout

from inference.records import Refusal

logger = logging.getLogger(__name__)

_LOCK = re.compile(r"(assay-[0-9a-f]{32})\.lock")
_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")


@contextmanager
def uploads_folder() -> Iterator[Path]:
    """A folder for this run, which is removed afterwards; what earlier runs left is removed first.

    Raises:
        Refusal: if the folder cannot be made.
    """
    try:
        place = Path(tempfile.gettempdir())
        _sweep(place)
        lock, folder = _make(place)
    except OSError as error:
        msg = f"The folder for uploads cannot be made ({error}); free some disk space, or set TMPDIR to another folder."
        raise Refusal(msg) from error
    try:
        yield folder
    finally:
        _remove(lock, folder)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM, and SIGHUP if it exists, end the code inside by a KeyboardInterrupt, as Ctrl-C does.

    The process then ends with status 0. Only the first signal counts, so that a second one does not stop the cleaning
    up. A signal that is ignored from the start, as SIGHUP is under nohup, stays ignored.
    """
    numbers = [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    heeded = [number for number in numbers if before[number] != signal.SIG_IGN]
    ended = Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()
        for number in heeded:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in heeded:
        signal.signal(number, end)
    try:
        yield
    except KeyboardInterrupt:
        logger.debug("ended while the page was being started or closed")
    finally:
        for number in heeded:
            signal.signal(number, before[number])
    if ended.is_set():
        # A call may still run, and native code aborts a process whose interpreter stops the calling thread.
        logging.shutdown()
        sys.stdout.flush()
        os._exit(0)


def _make(place: Path) -> tuple[FileLock, Path]:
    """A held lock, and the folder beside it."""
    while True:
        folder = place / f"assay-{uuid.uuid4().hex}"
        lock = FileLock(_lock_of(folder), mode=0o600)
        # A sweep can remove a lock between its making and its taking.
        if _take(lock):
            if _lock_of(folder).exists():
                folder.mkdir(mode=0o700)
                return lock, folder
            lock.release()


def _sweep(place: Path) -> None:
    """Remove what benches that no longer run have left."""
    for path in place.glob("assay-*.lock"):
        named = _LOCK.fullmatch(path.name)
        if named is None:
            continue
        folder = place / named[1]
        try:
            lock = FileLock(path)
            if _is_own(path, stat.S_ISREG) and _is_own(folder, stat.S_ISDIR, missing=True) and _take(lock):
                logger.info("Removing uploads of an earlier run: %s", folder)
                _remove(lock, folder)
        except OSError as error:
            # Another bench is sweeping it at the same time, or it cannot be opened.
            logger.warning("%s was left as it is: %s", folder, error)


def _remove(lock: FileLock, folder: Path) -> None:
    """Remove a folder and then its held lock; a folder that cannot be removed keeps its lock file for the next run."""
    try:
        if folder.exists():
            shutil.rmtree(folder)
        if os.name == "nt":  # where an open file cannot be removed
            lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)
    except OSError as error:
        logger.warning("Uploads in %s could not be removed: %s; remove them by hand.", folder, error)
    finally:
        lock.release()


def _is_own(path: Path, kind: Callable[[int], bool], missing: bool = False) -> bool:
    """Whether a path itself, not what it links to, is of a kind and this user's; `missing` if there is none."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return missing
    return kind(found.st_mode) and (not hasattr(os, "getuid") or found.st_uid == os.getuid())


def _take(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")
