"""Table 4 of the HMS paper: F1 on pairs of faces, by loss and network.

From the cells of Table 3.
"""

from __future__ import annotations

from functools import partial

from training.experiments import hms_cells
from training.experiments.hms_cells import Cell, HmsFaces, Study, f1
from training.experiments.hms_tables import tabled


def cells(protocol: HmsFaces) -> list[Cell]:
    """What the table is made of."""
    return [*hms_cells.cells(protocol)]


def run(protocol: HmsFaces) -> list[str]:
    """Train whatever cell is missing, and write hms_table4.md and .csv; the table's lines in Markdown."""
    study = Study(protocol)
    judge = partial(study.judged_faces, faces=protocol.faces, most=protocol.face_pairs)
    return tabled(protocol, judge, "hms_table4", {"F1": f1}, ("random",))
