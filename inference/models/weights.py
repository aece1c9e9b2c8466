"""Weights on disk: NAME.safetensors beside its card, NAME.json.

A model is whatever its card says. To add a model, copy the two files into the folder. Nothing is unpickled, and weights
whose SHA-256 is not the one in the card are not loaded.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from inference.files import write_whole
from inference.models.card import CARD_FORMAT, Card, WeightsRefused
from inference.models.catalogue import CARD_FILE, parse_card
from inference.networks import build_network
from inference.places import WEIGHTS_FOLDER
from inference.records import as_json, require
from inference.reference.reference import Reference
from inference.scope.gate import ScopeGate

logger = logging.getLogger(__name__)

_REFERENCE = "reference."
_GATE = "scope_gate.embeddings"


@dataclass(frozen=True)
class Model:
    """A loaded model: its card, its network in evaluation mode, the hash of the card file, its references and gate."""

    card: Card
    network: nn.Module
    card_sha256: str
    references: tuple[Reference, ...] = ()
    gate: ScopeGate | None = None

    def __post_init__(self) -> None:
        require(
            (self.gate is None) == (self.card.scope_gate is None), "a model has the gate that its card states, or none"
        )


def load_model(name: str, folder: Path = WEIGHTS_FOLDER) -> Model:
    """A model by name, its weights checked against the hash in its card.

    Raises:
        WeightsRefused: if the card is refused, or the weights are missing, changed, damaged or do not
            fit the network that the card describes.
    """
    card_path, weights_path = folder / f"{name}.json", folder / f"{name}.safetensors"
    card_bytes = CARD_FILE.content(card_path)
    card = parse_card(card_path, card_bytes)
    weights = CARD_FILE.bytes_of(weights_path)
    found = hashlib.sha256(weights).hexdigest()
    if found != card.weights_sha256:
        msg = (
            f"{weights_path.name} is not the file its card describes: its SHA-256 is {found[:12]}…, but the card "
            f"states {card.weights_sha256[:12]}…; restore both files from the same source."
        )
        raise WeightsRefused(msg)
    try:
        network = build_network(card.network, card.arguments)
        state = safetensors.torch.load(weights)
        references, gate = _take_references(state, card), _take_gate(state, card)
        network.load_state_dict(state)
    except (safetensors.SafetensorError, LookupError, ValueError, TypeError, RuntimeError) as error:
        logger.info("%s does not fit", weights_path, exc_info=True)
        msg = f"{weights_path.name} does not fit the network its card describes; restore both files."
        raise WeightsRefused(msg) from error
    return Model(card, network.eval(), hashlib.sha256(card_bytes).hexdigest(), references, gate)


def _take_references(state: dict[str, Tensor], card: Card) -> tuple[Reference, ...]:
    """Remove the reference of each series from the state of a weights file; each fits into the network's input."""
    if card.stack is None:
        return ()
    references = []
    for series in card.series:
        # Split at the last dot, since the name of a series may have dots.
        own = [key for key in state if key.rpartition(".")[0] == f"{_REFERENCE}{series}"]
        arrays = {key.rpartition(".")[2]: state.pop(key).numpy() for key in own}
        references.append(Reference.from_arrays(series, arrays))
        card.stack.placement(references[-1])
        require(
            card.fusion is None or references[-1].features is not None,
            f"the reference {series} lacks the features that the card's fusion needs",
        )
    return tuple(references)


def _take_gate(state: dict[str, Tensor], card: Card) -> ScopeGate | None:
    """The scope gate; its embeddings are removed from the state of the weights file."""
    return None if card.scope_gate is None else ScopeGate(card.scope_gate, state.pop(_GATE).numpy())


def save_model(
    card: Card,
    state: Mapping[str, Tensor],
    folder: Path,
    references: Sequence[Reference] = (),
    gate: ScopeGate | None = None,
) -> Card:
    """Write NAME.safetensors, with references and gate in it, and NAME.json, with the gate and hash of these weights.

    Figures that could not be measured are left out. The card is written last and each file is moved
    into place whole, so that an interruption leaves no card without its weights.

    Returns:
        The card as written.
    """
    tensors = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    for reference in references:
        for name, array in reference.arrays().items():
            tensors[f"{_REFERENCE}{reference.series}.{name}"] = torch.from_numpy(np.array(array))
    if gate is not None:
        tensors[_GATE] = torch.from_numpy(np.array(gate.embeddings))
    weights = safetensors.torch.save(tensors)
    stated = None if gate is None else gate.card
    card = replace(
        card,
        scope_gate=stated,
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        metrics={name: metric for name, metric in card.metrics.items() if metric.measured},
        assay_card=CARD_FORMAT,
    )
    write_whole(folder / f"{card.name}.safetensors", weights)
    text = json.dumps(as_json(card), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    write_whole(folder / f"{card.name}.json", text.encode())
    return card
