"""Table 1 of the KAG-MTLN paper: precision, recall and F1 of each class of KAG-MTLN, on every set."""

from __future__ import annotations

from inference.files import write_whole
from training.experiments.kag_cells import Cell, KagProtocol, cells_of, trained
from training.figures.metrics import over_seeds

_FIGURES = ("precision", "recall", "F1")


def cells(protocol: KagProtocol) -> list[Cell]:
    """What the table is made of."""
    return cells_of(protocol, {"KAG-MTLN": {}}, None)


def run(protocol: KagProtocol) -> list[str]:
    """Train KAG-MTLN on each set, and write kag_table1.md; its lines."""
    text: list[str] = []
    for data in protocol.data:
        cards = [trained(protocol, Cell.of(protocol, {}, data, seed)) for seed in protocol.seeds]
        text += [f"{data}:", "", f"| class | {' | '.join(_FIGURES)} |", "|---" * (1 + len(_FIGURES)) + "|"]
        for name in cards[0].classes:
            of_class = [card.per_class[name] for card in cards if card.per_class]
            # A class that no photo is taken for has no precision.
            cells = [over_seeds([one[figure] for one in of_class if figure in one]) for figure in _FIGURES]
            text.append(f"| {name} | {' | '.join(cells)} |")
        text.append("")
        write_whole(protocol.out / "kag_table1.md", ("\n".join(text) + "\n").encode())
    return text
