"""The options of the commands; tyro makes their `--help` from these texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated

import tyro

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
    """Examine a photo: is the part genuine or counterfeit?"""

    photo: tyro.conf.Positional[Path]
    """A JPEG, PNG, WebP, TIFF or BMP file."""
    model: str | None = None
    """Name of an authenticity model; by default the first in alphabetical order, with --locate the one for the part."""
    series: str | None = None
    """Series that the part claims to be; left open, the best fit is taken if its lead is clear."""
    crop: Annotated[Crops, tyro.conf.arg(metavar="x,y,w,h[,turn]")] = ()
    """Crop to examine, in pixels of the upright picture, and its turn in degrees clockwise."""
    ground: OneGround = ()
    """Ground under transparent areas; left open, the one from which the picture stands out most."""
    locate: bool = False
    """Locate the parts on a photo of whole goods, and examine each with the model for it."""
    json: bool = False
    """Print the whole record as JSON."""
    heatmaps: Path | None = None
    """Folder for PNG files: the heatmap, its overlay, the registered part, its reference and the difference map."""


@dataclass(frozen=True)
class LocateOptions(ModelOptions):
    """List the parts on a photo of whole goods: what each is, and where."""

    photo: tyro.conf.Positional[Path]
    """A JPEG, PNG, WebP, TIFF or BMP file."""
    model: str | None = None
    """Name of a locator; by default the first in alphabetical order."""
    ground: OneGround = ()
    """Ground under transparent areas; left open, the one from which the picture stands out most."""
    json: bool = False
    """Print the detections as JSON."""


@dataclass(frozen=True)
class CompareOptions(BenchOptions):
    """Compare two marks: are the signs visually similar?"""

    first: tyro.conf.Positional[Path]
    """A JPEG, PNG, WebP, TIFF or BMP file."""
    second: tyro.conf.Positional[Path]
    """The other mark."""
    model: str | None = None
    """Name of a trademark model; by default the first in alphabetical order."""
    crop: Crops = ()
    """Crop of mark N, 1 or 2, in pixels of the upright picture, and its turn in degrees clockwise; once a mark."""
    ground: Grounds = ()
    """Ground under transparent areas of mark N; left open, the one from which the mark stands out most."""
    json: bool = False
    """Print the whole record as JSON."""
    heatmaps: Path | None = None
    """Folder for PNG files: both heatmaps, their overlays, both marks with their corresponding areas numbered, and one
    mark laid over the other if points of them agree (red: dark in the first alone; cyan: dark in the second alone)."""


@dataclass(frozen=True)
class ReportOptions(BenchOptions):
    """Examine photos or compare two marks, log it in a case folder, and issue a report there: a PDF and its JSON twin.

    A trademark model compares two marks. An authenticity model examines each photo separately, one page for each part.
    """

    pictures: tyro.conf.Positional[tuple[str, ...]]
    """JPEG, PNG, WebP, TIFF or BMP files; MODEL=PICTURE for a photo that another model examines."""
    case: Path
    """The case's folder; a new one is made."""
    case_number: str
    """The laboratory's number of the case."""
    examiner: str
    """Who answers for the report."""
    one_item: bool = False
    """The photos show one item: photos of one part are weighed together, different parts are reported separately."""
    item: str = ""
    """What was handed in."""
    laboratory: str = ""
    """Name and address."""
    request: str = ""
    """What was asked, and by whom."""
    remarks: str = ""
    """Anything else that belongs in the report."""
    reviewer: str = ""
    """Who is to review it."""
    model: str | None = None
    """Name of a model; by default the first authenticity model in alphabetical order, and with --locate the one for the
    part."""
    series: str | None = None
    """Series that the parts claim to be; see `examine`."""
    crop: Crops = ()
    """Crop of picture N, counted from 1 (without N= for a single picture), in pixels of the upright picture, and its
    turn in degrees clockwise; once a picture."""
    ground: Grounds = ()
    """Ground under transparent areas of picture N (without N= for a single picture); left open, the one from which the
    picture stands out most."""
    locate: bool = False
    """Locate the parts on photos of whole goods, and examine each with the model for it."""
    time: Annotated[datetime, tyro.conf.arg(metavar="ISO-TIME", help_behavior_hint="(default: now)")] = field(
        default_factory=now
    )
    """Local time of the report with its zone, such as 2026-11-22T16:30:05+08:00."""


@dataclass(frozen=True)
class SignOffOptions:
    """Log that a person has reviewed a report of a case, with their remark."""

    report: tyro.conf.Positional[str]
    """Id of the report, as printed on its pages."""
    case: Path
    """The case's folder."""
    reviewer: str
    """Who reviewed it."""
    remark: str
    """Their remark."""


@dataclass(frozen=True)
class DeleteOptions:
    """Remove all exhibits and reports of a case; its log stays and states what was removed, by whom and why."""

    case: Path
    """The case's folder."""
    by: str
    """Who removes them."""
    reason: str
    """Why."""
    confirm: Annotated[str, tyro.conf.arg(metavar="CASE-NUMBER")]
    """Number of the case, so that no other case is emptied."""


@dataclass(frozen=True)
class VerifyOptions(BenchOptions):
    """Verify a report by its JSON twin, a whole case, or the log of a case; findings are made again.

    Exit status: 0 all agrees, 1 something differs, 2 refused, 3 nothing differs but not all could be verified.
    """

    issued: tyro.conf.Positional[Path]
    """The .json of a report, the folder of a case, or a log.jsonl."""
    images: tuple[Path, ...] = ()
    """Folders that hold the images; the exhibits of the report's own case folder are found without this."""
