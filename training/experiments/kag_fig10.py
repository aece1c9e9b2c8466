"""Figure 10 of the KAG-MTLN paper: accuracy of each method over the number of training items."""

from __future__ import annotations

from matplotlib.figure import Figure

from inference.files import write_whole
from training.experiments.kag_cells import FIGURES, METHODS, Cell, Changes, KagProtocol, cells_of, tabled, trained
from training.figures.plots import png_of


def cells(protocol: KagProtocol) -> list[Cell]:
    """What the figure is made of."""
    return cells_of(protocol, _rows(protocol))


def run(protocol: KagProtocol) -> list[str]:
    """Train whatever cell is missing, and write kag_fig10.md, .csv and .png; the table's lines in Markdown."""
    lines = tabled(protocol, "kag_fig10", _rows(protocol), FIGURES)
    write_whole(protocol.out / "kag_fig10.png", drawn(protocol))
    return lines


def _rows(protocol: KagProtocol) -> dict[str, Changes]:
    return {
        f"{name}, {share:.0%} of the items": {**changes, "training_share": share}
        for share in protocol.shares
        for name, changes in METHODS.items()
    }


def drawn(protocol: KagProtocol) -> bytes:
    """Authenticity accuracy over the share of items, one line a method through the means over seeds."""
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.add_subplot()
    shares = sorted(protocol.shares)
    for name, changes in METHODS.items():
        means = []
        for share in shares:
            own = {**changes, "training_share": share}
            cards = [trained(protocol, Cell.of(protocol, own, protocol.data[0], seed)) for seed in protocol.seeds]
            values = [metric.value for card in cards if (metric := card.figure("accuracy"))]
            means.append(sum(values) / len(values))
            axes.plot([100 * share] * len(values), values, ".", color=f"C{list(METHODS).index(name)}")
        axes.plot([100 * share for share in shares], means, label=name, color=f"C{list(METHODS).index(name)}")
    axes.set(xlabel="training items, %", ylabel="authenticity accuracy")
    figure.legend(loc="outside right upper", fontsize="small")
    return png_of(figure, 120)
