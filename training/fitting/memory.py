"""How a command on a CPU keeps the memory of activations."""

from __future__ import annotations

import ctypes
import logging
import sys

logger = logging.getLogger(__name__)

# Names and numbers of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_NEVER = -1


def keep_freed_memory() -> bool:
    """Let this process keep freed memory for its next allocations, and tell whether that worked.

    By default glibc returns every block of more than 32 MB to the system and requests it again, page by page and
    zeroed. Activations of one step are hundreds of such blocks, which are overwritten at once: a step of
    EfficientNet-Lite0 took 1.4 times as long (`python -m benchmarks.training_step`). Other systems' allocators stay as
    they are.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    kept = bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, _NEVER))
    logger.debug("freed memory is %s", "kept" if kept else "given back, as the C library has it")
    return kept
