"""Builds a rendered set: photos of genuine parts and of counterfeits, each counterfeit with its mask and its twin."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from tqdm import tqdm

from inference.files import png_bytes, write_whole
from training.data.audit import Audit, audit
from training.data.processes import worker_processes
from training.data.rendered.lettering import Raster
from training.data.rendered.making import make_surface
from training.data.rendered.photography import photograph
from training.data.rendered.plan import Item, RenderedSettings, generator, plan
from training.data.rendered.specification import Specification, within_tolerances
from training.data.rendered.surfaces import Surface
from training.data.rendered.typefaces import TYPEFACES, Typeface, Typefaces
from training.data.rendered.written import claim_folder, contact_sheet, manifest, readme_of

logger = logging.getLogger(__name__)
# What is compared of a counterfeit and its twin, and from where on a point counts as altered.
_ALTERED = {"height": 0.12, "colour": 0.03, "metal": 0.1}


def build_rendered(settings: RenderedSettings, typefaces: Sequence[Typeface] = TYPEFACES) -> Audit:
    """Render the set, or what is still missing of it, into `settings.out`, and audit it for shortcuts.

    Each file is written whole or not at all, so a run that was interrupted continues to the same bytes.

    Args:
        settings: What the set holds.
        typefaces: The typefaces that the specifications name.

    Returns:
        What the shortcut audit found.

    Raises:
        RenderingRefusal: if the folder holds anything but a set with the same settings.
        PackageRefused: if a typeface cannot be fetched.
    """
    items = render_items(settings, typefaces)
    found = audit(settings.out / "manifest.csv", settings.seed)
    write_whole(settings.out / "AUDIT.md", found.page().encode())
    logger.info("%d photos of %d items in %s; %s", len(items) * settings.photos, len(items), settings.out, found)
    return found


def render_items(settings: RenderedSettings, typefaces: Sequence[Typeface] = TYPEFACES) -> list[Item]:
    """Render the set, or what is still missing of it, without the audit; its items.

    Raises:
        RenderingRefusal, PackageRefused: as `build_rendered` does.
    """
    Typefaces(settings.cache, typefaces).fetch()
    claim_folder(settings.out, readme_of(settings, stand_ins=tuple(typefaces) != TYPEFACES))
    items = plan(settings)
    missing = [item for item in items if not all((settings.out / file).exists() for file in _files(item, settings))]
    render, words = partial(_render, settings=settings, typefaces=tuple(typefaces)), f"rendering {settings.part}"
    with (
        worker_processes(settings.workers) as pool,
        tqdm(total=len(items), initial=len(items) - len(missing), unit="item", desc=words) as bar,
    ):
        for _ in pool.map(render, missing):
            bar.update()
    write_whole(settings.out / "contact_sheet.jpg", contact_sheet(settings.out, items))
    write_whole(settings.out / "manifest.csv", manifest(items, settings.photos))
    return items


def _files(item: Item, settings: RenderedSettings) -> Iterator[Path]:
    """Every file of an item, relative to the set's folder."""
    for photo in range(settings.photos):
        yield item.path(photo)
        if item.counterfeiter:
            yield item.twin(photo)
            yield item.mask(photo)


@cache
def opened_typefaces(folder: Path, typefaces: tuple[Typeface, ...]) -> Typefaces:
    """The typefaces, opened once a process."""
    return Typefaces(folder, typefaces)


@contextmanager
def on_any_processor() -> Iterator[None]:
    """OpenCV without what it optimises for the processor at hand: the same bytes on each."""
    optimised = cv2.useOptimized()
    cv2.setUseOptimized(False)
    try:
        yield
    finally:
        cv2.setUseOptimized(optimised)


def specified(item: Item, settings: RenderedSettings) -> tuple[Specification, Specification]:
    """How an item is made within the tolerances of its die, and its twin; of a genuine item both are the same."""
    genuine, key = item.series.specification, _key(item, settings)
    if item.counterfeiter is None or item.grade is None:
        altered = genuine
    else:
        key = (*key[:-1], item.counterfeiter.name) if settings.mould == "hand" else key
        altered = item.counterfeiter.falsify(genuine, item.grade, generator("hand", *key))
    return within_tolerances(altered, generator("die", *key)), within_tolerances(genuine, generator("die", *key))


def _key(item: Item, settings: RenderedSettings) -> tuple[int | str, ...]:
    return settings.seed, settings.part, item.series.name, item.label, item.number


@on_any_processor()
def _render(item: Item, settings: RenderedSettings, typefaces: tuple[Typeface, ...]) -> None:
    """All files of an item; runs in a process of its own."""
    key = _key(item, settings)

    def make(specification: Specification) -> Surface:
        opened = opened_typefaces(settings.cache, typefaces)
        return make_surface(settings.part, specification, opened, generator("material", *key))

    altered, genuine = specified(item, settings)
    surface = make(altered)
    if item.counterfeiter is None:
        for photo in range(settings.photos):
            write_whole(settings.out / item.path(photo), photograph(surface, generator("photo", *key, photo)).jpeg)
        return
    twin = make(genuine)
    where = altered_area(surface, twin)
    for photo in range(settings.photos):
        shot = photograph(surface, generator("photo", *key, photo))
        write_whole(settings.out / item.path(photo), shot.jpeg)
        write_whole(settings.out / item.twin(photo), photograph(twin, generator("photo", *key, photo)).jpeg)
        seen = cv2.warpPerspective(where, shot.homography, shot.size) > 0.5
        write_whole(settings.out / item.mask(photo), png_bytes(as_picture(seen)))


def altered_area(surface: Surface, twin: Surface) -> Raster:
    """1 where a counterfeit's surface visibly differs from its twin's, 0 elsewhere, float32 (h, w).

    What moves leaves an edge on either side; gaps of a stroke's width between them are closed.
    """
    altered = np.zeros(surface.cover.shape, np.uint8)
    for name, least in _ALTERED.items():
        change = np.abs(getattr(surface, name) - getattr(twin, name))
        altered |= ((change.max(axis=2) if change.ndim == 3 else change) > least).astype(np.uint8)
    closing = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    return cv2.morphologyEx(altered, cv2.MORPH_CLOSE, closing).astype(np.float32)


def as_picture(mask: Raster) -> Image.Image:
    """A mask, bool (h, w), in one bit a pixel."""
    return Image.fromarray(np.where(mask, 255, 0).astype(np.uint8)).convert("1")
