"""Figure 12 of the KAG-MTLN paper: t-SNE of the test photos' features after more and more epochs.

The paper follows one training. Here each picture is of a training of its own to that many epochs, whose learning rate
has run its course.
"""

from __future__ import annotations

from inference.files import write_whole
from training.experiments.kag_cells import Cell, KagProtocol
from training.experiments.kag_looks import features_of, model_of, photos_of
from training.figures.tsne import draw_tsne

_PARTS = (16, 4, 1)


def cells(protocol: KagProtocol) -> list[Cell]:
    """What the figure is made of."""
    return [*_by_epochs(protocol).values()]


def run(protocol: KagProtocol) -> list[str]:
    """Train KAG-MTLN to a sixteenth, a quarter and all epochs, and write kag_fig12.png and .md; the latter's lines."""
    photos = photos_of(protocol).of("test")
    panels = {
        f"{epochs} epochs": features_of(model_of(protocol, cell), photos)
        for epochs, cell in _by_epochs(protocol).items()
    }
    write_whole(protocol.out / "kag_fig12.png", draw_tsne(panels))
    lines = ["| | silhouette |", "|---|---|", *(f"| {name} | {one.silhouette:.3f} |" for name, one in panels.items())]
    write_whole(protocol.out / "kag_fig12.md", ("\n".join(lines) + "\n").encode())
    return lines


def _by_epochs(protocol: KagProtocol) -> dict[int, Cell]:
    whole, data = protocol.base(protocol.data[0]).fit.epochs, protocol.data[0]
    shown = sorted({max(1, whole // part) for part in _PARTS})
    return {epochs: Cell.of(protocol, {"epochs": epochs}, data, protocol.seeds[0]) for epochs in shown}
