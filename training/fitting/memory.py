"""How the memory of activations is got from the system when a processor trains."""

from __future__ import annotations

import ctypes
import logging
import sys

logger = logging.getLogger(__name__)

# Names and numbers of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_NEVER = -1


def keep_freed_memory() -> bool:
    """Have this process keep what it frees for what it allocates next; whether that could be had.

    By default glibc gives every block of more than 32 MB back to the system and gets it anew, page by page and zeroed.
    Activations of one step are hundreds of such blocks, and what they hold is overwritten at once: a step of
    EfficientNet-Lite0 took 1.4 times as long (`python -m benchmarks.training_step`). Other systems' allocators are left
    as they are.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    kept = bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, _NEVER))
    logger.debug("freed memory is %s", "kept" if kept else "given back, as the C library has it")
    return kept
