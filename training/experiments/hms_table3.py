"""Table 3 of the HMS paper: accuracy on pairs of faces, by loss and network.

The networks are those of Table 1, trained on marks; no face is trained on. AUC stands beside accuracy.
"""

from __future__ import annotations

from functools import partial

from training.experiments import hms_cells
from training.experiments.hms_cells import Cell, HmsFaces, Study, accuracy, ranking
from training.experiments.hms_tables import tabled


def cells(protocol: HmsFaces) -> list[Cell]:
    """What the table is made of."""
    return [*hms_cells.cells(protocol)]


def run(protocol: HmsFaces) -> list[str]:
    """Train whatever cell is missing, and write hms_table3.md and .csv; the table's lines in Markdown."""
    study = Study(protocol)
    judge = partial(study.judged_faces, faces=protocol.faces, most=protocol.face_pairs)
    return tabled(protocol, judge, "hms_table3", {"accuracy": accuracy, "AUC": ranking}, ("random",))
