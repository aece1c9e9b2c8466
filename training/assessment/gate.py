"""Fits the scope gate of a model to its own training photos or marks, and measures what it passes."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from inference.bench import examiner_of
from inference.examiner import Examiner
from inference.models.card import Card, Metric, Task
from inference.models.embedding import frozen_embedding
from inference.models.weights import Model, load_model, save_model
from inference.planes import Planes
from inference.records import Refusal
from inference.scope.checks import gate_checks, physical_checks
from inference.scope.gate import ScopeGate, Spread, as_rows, neighbour_distance
from inference.scope.gate_card import LEAST_SOURCES, GateCard, Sees
from inference.scope.measures import MARK_MEASURES, PHOTO_MEASURES, Measure
from training.assessment.finished import FinishedModelSettings
from training.assessment.gate_pictures import (
    COMMON_SIZE,
    DEGRADATIONS,
    Degradation,
    Picture,
    Pixels,
    evenly,
    own_set,
    parts_in,
    pictures_in,
    pictures_of,
)
from training.data.marks.mark_set import MarkSet
from training.data.photos.photo import PhotoSet
from training.data.scenes.scene_set import read_scene_set
from training.data.set_files import DataRefused
from training.figures.metrics import auc_metric, share_by_source

logger = logging.getLogger(__name__)
T = TypeVar("T")
Values = NDArray[np.float64]
FALSE_REFUSALS: Mapping[Task, float] = {"authenticity": 0.05, "trademark": 0.01}
"""Share of new sources of a model's own kind that a gate may refuse; of marks few, which are shown in many ways."""
_WARNED = 0.05
_MOST_ROWS: Mapping[Task, int] = {"authenticity": 600, "trademark": 1200}
_MOST_NEIGHBOURS = 5
_UNUSUAL = 0.01
_IN_SCENES = "scope, in scenes: refused"
_SHOWN: tuple[Sees, ...] = ("ink", "registered part", "part")
"""What a gate tells by where an examiner shows it, the first of these first."""

_RULE = (
    "Each training source was measured against all others. Both thresholds stand at the same rank, the one that all "
    "but {share:.0%} of the sources keep to in both distances (conformal quantile by source over the worse of the two "
    "ranks), so that the two votes together refuse {share:.0%} of new parts of this kind{warned}."
)


@dataclass(frozen=True)
class ScopeSettings(FinishedModelSettings):
    """Fit the scope gate of a finished model to its training split, and measure it."""

    out: Path
    """Folder for the model's two files, with the gate in them."""
    scenes: Path | None = None
    """Folder of scenes with boxes, whose parts are of the model's kind as well."""
    near: tuple[Path, ...] = ()
    """Folders of pictures that are near the model's kind but not of it: another part, another house."""
    far: tuple[Path, ...] = ()
    """Folders of pictures of anything else."""


def gate_model(settings: ScopeSettings) -> Card:
    """Fit, measure and write.

    Returns:
        The card as written.

    Raises:
        Refusal: if the model cannot be loaded, the set is not the one it was trained on, or has too few sources.
    """
    model = load_model(settings.model, settings.weights)
    folders = {"near": settings.near, "far": settings.far}
    foreign = {kind: [picture for one in of for picture in pictures_in(one)] for kind, of in folders.items() if of}
    own = own_set(model.card, settings.data)
    scenes = read_scene_set(settings.scenes) if settings.scenes else None
    found = parts_in(scenes, model.card, "train") if scenes else []
    examiner = examiner_of(without_gate(model))
    gate = fit_scope_gate(examiner, pictures_of(own, "train"), found)
    metrics = model.card.metrics | gate_metrics(gate, examiner, pictures_of(own, "test"), foreign)
    if scenes:
        refused = refused_share(gate, examiner, parts_in(scenes, model.card, "test"))
        metrics |= {_IN_SCENES: refused.named("scope_refused", "in scenes")}
    return save_model(
        replace(model.card, metrics=metrics), model.network.state_dict(), settings.out, model.references, gate
    )


def without_gate(model: Model) -> Model:
    """The model as its examiner sees before there is a gate, which may name another embedding."""
    return replace(model, card=replace(model.card, scope_gate=None), gate=None)


def fit_scope_gate(examiner: Examiner, pictures: Sequence[Picture], in_scenes: Sequence[Picture] = ()) -> ScopeGate:
    """The gate of a model.

    Args:
        examiner: Of the model without a gate: it shows what the gate is to see.
        pictures: Training photos with their items, or marks with their families.
        in_scenes: Parts of its kind in photos of whole goods.

    Raises:
        DataRefused: if there are fewer than 19 sources.
    """
    count = len({picture.source for picture in pictures})
    if count < LEAST_SOURCES:
        msg = f"A scope gate needs {LEAST_SOURCES} items or families in training, but there are {count}; add some."
        raise DataRefused(msg)
    task = examiner.task
    most = _MOST_ROWS[task] // 2 if in_scenes else _MOST_ROWS[task]
    chosen = [*_spread(pictures, most), *_spread(in_scenes, most)]
    sources = np.array([picture.source for picture in chosen])
    measures = MARK_MEASURES if task == "trademark" else PHOTO_MEASURES
    embed = frozen_embedding()

    def taken(part: Planes, shown: Mapping[Sees, Pixels]) -> tuple[Sees, NDArray[np.float16], list[float]]:
        sees = next(view for view in _SHOWN if view in shown)
        return sees, embed(shown[sees]).astype(np.float16), [measure.of(part) for measure in measures.values()]

    (sees, *_), rows, measured = zip(*_of_each(examiner, chosen, taken), strict=True)
    embeddings = np.stack(rows)
    kept = len({*sources})
    neighbours = max(1, min(_MOST_NEIGHBOURS, kept // 10))
    share = max(FALSE_REFUSALS[task], 1 / (kept + 1))
    distances = leave_one_source_out(embeddings, sources, neighbours)
    thresholds = joint_thresholds(distances, sources, share)
    unusual = unusual_from(distances / thresholds, sources) if share < _WARNED else 1.0
    card = GateCard(
        neighbours=neighbours,
        farthest_neighbour=thresholds[0],
        farthest_spread=thresholds[1],
        false_refusals=share,
        rule=_RULE.format(share=share, warned="" if unusual == 1 else f", and warn of {_WARNED:.0%}"),
        sources=kept,
        usual=_usual(measures, np.array(measured), sources),
        embedding_sha256=embed.sha256,
        sees=sees,
        unusual=unusual,
    )
    return ScopeGate(card, embeddings)


def with_gate(model: Model, every: PhotoSet | MarkSet, device: str = "cpu") -> Model:
    """A model just trained, with its gate; as it is, with a warning, where there can be none: no run is lost for it."""
    try:
        gate = fit_scope_gate(examiner_of(model, device), pictures_of(every, "train"))
    except Refusal as refusal:
        logger.warning("The model gets no scope gate. %s", refusal)
        return model
    return replace(model, card=replace(model.card, scope_gate=gate.card), gate=gate)


def measured_gate(model: Model, every: PhotoSet | MarkSet, device: str = "cpu") -> dict[str, Metric]:
    """What the gate of a model just trained makes of the test pictures of its set; nothing without a gate."""
    if model.gate is None:
        return {}
    return gate_metrics(model.gate, examiner_of(model, device), pictures_of(every, "test"), {})


def _spread(pictures: Sequence[Picture], most: int) -> list[Picture]:
    # Not in the order of names, by which plain drawings of a mark come before its rasters, or the reverse.
    shuffled = sorted(pictures, key=lambda picture: hashlib.sha256(picture.path.name.encode()).digest())
    return [shuffled[index] for index in spread_over_sources([picture.source for picture in shuffled], most)]


def spread_over_sources(sources: Sequence[str], most: int) -> list[int]:
    """Indices of at most `most` pictures: the first of every source, then the second, and so on.

    Sources are ordered by their hashes, so that their names do not decide which are left out.
    """
    seen: dict[str, int] = {}
    turns = []
    for index, source in enumerate(sources):
        seen[source] = seen.get(source, -1) + 1
        turns.append((seen[source], hashlib.sha256(source.encode()).digest(), index))
    return sorted(index for _, _, index in sorted(turns)[:most])


def leave_one_source_out(embeddings: NDArray[np.float16], sources: NDArray[np.str_], neighbours: int) -> Values:
    """Distances of each row from the rows of all other sources, as the gate would measure a new part.

    Args:
        embeddings: (n, d).
        sources: (n,).
        neighbours: The k of the k-th nearest neighbour.

    Returns:
        (n, 2): distance to that neighbour, and to the middle in units of spread.
    """
    rows = as_rows(embeddings)
    gram = rows @ rows.T
    distances = np.empty((len(rows), 2))
    for source in np.unique(sources):
        own = sources == source
        products = gram[np.ix_(~own, own)]
        distances[own, 0] = [neighbour_distance(similarity, neighbours) for similarity in products.T]
        distances[own, 1] = Spread(gram[np.ix_(~own, ~own)], rows.shape[1])(products, np.diag(gram)[own])
    return distances


def joint_thresholds(distances: Values, sources: NDArray[np.str_], refusals: float) -> tuple[float, float]:
    """Thresholds of both distances that together refuse the stated share of new sources' pictures.

    Two thresholds at half the share each would refuse less than stated, because a picture that is far in one distance
    is mostly far in the other. So both stand at one rank, taken over the worse of a picture's two ranks. All sources
    count equally, however many pictures they have.

    Args:
        distances: (n, 2), from `leave_one_source_out`.
        sources: (n,).
        refusals: Share that may be refused, at least 1 / (sources + 1).

    Source:
        Y. Lee, R. F. Barber, R. Willett: Distribution-free inference with hierarchical data, 2023, for the weights.
    """
    weights = source_weights(sources)
    ranks = np.stack([_ranks(column, weights) for column in distances.T], axis=1)
    level = weighted_quantile(ranks.max(1), weights, 1 - refusals)
    neighbour, spread = (float(column[rank <= level].max()) for column, rank in zip(distances.T, ranks.T, strict=True))
    return neighbour, spread


def unusual_from(excess: Values, sources: NDArray[np.str_]) -> float:
    """The share of both thresholds (n, 2) that 5% of new sources' pictures exceed, at most 1."""
    return min(1.0, weighted_quantile(excess.max(1), source_weights(sources), 1 - _WARNED))


def source_weights(sources: NDArray[np.str_]) -> Values:
    """Weight of each picture (n,): every source has the same weight, and so has the new source without a picture."""
    _, index, counts = np.unique(sources, return_inverse=True, return_counts=True)
    return np.asarray(1 / (len(counts) + 1) / counts[index])


def weighted_quantile(values: Values, weights: Values, level: float) -> float:
    """The least of values (n,) at or below which a share `level` of the weight lies; if there is none, the greatest."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) >= level - 1e-9
    return float(values[order[np.argmax(reached) if reached.any() else -1]])


def _ranks(values: Values, weights: Values) -> Values:
    """Weight at or below each value."""
    order = np.argsort(values)
    ranks = np.empty(len(values))
    ranks[order] = np.cumsum(weights[order])
    return ranks


def _usual(measures: Mapping[str, Measure], measured: Values, sources: NDArray[np.str_]) -> dict[str, float]:
    weights = source_weights(sources)
    columns = zip(measures, measured.T, strict=True)
    return {name: weighted_quantile(column, weights, 1 - _UNUSUAL) for name, column in columns}


def gate_metrics(
    gate: ScopeGate, examiner: Examiner, own: Sequence[Picture], foreign: Mapping[str, Sequence[Picture]]
) -> dict[str, Metric]:
    """Figures of a gate: its refusals of its own kind, of foreign pictures, and of degraded pictures of its own kind.

    Args:
        gate: The gate.
        examiner: Of its model.
        own: Test pictures with their sources, none of which the gate was fitted on.
        foreign: Foreign pictures by kind (near, far), each its own source.
    """
    own = evenly(own)
    items = [picture.source for picture in own]
    excess = _excesses(gate, examiner, own)
    metrics = {
        "scope: false refusals": share_by_source(
            excess > 1, items, "test pictures of the model's own kind refused"
        ).named("false_refusals")
    }
    passed = float(np.quantile(excess, 0.95))
    for kind, pictures in foreign.items():
        others, names = _excesses(gate, examiner, pictures), [picture.source for picture in pictures]
        over = f"{kind} pictures"
        metrics |= {
            f"scope, {kind}: AUC": auc_metric(
                others, excess, names, items, f"{over} against the model's own kind"
            ).named("scope_auc", kind),
            f"scope, {kind}: false positives at 95% true": share_by_source(
                others <= passed, names, f"{over} that pass where 95% of the model's own kind do"
            ).named("scope_false_positives", kind),
            f"scope, {kind}: refused": share_by_source(others > 1, names, over).named("scope_refused", kind),
        }
    for name, degrade in DEGRADATIONS.items():
        statuses = _of_each(examiner, own, partial(_statuses, gate), degrade)
        refused = ["refuse" in found for found in statuses]
        noticed = [bool(found & {"refuse", "warn"}) for found in statuses]
        over = f"test pictures, {name}"
        metrics |= {
            f"scope, {name}: refused": share_by_source(refused, items, over).named("scope_refused", name),
            f"scope, {name}: refused or warned of": share_by_source(noticed, items, over).named("scope_noticed", name),
        }
    return metrics


def refused_share(gate: ScopeGate, examiner: Examiner, pictures: Sequence[Picture]) -> Metric:
    """The share of parts in photos of whole goods that a gate refuses."""
    pictures = evenly(pictures)
    refused = _excesses(gate, examiner, pictures) > 1
    return share_by_source(refused, [picture.source for picture in pictures], "parts at their true box in test scenes")


def _excesses(gate: ScopeGate, examiner: Examiner, pictures: Sequence[Picture]) -> Values:
    embed = frozen_embedding()
    return np.array(_of_each(examiner, pictures, lambda _, seen: gate.check(embed(seen[gate.card.sees])).value))


def _of_each(
    examiner: Examiner,
    pictures: Sequence[Picture],
    taken: Callable[[Planes, Mapping[Sees, Pixels]], T],
    degrade: Degradation | None = None,
) -> list[T]:
    """What is taken of each picture, degraded or not, as the examiner shows it to a gate."""

    def of(picture: Picture) -> T:
        return taken(*examiner.scope_views(picture.request(degrade)))

    with ThreadPoolExecutor() as threads:
        found = threads.map(of, pictures)
        return list(tqdm(found, "seeing what a scope gate sees", total=len(pictures), unit="picture", leave=False))


def _statuses(gate: ScopeGate, part: Planes, shown: Mapping[Sees, Pixels]) -> set[str]:
    # Only a part that is too small for any network fails the resolution check here.
    return {
        check.status
        for check in (
            *physical_checks(part, COMMON_SIZE),
            *gate_checks(part, shown, gate, frozen_embedding()),
        )
    }
