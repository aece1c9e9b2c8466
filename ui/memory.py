"""How the memory of large pictures is returned to the system after a call."""

from __future__ import annotations

import ctypes
import logging
import sys

logger = logging.getLogger(__name__)

# Name and number of glibc's malloc.h.
_M_ARENA_MAX = -8


def share_freed_memory() -> bool:
    """Let all threads of this process allocate from one arena, and tell whether that worked; call it before they start.

    By default glibc gives each thread an arena of its own, and calls run in up to forty threads. Each arena keeps some
    freed memory: a fifth of all after ten pictures of 49 megapixels (`python -m benchmarks.large_pictures`). Other
    systems' allocators stay as they are. Training, where one thread allocates, does the opposite.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    shared = mallopt is not None and bool(mallopt(_M_ARENA_MAX, 1))
    logger.debug("freed memory is %s", "shared by all threads" if shared else "kept as the C library has it")
    return shared
