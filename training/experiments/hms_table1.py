"""Table 1 of the HMS paper: accuracy on pairs of marks, by loss and network.

The paper tests on random dissimilar pairs alone; hard ones (the nearest other brand) stand beside them, and AUC beside
accuracy.
"""

from __future__ import annotations

from training.experiments import hms_cells
from training.experiments.hms_cells import Cell, HmsProtocol, Study, accuracy, ranking
from training.experiments.hms_tables import tabled


def cells(protocol: HmsProtocol) -> list[Cell]:
    """What the table is made of."""
    return [*hms_cells.cells(protocol)]


def run(protocol: HmsProtocol) -> list[str]:
    """Train whatever cell is missing, and write hms_table1.md and .csv; the table's lines in Markdown."""
    study = Study(protocol)
    return tabled(protocol, study.judged, "hms_table1", {"accuracy": accuracy, "AUC": ranking}, ("random", "hard"))
