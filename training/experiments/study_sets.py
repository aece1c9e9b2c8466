"""The sets of a study: leather tags rendered and cut out by all processors, with nothing fetched."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from inference.files import write_whole
from training.data.located_crops import LocatedCropsSettings, cut_located_parts
from training.data.rendered.build import render_items
from training.data.rendered.plan import LABELS, RenderedSettings
from training.data.rendered.specification import PartName
from training.data.rendered.stand_ins import stood_in
from training.data.rendered.typefaces import Typeface
from training.experiments.study_plan import SETS, data_of

logger = logging.getLogger(__name__)

PART: PartName = "leather_tag"
_LEAST_A_CLASS = 4


def made_sets(out: Path, seconds: float, photos: int = 3) -> tuple[Path, ...]:
    """The manifests of the sets, which are made where they are missing; in about so many seconds.

    How many items there are is found once: the first ones are made and timed. There are at most as many as the part's
    full set has, and at least four of each class.

    Args:
        out: Folder of the study.
        seconds: Seconds for both sets.
        photos: Photos of each item.
    """
    if all(data.exists() for data in data_of(out)):
        return data_of(out)
    typefaces = stood_in(out / "typefaces")
    settings = RenderedSettings(PART, out, photos=photos, cache=out / "typefaces")
    recorded = out / "items.json"
    if not recorded.exists():
        write_whole(recorded, json.dumps(_items_within(settings, typefaces, seconds)).encode())
    settings = replace(settings, items=json.loads(recorded.read_bytes()))
    for (mould, name), data in zip(SETS.items(), data_of(out), strict=True):
        if not data.exists():
            _make(replace(settings, out=out / "rendered" / name, mould=mould), typefaces, data.parent)
    return data_of(out)


def _items_within(settings: RenderedSettings, typefaces: Sequence[Typeface], seconds: float) -> int:
    least, most = len(LABELS) * len(settings.kind.series) * _LEAST_A_CLASS, settings.kind.items
    first = max(least, 2 * (os.cpu_count() or 1))
    began = time.monotonic()
    with TemporaryDirectory(prefix=".first-", dir=settings.out) as folder:
        rendered = replace(settings, items=first, out=Path(folder) / "rendered")
        _make(rendered, typefaces, Path(folder) / "cut")
    taken = time.monotonic() - began
    items = items_within(seconds - taken, taken / first, least, most)
    logger.info("%d items took %.0f s: each set has %d", first, taken, items)
    return items


def items_within(seconds: float, each: float, least: int, most: int) -> int:
    """Items of a set if all sets take so many seconds together and an item takes `each`; at least `least`."""
    return min(most, max(least, int(seconds / len(SETS) / each)))


def _make(settings: RenderedSettings, typefaces: Sequence[Typeface], cut: Path) -> None:
    """Render a set and cut the part out of its photos."""
    render_items(settings, typefaces)
    told = cut_located_parts(LocatedCropsSettings(settings.out / "manifest.csv", cut, settings.part))
    logger.info("%s", told)
