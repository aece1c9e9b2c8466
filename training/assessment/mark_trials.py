"""The trial pairs of marks for a trademark network, and the hard negatives that it learns from.

A frozen ImageNet network decides which negatives are hard, so that this does not depend on the network under test.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from inference.intake.exhibit import read_exhibit
from inference.preprocessing import Preprocessing
from inference.trademark.framing import frame_mark
from inference.trademark.lettering import MOST_LETTERING, lettering
from training.data.marks.mark_set import Mark, MarkSet, Pair
from training.data.photos.photo import Split
from training.data.pictures import Pictures
from training.data.set_files import DataRefused
from training.fitting.pretrained import frozen_backbone

Pixels = NDArray[np.uint8]

_BATCH = 64
_NEIGHBOURS = 16
_LOOKED_AT = 128
"""Nearest marks that mostly hold enough unrelated ones: a family has some ten."""
_MOST_OF_A_FAMILY = 3
_LETTERED = 0.02


def framed(path: Path) -> Pixels:
    """The framed mark in a file, uint8 (h, w, 3); see `inference.trademark.framing`."""
    return frame_mark(read_exhibit(path).pixels).pixels


def read_pictures(marks: Sequence[Mark], preprocessing: Preprocessing) -> Pictures:
    """The framed marks' pixels (h, w, 3) at the scale of the network's input, before padding to a square."""
    bar = tqdm(marks, "reading marks", unit="mark", leave=False)
    return Pictures(preprocessing.tone_and_scale(framed(mark.path)) for mark in bar)


def mark_embeddings(marks: MarkSet, preprocessing: Preprocessing) -> Tensor:
    """Frozen embeddings of framed marks (n, C), at the size of the examiner's view."""
    return frozen_embeddings(read_pictures(marks.marks, preprocessing), preprocessing.size, torch.device("cpu"))


def frozen_embeddings(pictures: Sequence[Pixels], size: int, device: torch.device) -> Tensor:
    """Embeddings of unit length (n, C) of pictures, framed to `size`, on the CPU."""
    backbone, preprocessing = frozen_backbone()
    preprocessing = replace(preprocessing, size=size, padding="white")
    backbone.to(device)
    found = []
    with torch.no_grad():
        for start in tqdm(range(0, len(pictures), _BATCH), "embedding marks", unit="batch", leave=False):
            framed = [torch.from_numpy(preprocessing(picture).values) for picture in pictures[start : start + _BATCH]]
            found.append(functional.normalize(backbone(torch.stack(framed).to(device)).mean((2, 3))).cpu())
    return torch.cat(found)


def shows_lettering(marks: MarkSet) -> bool:
    """Whether at least one in fifty training families, of at most 400 of them, has a first mark of mostly lettering."""
    first = {marks.marks[index].family: marks.marks[index].path for index in reversed(marks.of("train"))}
    paths = [*first.values()]
    chosen = [paths[place] for place in np.unique(np.linspace(0, len(paths) - 1, 400).astype(int))]
    bar = tqdm(chosen, "looking for lettering", unit="mark", leave=False)
    return sum(lettering(framed(path)) > MOST_LETTERING for path in bar) >= _LETTERED * len(chosen)


def nearest_negatives(marks: MarkSet, embedding: Tensor) -> list[list[int]]:
    """For each mark the nearest unrelated marks of its split, the nearest first."""
    nearest: list[list[int]] = [[] for _ in marks.marks]
    for split in ("train", "val", "test"):
        members = list(marks.of(split))
        of_split = embedding[members]
        for start in range(0, len(members), _BATCH):  # a batch of rows at a time to save memory
            rows = members[start : start + _BATCH]
            similarity = embedding[rows] @ of_split.T
            for index, row in zip(rows, similarity, strict=True):
                nearest[index] = _nearest_unrelated(marks, index, members, row)
    return nearest


def _nearest_unrelated(marks: MarkSet, index: int, members: Sequence[int], similarity: Tensor) -> list[int]:
    """The members that are most similar (n,) to a mark and unrelated to it.

    All are looked at only where the first few are not enough.
    """
    for considered in (_LOOKED_AT, len(members)):
        order = similarity.topk(min(considered, len(members))).indices.tolist()
        others = (members[place] for place in order if marks.unrelated(index, members[place]))
        found = [*islice(others, _NEIGHBOURS)]
        if len(found) == _NEIGHBOURS:
            break
    return found


Trials = dict[Split, dict[str, list[Pair]]]
"""Trial pairs by split and kind."""


def judged_trials(marks: MarkSet, embedding: Tensor) -> Trials:
    """The validation trial pairs, by which a network is chosen, and the test trial pairs; see `trial_pairs`."""
    return {"val": trial_pairs(marks, embedding, "val"), "test": trial_pairs(marks, embedding, "test")}


def judged_element_trials(marks: MarkSet, embedding: Tensor) -> Trials:
    """The same of pairs of which one mark contains the other; see `element_trial_pairs`."""
    return {"val": element_trial_pairs(marks, embedding, "val"), "test": element_trial_pairs(marks, embedding, "test")}


def trial_pairs(marks: MarkSet, embedding: Tensor, split: Split) -> dict[str, list[Pair]]:
    """Trial pairs: `similar`, as many `random` and `hard` dissimilar pairs, and `labelled` ones.

    A dissimilar pair is the first mark of one similar pair and the second mark of another, of the same kind and of an
    unrelated brand: traces of editing must not give similar pairs away. A random pair takes any such second mark, a
    hard pair the nearest. Pairs labelled dissimilar are a kind of their own. A family gives at most three similar
    pairs, so that a family with many drawings does not decide the figures.

    Args:
        marks: The set.
        embedding: Embeddings of its marks (n, C), from `frozen_embeddings`.
        split: The split.

    Raises:
        DataRefused: if some mark has no negative.
    """
    wholes = [pair for pair in marks.pairs(split, similar=True) if pair not in marks.boxes]
    pairs = _with_negatives(marks, embedding, split, wholes)
    labelled = marks.pairs(split, similar=False)
    return {**pairs, "labelled": list(labelled)} if labelled else pairs


def element_trial_pairs(marks: MarkSet, embedding: Tensor, split: Split) -> dict[str, list[Pair]]:
    """Trial pairs of marks of which the second contains the first: `similar`, `random`, `hard`; see `trial_pairs`.

    Empty kinds where the set states no place of any part.

    Raises:
        DataRefused: if some mark has no negative.
    """
    return _with_negatives(
        marks, embedding, split, [pair for pair in marks.pairs(split, similar=True) if pair in marks.boxes]
    )


def _with_negatives(
    marks: MarkSet, embedding: Tensor, split: Split, similar_pairs: Sequence[Pair]
) -> dict[str, list[Pair]]:
    """Similar pairs, at most three of a family, and for each a random and a hard negative."""
    rng = np.random.default_rng(0)
    by_family: dict[str, list[Pair]] = defaultdict(list)
    seconds: dict[str, dict[int, None]] = defaultdict(dict)
    for pair in similar_pairs:
        by_family[marks.marks[pair[0]].family].append(pair)
        seconds[marks.kind(pair)][pair[1]] = None
    pairs: dict[str, list[Pair]] = {"similar": [], "random": [], "hard": []}
    for family, similar in by_family.items():
        for chosen in rng.permutation(len(similar))[:_MOST_OF_A_FAMILY].tolist():
            a, b = similar[chosen]
            negatives = [other for other in seconds[marks.kind((a, b))] if marks.unrelated(a, other)]
            negatives = negatives or [other for other in marks.of(split) if marks.unrelated(a, other)]
            if not negatives:
                msg = f"The {split} marks are all of one brand, {family}; add families, at least three for {split}."
                raise DataRefused(msg)
            pairs["similar"].append((a, b))
            pairs["random"].append((a, negatives[rng.integers(len(negatives))]))
            pairs["hard"].append((a, negatives[int((embedding[negatives] @ embedding[a]).argmax())]))
    return pairs
