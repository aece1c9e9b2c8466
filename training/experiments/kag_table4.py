"""Table 4 of the KAG-MTLN paper: accuracy by the padding of FWD."""

from __future__ import annotations

from training.experiments.kag_cells import FIGURES, Cell, KagProtocol, cells_of, tabled

ROWS = {name: {"padding": name} for name in ("none", "black", "white", "gray", "random", "uniform")}


def cells(protocol: KagProtocol) -> list[Cell]:
    """What the table is made of."""
    return cells_of(protocol, ROWS)


def run(protocol: KagProtocol) -> list[str]:
    """Train whatever cell is missing, and write kag_table4.md and .csv; the table's lines in Markdown."""
    return tabled(protocol, "kag_table4", ROWS, FIGURES)
