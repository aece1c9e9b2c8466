"""Table 6 of the KAG-MTLN paper: accuracy by backbone; EfficientNet-Lite0, which the app ships, beside them."""

from __future__ import annotations

from training.experiments.kag_cells import FIGURES, Cell, KagProtocol, cells_of, tabled

_BACKBONES = ("vgg19", "resnet50", "resnet101", "efficientnet_b2", "efficientnet_lite0")
ROWS = {name: {"backbone": name} for name in _BACKBONES}


def cells(protocol: KagProtocol) -> list[Cell]:
    """What the table is made of."""
    return cells_of(protocol, ROWS)


def run(protocol: KagProtocol) -> list[str]:
    """Train whatever cell is missing, and write kag_table6.md and .csv; the table's lines in Markdown."""
    return tabled(protocol, "kag_table6", ROWS, FIGURES)
