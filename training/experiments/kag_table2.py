"""Table 2 of the KAG-MTLN paper: accuracy of each method on every set, with FWD and without."""

from __future__ import annotations

from training.experiments.kag_cells import FIGURES, METHODS, Cell, KagProtocol, cells_of, tabled

ROWS = {
    f"{name}{words}": {**changes, "padding": padding}
    for name, changes in METHODS.items()
    for words, padding in (("", "none"), (" (+FWD)", "gray"))
}
"""Without FWD a photo is stretched to a square."""


def cells(protocol: KagProtocol) -> list[Cell]:
    """What the table is made of."""
    return cells_of(protocol, ROWS, None)


def run(protocol: KagProtocol) -> list[str]:
    """Train whatever cell is missing, and write kag_table2.md and .csv; the table's lines in Markdown."""
    return tabled(protocol, "kag_table2", ROWS, FIGURES, None)
