"""The genuine photo that is most like a questioned one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np

from inference.collections.collection import Collection
from inference.collections.examiner import CollectionExaminer
from inference.collections.registered_photos import RegisteredPhotos
from inference.records import as_json
from inference.request import Request


def test_it_is_the_one_whose_edges_correlate_most_where_both_cover() -> None:
    rng = np.random.default_rng(0)
    edges = rng.integers(0, 256, (5, 20, 30), np.uint8)
    covered = (rng.random(edges.shape) < 0.8).astype(np.uint8)
    covered[4] = 0
    photos = RegisteredPhotos(np.zeros((*edges.shape, 3), np.uint8), covered, edges)
    for asked in range(4):
        questioned = np.clip(edges[asked] / 255 + rng.normal(0, 0.3, edges[0].shape), 0, 1).astype(np.float32)
        own = rng.random(edges[0].shape) < 0.8
        correlations = []
        for photo in range(5):
            both = own & (covered[photo] > 0)
            correlations.append(np.corrcoef(edges[photo][both], questioned[both])[0, 1] if both.any() else -1)
        assert photos.nearest(questioned, own) == int(np.argmax(correlations)) == asked


def test_the_record_names_it_and_states_no_pixels(
    examiner: CollectionExaminer, labels: Collection, lettered: Any
) -> None:
    assert labels.pictures is not None
    found = examiner.examine(labels, Request(lettered("quorum/counterfeit", 40)))
    assert found.nearest is not None
    assert found.nearest.name in {photo.name for photo in labels.enrolled}
    assert json.loads(json.dumps(as_json(found)))["nearest"].keys() == {"name", "item"}
    assert examiner.examine(replace(labels, pictures=None), Request(lettered("quorum/genuine", 40))).nearest is None
