"""Worker processes for work on pictures."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

import cv2


@contextmanager
def worker_processes(count: int | None = None) -> Iterator[ProcessPoolExecutor]:
    """Processes that each compute on one thread; as many as there are processors when no count is given.

    OpenCV's threads do not live on in a forked process, which would wait for them forever: this process does without
    them while it forks.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with ProcessPoolExecutor(count, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
            yield pool
    finally:
        cv2.setNumThreads(threads)
