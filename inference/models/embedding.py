"""The frozen embedding of a folder of models: its EfficientNet-Lite0 as trained on ImageNet."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from threading import Lock

from inference.models.weights import load_model
from inference.places import WEIGHTS_FOLDER
from inference.scope.embedding import FrozenEmbedding

_NAME = "efficientnet_lite0"
_LOADING = Lock()


def frozen_embedding(folder: Path = WEIGHTS_FOLDER) -> FrozenEmbedding:
    """The embedding that all gates of a folder share, loaded once a process; the shipped one if the folder has none.

    A gate names its embedding by hash, so that a different one is refused and never used.

    Raises:
        WeightsRefused: if its weights cannot be loaded.
    """
    own = (folder / f"{_NAME}.json").is_file()
    with _LOADING:
        return _load((folder if own else WEIGHTS_FOLDER).resolve())


@cache
def _load(folder: Path) -> FrozenEmbedding:
    model = load_model(_NAME, folder)
    return FrozenEmbedding(model.network, model.card.preprocessing, model.card.weights_sha256)
