"""The batches of a folder, one of which may be examined in the background: a page that is closed stops nothing."""

from __future__ import annotations

import logging
import re
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock, Thread

from inference.batches.batch import Batch
from inference.bench import Bench
from inference.intake.sources import ENDINGS
from inference.records import Refusal
from inference.request import Means

logger = logging.getLogger(__name__)

BATCHES_FOLDER = Path("batches")
"""Where batches lie unless another folder is named."""
_NAME = re.compile(r"\w([\w .()-]{0,78}[\w)])?")
_PHOTOS = "photos.zip"


class _Paused(Exception):  # noqa: N818 - no error
    """A person asked to stop."""


@dataclass(frozen=True)
class Told:
    """What is known of the batch that runs, or ran last.

    Attributes:
        name: Its name.
        running: Whether it runs.
        text: How far it is, or why it stopped, in words.
    """

    name: str = ""
    running: bool = False
    text: str = ""


class Batches:
    """The batches of a folder. Threads may share it.

    Args:
        folder: The folder; it is made when the first batch is begun.
        bench: What examines.
    """

    def __init__(self, folder: Path, bench: Bench) -> None:
        self.folder = folder
        self._bench = bench
        self._opened: dict[str, Batch] = {}
        self._lock = Lock()
        self._thread: Thread | None = None
        self._pausing = False
        self.told = Told()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all batches, the last written first."""
        found = [path for path in self.folder.glob("*") if Batch.is_in(path)]
        return tuple(path.name for path in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True))

    def batch(self, name: str | None) -> Batch:
        """The batch of that name.

        Raises:
            Refusal: if there is none, or it cannot be read.
        """
        if name not in self.names:
            msg = f"There is no batch {name}; choose one from the list." if name else "Choose a batch first."
            raise Refusal(msg)
        with self._lock:
            if name not in self._opened:
                self._opened[name] = Batch(self.folder / name, self._bench)
            return self._opened[name]

    def begin(
        self, name: str, means: Means, places: Sequence[Path], handed_in: Sequence[tuple[str, Path]] = ()
    ) -> Batch:
        """Begin a batch, and examine it in the background.

        Args:
            name: Its name; empty for the present time.
            means: By what its photos are examined.
            places: Folders, ZIPs and CSVs of this machine, which stay where they are.
            handed_in: Photos and ZIPs by their names as given, which are copied.

        Raises:
            Refusal: if a batch runs, the name is taken or unusable, or there is no photo.
        """
        self._require_idle()
        name = name.strip() or datetime.now().astimezone().strftime("%Y-%m-%d %H.%M.%S")
        if not _NAME.fullmatch(name) or (self.folder / name).exists():
            why = "is there already" if _NAME.fullmatch(name) else "has characters that a folder cannot have"
            msg = f"The name {name} {why}; give another one."
            raise Refusal(msg)
        folder = self.folder / name
        try:
            copied = _copied(handed_in, folder) if handed_in else []
            batch = Batch.begin(folder, self._bench, means, [*places, *copied])
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            msg = f"{folder} cannot be written ({error.strerror}); check its permissions and the disk."
            raise Refusal(msg) from error
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        with self._lock:
            self._opened[name] = batch
        self.start(name)
        return batch

    def start(self, name: str | None) -> None:
        """Examine in the background what waits in a batch.

        Raises:
            Refusal: if a batch runs, or there is no such batch.
        """
        batch = self.batch(name)
        with self._lock:
            self._require_idle()
            self._pausing = False
            self.told = Told(batch.store.folder.name, running=True, text="It begins.")
        self._thread = Thread(target=self._run, args=(batch,), daemon=True, name="batch")
        self._thread.start()

    def pause(self) -> None:
        """Stop the running batch after its present photo, and wait for that."""
        self._pausing = True
        if self._thread is not None:
            self._thread.join()

    def remove(self, name: str | None) -> None:
        """Remove a batch with its rows and the photos that were copied for it; what lies elsewhere stays.

        Raises:
            Refusal: if there is none, or it runs.
        """
        batch = self.batch(name)
        folder = batch.store.folder
        if self.told.running and self.told.name == folder.name:
            msg = f"{folder.name} runs; pause it first."
            raise Refusal(msg)
        with self._lock:
            self._opened.pop(folder.name).close()
        shutil.rmtree(folder)

    def close(self) -> None:
        """Pause what runs, and close all files."""
        self.pause()
        with self._lock:
            for batch in self._opened.values():
                batch.close()
            self._opened.clear()

    def _require_idle(self) -> None:
        if self.told.running:
            msg = f"The batch {self.told.name} runs; pause it, or wait for its end."
            raise Refusal(msg)

    def _run(self, batch: Batch) -> None:
        name = batch.store.folder.name

        def told(text: str, _: float) -> None:
            self.told = Told(name, running=True, text=text)
            if self._pausing:
                raise _Paused

        try:
            batch.run(told)
            self.told = Told(name, text="All photos are done.")
        except _Paused:
            self.told = Told(name, text=f"Paused after {batch.state.done:,} photos; it goes on there.")
        except Exception:
            logger.exception("a fault in the batch %s", name)
            text = "Assay met a fault of its own, and the batch stopped; the terminal it was started from shows more."
            self.told = Told(name, text=text)


def _copied(handed_in: Sequence[tuple[str, Path]], folder: Path) -> list[Path]:
    """Copies of handed-in files inside a folder: ZIPs as they are, and all photos in one ZIP, which takes any name.

    Raises:
        Refusal: if one is neither a photo nor a ZIP.
    """
    folder.mkdir(parents=True)
    copies: list[Path] = []
    taken: set[str] = set()
    with zipfile.ZipFile(folder / _PHOTOS, "w") as photos:
        for number, (name, path) in enumerate(handed_in, 1):
            if Path(name).suffix.lower() in ENDINGS:
                within = re.sub(r"[/\\]", "_", name).lstrip(".") or "photo"
                within = f"{number}/{within}" if within in taken else within
                taken.add(within)
                photos.write(path, within)
            elif zipfile.is_zipfile(path):
                copies.append(Path(shutil.copyfile(path, folder / f"{number}.zip")))
            else:
                msg = f"{name} is neither a photo nor a ZIP; leave it out."
                raise Refusal(msg)
    return [*([folder / _PHOTOS] if taken else []), *copies]
