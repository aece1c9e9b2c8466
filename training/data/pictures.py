"""Pictures that a training keeps in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


class Pictures(Sequence[Pixels]):
    """Pictures, uint8 (h, w, 3) of any sizes, in one block of memory.

    Processes that prepare samples share the block. Of a list of arrays each of them soon holds a copy: who reads an
    array counts its readers, and so writes to the memory beside it.
    """

    def __init__(self, pictures: Iterable[Pixels]) -> None:
        block, shapes = bytearray(), []
        for picture in pictures:
            block += picture.tobytes()
            shapes.append(picture.shape)
        self._block = np.frombuffer(block, np.uint8)
        self._shapes = np.array(shapes, np.int64).reshape(-1, 3)
        self._ends = np.cumsum(self._shapes.prod(axis=1))

    def __len__(self) -> int:
        return len(self._shapes)

    @overload
    def __getitem__(self, index: int) -> Pixels: ...
    @overload
    def __getitem__(self, index: slice) -> list[Pixels]: ...
    def __getitem__(self, index: int | slice) -> Pixels | list[Pixels]:
        """A picture, or a list of several; they are parts of the block and not copied."""
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        end = self._ends[place]
        shape = self._shapes[place]
        return self._block[end - shape.prod() : end].reshape(shape)
