"""Table 2 of the HMS paper: F1 on pairs of marks, by loss and network.

From the cells of Table 1.
"""

from __future__ import annotations

from training.experiments import hms_cells
from training.experiments.hms_cells import Cell, HmsProtocol, Study, f1
from training.experiments.hms_tables import tabled


def cells(protocol: HmsProtocol) -> list[Cell]:
    """What the table is made of."""
    return [*hms_cells.cells(protocol)]


def run(protocol: HmsProtocol) -> list[str]:
    """Train whatever cell is missing, and write hms_table2.md and .csv; the table's lines in Markdown."""
    study = Study(protocol)
    return tabled(protocol, study.judged, "hms_table2", {"F1": f1}, ("random", "hard"))
