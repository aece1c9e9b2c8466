"""The scope checks of a part, each with its number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from inference.planes import Planes
from inference.records import LEAST_HANDEDNESS, CheckStatus, ReferenceComparison, ScopeCheck
from inference.scope.embedding import FrozenEmbedding
from inference.scope.gate import ScopeGate
from inference.scope.gate_card import Sees
from inference.scope.measures import MEASURES, spread

_WARN_ENLARGEMENT, _REFUSE_ENLARGEMENT = 2.0, 8.0
_BLANK_SPREAD = 2.0
# Factor over the greatest enlargement of genuine photos: a reference has few photos, and a smaller one may come.
_MORE_ENLARGED = 1.1


def physical_checks(part: Planes, size: int) -> tuple[ScopeCheck, ...]:
    """Checks of a part; `size` is the long side in pixels of the network's input."""
    height, width = part.pixels.shape[:2]
    return resolution_check(width, height, size), _content(part)


def gate_checks(
    part: Planes, views: Mapping[Sees, NDArray[np.uint8]], gate: ScopeGate, embed: FrozenEmbedding
) -> tuple[ScopeCheck, ...]:
    """Checks of a part or mark against the pictures that a model was trained on.

    Args:
        part: A photo's part or a framed mark, whose measures are checked.
        views: The views by which its kind can be recognised, uint8 (h, w, 3) each.
        gate: The model's gate; its card says which view it takes.
        embed: The frozen embedding that the gate was fitted with.

    Raises:
        ValueError: if that view is missing.
    """
    seen = views.get(gate.card.sees)
    if seen is None:
        msg = f"the scope gate examines the {gate.card.sees}, but there is none"
        raise ValueError(msg)
    usual = gate.card.usual.items()
    return *(MEASURES[name].check(name, part, most) for name, most in usual), gate.check(embed(seen))


def fit_checks(view: ReferenceComparison) -> tuple[ScopeCheck, ...]:
    """Checks of a part beside its genuine reference.

    The mirror check comes first: for a mirrored part, the fit and the series say nothing more.
    """
    return mirror_check(view), reference_check(view), detail_check(view), sharpness_check(view)


def mirror_check(view: ReferenceComparison) -> ScopeCheck:
    """Whether the part's mirror image fits a reference better or nearly as well; mirrored letters would look altered.

    Its number is the fit of the mirror image minus the fit of the part.
    """
    mirror = view.mirror
    gain = mirror.score - view.score
    fits = f"its mirror image fits {mirror.series} by {mirror.score:.2f}, and it fits {view.series} by {view.score:.2f}"
    if view.mirrored:
        may = "is" if gain > 0 else "may be"
        text = f"The part {may} mirrored: {fits}; mirror it back, or hand in the original photo."
        return ScopeCheck("mirrored", "refuse", gain, text)
    if not mirror.tells:
        text = (
            f"It cannot be decided whether the part is mirrored: the genuine reference of {mirror.series} has a "
            f"handedness of {mirror.handedness:.2f}, and {LEAST_HANDEDNESS:.2f} is needed."
        )
        return ScopeCheck("mirrored", "ok", gain, text)
    if not (view.fits or mirror.fits):
        return ScopeCheck(
            "mirrored", "ok", gain, f"The part does not fit better when mirrored: {fits}, and both are too low."
        )
    return ScopeCheck("mirrored", "ok", gain, f"The part is not mirrored: {fits}.")


def detail_check(view: ReferenceComparison) -> ScopeCheck:
    """Whether the part shows as much detail as genuine photos; small letters are soft and would look altered."""
    most = view.most_enlarged * _MORE_ENLARGED
    scaled = f"it is scaled by {view.enlarged:.2f} to lie over the reference, and {most:.2f} is allowed"
    if view.enlarged > most:
        text = (
            f"The part shows too little detail: {scaled}, a little more than for any genuine photo. Soft letters look "
            f"like altered ones; photograph it {view.enlarged / most:.1f} times as large."
        )
        return ScopeCheck("detail", "refuse", view.enlarged, text)
    return ScopeCheck("detail", "ok", view.enlarged, f"The part shows enough detail: {scaled}.")


def sharpness_check(view: ReferenceComparison) -> ScopeCheck:
    """Whether the part is as sharp as genuine photos; soft letters would look altered."""
    shown = f"its blur over the reference is {view.blurred:.2f} of 1, and 99% of genuine photos have at most"
    if view.blurred > view.most_blurred:
        text = (
            f"The part is too soft to judge: {shown} {view.most_blurred:.2f}. Soft letters look like altered ones; "
            "photograph it sharper and without motion, or hand in the original file."
        )
        return ScopeCheck("sharpness", "refuse", view.blurred, text)
    return ScopeCheck("sharpness", "ok", view.blurred, f"The part is sharp enough: {shown} {view.most_blurred:.2f}.")


def reference_check(view: ReferenceComparison) -> ScopeCheck:
    """Whether the part fits the genuine reference as genuine photos do, and clearly better than that of another series.

    A bad fit is refused. So is a series left open if two references fit nearly equally, because a genuine part looks
    altered beside the wrong reference.
    """
    others = "".join(f"; {series} {score:.2f}" for series, score in view.runner_up.items())
    fit = f"best fit {view.series} {view.score:.2f}, needed {view.least_score:.2f}{others}"
    if not view.fits:
        text = (
            f"The part does not fit a genuine reference as genuine parts do ({fit}): it is another part, badly "
            "visible, or very different; photograph it flat, whole and sharp, or crop to it."
        )
        return ScopeCheck("reference", "refuse", view.score, text)
    if view.rival is not None:
        text = (
            f"State the series: {view.rival} fits almost as well as {view.series} ({fit}; a lead of "
            f"{view.least_lead:.2f} is needed), and a genuine part looks altered beside the wrong reference."
        )
        return ScopeCheck("reference", "refuse", view.score, text)
    return ScopeCheck("reference", "ok", view.score, f"The part fits the genuine reference: {fit}.")


def refusal(checks: Sequence[ScopeCheck]) -> str | None:
    """Why the part is out of scope, in one sentence; None if it is not."""
    return next((check.text for check in checks if check.status == "refuse"), None)


def resolution_check(width: int, height: int, size: int) -> ScopeCheck:
    """Whether a picture has enough pixels for a network that sees `size` on the long side."""
    long_side = max(width, height)
    enlargement = size / long_side
    status: CheckStatus = "ok"
    text = f"The part is {width} x {height} pixels; the network sees {size} on the long side."
    if enlargement > _REFUSE_ENLARGEMENT:
        status = "refuse"
        text = f"The part is only {long_side} pixels long, too few to judge; photograph it closer."
    elif enlargement > _WARN_ENLARGEMENT:
        status = "warn"
        text = f"The part is only {long_side} pixels long and was enlarged {enlargement:.1f} times."
    return ScopeCheck("resolution", status, float(long_side), text)


def _content(part: Planes) -> ScopeCheck:
    values = spread(part)
    if values < _BLANK_SPREAD:
        text = f"The part is blank (its values spread by {values:.1f} of 255); choose a picture that shows something."
        return ScopeCheck("content", "refuse", values, text)
    return ScopeCheck("content", "ok", values, f"The part's values spread by {values:.1f} of 255.")
