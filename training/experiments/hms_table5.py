"""Table 5 of the HMS paper: data-driven methods on pairs of marks, by network.

They are a Siamese network with the contrastive loss, a triplet network, and a network that has learned faces and is
fine-tuned on marks. Start, budget and pairs are those of Table 1; its folder of cells may be shared. Triplets learn by
Adam (section 3.2). The networks that fine-tuning starts from learn faces by softmax, with as many pairs; what they make
of other people's faces stands in hms_table5_faces.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from inference.models.weights import save_model
from inference.networks.backbones import BackboneName
from inference.networks.hms import LinearFeature
from training.assessment.judged_pairs import JudgedPairs
from training.data.faces import face_set, read_face
from training.data.marks.mark_set import MarkSet
from training.data.pictures import Pictures
from training.experiments import hms_cells
from training.experiments.hms_cells import Cell, HmsProtocol, Kind, Row, Study, accuracy, f1, ranking
from training.experiments.hms_tables import tabled
from training.fitting.run_folder import require_setting
from training.trademark.train import draft

FINE_TUNING = "fine-tuning"
METHODS: dict[str, Row] = {
    "SNN (contrastive loss)": {"method": "contrastive"},
    # AdamW without weight decay, of which the paper's preset has none, is Adam.
    "triplet network": {"method": "triplet", "optimiser": "adamw"},
    FINE_TUNING: {"method": "fine_tuning", "scale": 1.0},
}
"""The rows, by the paper's names."""


@dataclass(frozen=True)
class HmsDataDriven(HmsProtocol):
    """What is trained and tested for Table 5."""

    losses: tuple[str, ...] = tuple(METHODS)
    """Which rows."""
    backbones: tuple[BackboneName, ...] = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
    """Which columns; the paper leaves the six-layer network out."""
    heads: tuple[LinearFeature, ...] = ("interacting",)
    """Pair heads of fine-tuning, a table for each; the other methods compare by distance."""
    faces: Path | None = None
    """Folder with one subfolder for each person, which fine-tuning needs: ORL, or LFW as published."""

    rows: ClassVar[dict[str, Row]] = METHODS

    def __post_init__(self) -> None:
        super().__post_init__()
        require_setting(
            self.faces is not None or FINE_TUNING not in self.losses,
            "Fine-tuning starts from networks that have learned faces; give a folder of faces by --faces, or leave "
            "fine-tuning out of --losses.",
        )


class FaceStudy(Study):
    """The networks that learn faces, one for each backbone and seed.

    Args:
        protocol: Of the table.
        faces: The folder of faces.
    """

    def __init__(self, protocol: HmsProtocol, faces: Path) -> None:
        super().__init__(protocol)
        self.faces = faces

    @cached_property
    def marks(self) -> MarkSet:
        """The faces, as a set to train on."""
        return face_set(self.faces)

    @cached_property
    def pictures(self) -> Pictures:
        """The faces at the scale of the networks' input, as Tables 3 and 4 show them."""
        return Pictures(self.preprocessing.tone_and_scale(read_face(mark.path)) for mark in self.marks.marks)

    def cell(self, tuned: Cell) -> Cell:
        """The cell that a fine-tuned cell starts from.

        It draws as many pairs as a cell of marks in all its epochs, one of each person in an epoch. Its head can
        compare, whatever the head of the fine-tuned cell, and is thrown away.
        """
        people = {self.marks.families[index] for index in self.marks.of("train")}
        epochs = math.ceil(self.protocol.passes * self.protocol.training_pairs / len(people))
        learns = (("method", "softmax"), ("scale", 1.0), ("data", self.faces), ("epochs", epochs))
        return replace(tuned, row="faces", loss=learns, head="interacting")

    def judged_before(self, tuned: Cell) -> JudgedPairs | None:
        """What the network that a fine-tuned cell starts from makes of faces of other people; None if it diverged."""
        return self.judged(self.cell(tuned))

    def finished(self, tuned: Cell) -> Path | None:
        """The card of the network that a fine-tuned cell starts from; None if it diverged."""
        if self.judged_before(tuned) is None:
            return None
        settings = self.cell(tuned).settings(self.protocol)
        card = settings.fit.out / f"{settings.name}.json"
        if not card.exists():
            start = "ImageNet weights, if they were available" if settings.pretrained else "random weights"
            stated = draft(settings, self.marks, start, words=False)
            save_model(stated, self.network(self.cell(tuned)).state_dict(), card.parent)
        return card


def cells(protocol: HmsDataDriven) -> list[Cell]:
    """What the table is made of, for its price: fine-tuning as two trainings of all layers, on faces and on marks.

    Of faces a network draws as many pairs as of marks, so that both cost as much.
    """
    plain = (("method", "softmax"), ("scale", 1.0))
    made = []
    for cell in hms_cells.cells(protocol):
        tuned = cell.row == FINE_TUNING
        made += [replace(cell, row="faces", loss=plain), replace(cell, loss=plain)] if tuned else [cell]
    return made


def run(protocol: HmsDataDriven) -> list[str]:
    """Train whatever cell is missing; write hms_table5.md and .csv, and of fine-tuning hms_table5_faces.md and .csv.

    Returns:
        The first one's lines in Markdown.
    """
    study = Study(protocol)
    faces = FaceStudy(protocol, protocol.faces) if protocol.faces else None

    def judged(cell: Cell) -> JudgedPairs | None:
        if faces is None or cell.row != FINE_TUNING:
            return study.judged(cell)
        start = faces.finished(cell)
        if start is None:
            return None
        return study.judged(replace(cell, loss=(*cell.loss, ("start_from", start))))

    both: tuple[Kind, ...] = ("random", "hard")
    lines = tabled(protocol, judged, "hms_table5", {"accuracy": accuracy, "F1": f1, "AUC": ranking}, both)
    if faces is not None and FINE_TUNING in protocol.losses:
        tuned = replace(protocol, losses=(FINE_TUNING,))
        tabled(tuned, faces.judged_before, "hms_table5_faces", {"accuracy": accuracy, "AUC": ranking}, ("random",))
    return lines
