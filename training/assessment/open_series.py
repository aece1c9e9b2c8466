"""The series rule: when the best fit may decide a series that the examiner left open.

Authenticity is weighed for the series that a part claims to be. A photo can fit two references of one house nearly
equally, and a genuine part looks altered beside the wrong one. So the best fit is taken only if it leads.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from inference.authenticity.examiner import AuthenticityExaminer
from inference.intake.exhibit import read_exhibit
from inference.models.card import Metric, SeriesRule
from inference.request import Request
from training.data.photos.photo import Photo, PhotoSet
from training.figures.metrics import share_by_source

MOST_MISTAKEN = 0.02


@dataclass(frozen=True)
class OpenFits:
    """The fits of photos when every reference is tried; photos that fit none are left out.

    Attributes:
        items: The item of each photo (n,).
        own: Whether the reference of its own series fits best (n,).
        lead: Lead of the best fit over the runner-up (n,), >= 0.
    """

    items: NDArray[np.str_]
    own: NDArray[np.bool_]
    lead: NDArray[np.float64]


def left_open(photos: PhotoSet, examiner: AuthenticityExaminer) -> tuple[SeriesRule | None, dict[str, Metric]]:
    """The rule from validation photos, and its figures on test photos; none with a single reference."""
    if len(examiner.model.references) < 2:
        return None, {}
    rule = series_rule(open_fits(photos.of("val"), examiner))
    return rule, series_metrics(open_fits(photos.of("test"), examiner), rule)


def open_fits(photos: Sequence[Photo], examiner: AuthenticityExaminer) -> OpenFits:
    """How the examiner lays photos beside its references, the series left open."""

    def lead(photo: Photo) -> tuple[str, bool, float] | None:
        beside = examiner.view(Request(read_exhibit(photo.path))).reference
        if beside is None or not beside.fits:
            return None
        return photo.item, beside.series == photo.series, beside.score - max(beside.runner_up.values())

    with ThreadPoolExecutor() as threads:
        bar = tqdm(threads.map(lead, photos), "leaving the series open", total=len(photos), unit="photo", leave=False)
        kept = [fit for fit in bar if fit is not None]
    items, own, leads = zip(*kept, strict=True) if kept else ((), (), ())
    return OpenFits(np.array(items, np.str_), np.array(own, np.bool_), np.array(leads, np.float64))


def series_rule(validation: OpenFits) -> SeriesRule:
    """The least lead with which at most 2% of the validation photos are taken for another series."""
    mistaken = np.sort(validation.lead[~validation.own])[::-1]
    allowed = int(MOST_MISTAKEN * len(validation.lead))
    least = float(np.nextafter(mistaken[allowed], np.inf)) if len(mistaken) > allowed else 0.0
    rule = (
        f"the least with which at most {MOST_MISTAKEN:.0%} of {len(validation.lead)} validation photos are laid over "
        f"the reference of a series that is not theirs; with none, {np.mean(~validation.own):.1%} would be"
    )
    return SeriesRule(least, rule)


def series_metrics(test: OpenFits, rule: SeriesRule) -> dict[str, Metric]:
    """How often the series must be stated, and how often a wrong series is taken without asking."""
    asked = test.lead < rule.least_lead
    return {
        "series open: asked for": share_by_source(
            asked, test.items, "photos that fit two references too much alike to be judged without their series"
        ).named("series_asked_for"),
        "series open: mistaken": share_by_source(
            ~test.own & ~asked, test.items, "photos laid over the reference of another series, unasked"
        ).named("series_mistaken"),
    }
