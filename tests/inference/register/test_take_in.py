"""Marks are taken in once: what changed is read again, what is gone goes, and an interruption costs a batch."""

from __future__ import annotations

import contextlib
import io
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference.files import sha256
from inference.intake.exhibit import read_exhibit
from inference.intake.sources import read_source
from inference.register.local_store import FILE
from inference.register.opening import is_register, open_store
from inference.register.store import Store
from inference.register.take_in import TakenIn, take_in
from inference.trademark.embedder import FramedInputs, MarkEmbedder
from inference.trademark.examiner import TrademarkExaminer
from tests.inference.command_line.ran import ROOT
from tests.inference.register.drawing import drawn
from tests.inference.register.stores import PLACES, held

CHANNELS = 512
"""Of the tiny network's embeddings."""
COLUMNS = "path,owner\ndisc.png,Round Ltd\nring.png,Round Ltd\n"


class Watched(MarkEmbedder):
    """Counts the marks that were embedded, and can be interrupted at a batch."""

    count, interrupted_at, batches = 0, 0, 0

    def embedded(self, marks: Sequence[FramedInputs]) -> list[Any]:
        self.batches += 1
        if self.batches == self.interrupted_at:
            raise KeyboardInterrupt
        self.count += len(marks)
        return super().embedded(marks)


@pytest.fixture
def embedder(weighing_models: Path) -> Watched:
    return Watched(TrademarkExaminer.load("tiny_marks", weighing_models))


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    folder = tmp_path / "marks"
    (folder / "sub").mkdir(parents=True)
    for shape in ("disc", "ring", "box"):
        (folder / f"{shape}.png").write_bytes(drawn(shape))
    (folder / "sub" / "copy.png").write_bytes(drawn("disc"))
    (folder / "blank.png").write_bytes(drawn("nothing"))
    (folder / "cut.png").write_bytes(drawn("box")[:60])
    (folder / "list.csv").write_text(COLUMNS)
    return folder


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / request.param


@contextlib.contextmanager
def taken(place: Path, marks: Path, embedder: MarkEmbedder) -> Iterator[tuple[TakenIn, Store]]:
    with contextlib.closing(open_store(str(place), embedder)) as store:
        yield take_in(store, read_source(marks), embedder, lambda *_: None), store


def version_of(place: Path, marks: Path, embedder: MarkEmbedder) -> str:
    """That of a new register of these marks."""
    with taken(place.with_stem("fresh"), marks, embedder) as (_, store):
        return store.version


def test_every_mark_is_taken_in_once_and_a_bad_file_stops_nothing(marks: Path, embedder: Watched, place: Path) -> None:
    told: list[tuple[str, float]] = []
    with contextlib.closing(open_store(str(place), embedder)) as store:
        found = take_in(store, read_source(marks), embedder, lambda what, share: told.append((what, share)))
        assert str(found) == "6 new, 0 changed, 0 gone, 0 unchanged, 2 not taken in"
        why = dict(found.refused)
        assert "too faint" in why["blank.png"]
        assert "cut.png is a PNG file that" in why["cut.png"]
        assert store.refused() == [(marks, path, sentence) for path, sentence in sorted(why.items())]
        assert told[-1] == ("6 of 6 files", 1.0)
        assert len(store) == 4
        assert len(held(store, "whole", CHANNELS)) == 3, "the copy is the same picture"
        (disc,) = [one for one in store.of_picture(sha256(drawn("disc"))) if one.path == "disc.png"]
    assert (disc.columns, disc.width) == ({"owner": "Round Ltd"}, 120)
    assert Image.open(io.BytesIO(disc.thumbnail)).size == (120, 120)


def test_its_embeddings_are_those_of_a_comparison(
    marks: Path, weighing_models: Path, embedder: Watched, place: Path
) -> None:
    (marks / "pair.png").write_bytes(drawn("pair"))
    examiner = TrademarkExaminer.load("tiny_marks", weighing_models)
    exhibit = read_exhibit(drawn("pair"), "pair.png")
    (seen,) = examiner.embedded([examiner.view(exhibit)])
    with taken(place, marks, embedder) as (_, store):
        own = [
            [embedding for digest, embedding in held(store, view, CHANNELS) if digest == exhibit.sha256]
            for view in ("whole", "element")
        ]
    assert len(own[1]) == len(seen.places) - 1 > 0
    assert np.allclose([*own[0], *own[1]], seen.embeddings.numpy(), atol=2e-3, rtol=2e-3)


def test_what_is_unchanged_is_not_embedded_again(marks: Path, embedder: Watched, place: Path) -> None:
    with taken(place, marks, embedder) as (_, store):
        before, version = embedder.count, store.version
    with taken(place, marks, embedder) as (found, store):
        assert str(found) == "0 new, 0 changed, 0 gone, 6 unchanged"
        assert (embedder.count, store.version) == (before, version)


def test_what_changed_is_taken_in_again_and_what_is_gone_goes(marks: Path, embedder: Watched, place: Path) -> None:
    with taken(place, marks, embedder):
        before = embedder.count
    (marks / "ring.png").unlink()
    (marks / "list.csv").write_text("path,owner\nbox.png,Square Ltd\n")
    (marks / "cut.png").write_bytes(drawn("box", 90))
    os.utime(marks / "sub" / "copy.png", ns=(0, 0))
    with taken(place, marks, embedder) as (found, store):
        # The disc lost its owner, the box got one; the copy was touched; the cut file was mended.
        assert str(found) == "0 new, 4 changed, 1 gone, 1 unchanged"
        assert embedder.count == before + 1, "only the mended one shows what was not known"
        digests = {digest for digest, _ in held(store, "whole", CHANNELS)}
        said = {one.path: dict(one.columns) for digest in digests for one in store.of_picture(digest)}
        assert said == {"box.png": {"owner": "Square Ltd"}, "cut.png": {}, "disc.png": {}, "sub/copy.png": {}}
        assert store.version == version_of(place, marks, embedder)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 marks, which are three batches."""
    folder = tmp_path_factory.mktemp("many")
    for side in range(60, 108):
        (folder / f"{side}.png").write_bytes(drawn("disc", side))
    return folder


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_an_interruption_costs_a_batch(batch: int, many: Path, embedder: Watched, place: Path) -> None:
    embedder.interrupted_at = batch
    with pytest.raises(KeyboardInterrupt), taken(place, many, embedder):
        pass
    kept = embedder.count
    assert kept == 16 * (batch - 1)
    with taken(place, many, embedder) as (found, store):
        assert (found.new, found.unchanged, embedder.count) == (48 - kept, kept, 48)
        assert store.version == version_of(place, many, embedder)


def test_a_killed_process_loses_no_more_than_a_batch(
    many: Path, weighing_models: Path, embedder: Watched, tmp_path: Path
) -> None:
    register = tmp_path / "register"
    command = ("-m", "inference", "register", "add", many, "--register", register, "--weights", weighing_models)
    with subprocess.Popen(
        [sys.executable, *map(str, command)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None and not kept_in(register):
            time.sleep(0.01)
        process.kill()
    kept = kept_in(register)
    assert kept % 16 == 0
    assert kept > 0
    with taken(register, many, embedder) as (found, store):
        assert (found.new, found.unchanged) == (48 - kept, kept)
        assert store.version == version_of(register, many, embedder)


def kept_in(register: Path) -> int:
    """Marks that a register holds, while another process adds to it; 0 before it is made."""
    if not is_register(str(register)):
        return 0
    with contextlib.closing(sqlite3.connect(register / FILE)) as database:
        try:
            return int(database.execute("select count(*) from marks").fetchone()[0])
        except sqlite3.OperationalError:
            return 0
