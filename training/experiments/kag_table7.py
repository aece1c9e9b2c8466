"""Table 7 of the KAG-MTLN paper: accuracy with and without the auxiliary branch.

Without the branch, KAG's disturbed photos can stay as counterfeits of the main task, or go as well; the paper does not
say which.
"""

from __future__ import annotations

from training.experiments.kag_cells import FIGURES, Cell, KagProtocol, cells_of, tabled

ROWS = {
    "KAG-MTLN": {},
    "-auxiliary": {"alpha": 1.0},
    "-auxiliary, -KAG": {"alpha": 1.0, "disturbed_share": 0.0},
}


def cells(protocol: KagProtocol) -> list[Cell]:
    """What the table is made of."""
    return cells_of(protocol, ROWS)


def run(protocol: KagProtocol) -> list[str]:
    """Train whatever cell is missing, and write kag_table7.md and .csv; the table's lines in Markdown."""
    return tabled(protocol, "kag_table7", ROWS, FIGURES)
