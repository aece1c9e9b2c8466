"""Figure 9 of the KAG-MTLN paper: the confusion matrix of KAG-MTLN on the test photos of each set, first seed."""

from __future__ import annotations

from inference.files import write_whole
from training.experiments.kag_cells import Cell, KagProtocol, trained
from training.figures.metrics import draw_confusion


def cells(protocol: KagProtocol) -> list[Cell]:
    """What the figure is made of."""
    return [Cell.of(protocol, {}, data, protocol.seeds[0]) for data in protocol.data]


def run(protocol: KagProtocol) -> list[str]:
    """Train KAG-MTLN where it is missing, and write kag_fig9_1.png and so on; what each shows."""
    told = []
    for number, cell in enumerate(cells(protocol), 1):
        card = trained(protocol, cell)
        if card.confusion is not None:
            write_whole(protocol.out / f"kag_fig9_{number}.png", draw_confusion(card.confusion))
            told.append(f"kag_fig9_{number}.png: {cell.data}")
    return told
