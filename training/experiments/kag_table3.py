"""Table 3 of the KAG-MTLN paper: accuracy by segment degree, KAG's N."""

from __future__ import annotations

from training.experiments.kag_cells import FIGURES, Cell, KagProtocol, cells_of, tabled

ROWS = {f"N = {degree}": {"segment_degree": degree} for degree in (10, 20, 30, 40, 50)}


def cells(protocol: KagProtocol) -> list[Cell]:
    """What the table is made of."""
    return cells_of(protocol, ROWS)


def run(protocol: KagProtocol) -> list[str]:
    """Train whatever cell is missing, and write kag_table3.md and .csv; the table's lines in Markdown."""
    return tabled(protocol, "kag_table3", ROWS, FIGURES)
