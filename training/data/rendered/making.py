"""From a specification to one item: what it is lettered with, on what it is made of."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from training.data.rendered.lettering import edge_distance
from training.data.rendered.ornaments import border_distance
from training.data.rendered.prints import printed_part
from training.data.rendered.specification import Leather, Metal, PartName, Print, Specification
from training.data.rendered.surfaces import (
    Surface,
    buckle_outline,
    disc_outline,
    leather_tag,
    metal_part,
    sheet_outline,
)
from training.data.rendered.typefaces import Typefaces


def make_surface(part: PartName, made: Specification, typefaces: Typefaces, rng: Generator) -> Surface:
    """One item made to a specification.

    The randomness does not depend on the specification's values: the same generator state gives a
    counterfeit and its twin the same grain, wear and dirt.
    """
    outline = _OUTLINES[part](made)
    lettering = edge_distance(made, typefaces)
    if made.border is not None:
        lettering = np.maximum(lettering, border_distance(made.border, outline))
    match made.material:
        case Leather() as leather:
            return leather_tag(made, leather, lettering, rng)
        case Metal() as metal:
            return metal_part(part, made, metal, lettering, outline, rng)
        case Print() as stock:
            return printed_part(made, stock, lettering, rng)


_OUTLINES = {"leather_tag": sheet_outline, "metal_buckle": buckle_outline, "round_label": disc_outline}
