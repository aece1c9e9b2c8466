"""Table 4 of the KAG-MTLN paper: accuracy by the padding of FWD."""

from __future__ import annotations

from training.experiments.kag_cells import FIGURES, KagProtocol, tabled

ROWS = {name: {"padding": name} for name in ("none", "black", "white", "gray", "random", "uniform")}


def run(protocol: KagProtocol) -> list[str]:
    """Train whatever cell is missing, and write kag_table4.md and .csv; the table's lines in Markdown."""
    return tabled(protocol, "kag_table4", ROWS, FIGURES)
