"""How the memory of large pictures goes back to the system after a call."""

from __future__ import annotations

import ctypes
import logging
import sys

logger = logging.getLogger(__name__)

# Name and number of glibc's malloc.h.
_M_ARENA_MAX = -8


def share_freed_memory() -> bool:
    """Have all threads of this process allocate from one place; whether that could be had. Call it before they start.

    By default glibc gives each thread a place of its own, and calls run in any of forty: each keeps some of what was
    freed in it, a fifth of all memory after ten pictures of 49 megapixels (`python -m benchmarks.large_pictures`).
    Other systems' allocators are left as they are. Training, where one thread allocates, does the opposite.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    shared = mallopt is not None and bool(mallopt(_M_ARENA_MAX, 1))
    logger.debug("freed memory is %s", "shared by all threads" if shared else "kept as the C library has it")
    return shared
