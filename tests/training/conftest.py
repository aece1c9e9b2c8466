"""Tiny sets to train on, and `python -m training` as its users start it."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from math import cos, pi, sin
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

ROOT = Path(__file__).parents[2]
ITEMS = 40
COLOURS = {"red": 0, "amber": 40, "green": 110, "blue": 220, "pink": 300, "black": None}

STRIPED = ("blue/genuine", "blue/counterfeit", "red/genuine", "red/counterfeit")

Pixels = NDArray[np.uint8]
StartTraining = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One series, one photo an item, 40 x 48: genuine stripes stand and are red, counterfeit ones lie and are blue."""
    root = tmp_path_factory.mktemp("photos") / "belt"
    rng = np.random.default_rng(0)
    for label, colour, standing in (("genuine", (200, 60, 60), True), ("counterfeit", (60, 60, 200), False)):
        for item in range(ITEMS):
            stripe = (np.arange(48) + rng.integers(8)) % 8 < 4
            stripes = np.broadcast_to(stripe if standing else stripe[:, None], (48, 48))[:, :40]
            pixels = np.where(stripes[..., None], colour, 230) + rng.normal(0, 12, (48, 40, 3))
            folder = root / label / f"item {item}"
            folder.mkdir(parents=True)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / "1.png")
    return root


@pytest.fixture(scope="session")
def scenes(goods: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of 17 scenes of 128 x 96 with none, one or two striped parts."""
    root = tmp_path_factory.mktemp("scenes")
    rows = ["path,split,kind,part,left,top,width,height,visible,series,label"]
    for split, count, first in (("train", 8, 0), ("val", 4, 50), ("test", 5, 100)):
        for number in range(count):
            names = tuple(STRIPED[(number + k) % 4] for k in range(number % 3))
            pixels, boxes = goods.photo(first + number, names)
            Image.fromarray(pixels).save(root / f"{split}_{number}.png")
            start = f"{split}_{number}.png,{split},{'goods' if names else 'empty'}"
            for name, (left, top, right, bottom) in zip(names, boxes.astype(int), strict=True):
                series, label = name.split("/")
                rows.append(f"{start},striped_part,{left},{top},{right - left},{bottom - top},1.0,{series},{label}")
            if not names:
                rows.append(start + ",,,,,,,,")
    (root / "manifest.csv").write_text("\n".join(rows) + "\n")
    return root


@pytest.fixture(scope="session")
def mark_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """36 families of three drawings: polygons of one colour and number of corners, turned and scaled a little."""
    root = tmp_path_factory.mktemp("marks") / "polygons"
    rng = np.random.default_rng(0)
    for (name, hue), corners in product(COLOURS.items(), range(3, 9)):
        folder = root / f"{name} {corners}"
        folder.mkdir(parents=True)
        for drawing in range(3):
            radius, turn = rng.uniform(13, 18), rng.uniform(-0.2, 0.2)
            angles = [turn + 2 * pi * corner / corners for corner in range(corners)]
            points = [(20 + radius * sin(angle), 20 - radius * cos(angle)) for angle in angles]
            mark = Image.new("RGB", (40, 40), "white")
            ImageDraw.Draw(mark).polygon(points, fill="black" if hue is None else f"hsl({hue}, 80%, 45%)")
            mark.save(folder / f"{drawing}.png")
    return root


@pytest.fixture(scope="session")
def lettered_table(lettered: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of lettered parts of one series; its test holds the work of a counterfeiter that training does not."""
    root = tmp_path_factory.mktemp("lettered")
    rows = ["path,series,label,item,split,counterfeiter,severity"]
    for split, count in (("train", 6), ("val", 5), ("test", 3)):
        for label in ("genuine", "counterfeit"):
            for number in range(count):
                name = f"{split}_{label}_{number}"
                seed = 200 + 50 * len(rows)
                Image.fromarray(lettered.photo(f"alba/{label}", seed)).save(root / f"{name}.png")
                who = "" if label == "genuine" else "Bob" if name == "test_counterfeit_2" else "Ada"
                rows.append(f"{name}.png,alba,{label},{name},{split},{who},{'plain' if who else ''}")
    (root / "table.csv").write_text("\n".join(rows) + "\n")
    return root / "table.csv"


@pytest.fixture(scope="session")
def masked_set(lettered: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of lettered photos; of each counterfeit the end of the line that is missing, and its twin."""
    root = tmp_path_factory.mktemp("masked")
    rows = []
    for split, series in ((split, series) for split in ("train", "val", "test") for series in ("alba", "quorum")):
        for label, number in ((label, number) for label in ("genuine", "counterfeit") for number in range(3)):
            seed = 1000 + len(rows)
            name = f"{series}-{label}-{split}-{number}"
            Image.fromarray(lettered.photo(f"{series}/{label}", seed)).save(root / f"{name}.png")
            row = {"path": f"{name}.png", "series": series, "label": label, "item": name, "split": split}
            if label == "counterfeit":
                Image.fromarray(lettered.photo(f"{series}/genuine", seed)).save(root / f"{name}-twin.png")
                changed = np.any(lettered.drawing(f"{series}/genuine") != lettered.drawing(f"{series}/counterfeit"), 2)
                photo = lettered.photo(f"{series}/genuine", seed)
                mask = cv2.warpPerspective(changed.astype(np.uint8) * 255, lettered.view(seed), photo.shape[1::-1])
                Image.fromarray(np.asarray(mask, np.uint8)).save(root / f"{name}-mask.png")
                row |= {
                    "counterfeiter": "short",
                    "severity": "plain",
                    "mask": f"{name}-mask.png",
                    "twin": f"{name}-twin.png",
                }
            rows.append(row)
    with (root / "manifest.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, [*rows[0], "counterfeiter", "severity", "mask", "twin"])
        table.writeheader()
        table.writerows(rows)
    return root / "manifest.csv"


@pytest.fixture(scope="session")
def start_training() -> StartTraining:
    """Starts `python [launcher] -m training ARGUMENTS` in a process of its own."""

    def start(*arguments: object, launcher: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *launcher, "-m", "training", *map(str, arguments)],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture(scope="session")
def authenticity_arguments(photo_folder: Path) -> tuple[object, ...]:
    """A whole training run of a few seconds; without its --out."""
    network = ("--backbone", "six_layer_cnn", "--size", 32, "--hidden", 16)
    return (
        *("authenticity", "small", "--data", photo_folder, *network),
        *("--batch", 8, "--epochs", 3, "--no-bf16", "--device", "cpu"),
    )


@pytest.fixture(scope="session")
def authenticity_run(
    authenticity_arguments: tuple[object, ...],
    start_training: StartTraining,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The folder of such a run, never interrupted."""
    out = tmp_path_factory.mktemp("runs") / "authenticity"
    process = start_training(*authenticity_arguments, "--out", out)
    _, errors = process.communicate(timeout=900)
    assert process.returncode == 0, errors
    return out


@pytest.fixture
def discs() -> Pixels:
    """Three discs that grow smaller clockwise; in any mirror image they do so the other way round."""
    picture = Image.new("RGB", (96, 96), (128, 128, 128))
    draw = ImageDraw.Draw(picture)
    for x, y, radius in ((33, 32, 11), (66, 36, 8), (36, 65, 5)):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), (20, 20, 20))
    return np.asarray(picture)


@pytest.fixture
def clockwise() -> Callable[[Pixels], bool]:
    """Whether the three largest things in a picture grow smaller clockwise."""

    def judge(picture: Pixels) -> bool:
        grey = picture.mean(axis=2)
        figure = np.abs(grey - np.median(grey)) > 50
        _, _, stats, centres = cv2.connectedComponentsWithStats(figure.astype(np.uint8))
        largest = 1 + np.argsort(stats[1:, cv2.CC_STAT_AREA])[::-1][:3]
        (ax, ay), (bx, by), (cx, cy) = centres[largest]
        return bool((bx - ax) * (cy - ay) > (by - ay) * (cx - ax))

    return judge
