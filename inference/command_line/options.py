"""What the commands take; tyro makes their `--help` of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated

import tyro

from inference.casework.facts import CaseFacts
from inference.models.catalogue import WEIGHTS_FOLDER

Crops = Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="[N=]x,y,w,h[,turn]")]
Grounds = Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="[N=]white|black|grey")]
OneGround = Annotated[Grounds, tyro.conf.arg(metavar="white|black|grey")]


def now() -> datetime:
    """Local time with its zone."""
    return datetime.now().astimezone()


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Where models lie, and where they run."""

    weights: Path = WEIGHTS_FOLDER
    """Folder of the models."""
    device: str = "cpu"
    """cpu, cuda or mps."""


@dataclass(frozen=True, kw_only=True)
class BenchOptions(ModelOptions):
    """The same, and the words in which a likelihood ratio is stated."""

    verbal_scale: Path | None = None
    """JSON file of your laboratory's words for likelihood ratios; without it those of ENFSI 2015. A report is verified
    with the one that it was made with."""


@dataclass(frozen=True)
class ExamineOptions(BenchOptions):
    """Examine a photo: is the part genuine or counterfeit."""

    photo: tyro.conf.Positional[Path]
    """JPEG, PNG, WebP, TIFF or BMP."""
    model: str | None = None
    """Name of an authenticity model; the first one there is, in alphabetical order, or with --locate the part's."""
    series: str | None = None
    """The series that the part is meant to be; left open, the one that fits best is taken where that is clear."""
    crop: Annotated[Crops, tyro.conf.arg(metavar="x,y,w,h[,turn]")] = ()
    """The part to examine, in pixels of the upright picture, and by how many degrees clockwise it is turned."""
    ground: OneGround = ()
    """What transparent parts of the picture are laid on; left open, what the picture stands out from most."""
    locate: bool = False
    """Find the parts on a photo of whole goods, and examine each with the model for it."""
    json: bool = False
    """Print the whole record as JSON."""
    heatmaps: Path | None = None
    """Folder to write the heatmap and its overlay to, as PNG, and the registered part, reference and difference."""


@dataclass(frozen=True)
class LocateOptions(ModelOptions):
    """List the parts on a photo of whole goods: what to examine, and where it is."""

    photo: tyro.conf.Positional[Path]
    """JPEG, PNG, WebP, TIFF or BMP."""
    model: str | None = None
    """Name of a locator; the first one there is, in alphabetical order."""
    ground: OneGround = ()
    """What transparent parts of the picture are laid on; left open, what the picture stands out from most."""
    json: bool = False
    """Print the finds as JSON."""


@dataclass(frozen=True)
class CompareOptions(BenchOptions):
    """Compare two marks: are the signs visually similar."""

    first: tyro.conf.Positional[Path]
    """JPEG, PNG, WebP, TIFF or BMP."""
    second: tyro.conf.Positional[Path]
    """The other mark."""
    model: str | None = None
    """Name of a trademark model; the first one there is, in alphabetical order."""
    crop: Crops = ()
    """The part to compare of mark N, 1 or 2, in pixels of the upright picture, and by how many degrees clockwise it is
    turned; once a mark."""
    ground: Grounds = ()
    """What transparent parts of mark N are laid on; left open, what the mark stands out from most."""
    json: bool = False
    """Print the whole record as JSON."""
    heatmaps: Path | None = None
    """Folder to write to, as PNG: both heatmaps, their overlays, both marks with their answering parts numbered, one
    laid over the other where points of them agree (red: dark in the first alone, cyan: in the second alone)."""


@dataclass(frozen=True)
class ReportOptions(BenchOptions):
    """Examine photos, or compare two marks, log it in a case folder and issue a report there: a PDF and its JSON twin.

    A model for marks compares two; one for parts examines each photo by itself, a page a photo or a part of it.
    """

    pictures: tyro.conf.Positional[tuple[str, ...]]
    """JPEG, PNG, WebP, TIFF or BMP; MODEL=PICTURE for a photo of a part that another model is for."""
    case: Path
    """The case's folder; made if it is not there."""
    facts: tyro.conf.OmitArgPrefixes[CaseFacts]
    one_item: bool = False
    """The photos show one item: those of the same part are weighed together, different parts stand by themselves."""
    model: str | None = None
    """Name of a model; the first one for parts, in alphabetical order, or with --locate the part's."""
    series: str | None = None
    """The series that the parts are meant to be; see `examine`."""
    crop: Crops = ()
    """The part to examine of picture N, counted from 1 (or of a single one), in pixels of the upright picture, and by
    how many degrees clockwise it is turned; once a picture."""
    ground: Grounds = ()
    """What transparent parts of picture N (or of a single one) are laid on; left open, what it stands out from most."""
    locate: bool = False
    """Find the parts on photos of whole goods, and examine each with the model for it."""
    time: Annotated[datetime, tyro.conf.arg(metavar="ISO-TIME", help_behavior_hint="(default: now)")] = field(
        default_factory=now
    )
    """When the report is made, local time with its zone, such as 2026-11-22T16:30:05+08:00."""


@dataclass(frozen=True)
class SignOffOptions:
    """Log that a person has reviewed a report of a case, and what they say of it."""

    report: tyro.conf.Positional[str]
    """The id printed on its pages."""
    case: Path
    """The case's folder."""
    reviewer: str
    """Who reviewed it."""
    remark: str
    """What they say of it."""


@dataclass(frozen=True)
class DeleteOptions:
    """Remove all exhibits and reports of a case; its log stays, and says what was removed, by whom and why."""

    case: Path
    """The case's folder."""
    by: str
    """Who removes them."""
    reason: str
    """Why."""
    confirm: Annotated[str, tyro.conf.arg(metavar="CASE-NUMBER")]
    """The number of the case, so that no other one is emptied."""


@dataclass(frozen=True)
class VerifyOptions(BenchOptions):
    """Verify a report by its JSON twin, making its findings again; a case, all of it; or the log of a case.

    Exit status: 0 all agrees, 1 something differs, 2 refused, 3 nothing differs and not all could be verified.
    """

    issued: tyro.conf.Positional[Path]
    """The .json of a report, the folder of a case, or a log.jsonl."""
    images: tuple[Path, ...] = ()
    """Folders that hold the images; those in the report's own case folder are found without."""
