"""What one call frees is there for the next, whichever thread runs it."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Threads that all live at once, and malloc_stats, which lists the places that they allocate from.
_PROGRAM = """
import ctypes, sys, threading
from ui.memory import share_freed_memory
shared = share_freed_memory() if sys.argv[1] == "shared" else True
all_here = threading.Barrier(4)
def allocate():
    bytearray(100_000)
    all_here.wait()
threads = [threading.Thread(target=allocate) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
if shared: ctypes.CDLL(None).malloc_stats()
"""


def places(how: str) -> int:
    # A process of its own: an allocator's settings are those of a whole process.
    program = [sys.executable, "-c", _PROGRAM, how]
    return subprocess.run(program, check=True, capture_output=True, text=True).stderr.count("Arena ")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' allocators are left as they are")
def test_all_threads_allocate_from_one_place() -> None:
    if places("as it is") < 2:
        pytest.skip("this C library has one place for all threads")
    assert places("shared") == 1
