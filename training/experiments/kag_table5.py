"""Table 5 of the KAG-MTLN paper: accuracy by alpha, the weight of the main task in the fusion loss."""

from __future__ import annotations

from training.experiments.kag_cells import FIGURES, Cell, KagProtocol, cells_of, tabled

ROWS = {f"alpha = {alpha}": {"alpha": alpha} for alpha in (0.9, 0.8, 0.7, 0.6, 0.5)}


def cells(protocol: KagProtocol) -> list[Cell]:
    """What the table is made of."""
    return cells_of(protocol, ROWS)


def run(protocol: KagProtocol) -> list[str]:
    """Train whatever cell is missing, and write kag_table5.md and .csv; the table's lines in Markdown."""
    return tabled(protocol, "kag_table5", ROWS, FIGURES)
