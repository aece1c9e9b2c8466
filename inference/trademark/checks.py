"""The scope checks of a framed mark, each with its number."""

from __future__ import annotations

from dataclasses import replace

from inference.records import FramedMark, LocalAgreement, ScopeCheck
from inference.scope.checks import resolution_check
from inference.trademark.lettering import MOST_LETTERING, lettering

STRONG_SHARE, STRONG_MATCHED = 0.2, 12
"""Share and number of local features above which two marks coincide strongly."""
LEAST_CONTRAST = 5.0
"""Levels of 255; below it, rounding alone costs too much of a drawing."""


def mark_checks(mark: FramedMark, size: int, *, words: bool) -> tuple[ScopeCheck, ...]:
    """Checks of a framed mark.

    Args:
        mark: The framed mark.
        size: Side in pixels of the network's input.
        words: Whether the network was trained on marks that are mostly lettering.
    """
    return (
        resolution_check(mark.box.width, mark.box.height, size),
        _contrast(mark),
        _ground(mark),
        _drawings(mark),
        _lettering(mark, words),
    )


def overruled(checks: tuple[ScopeCheck, ...], agreement: LocalAgreement) -> tuple[ScopeCheck, ...]:
    """The checks of a mark beside another one: if the two coincide strongly, a refusal by its kind is a warning.

    What makes a picture unlike all others does not make two of them coincide.
    """
    if agreement.share < STRONG_SHARE or agreement.matched < STRONG_MATCHED:
        return checks
    return tuple(
        replace(check, status="warn", text=f"{check.text.partition(';')[0]}; but {agreement}.")
        if check.name == "kind" and check.status == "refuse"
        else check
        for check in checks
    )


def _contrast(mark: FramedMark) -> ScopeCheck:
    if mark.contrast < LEAST_CONTRAST:
        text = (
            f"The mark is too faint: it stands out from its ground by {mark.contrast:.1f} of 255 levels, and "
            f"{LEAST_CONTRAST:.0f} are needed; hand in a darker copy, or lay it on another ground."
        )
        return ScopeCheck("contrast", "refuse", mark.contrast, text)
    text = f"The mark stands out from its ground by {mark.contrast:.0f} of 255 levels; all marks are compared at 255."
    return ScopeCheck("contrast", "ok", mark.contrast, text)


def _ground(mark: FramedMark) -> ScopeCheck:
    if mark.ground is None:
        text = (
            "The edge of the picture has no single colour, so that the mark cannot be told from its ground and the "
            "whole picture is compared; crop to the mark, or hand it in on one colour."
        )
        return ScopeCheck("ground", "warn", 0.0, text)
    red, green, blue = mark.ground
    if not mark.ground_is_sure:
        text = (
            f"The mark meets the edge of its picture; its ground was taken to be {red}, {green}, {blue} (red, green, "
            "blue). If that is wrong, hand it in with a border."
        )
        return ScopeCheck("ground", "warn", 0.5, text)
    return ScopeCheck("ground", "ok", 1.0, f"The mark stands on {red}, {green}, {blue} (red, green, blue).")


def _drawings(mark: FramedMark) -> ScopeCheck:
    count = float(mark.drawings)
    if mark.drawings > 1:
        text = (
            f"The picture shows {mark.drawings} separate drawings, which are compared as one mark; if they are several "
            "marks, crop to one of them."
        )
        return ScopeCheck("drawings", "warn", count, text)
    return ScopeCheck("drawings", "ok", count, "The picture shows one drawing.")


def _lettering(mark: FramedMark, words: bool) -> ScopeCheck:
    share = lettering(mark.pixels)
    if share > MOST_LETTERING and words:
        text = (
            f"The mark is mostly lettering ({share:.0%} of what is drawn): it is compared as a picture, and what it "
            "says, how it sounds and what it means are not."
        )
        return ScopeCheck("lettering", "warn", share, text)
    if share > MOST_LETTERING:
        text = (
            f"The mark is mostly lettering ({share:.0%} of what is drawn), and the model was not trained on words: two "
            "words in one typeface are similar to it, whatever they say; crop to the figurative element."
        )
        return ScopeCheck("lettering", "refuse", share, text)
    return ScopeCheck("lettering", "ok", share, f"Lettering makes up {share:.0%} of what is drawn.")
