"""The options of the commands; tyro makes their `--help` from these texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated

import tyro

from inference.places import REFERENCES_FOLDER, REGISTER, WEIGHTS_FOLDER
from inference.records import EngineChoice

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
    engine: EngineChoice = "auto"
    """What runs the networks: auto takes OpenVINO on a cpu where it is installed, else torch. A report is verified by
    the engine that made it, unless one is chosen."""


@dataclass(frozen=True, kw_only=True)
class CollectionOptions(ModelOptions):
    """The same, and where reference collections lie."""

    collections: Path = REFERENCES_FOLDER
    """Folder of the reference collections."""


@dataclass(frozen=True, kw_only=True)
class BenchOptions(CollectionOptions):
    """The same, and the words in which a likelihood ratio is stated."""

    verbal_scale: Path | None = None
    """JSON file of your laboratory's words for likelihood ratios; without it those of ENFSI 2015. A report is verified
    with the one that it was made with."""


@dataclass(frozen=True, kw_only=True)
class FactsOptions:
    """What a report states of a case; none is made without a case number and an examiner."""

    case_number: str = ""
    """The laboratory's number of the case."""
    examiner: str = ""
    """Who answers for the report."""
    case: Path | None = None
    """The case's folder, where all of it is kept; a new one is made. Without it nothing but the report is written."""
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


@dataclass(frozen=True)
class ExamineOptions(BenchOptions):
    """Examine a photo: is the part genuine or counterfeit?"""

    photo: tyro.conf.Positional[Path]
    """A JPEG, PNG, WebP, TIFF or BMP file."""
    model: str | None = None
    """Name of an authenticity model; by default the first in alphabetical order, with --locate the one for the part."""
    references: str | None = None
    """Name of a reference collection, or best-fit for the one that the part fits best: does the part deviate from its
    genuine items? No model is asked then."""
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
class EnrolOptions(CollectionOptions):
    """Make a reference collection of genuine photos of one part, best one photo each of five or more items."""

    photos: tyro.conf.Positional[tuple[Path, ...]]
    """JPEG, PNG, WebP, TIFF or BMP files."""
    part: str
    """What they show, such as "leather tag"."""
    series: str
    """Its series, in your laboratory's own words."""
    counterfeit: Annotated[tuple[Path, ...], tyro.conf.UseAppendAction] = ()
    """A photo of a known counterfeit, once a photo: the collection says of how many it finds that they deviate, and 20
    items of each calibrate it. They are counted after the genuine photos."""
    item: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="N=ITEM")] = ()
    """The item that photo N shows, counted from 1, once a photo; a photo without one shows an item of its own."""
    crop: Crops = ()
    """Crop of photo N, in pixels of the upright picture, and its turn in degrees clockwise; once a photo."""
    ground: Grounds = ()
    """Ground under transparent areas of photo N; left open, the one from which the picture stands out most."""
    keep_pictures: bool = False
    """Keep the registered photos in the collection, so that examinations show the nearest one; else none is kept."""
    bends: bool = False
    """The item bends (paper, cloth, thin leather): lay photos onto each other by a smooth bend, too."""
    replace: bool = False
    """Take the place of an earlier collection of this part and series."""


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


@dataclass(frozen=True, kw_only=True)
class RegisterOptions(ModelOptions):
    """Where a register lies, and what embeds its marks."""

    register: Annotated[str, tyro.conf.arg(metavar="DIR|URI")] = REGISTER
    """Folder of the register, or its address in Milvus: http://HOST:PORT/DATABASE, or a file NAME.db."""
    model: str | None = None
    """Name of a trademark model; by default the first in alphabetical order."""


@dataclass(frozen=True)
class AddOptions(RegisterOptions):
    """Take marks into a register, or again what changed in their source since; what is interrupted goes on there."""

    sources: tyro.conf.Positional[tuple[Path, ...]]
    """Folders, ZIPs, or CSVs with a column "path" and any others, such as owner, number, Nice or status. A folder or a
    ZIP may hold one such CSV."""


@dataclass(frozen=True)
class SearchOptions(RegisterOptions, FactsOptions):
    """Rank the marks of a register that a mark resembles: as it is, without colour, turned or mirrored, part of it."""

    mark: tyro.conf.Positional[Path]
    """A JPEG, PNG, WebP, TIFF or BMP file."""
    where: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="COLUMN=TEXT")] = ()
    """Look only at marks whose column holds this text, whatever its case; once a column."""
    most: Annotated[int, tyro.conf.arg(metavar="N")] = 10
    """Pictures of each ranking."""
    crop: Annotated[Crops, tyro.conf.arg(metavar="x,y,w,h[,turn]")] = ()
    """What of the picture to search for, in pixels of the upright picture, and its turn in degrees clockwise."""
    ground: OneGround = ()
    """Ground under transparent areas; left open, the one from which the picture stands out most."""
    json: bool = False
    """Print the whole record as JSON."""
    out: Path = Path()
    """Folder of the report, where it lies in no case."""


@dataclass(frozen=True)
class InfoOptions(RegisterOptions):
    """Print what a register holds: its marks, its columns, and what could not be taken in."""


@dataclass(frozen=True)
class RegisterCommand:
    """Take marks into a register, search it for those that a mark resembles, or print what it holds."""

    action: (
        Annotated[AddOptions, tyro.conf.subcommand("add")]
        | Annotated[SearchOptions, tyro.conf.subcommand("search")]
        | Annotated[InfoOptions, tyro.conf.subcommand("info")]
    )


@dataclass(frozen=True)
class ReportOptions(BenchOptions):
    """Examine photos or compare two marks, log it in a case folder, and issue a report there: a PDF and its JSON twin.

    A trademark model compares two marks. An authenticity model, or with --references a collection, examines each photo
    separately, one page for each part.
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
    references: str | None = None
    """Name of a reference collection, beside which each photo is examined; see `examine`."""
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
class BatchOptions(BenchOptions, FactsOptions):
    """Examine many photos by the same means, one after the other; what is stopped goes on there when asked again.

    The folder OUT then holds results.csv and results.json; with --case-number and --examiner, a report on all of them
    is made, too: a PDF and its JSON twin.
    """

    sources: tyro.conf.Positional[tuple[Path, ...]]
    """Folders, ZIPs, or CSVs with a column "path" and any others, such as item or place of seizure."""
    out: Path
    """Folder of the batch; a new one is made, one that was stopped goes on."""
    model: str | None = None
    """Name of an authenticity model; by default the first in alphabetical order, with --locate the one for the part."""
    references: str | None = None
    """Name of a reference collection, or best-fit for the one that each part fits best; see `examine`."""
    series: str | None = None
    """Series that the parts claim to be; see `examine`."""
    locate: bool = False
    """Locate the parts on photos of whole goods, and examine each by its model or collections."""


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
class ExportOptions:
    """Write a case into a ZIP to hand on: its log, exhibits and reports, as they stand; `verify` reads it."""

    case: tyro.conf.Positional[Path]
    """The case's folder."""
    into: tyro.conf.Positional[Path]
    """The ZIP; it must not exist yet."""


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
    """The .json of a report, the folder of a case, its exported ZIP, or a log.jsonl."""
    images: tuple[Path, ...] = ()
    """Folders that hold the images; the exhibits of the report's own case folder are found without this."""
    register: Annotated[str, tyro.conf.arg(metavar="DIR|URI")] = REGISTER
    """Folder or address of the register of marks, in which searches are made again."""
