"""An examiner's jobs four ways that take turns: the stock way, Assay by PyTorch, the compiled network alone, and Assay.

`python -m benchmarks` runs it and writes what came of it to docs/results/timings.md. The stock way calls the network as
PyTorch runs it, with the grad-cam package around the whole network where there is a heatmap, on pixels that are ready.
The compiled network alone sees the same pixels through OpenVINO and makes no heatmap. Both ways of Assay go from
decoded pixels, or from files where the job has many, to the record.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from pytorch_grad_cam import GradCAM
from torch import Tensor

from benchmarks.engines import passes_of
from benchmarks.examination import Whole
from benchmarks.large_pictures import ROOT
from benchmarks.location import without_graph
from inference.authenticity.examiner import AuthenticityExaminer, log_odds_genuine
from inference.batches.batch import Batch
from inference.bench import Bench
from inference.files import jpeg_bytes, png_bytes
from inference.intake.exhibit import exhibit_from_pixels, read_exhibit
from inference.locator.examiner import Locator
from inference.models.engines.engine import Engine
from inference.models.engines.openvino_engine import OpenVinoEngine
from inference.models.weights import load_model
from inference.places import WEIGHTS_FOLDER
from inference.progress import untold
from inference.records import Exhibit
from inference.register.register import Register
from inference.request import Means, Request
from inference.trademark.examiner import TrademarkExaminer, log_odds_similar

STOCK, BY_TORCH, BARE, ASSAY = "PyTorch, stock", "Assay by PyTorch", "compiled network alone", "Assay"
EXAMPLES = ROOT / "ui" / "examples"
PHOTO = EXAMPLES / "parts" / "leather_tag-atelier-genuine-rendered.jpg"
PAIR = EXAMPLES / "marks" / "1-lookalike-pair"
PART, MARKS, LOCATOR = "leather_tag", "hms_icon_marks", "locator"

Way = Callable[[], Any]
Ways = dict[str, Way]


@dataclass(frozen=True)
class Settings:
    """How large the jobs are, and how often each is timed."""

    long_side: int = 4000
    """Long side in pixels of the photo that is examined and searched: 4000 makes 12 megapixels of it."""
    batch: int = 200
    """Photos of the batch, of 640 x 512 pixels, in all rounds together."""
    taken: int = 100
    """Marks that are taken into a register, in all rounds together."""
    rounds: int = 5
    """How often each way is timed, in turn."""


@dataclass(frozen=True)
class Timed:
    """Seconds of one job.

    Attributes:
        job: What is done.
        seconds: By way, those of each round.
    """

    job: str
    seconds: dict[str, list[float]]

    def ratios(self, way: str) -> list[float]:
        """By round, a way's seconds over those of the compiled network alone."""
        return [one / bare for one, bare in zip(self.seconds[way], self.seconds[BARE], strict=True)]


class Jobs:
    """The jobs on the shipped models.

    Args:
        settings: Their sizes.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._benches = {BY_TORCH: Bench(engine="torch"), ASSAY: Bench(engine="openvino")}
        self._passes = {(one.model, one.name): one for one in passes_of(WEIGHTS_FOLDER)}

    def __call__(self) -> Iterator[Timed]:
        """Time each job."""
        photo = enlarged(self._settings.long_side)
        size = f"{photo.width * photo.height / 1e6:.0f} megapixels"
        with tempfile.TemporaryDirectory() as folder:
            yield self._timed(f"examination of a located part, {size}", self._examining(photo))
            yield self._timed(f"finding the parts, {size}", self._locating(photo))
            yield self._timed("comparison of two marks", self._comparing())
            yield self._timed(f"batch of {self._settings.batch} photos", self._batch(Path(folder)), of_many=True)
            yield self._timed(f"taking in {self._settings.taken} marks", self._taking_in(Path(folder)), of_many=True)

    def _timed(self, job: str, ways_of: Callable[[int], Ways], *, of_many: bool = False) -> Timed:
        """Seconds of each way in each round; a round before the first one is not counted.

        Args:
            job: What is done.
            ways_of: Gives the ways of a round.
            of_many: Whether a job is many of a kind. One of a kind is done once before it is timed: its first run
                finds the memory and the sleeping threads that another way left.
        """
        seconds: dict[str, list[float]] = {}
        for turn in range(self._settings.rounds + 1):
            for name, way in ways_of(turn).items():
                if not of_many:
                    way()
                begun = time.perf_counter()
                way()
                seconds.setdefault(name, []).append(time.perf_counter() - begun)
        return Timed(job, {name: values[1:] for name, values in seconds.items()})

    def _engine(self, model: str, name: str) -> Engine:
        return OpenVinoEngine(self._passes[model, name])

    def _examining(self, photo: Exhibit) -> Callable[[int], Ways]:
        proposal = self._benches[ASSAY].proposal(photo, "1")
        request = Request.of_proposal(photo, proposal) if proposal else Request(photo)
        seen = AuthenticityExaminer.load(PART).view(request).tensor[None]
        bare, stock = self._engine(PART, "features"), stock_heatmap(PART)
        ways: Ways = {STOCK: lambda: stock(seen), BARE: lambda: bare.features(seen)}
        return lambda _: (
            ways | {name: lambda bench=bench: bench.examine(request, PART) for name, bench in self._benches.items()}
        )

    def _locating(self, photo: Exhibit) -> Callable[[int], Ways]:
        preprocessing = Locator.load(LOCATOR).card.preprocessing
        image = torch.from_numpy(preprocessing.normalised(preprocessing.tone_and_scale(photo.pixels)))
        bare, network = self._engine(LOCATOR, "features"), cast("Any", load_model(LOCATOR).network)
        ways: Ways = {
            STOCK: lambda: without_graph(network, [image]),
            BARE: lambda: bare.features(image[None]),
        }
        # A bench remembers what it found on a photo; its locator does not.
        locators = {name: bench.locator() for name, bench in self._benches.items()}
        return lambda _: (
            ways | {name: lambda locator=locator: locator.locate(photo) for name, locator in locators.items()}
        )

    def _comparing(self) -> Callable[[int], Ways]:
        first, second = (read_exhibit(path) for path in sorted(PAIR.iterdir()))
        examiner = TrademarkExaminer.load(MARKS)
        images = torch.stack([examiner.view(mark).image for mark in (first, second)])
        bare, stock = self._engine(MARKS, "features"), stock_heatmap(MARKS)
        ways: Ways = {STOCK: lambda: stock(images), BARE: lambda: bare.features(images)}
        return lambda _: (
            ways
            | {name: lambda bench=bench: bench.compare(first, second, MARKS) for name, bench in self._benches.items()}
        )

    def _batch(self, folder: Path) -> Callable[[int], Ways]:
        photo = read_exhibit(PHOTO)
        seen = AuthenticityExaminer.load(PART).view(Request(photo)).tensor[None]
        bare, stock = self._engine(PART, "features"), stock_heatmap(PART)
        pictures = (with_noise(photo.pixels, seed) for seed in count())
        photos, names = files_of(pictures, self._each(self._settings.batch), partial(jpeg_bytes, quality=75)), count()

        def examined(bench: Bench, turn: int) -> None:
            place = folder / f"batch {next(names)}"
            source = written(place / "photos", photos[turn])
            with closing(Batch.begin(place / "batch", bench, Means(model=PART), [source])) as batch:
                batch.run()

        def of_turn(turn: int) -> Ways:
            each = range(len(photos[turn]))
            return {
                STOCK: lambda: [stock(seen) for _ in each],
                BARE: lambda: [bare.features(seen) for _ in each],
                **{name: lambda bench=bench: examined(bench, turn) for name, bench in self._benches.items()},
            }

        return of_turn

    def _taking_in(self, folder: Path) -> Callable[[int], Ways]:
        mark = read_exhibit(min(PAIR.iterdir()))
        network = cast("Any", load_model(MARKS).network)
        bare = self._engine(MARKS, "embeddings")
        names = count()
        registers: dict[str, Register] = {
            name: bench.register(str(folder / f"register {number}"))
            for number, (name, bench) in enumerate(self._benches.items())
        }
        framed = registers[ASSAY].embedder.framed(mark)
        images = torch.stack([framed.whole, framed.grey, *framed.elements])
        pictures = (with_border(mark.pixels, wide) for wide in count(1))
        marks = files_of(pictures, self._each(self._settings.taken), png_bytes)

        def taken_in(register: Register, turn: int) -> None:
            register.take_in(written(folder / f"marks {next(names)}", marks[turn]), untold)

        def of_turn(turn: int) -> Ways:
            each = range(len(marks[turn]))
            return {
                STOCK: lambda: [without_graph(network, image[None]) for _ in each for image in images],
                BARE: lambda: [bare.features(some) for _ in each for some in images.split(8)],
                **{name: lambda register=one: taken_in(register, turn) for name, one in registers.items()},
            }

        return of_turn

    def _each(self, items: int) -> list[int]:
        """How many of some items each round has, at least one; the first is not counted and has one."""
        return [1, *(max(1, len(part)) for part in np.array_split(np.arange(items), self._settings.rounds))]


def enlarged(long_side: int) -> Exhibit:
    """The example photo of a tag at that long side, with grain, so that every pixel is one of its own."""
    photo = Image.open(PHOTO).convert("RGB")
    ratio = long_side / max(photo.size)
    large = photo.resize((round(photo.width * ratio), round(photo.height * ratio)), Image.Resampling.BICUBIC)
    return exhibit_from_pixels(with_noise(np.asarray(large), 0), "enlarged")


def with_noise(pixels: np.ndarray, seed: int) -> np.ndarray:
    """A picture with grain of two levels, by which it is another file and shows the same."""
    noise = np.random.default_rng(seed).normal(0, 2, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def with_border(pixels: np.ndarray, wide: int) -> np.ndarray:
    """A mark with more white around it, which framing takes away."""
    return np.pad(pixels, ((wide, wide), (wide, wide), (0, 0)), constant_values=255)


def files_of(
    pictures: Iterator[np.ndarray], numbers: Sequence[int], encoded: Callable[[Image.Image], bytes]
) -> list[list[bytes]]:
    """So many of some pictures each, as files."""
    return [[encoded(Image.fromarray(next(pictures))) for _ in range(number)] for number in numbers]


def written(folder: Path, files: Sequence[bytes]) -> Path:
    """A folder of these files."""
    folder.mkdir(parents=True)
    for number, content in enumerate(files):
        (folder / f"{number:04d}").with_suffix(".jpg" if content[:2] == b"\xff\xd8" else ".png").write_bytes(content)
    return folder


def stock_heatmap(name: str) -> Callable[[Tensor], Any]:
    """Logits and heatmap of a model as the grad-cam package makes them around a whole network."""
    model = load_model(name)
    network = Whole(cast("Any", model.network))
    cam = GradCAM(model=network, target_layers=[network.between])

    def target(logits: Tensor) -> Tensor:
        of_marks = model.card.task == "trademark"
        return (log_odds_similar(logits[None]) if of_marks else log_odds_genuine(logits[None], model.card.classes))[0]

    return lambda images: cam(images, [target])
