"""A register of a million vectors: how a search of it compares with brute force and with vector libraries, in one run.

Run by hand, on Linux: `python -m benchmarks.register --marks FOLDER`. Vectors are drawn with the mean and covariance of
the compact embeddings of the marks of a folder, and these marks lie among them; each query is one of the marks, and its
ten nearest by the cosine are to be found. Without a folder, the spectrum falls as 1 / k. Each engine runs in a process
of its own. faiss comes with the packages of the tests; usearch and lancedb are measured where they are installed. With
a folder, take-in is measured as well, beside the bare network. Milliseconds depend on the machine; what they are to
each other hardly does.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from numpy.typing import NDArray

from benchmarks.large_pictures import megabytes
from inference.bench import Bench
from inference.intake.exhibit import read_exhibit
from inference.intake.sources import Listed, read_source
from inference.progress import untold
from inference.records import Refusal
from inference.register.codes import CodeScan, codes_of
from inference.register.search import CANDIDATES
from inference.trademark.embedder import FramedInputs, MarkEmbedder

Vectors = NDArray[np.float32]
Nearest = Callable[[Vectors], NDArray[np.integer]]
"""Ten numbers for one query (C,)."""
MOST = 10
TAKE_IN = "take-in"
_DRAWN_AT_ONCE = 50_000
_PARTS = 10


@dataclass(frozen=True)
class Settings:
    """How many vectors, of which marks, and what is measured."""

    marks: Path | None = None
    """Folder of marks whose embeddings the vectors are like; its marks are among them, and are taken in."""
    vectors: int = 1_000_000
    """Drawn vectors."""
    channels: int = 256
    """Length of each, where no folder is named."""
    queries: int = 200
    """Searches of each engine."""
    taken: int = 10_000
    """Marks of the folder that are taken in, at most."""
    measured: tuple[str, ...] = ()
    """Engines to measure, or "take-in"; by default all that are there."""


def drawn(settings: Settings, own: Vectors) -> Iterator[Vectors]:
    """The vectors, of length 1: those of the marks first."""
    rng = np.random.default_rng(0)
    if len(own):
        yield own
        values, axes = np.linalg.eigh(np.cov(own.T))
        mean, spread = own.mean(axis=0), (axes * np.sqrt(np.maximum(values, 0))).T
    else:
        mean, spread = np.zeros(settings.channels), np.diag(1 / np.sqrt(1 + np.arange(settings.channels)))
    left = settings.vectors
    while left:
        count = min(left, _DRAWN_AT_ONCE)
        raw = rng.standard_normal((count, len(spread)), np.float32) @ spread.astype(np.float32) + mean
        yield (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
        left -= count


def numpy_exact(vectors: Path, _: Path) -> Nearest:
    """Brute force in float32, which needs all vectors in memory."""
    every = np.load(vectors).astype(np.float32)
    return lambda query: np.argpartition(-(every @ query), MOST)[:MOST]


def assay(vectors: Path, _: Path) -> Nearest:
    """Codes of all vectors in memory find candidates; these are read from the file, as a register reads them."""
    kept = np.load(vectors, mmap_mode="r")
    parts = [codes_of(kept[start : start + _DRAWN_AT_ONCE]) for start in range(0, len(kept), _DRAWN_AT_ONCE)]
    scan = CodeScan(np.concatenate(parts))

    def nearest(query: Vectors) -> NDArray[np.integer]:
        near = scan.nearest(codes_of(query[None])[0], CANDIDATES)
        return near[np.argsort(-(kept[near].astype(np.float32) @ query))[:MOST]]

    return nearest


def faiss_ivf(vectors: Path, _: Path) -> Nearest:
    """Inverted lists of vectors in bytes."""
    import faiss

    every = np.load(vectors, mmap_mode="r")
    lists = max(16, int(4 * np.sqrt(len(every))))
    index = faiss.index_factory(every.shape[1], f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
    index.train(np.asarray(every[:: max(1, len(every) // (40 * lists))], np.float32))
    for start in range(0, len(every), _DRAWN_AT_ONCE):
        index.add(np.asarray(every[start : start + _DRAWN_AT_ONCE], np.float32))
    index.nprobe = 64
    return lambda query: index.search(query[None], MOST)[1][0]


def faiss_hnsw(vectors: Path, _: Path) -> Nearest:
    """A graph over vectors in half precision."""
    import faiss

    every = np.load(vectors, mmap_mode="r")
    index = faiss.index_factory(every.shape[1], "HNSW32,SQfp16", faiss.METRIC_INNER_PRODUCT)
    index.train(np.asarray(every[:_DRAWN_AT_ONCE], np.float32))
    for start in range(0, len(every), _DRAWN_AT_ONCE):
        index.add(np.asarray(every[start : start + _DRAWN_AT_ONCE], np.float32))
    index.hnsw.efSearch = 256
    return lambda query: index.search(query[None], MOST)[1][0]


def usearch_hnsw(vectors: Path, _: Path) -> Nearest:
    """A graph over vectors in half precision."""
    from usearch.index import Index

    every = np.load(vectors, mmap_mode="r")
    index = Index(ndim=every.shape[1], metric="ip", dtype="f16", expansion_search=256)
    for start in range(0, len(every), _DRAWN_AT_ONCE):
        block = every[start : start + _DRAWN_AT_ONCE]
        index.add(np.arange(start, start + len(block)), block)
    return lambda query: index.search(query, MOST).keys


def lance(vectors: Path, folder: Path) -> Nearest:
    """Inverted lists on disk, each with a graph over bytes."""
    import lancedb
    import pyarrow as pa

    every = np.load(vectors, mmap_mode="r")

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, len(every), _DRAWN_AT_ONCE):
            block = np.asarray(every[start : start + _DRAWN_AT_ONCE], np.float32)
            numbers = pa.array(np.arange(start, start + len(block)))
            lists = pa.FixedSizeListArray.from_arrays(pa.array(block.ravel()), block.shape[1])
            yield pa.RecordBatch.from_arrays([numbers, lists], ["id", "vector"])

    first = next(batches())
    table = lancedb.connect(folder).create_table("vectors", batches(), schema=first.schema)
    table.create_index(metric="dot", index_type="IVF_HNSW_SQ")

    def nearest(query: Vectors) -> NDArray[np.integer]:
        found = table.search(query).metric("dot").limit(MOST).nprobes(20).refine_factor(5).select(["id"])
        return np.array(found.to_arrow()["id"])

    return nearest


ENGINES: dict[str, tuple[Callable[[Path, Path], Nearest], str]] = {
    "assay": (assay, "numpy"),
    "numpy, all in float32": (numpy_exact, "numpy"),
    "faiss IVF, SQ8": (faiss_ivf, "faiss"),
    "faiss HNSW, fp16": (faiss_hnsw, "faiss"),
    "usearch HNSW, fp16": (usearch_hnsw, "usearch"),
    "lancedb IVF_HNSW_SQ": (lance, "lancedb"),
}


def measured(name: str, vectors: Path, queries: Vectors) -> dict[str, Any]:
    """Seconds to build, megabytes, and what is found in how many milliseconds; in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        before, begun = megabytes(os.getpid(), "VmRSS"), time.perf_counter()
        nearest = ENGINES[name][0](vectors, Path(folder))
        built = time.perf_counter() - begun
        nearest(queries[0])
        found, seconds = [], []
        for query in queries:
            begun = time.perf_counter()
            found.append(np.asarray(nearest(query)))
            seconds.append(time.perf_counter() - begun)
        return {
            "built": built,
            "memory": megabytes(os.getpid(), "VmRSS") - before,
            "peak": megabytes(os.getpid(), "VmHWM") - before,
            "seconds": seconds,
            "found": found,
        }


def truth(vectors: Path, queries: Vectors) -> list[set[int]]:
    """The ten nearest of each query, by all cosines in float32."""
    every = np.load(vectors, mmap_mode="r")
    best: list[list[tuple[float, int]]] = [[] for _ in queries]
    for start in range(0, len(every), _DRAWN_AT_ONCE):
        cosines = every[start : start + _DRAWN_AT_ONCE].astype(np.float32) @ queries.T
        for place, of in enumerate(cosines.T):
            top = np.argpartition(-of, min(MOST, len(of) - 1))[:MOST]
            best[place] = sorted([*best[place], *((-float(of[one]), start + int(one)) for one in top)])[:MOST]
    return [{number for _, number in one} for one in best]


def embedded(bench: Bench, folder: Path, most: int) -> Vectors:
    """Compact embeddings (n, C) of the whole marks of a folder; what shows no mark is left out."""
    embedder, marks, found = embedder_of(bench), read_source(folder).pictures[:most], []
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(marks), 64):
            seen = pool.map(partial(whole, embedder), marks[start : start + 64])
            found += embedder.embedded([framed for framed in seen if framed is not None])
    return embedder.compact(np.stack([views.whole for views in found]))


def whole(embedder: MarkEmbedder, mark: Listed) -> FramedInputs | None:
    """A mark as a whole alone; nothing where it is refused."""
    try:
        return replace(embedder.framed(read_exhibit(mark.read(), mark.path)), places=(), elements=())
    except Refusal:
        return None


def embedder_of(bench: Bench) -> MarkEmbedder:
    """The embedder of the first trademark model."""
    with tempfile.TemporaryDirectory() as folder, closing(bench.register(folder)) as register:
        return register.embedder


def taken_in(bench: Bench, folder: Path, most: int) -> None:
    """Print marks a second of a take-in, and of the bare network on the same views, which take turns part by part."""
    embedder, marks = embedder_of(bench), read_source(folder).pictures[:most]
    rates: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as place:
        chosen = Path(place) / "marks"
        with closing(bench.register(f"{place}/register")) as register:
            for part in np.array_split(np.arange(len(marks)), min(_PARTS, len(marks))):
                for mark in (marks[index] for index in part):
                    (chosen / mark.path).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(folder / mark.path, chosen / mark.path)
                begun = time.perf_counter()
                found = register.take_in(chosen, untold)
                taken = (found.new - len(found.refused)) / (time.perf_counter() - begun)
                rates.append((taken, bare_rate(embedder, [marks[index] for index in part])))
            kept = len(register.store)
        disk = sum(one.stat().st_size for one in (Path(place) / "register").iterdir()) / 1e6
    (rate, bare), ratios = np.median(rates, axis=0), [taken / alone for taken, alone in rates]
    told = f"{np.median(ratios):.2f} of it ({min(ratios):.2f} to {max(ratios):.2f} in {len(rates)} parts)"
    print(f"take-in: {kept} marks, {rate:.1f} a second; the bare network {bare:.1f}: {told}")
    memory = megabytes(os.getpid(), "VmHWM")
    print(f"on disk {disk:.0f} MB, {1e3 * disk / max(kept, 1):.1f} KB a mark; memory {memory} MB at most")


def bare_rate(embedder: MarkEmbedder, marks: Sequence[Listed]) -> float:
    """Marks a second of the network alone, on the views of some of these marks."""
    framed = []
    for mark in marks[:: max(1, len(marks) // 128)]:
        try:
            framed.append(embedder.framed(read_exhibit(mark.read(), mark.path)))
        except Refusal:
            continue
    begun = time.perf_counter()
    for start in range(0, len(framed), 16):
        embedder.embedded(framed[start : start + 16])
    return len(framed) / (time.perf_counter() - begun)


def written(path: Path, settings: Settings, own: Vectors) -> None:
    """Write all vectors to a file, in half precision."""
    every = np.lib.format.open_memmap(path, "w+", np.float16, (len(own) + settings.vectors, own.shape[1]))
    start = 0
    for block in drawn(settings, own):
        every[start : start + len(block)] = block
        start += len(block)
    every.flush()


def line(name: str, one: dict[str, Any], expected: list[set[int]]) -> str:
    """A row of the table."""
    kept = [len(near & {*map(int, got)}) for near, got in zip(expected, one["found"], strict=True)]
    median, p99 = (1e3 * np.quantile(one["seconds"], share) for share in (0.5, 0.99))
    memory = f"{one['built']:9.1f}{one['memory']:11.0f}{one['peak']:9.0f}"
    return f"{name:24}{memory}{median:11.2f}{p99:9.2f}{np.mean(kept) / MOST:11.4f}"


def searched(bench: Bench, settings: Settings, engines: Collection[str]) -> None:
    """Print a table of the engines."""
    own = np.zeros((0, settings.channels), np.float32)
    if settings.marks:
        own = embedded(bench, settings.marks, settings.taken)
    with tempfile.TemporaryDirectory() as folder:
        vectors = Path(folder) / "vectors.npy"
        written(vectors, settings, own)
        every = np.load(vectors, mmap_mode="r")
        of_marks = f"{len(own):,} of them of marks; {os.cpu_count()} cores"
        print(f"{len(every):,} vectors of {every.shape[1]} numbers, {of_marks}")
        of = len(own) or len(every)
        chosen = np.random.default_rng(1).choice(of, min(settings.queries, of), replace=False)
        queries = every[np.sort(chosen)].astype(np.float32)
        expected = truth(vectors, queries)
        print(f"{'':24}{'built s':>9}{'memory MB':>11}{'peak MB':>9}{'median ms':>11}{'p99 ms':>9}{'recall@10':>11}")
        for name, (_, package) in ENGINES.items():
            if name in engines and find_spec(package):
                with get_context("spawn").Pool(1) as pool:
                    print(line(name, pool.apply(measured, (name, vectors, queries)), expected), flush=True)


def main(settings: Settings) -> None:
    """Print a table of all engines, and the take-in."""
    bench, chosen = Bench(), {*(settings.measured or (*ENGINES, TAKE_IN))}
    if chosen - {TAKE_IN}:
        searched(bench, settings, chosen)
    if settings.marks and TAKE_IN in chosen:
        taken_in(bench, settings.marks, settings.taken)


if __name__ == "__main__":
    main(tyro.cli(Settings))
