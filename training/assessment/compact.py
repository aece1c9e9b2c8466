"""Fits the compact embedding of a trademark model to its training marks, and measures what a register loses by it.

The axes are the principal ones of the embeddings of training marks, about their mean: nothing is chosen, and nothing
but these embeddings is used. A register finds candidates by the signs of compact embeddings, and ranks them by the
network's own head; what is lost is measured against ranking all pairs by the head.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from inference.files import write_whole
from inference.models.weights import Model, load_model, save_model
from inference.networks.hms import Siamese
from inference.records import Refusal
from inference.register.codes import CodeScan, codes_of
from inference.trademark.examiner import TrademarkExaminer
from training.assessment.finished import FinishedModelSettings
from training.assessment.gate_pictures import own_set
from training.assessment.mark_trials import framed
from training.assessment.marks import ranked
from training.assessment.tables import Table, json_bytes_of
from training.data.marks.mark_set import Mark, MarkSet
from training.figures.metrics import mean_by_source

COMPACT = 256
"""Length of a compact embedding, at most."""
_FITTED_ON = 4096
"""Training marks, evenly spaced, whose principal axes are taken; at most."""
_CANDIDATES = (100, 300, 1000)
_EMBEDDED_AT_ONCE = 256
_FIRST = 10


@dataclass(frozen=True)
class CompactSettings(FinishedModelSettings):
    """Give a finished trademark model its compact embedding, and measure what a register loses by it."""


def compact_model(settings: CompactSettings) -> Table:
    """Fit, write the model's two files, and measure on the test marks among all marks of the set.

    Returns:
        The figures, also written into the folder as compact.json.

    Raises:
        Refusal: if the model is none of trademarks or cannot be loaded, or the set is not the one it was trained on.
    """
    model = load_model(settings.model, settings.weights)
    marks = own_set(model.card, settings.data)
    if not isinstance(marks, MarkSet):
        msg = f"{settings.model} compares no trademarks; name a trademark model."
        raise Refusal(msg)
    model = with_compact(model, marks)
    card = save_model(model.card, model.network.state_dict(), settings.out, model.references, model.gate)
    model = replace(model, card=card)
    examiner = TrademarkExaminer(model)
    table = candidate_figures(examiner, marks, _embedded(examiner, marks.marks))
    write_whole(settings.out / "compact.json", json_bytes_of(model, "figures", table))
    return table


def with_compact(model: Model, marks: MarkSet, device: str = "cpu") -> Model:
    """A trademark model with the compact embedding of the training marks of a set; its network is changed."""
    network = model.network
    assert isinstance(network, Siamese)  # noqa: S101 - what a card of the task trademark describes
    of_training = marks.of("train")
    chosen = np.linspace(0, len(of_training) - 1, min(len(of_training), _FITTED_ON)).round().astype(int)
    embeddings = _embedded(TrademarkExaminer(model, device), [marks.marks[of_training[index]] for index in chosen])
    network.shorten(*principal_axes(embeddings, COMPACT))
    arguments = model.card.arguments | {"compact": network.compact_channels}
    return replace(model, card=replace(model.card, arguments=arguments))


def principal_axes(embeddings: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """The mean (C,) of embeddings (n, C), and their principal axes (D, C), D <= most, the longest first."""
    mean = embeddings.mean(dim=0)
    _, _, axes = torch.linalg.svd(embeddings - mean, full_matrices=False)
    return mean, axes[:most]


def candidate_figures(examiner: TrademarkExaminer, marks: MarkSet, embeddings: Tensor) -> Table:
    """Each test mark that has a counterpart is searched for among all other marks: by all pairs, and by candidates.

    Marks of the same family that show another design are left out, as `retrieval` leaves them out.

    Args:
        examiner: Of the model.
        marks: The marks.
        embeddings: Their embeddings (n, C).
    """
    codes = codes_of(examiner.compact(embeddings).numpy())
    scan, families = CodeScan(codes), np.array(marks.families)
    counterparts: dict[int, set[int]] = {}
    for pair in marks.pairs("test", similar=True):
        for one, other in (pair, pair[::-1]):
            counterparts.setdefault(one, set()).add(other)
    found: dict[str, list[dict[str, float]]] = {}
    for query, wanted in tqdm(sorted(counterparts.items()), "searching", unit="mark", leave=False):
        is_wanted = np.isin(np.arange(len(families)), [*wanted])
        others = is_wanted | (families != families[query])
        scores = np.where(others, examiner.compare_with_all(embeddings[query], embeddings), -np.inf)
        found.setdefault("all pairs", []).append(ranked(scores[others], is_wanted[others]))
        for most in _CANDIDATES:
            near = scan.nearest(codes[query], most, others)
            found.setdefault(f"{most} candidates", []).append(_by_candidates(scores, is_wanted, others, near))
    over = f"{len(counterparts)} test marks with a counterpart among {len(families)} marks"
    sources = families[sorted(counterparts)]
    return {
        row: {name: mean_by_source(np.array([one[name] for one in of]), sources, over) for name in of[0]}
        for row, of in found.items()
    }


def _by_candidates(
    scores: NDArray[np.float64], wanted: NDArray[np.bool_], others: NDArray[np.bool_], near: NDArray[np.intp]
) -> dict[str, float]:
    """The figures of one query of which only the candidates `near` are scored by the head."""
    scored = np.full(len(scores), -np.inf)
    scored[near] = scores[near]
    first = np.argsort(-scores, kind="stable")[:_FIRST]
    return {
        **ranked(scored[others], wanted[others]),
        f"share of the first {_FIRST} of all pairs": float(np.isin(first, near).mean()),
    }


def _embedded(examiner: TrademarkExaminer, marks: Sequence[Mark]) -> Tensor:
    """Embeddings (n, C) of whole marks, framed by threads while the network embeds those before."""

    def seen(mark: Mark) -> Tensor:
        return torch.from_numpy(examiner.card.preprocessing(framed(mark.path)).values)

    parts = []
    with ThreadPoolExecutor() as pool, tqdm(total=len(marks), desc="embedding", unit="mark", leave=False) as bar:
        for start in range(0, len(marks), _EMBEDDED_AT_ONCE):
            batch = marks[start : start + _EMBEDDED_AT_ONCE]
            parts.append(examiner.embed([*pool.map(seen, batch)]).float().cpu())
            bar.update(len(batch))
    return torch.cat(parts)
