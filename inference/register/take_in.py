"""Marks are taken into a register: what is new or changed is read and embedded once, what is gone is removed.

Files are read and framed by threads while the network embeds those before, and a batch is written while the network
embeds the next. What was interrupted goes on where it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from inference.files import sha256, thumbnail_bytes
from inference.intake.exhibit import read_exhibit
from inference.intake.sources import Listed, Source
from inference.progress import Progress
from inference.records import Refusal
from inference.register.store import Entry, Key, Picture, Store
from inference.trademark.embedder import EmbeddedViews, FramedInputs, MarkEmbedder

_BATCH = 16
"""Files that are embedded and kept together."""
_THREADS = 4


@dataclass(frozen=True)
class TakenIn:
    """What came of taking in a source.

    Attributes:
        new: Marks that were not there before.
        changed: Marks whose file or columns changed.
        gone: Marks that the source lists no more.
        unchanged: Marks that stayed as they were.
        refused: Path of each new or changed mark that is not taken in, and why.
    """

    new: int
    changed: int
    gone: int
    unchanged: int
    refused: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        told = f"{self.new} new, {self.changed} changed, {self.gone} gone, {self.unchanged} unchanged"
        return f"{told}, {len(self.refused)} not taken in" if self.refused else told


@dataclass(frozen=True)
class _File:
    """A file that was read: what is embedded and then kept, unless its picture is known; or why it is refused."""

    marks: tuple[Listed, ...]
    digest: str = ""
    new: tuple[FramedInputs, Callable[[EmbeddedViews], Picture]] | None = None
    refused: str = ""


def take_in(store: Store, source: Source, embedder: MarkEmbedder, progress: Progress) -> TakenIn:
    """Take a source into a register, or again where it was before.

    Args:
        store: The register.
        source: The source.
        embedder: Embeds its marks; that of the register.
        progress: Told after each batch.
    """
    known = store.listed(source.place)
    listed: dict[Key, Listed] = {(mark.path, mark.nth): mark for mark in source.pictures}
    gone = known.keys() - listed.keys()
    due = [mark for key, mark in listed.items() if not mark.stamp or known.get(key) != (mark.stamp, dict(mark.columns))]
    store.forget(source.place, gone)
    files: dict[str, list[Listed]] = {}
    for mark in due:
        files.setdefault(mark.path, []).append(mark)
    refused: list[tuple[str, str]] = []
    done = 0
    for batch in _kept(store, source, embedder, _batches(files, partial(_read, store, embedder))):
        refused += [(file.marks[0].path, file.refused) for file in batch if file.refused]
        done += len(batch)
        progress(f"{done:,} of {len(files):,} files", done / len(files))
    store.leave_out_unshown()
    changed = sum((mark.path, mark.nth) in known for mark in due)
    return TakenIn(len(due) - changed, changed, len(gone), len(listed) - len(due), tuple(refused))


def _batches(files: dict[str, list[Listed]], read: Callable[[tuple[Listed, ...]], _File]) -> Iterator[list[_File]]:
    """The files in their order, read by threads a batch ahead."""
    due = deque(tuple(marks) for marks in files.values())
    with ThreadPoolExecutor(_THREADS) as pool:
        ahead: deque[Future[_File]] = deque()
        try:
            while due or ahead:
                while due and len(ahead) < 2 * _BATCH:
                    ahead.append(pool.submit(read, due.popleft()))
                yield [ahead.popleft().result() for _ in range(min(_BATCH, len(ahead)))]
        finally:
            for waiting in ahead:
                waiting.cancel()


def _read(store: Store, embedder: MarkEmbedder, marks: tuple[Listed, ...]) -> _File:
    first = marks[0]
    try:
        data = first.read()
        digest = sha256(data)
        if store.holds(digest):
            return _File(marks, digest)
        exhibit = read_exhibit(data, first.path)
        # Of the exhibit itself nothing is held: a batch of large pictures would fill the memory.
        picture = partial(Picture, digest, exhibit.width, exhibit.height, thumbnail_bytes(exhibit.pixels))
        return _File(marks, digest, (embedder.framed(exhibit), picture))
    except Refusal as refusal:
        return _File(marks, refused=str(refusal))
    except OSError as error:
        return _File(marks, refused=f"{first.path} cannot be read ({error.strerror}); check the file.")


def _kept(
    store: Store, source: Source, embedder: MarkEmbedder, batches: Iterable[list[_File]]
) -> Iterator[list[_File]]:
    """Embed and keep batches; gives each one once it is kept."""
    with ThreadPoolExecutor(1) as writer:
        kept: Future[list[_File]] | None = None
        for batch in batches:
            new = [file.new for file in batch if file.new]
            embedded = embedder.embedded([framed for framed, _ in new]) if new else []
            pictures = [picture(views) for (_, picture), views in zip(new, embedded, strict=True)]
            if kept:
                yield kept.result()
            kept = writer.submit(_keep, store, source, batch, pictures)
        if kept:
            yield kept.result()


def _keep(store: Store, source: Source, batch: list[_File], pictures: Sequence[Picture]) -> list[_File]:
    entries = [Entry(mark, file.digest, file.refused) for file in batch for mark in file.marks]
    store.keep(source.place, pictures, entries)
    return batch
