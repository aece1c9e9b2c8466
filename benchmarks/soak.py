"""A long day in one run: clients examine beside a batch; failures, differing verdicts, waits, and memory that is kept.

Run by hand, on Linux: `python -m benchmarks.soak`. The page is served in this process and a batch of the same photos,
again and again, runs in it as the tab Batch runs one. Clients in processes of their own call `examine`, `compare` and
`locate` in turn. Each verdict is held against that of a single run before. Megabytes depend on the machine; how they
grow over the second half of the calls hardly does.
"""

from __future__ import annotations

import os
import tempfile
import time
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import gradio_client
import numpy as np
import tyro

from app import OFFLINE
from benchmarks.large_pictures import ROOT, megabytes
from inference.batches.batches import Batches
from inference.bench import Bench
from inference.intake.exhibit import read_exhibit
from inference.records import as_json
from inference.request import Means, Request

PARTS, MARKS = ROOT / "ui" / "examples" / "parts", ROOT / "ui" / "examples" / "marks"


@dataclass(frozen=True)
class Settings:
    """How many calls, from how many clients."""

    calls: int = 1000
    """Calls of all clients together."""
    clients: int = 8
    """Processes that call at once."""


def asked() -> list[tuple[str, tuple[Path, ...]]]:
    """The calls that clients make in turn: endpoint and files."""
    photos = [("/examine", (path,)) for path in sorted(PARTS.glob("*.jpg"))]
    pairs = [("/compare", tuple(sorted(folder.glob("*.png")))) for folder in sorted(MARKS.iterdir())]
    located = [("/locate", (path,)) for path in sorted(PARTS.glob("*.jpg"))[:2]]
    return [*photos, *pairs, *located]


def said(record: Any) -> Any:
    """Of a record what must be the same in every run: outcome, score and evidence, or the places found."""
    if isinstance(record, list):
        return [(one["part"], one["crop"]) for one in record]
    return record["outcome"], record["score"], record["evidence"]


def single(bench: Bench, endpoint: str, files: tuple[Path, ...]) -> Any:
    """The record of a single run."""
    exhibits = [read_exhibit(path.read_bytes(), path.name) for path in files]
    if endpoint == "/locate":
        return as_json(bench.detections(exhibits[0]))
    if endpoint == "/compare":
        return as_json(bench.compare(exhibits[0], exhibits[1]))
    return as_json(bench.examine(Request(exhibits[0])))


@dataclass(frozen=True)
class Told:
    """What a client was told.

    Attributes:
        number: The number of the call.
        record: The answer.
        seconds: How long the client waited for it.
    """

    number: int
    record: Any
    seconds: float


def call(address: str, numbers: list[int]) -> list[Told]:
    """What a client is told; in a process of its own."""
    client, turns = gradio_client.Client(address, verbose=False), asked()
    told = []
    for number in numbers:
        endpoint, files = turns[number % len(turns)]
        begun = time.monotonic()
        record = client.predict(*map(gradio_client.handle_file, map(str, files)), api_name=endpoint)
        told.append(Told(number, record, time.monotonic() - begun))
    return told


def main(settings: Settings) -> None:
    """Print failures, differing verdicts, photos of the batch, how long clients waited, and how memory grew."""
    os.environ.update(OFFLINE)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GRADIO_TEMP_DIR"] = f"{folder}/uploads"
        from ui.memory import share_freed_memory
        from ui.workbench import launch, workbench

        share_freed_memory()  # as the app does when it starts
        bench = Bench(ROOT / "weights", references=ROOT / "references", engine="auto")
        expected = [said(single(bench, *turn)) for turn in asked()[: settings.calls]]
        page = workbench(bench, register=f"{folder}/register", batches=Path(folder) / "page")
        address = launch(page, prevent_thread_lock=True, quiet=True)
        numbers = [[*range(one, settings.calls, settings.clients)] for one in range(settings.clients)]
        memory: list[tuple[float, int]] = []
        photos = 0
        with (
            closing(Batches(Path(folder) / "batches", bench)) as batches,
            ProcessPoolExecutor(settings.clients, mp_context=get_context("spawn")) as pool,
        ):
            running: list[Future] = [pool.submit(call, address, own) for own in numbers]
            while not all(one.done() for one in running):
                if not batches.told.running:
                    photos += sum(batches.batch(name).state.done for name in batches.names)
                    for name in batches.names:
                        batches.remove(name)
                    batches.begin("", Means(), [PARTS])
                memory.append((time.monotonic(), megabytes(os.getpid(), "VmRSS")))
                time.sleep(1)
        report(settings, running, expected, memory, photos)
        page.close(verbose=False)


def report(
    settings: Settings, running: list[Future], expected: list[Any], memory: list[tuple[float, int]], photos: int
) -> None:
    """Print what came of it."""
    failed = [error for one in running if (error := one.exception())]
    told = [each for one in running if not one.exception() for each in one.result()]
    differing = [one for one in told if said(one.record) != expected[one.number % len(expected)]]
    print(f"{len(told)} of {settings.calls} calls answered by {settings.clients} clients; {len(failed)} clients failed")
    print(f"{len(differing)} verdicts differ from a single run; {photos} photos of batches beside them")
    print(told_waiting([[each.seconds for each in one.result()] for one in running if not one.exception()]))
    print(told_growth(memory))


def told_waiting(seconds: list[list[float]]) -> str:
    """How long calls took, and whether one client waited longer than another, from the seconds of each one's calls."""
    means = [np.mean(own) for own in seconds if own]
    if not means:
        return "no call was answered"
    half, most = np.quantile(np.concatenate(seconds), (0.5, 0.95))
    unequal = max(means) / min(means)
    return (
        f"half of the calls took up to {half:.2f} s, 95% up to {most:.2f} s; on average one client waited at most "
        f"{unequal:.2f} times as long as another"
    )


def told_growth(memory: list[tuple[float, int]]) -> str:
    """How memory, in seconds and megabytes, grew: at first, half way, at the end, and the slope of the second half."""
    seconds, resident = np.array(memory[len(memory) // 2 :], float).T
    slope = np.polyfit(seconds - seconds[0], resident, 1)[0] * (seconds[-1] - seconds[0]) if len(seconds) > 1 else 0.0
    return (
        f"memory {memory[0][1]} MB at first, {resident[0]:.0f} MB half way, {resident[-1]:.0f} MB at the end; by a "
        f"straight line {slope:+.1f} MB ({slope / resident[0]:+.2%}) over the second half"
    )


if __name__ == "__main__":
    main(tyro.cli(Settings))
