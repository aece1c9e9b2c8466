"""Table 2 of the HMS paper: F1 on pairs of marks, by loss and network.

From the cells of Table 1.
"""

from __future__ import annotations

from training.experiments.hms_cells import HmsProtocol, Study, f1, tabled


def run(protocol: HmsProtocol) -> list[str]:
    """Train whatever cell is missing, and write hms_table2.md and .csv; the table's lines in Markdown."""
    study = Study(protocol)
    return tabled(protocol, study.judged, "hms_table2", {"F1": f1}, ("random", "hard"))
