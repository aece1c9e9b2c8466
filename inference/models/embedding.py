"""The frozen embedding of a folder of models: its EfficientNet-Lite0 as trained on ImageNet."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from threading import Lock

from inference.models.engines.engine import MakeEngine, Pass, by_torch
from inference.models.weights import load_model
from inference.places import WEIGHTS_FOLDER
from inference.scope.embedding import FrozenEmbedding

FROZEN = "efficientnet_lite0"
"""The name of the model that makes it."""
_LOADING = Lock()


def frozen_embedding(folder: Path = WEIGHTS_FOLDER, make_engine: MakeEngine = by_torch) -> FrozenEmbedding:
    """The embedding that all gates of a folder share, loaded once an engine; the shipped one if the folder has none.

    A gate names its embedding by hash, so that a different one is refused and never used.

    Raises:
        WeightsRefused: if its weights cannot be loaded.
        EngineRefused: if the engine cannot run it.
    """
    own = (folder / f"{FROZEN}.json").is_file()
    with _LOADING:
        return _load((folder if own else WEIGHTS_FOLDER).resolve(), make_engine)


@cache
def _load(folder: Path, make_engine: MakeEngine) -> FrozenEmbedding:
    model = load_model(FROZEN, folder)
    backbone, card = model.network.requires_grad_(False), model.card
    size = (card.preprocessing.size, card.preprocessing.size)
    engine = make_engine(Pass("features", FROZEN, card.weights_sha256, backbone, size))
    return FrozenEmbedding(backbone, card.preprocessing, card.weights_sha256, engine.features)
