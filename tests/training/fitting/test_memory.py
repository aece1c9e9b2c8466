"""What a processor trains in is kept from step to step."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import resource, torch
from training.fitting.memory import keep_freed_memory
print(keep_freed_memory())
def pages_got_from_the_system():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.empty(2**24).fill_(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
# Blocks take a few rounds to find their places.
print([pages_got_from_the_system() for _ in range(30)][-1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' allocators are left as they are")
def test_a_large_block_that_was_freed_is_used_again_without_asking_the_system() -> None:
    # A process of its own: an allocator's settings are those of a whole process.
    out = subprocess.run([sys.executable, "-c", _PROGRAM], check=True, capture_output=True, text=True).stdout
    kept, pages = out.split()
    if kept == "False":
        pytest.skip("this C library cannot be told to")
    # 64 MB are 16,384 pages, and 32 where they are large ones.
    assert int(pages) < 16
