"""What the networks of the KAG-MTLN paper's cells make of test photos: features for t-SNE, heatmaps side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from inference.authenticity.examiner import AuthenticityExaminer
from inference.drawing import overlay
from inference.files import png_bytes
from inference.intake.exhibit import read_exhibit
from inference.models.weights import Model, load_model
from inference.networks.two_halves import TwoHalves
from inference.request import Request
from training.authenticity.views import PhotoView
from training.data.photos.photo import Photo, PhotoSet
from training.experiments.kag_cells import Cell, KagProtocol, read_once, trained
from training.figures.tsne import Features

_BATCH = 16
_SIDE, _CAPTION = 224, 20


def model_of(protocol: KagProtocol, cell: Cell) -> Model:
    """The finished network of a cell, which is trained if it is not there yet."""
    card = trained(protocol, cell)
    return load_model(card.name, cell.settings(protocol).fit.out)


def photos_of(protocol: KagProtocol) -> PhotoSet:
    """The protocol's first set, split as the cells of its first seed have it."""
    return read_once(protocol.data[0], protocol.seeds[0])


def features_of(model: Model, photos: tuple[Photo, ...]) -> Features:
    """The last feature map of each photo, averaged over its places: the output of the extraction stage."""
    how, network = PhotoView(model.card.preprocessing), cast("TwoHalves", model.network)
    seen = how.read(photos)
    pooled = []
    for start in range(0, len(seen), _BATCH):
        images = how.inputs(seen[start : start + _BATCH], torch.device("cpu"))
        with torch.no_grad():
            pooled.append(network.features(images).mean((2, 3)))
    return Features(torch.cat(pooled).numpy(), [photo.class_name for photo in photos])


def heatmaps_beside(models: Mapping[str, Model], photos: tuple[Photo, ...]) -> bytes:
    """A row a photo as a PNG: the photo as it is seen, then the heatmap of each model."""
    examiners = {name: AuthenticityExaminer(model) for name, model in models.items()}
    columns = ("photo", *examiners)
    sheet = Image.new("RGB", (len(columns) * _SIDE, _CAPTION + len(photos) * (_SIDE + _CAPTION)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for column, words in enumerate(columns):
        draw.text((column * _SIDE + 3, 3), words, "black", font)
    for row, photo in enumerate(photos):
        top = _CAPTION + row * (_SIDE + _CAPTION)
        exhibit = read_exhibit(photo.path)
        verdicts = [one.examine_batch([Request(exhibit, photo.series)])[0] for one in examiners.values()]
        shown = [verdicts[0].seen, *(overlay(verdict.heatmap, verdict.seen) for verdict in verdicts)]
        for column, pixels in enumerate(shown):
            picture = Image.fromarray(np.asarray(pixels))
            picture.thumbnail((_SIDE - 6, _SIDE - 6), Image.Resampling.LANCZOS)
            sheet.paste(picture, (column * _SIDE, top))
        draw.text((3, top + _SIDE - 4), f"{photo.class_name}, {photo.name}", "black", font)
    return png_bytes(sheet)


def shown_photos(photos: PhotoSet) -> tuple[Photo, ...]:
    """A counterfeit test photo of each series, and a genuine one of the first: the first of each by path."""
    test = photos.of("test")
    chosen = [next((photo for photo in test if photo.class_name == name), None) for name in photos.classes]
    counterfeits = [photo for photo in chosen if photo and photo.label == "counterfeit"]
    return (*[photo for photo in chosen if photo and photo.label == "genuine"][:1], *counterfeits)
