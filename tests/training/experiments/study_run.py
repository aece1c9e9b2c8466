"""A study small enough for a test; `python -m tests.training.experiments.study_run OUT` makes some of it."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inference.files import write_whole
from training.experiments import study
from training.experiments.minutes import Kept, keep_epochs
from training.experiments.study import KagStudy
from training.experiments.study_plan import Stage, data_of

STAGES = (
    Stage("the two", ("single task", "KAG-MTLN")),
    Stage("a rival with fewer items, and one that has no such network", ("MHEM", "ECA Net"), share=0.5),
    Stage("one on the open set", ("KAG-MTLN",), mould="item"),
)
SPLITS = {"train": 12, "val": 4, "test": 4}
EPOCHS = 2


def make_sets(out: Path) -> None:
    """Sets of striped photos where a study looks for its own, with a counterfeiter who is in test only."""
    rng = np.random.default_rng(0)
    for data in data_of(out):
        rows = ["path,series,label,item,split,counterfeiter"]
        for split, count in SPLITS.items():
            for label, colour, standing in (("genuine", (200, 60, 60), True), ("counterfeit", (60, 60, 200), False)):
                for item in range(count):
                    stripe = (np.arange(48) + rng.integers(8)) % 8 < 4
                    stripes = np.broadcast_to(stripe if standing else stripe[:, None], (48, 48))[:, :40]
                    pixels = np.where(stripes[..., None], colour, 230) + rng.normal(0, 12, (48, 40, 3))
                    name = f"{split}-{label}-{item}"
                    data.parent.mkdir(parents=True, exist_ok=True)
                    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(data.parent / f"{name}.png")
                    hand = "" if label == "genuine" else "Bob" if (split, item) == ("test", 3) else "Ada"
                    rows.append(f"{name}.png,belt,{label},{name},{split},{hand}")
        write_whole(data, ("\n".join(rows) + "\n").encode())


def small(out: Path, **changes: Any) -> KagStudy:
    """The study; its epochs have been found before, so that nothing depends on how long anything takes."""
    stated: dict[str, Any] = {
        "minutes": 60.0,
        "protocol": "reduced",
        "size": 32,
        "backbone": "six_layer_cnn",
        "device": "cpu",
        "at_once": 2,
    }
    return KagStudy(out, **(stated | changes))


def prepare(out: Path, epochs: int = EPOCHS) -> None:
    """Sets and epochs of a study that was begun before."""
    make_sets(out)
    keep_epochs(out, Kept(60.0, epochs))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    study.ORDER = STAGES[2:]
    try:
        study.run(small(Path(sys.argv[1])))
    except KeyboardInterrupt:
        sys.exit(130)
