"""Kinds of pairs in groups that are large enough to be told apart by figures."""

from __future__ import annotations

from training.data.marks.edits import HAND_DRAWN, IMITATED
from training.data.marks.lettering import NEARLY_READ, OTHER_FACE, SAME_FACE
from training.data.marks.lockups import PART_KINDS
from training.data.marks.raster_styles import STYLES

_GROUPS = {
    "redrawn": ("redrawn", "another version"),
    "hand-imitated": (HAND_DRAWN, IMITATED, "redesigned"),
    "raster": tuple(STYLES),
    "lettering": (OTHER_FACE, NEARLY_READ, SAME_FACE),
    "part": PART_KINDS,
    "shared frame or layout": ("same frame", "same layout"),
    "alike in one respect": ("same silhouette", "same colour", "same letter"),
}
_GROUP_OF = {kind: group for group, kinds in _GROUPS.items() for kind in kinds}
EDITED = "edited"


def group_of(kind: str) -> str:
    """The group of a stated kind: `redrawn` by another hand, `hand-imitated`, and so on; else `edited` by computation.

    Of a pair whose kind the set does not state, it is empty.
    """
    return _GROUP_OF.get(kind, EDITED) if kind else ""
