"""The records an examination makes: frozen, and validated when they are made.

They know nothing of networks, files or pages. Whatever the app, the command line or the API
shows is read from one of these.
"""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

AuthenticityOutcome = Literal["genuine", "counterfeit", "inconclusive", "out of scope"]
SimilarityOutcome = Literal["similar", "dissimilar", "inconclusive", "out of scope"]
CheckStatus = Literal["ok", "warn", "refuse"]
Turn = Literal[0, 90, 180, 270]
BoxChoice = Literal["whole picture", "examiner", "locator"]
Ground = Literal["white", "black", "grey"]

FIRST_STEP = 1 / 256
"""Share of full scale below which a heatmap shows nothing."""
LEAST_HANDEDNESS = 0.04
"""Handedness of a reference from which on it can tell a part from its mirror image; those that are their own mirror
image were measured at .01 to .035, the shipped ones at .12 to .37."""
NEARLY_AS_WELL = 0.05
"""Share of a reference's handedness by which a part must fit better than its mirror image; genuine and counterfeit
validation photos do so by .10 of it or more."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_UNSTATED: dict[str, bool] = {"stated": False}


class Refusal(ValueError):  # noqa: N818 - a refusal is the field's word, and it is not our error
    """Something that is not examined, loaded or trained on, said in one sentence a person can act on."""


def require(condition: bool, message: str) -> None:
    """Guard a record's field.

    Raises:
        ValueError: with `message`, if `condition` does not hold.
    """
    if not condition:
        raise ValueError(message)


@dataclass(frozen=True)
class Crop:
    """The part of an exhibit that is examined, in pixels of the upright picture.

    Attributes:
        x: Left edge, >= 0.
        y: Top edge, >= 0.
        width: At least 1.
        height: At least 1.
        turn: Degrees clockwise by which the cut-out is turned to stand upright.
    """

    x: int
    y: int
    width: int
    height: int
    turn: Turn = 0

    def __post_init__(self) -> None:
        require(self.x >= 0 and self.y >= 0, f"a crop starts inside the picture, not at ({self.x}, {self.y})")
        require(
            self.width >= 1 and self.height >= 1,
            f"a crop is at least 1 x 1, not {self.width} x {self.height}",
        )
        require(self.turn in get_args(Turn), f"a crop is turned by 0, 90, 180 or 270 degrees, not by {self.turn}")

    def __str__(self) -> str:
        rectangle = f"{self.x},{self.y},{self.width},{self.height}"
        return f"{rectangle},{self.turn}" if self.turn else rectangle

    @property
    def rectangle(self) -> tuple[int, int, int, int]:
        """Left, top, width and height, whichever way it is turned."""
        return self.x, self.y, self.width, self.height

    @classmethod
    def parse(cls, text: str) -> Crop:
        """A crop from `x,y,w,h` in pixels, or from `x,y,w,h,turn` with the turn in degrees clockwise.

        Raises:
            Refusal: if it is not whole numbers that make a crop.
        """
        try:
            x, y, width, height, *turn = (int(part) for part in text.split(","))
            return cls(x, y, width, height, *turn)  # type: ignore[arg-type] # checked when it is made
        except (ValueError, TypeError) as error:
            msg = (
                f"The crop {text!r} is not four whole numbers x,y,w,h with a width and a height above 0, with or "
                "without a turn of 90, 180 or 270 degrees clockwise after them."
            )
            raise Refusal(msg) from error


@dataclass(frozen=True)
class Exhibit:
    """One image as it was handed in, and the pixels that are examined.

    Attributes:
        name: File name as given, without folders.
        sha256: Lower-case hex SHA-256 of the original bytes.
        size_bytes: Length of the original file, >= 1.
        format: Container as detected from the bytes: JPEG, PNG, WEBP, TIFF, BMP, GIF, HEIF or AVIF.
        mode: Pillow's name of the stored pixel mode, before any conversion.
        exif: What the file states of itself (tag name to text); unverified.
        conversions: Every change made between the stored pixels and `pixels`, in order, as sentences.
        warnings: What an examiner should know of the file (frames ignored, trailing bytes), as sentences.
        pixels: uint8 (H, W, 3), upright, sRGB, read-only.
        ground: What the transparent pixels were laid on; None where nothing is transparent.
        ground_by: Who chose that ground; None where there is none.
    """

    name: str
    sha256: str
    size_bytes: int
    format: str
    mode: str
    exif: dict[str, str]
    conversions: tuple[str, ...]
    warnings: tuple[str, ...]
    pixels: NDArray[np.uint8] = field(repr=False, metadata=_UNSTATED)
    ground: Ground | None = None
    ground_by: Literal["Assay", "examiner"] | None = None

    def __post_init__(self) -> None:
        require(bool(_SHA256.fullmatch(self.sha256)), "sha256 is 64 lower-case hex digits")
        require(self.size_bytes >= 1, "a file has at least one byte")
        require(self.ground in (None, *get_args(Ground)), f"a ground is white, black or grey, not {self.ground}")
        require(self.ground_by in (None, "Assay", "examiner"), f"nobody called {self.ground_by} chooses a ground")
        require((self.ground is None) == (self.ground_by is None), "a ground is chosen by someone, and only a ground")
        require(
            self.pixels.dtype == np.uint8 and self.pixels.ndim == 3 and self.pixels.shape[2] == 3,
            f"pixels are uint8 (H, W, 3), not {self.pixels.dtype} {self.pixels.shape}",
        )
        self.pixels.setflags(write=False)

    @property
    def width(self) -> int:
        """Width of the upright picture in pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Height of the upright picture in pixels."""
        return int(self.pixels.shape[0])

    def crop(self, crop: Crop | None) -> NDArray[np.uint8]:
        """The pixels of the part that is examined, upright, (h, w, 3); all of them without a crop.

        Raises:
            Refusal: if the crop does not lie inside the picture.
        """
        if crop is None:
            return self.pixels
        if crop.x + crop.width > self.width or crop.y + crop.height > self.height:
            msg = (
                f"The crop {crop} reaches outside {self.name} "
                f"({self.width} x {self.height} pixels); draw it inside the picture."
            )
            raise Refusal(msg)
        part = self.pixels[crop.y : crop.y + crop.height, crop.x : crop.x + crop.width]
        return np.ascontiguousarray(np.rot90(part, -crop.turn // 90)) if crop.turn else part


@dataclass(frozen=True)
class Find:
    """One part that a locator found in a picture.

    Attributes:
        part: Which kind, as the locator's card names it.
        score: How sure the locator is, 0 to 1; it orders finds and is no probability.
        crop: What it proposes to examine.
        close_up: Whether the part fills nearly all of the picture, so that the whole picture is proposed.
    """

    part: str
    score: float
    crop: Crop
    close_up: bool = False

    def __post_init__(self) -> None:
        require(0 <= self.score <= 1, f"a score lies between 0 and 1, not {self.score}")


@dataclass(frozen=True)
class Located:
    """Whose proposal an examination started from, and which.

    Attributes:
        find: What was found.
        locator: Name of the locator.
        weights_sha256: SHA-256 of its weights file.
        card_sha256: SHA-256 of its card file.
    """

    find: Find
    locator: str
    weights_sha256: str
    card_sha256: str


@dataclass(frozen=True)
class Placement:
    """Where the examined part lies in the square the network saw; fractions of its side, 0 to 1."""

    left: float
    top: float
    width: float
    height: float

    def __post_init__(self) -> None:
        inside = min(self.left, self.top, 1 - self.left - self.width, 1 - self.top - self.height) >= -1e-9
        require(inside and self.width > 0 and self.height > 0, f"{self} does not lie in the unit square")


@dataclass(frozen=True)
class Heatmap:
    """Grad-CAM evidence for one stated target.

    Attributes:
        raw: float32 (h, w), one value a cell of the feature map, >= 0, before any rescaling.
        layer: The feature map it was taken at.
        target: What the map is evidence for, in words.
        full_scale: The raw value drawn with the last colour, > 0; a property of the model
            (its card), never of this photo, so that pictures can be compared.
        placement: Where the examined part lies in the map.
    """

    raw: NDArray[np.float32] = field(repr=False)
    layer: str
    target: str
    full_scale: float
    placement: Placement

    def __post_init__(self) -> None:
        require(self.raw.dtype == np.float32 and self.raw.ndim == 2, "a raw map is float32 (h, w)")
        require(bool(np.isfinite(self.raw).all()) and bool((self.raw >= 0).all()), "a raw map is finite and >= 0")
        require(self.full_scale > 0, "the colour scale ends above zero")
        self.raw.setflags(write=False)

    @property
    def peak(self) -> float:
        """Largest raw value."""
        return float(self.raw.max())

    @property
    def shows_evidence(self) -> bool:
        """Whether any cell reaches the first visible step of the fixed colour scale."""
        return self.peak >= self.full_scale * FIRST_STEP


@dataclass(frozen=True)
class MirrorTrial:
    """The mirror image of a part laid over genuine references.

    Attributes:
        series: Whose reference it fits best.
        score: Correlation of its edges with the reference's, -1 to 1.
        least_score: What genuine photos reach.
        handedness: How much tells that reference from its own mirror image, 0 (nothing) to 1.
    """

    series: str
    score: float
    least_score: float
    handedness: float

    def __post_init__(self) -> None:
        require(-1.001 <= self.score <= 1.001, f"a correlation lies between -1 and 1, not {self.score}")
        require(0 <= self.handedness <= 1, f"handedness lies between 0 and 1, not {self.handedness}")

    @property
    def tells(self) -> bool:
        """Whether the reference differs enough from its own mirror image to tell the two."""
        return self.handedness >= LEAST_HANDEDNESS

    @property
    def fits(self) -> bool:
        """Whether the mirror image fits the reference as genuine photos do."""
        return self.score >= self.least_score


@dataclass(frozen=True)
class ReferenceView:
    """A part laid beside the genuine reference of its series.

    Attributes:
        series: Whose reference fits best, or the one the examiner fixed.
        score: Correlation of the part's edges with the reference's, -1 to 1.
        least_score: What genuine photos reach; below it the fit is not used.
        enlarged: How many pixels of the reference a pixel of the part becomes along a side, > 0.
        most_enlarged: The most that genuine photos were enlarged; beyond it the part shows too little detail.
        blurred: Blur (`measures.blur`) of the registered part, 0 to 1.
        most_blurred: What all but 1% of genuine photos stay below; beyond it the part is too soft.
        covered: Share of the reference that lies inside the examined part, 0 to 1.
        runner_up: Score of each other reference that was tried, best first.
        mirror: What the part's mirror image comes to over the same references.
        least_lead: By how much the best fit must lead the next one for its series to be taken; >= 0.
        homography: From pixels of the part to pixels of the reference, row by row.
        measured: What the difference is taken of: the part's edges, or the network's features of it.
        deviation: How far these stray from genuine ones, in standard deviations, over the most deviating areas.
        registered: The part in the frame of the reference, uint8 (h, w, 3).
        reference: Mean of registered genuine photos, uint8 (h, w, 3).
        difference: Deviation of each point in standard deviations, float32 (h, w), >= 0.
        photos: How many genuine photos made the reference.
    """

    series: str
    score: float
    least_score: float
    enlarged: float
    most_enlarged: float
    blurred: float
    most_blurred: float
    covered: float
    runner_up: dict[str, float]
    mirror: MirrorTrial
    least_lead: float
    homography: tuple[tuple[float, float, float], ...]
    deviation: float
    measured: Literal["edges", "features"]
    registered: NDArray[np.uint8] = field(repr=False, metadata=_UNSTATED)
    reference: NDArray[np.uint8] = field(repr=False, metadata=_UNSTATED)
    difference: NDArray[np.float32] = field(repr=False, metadata=_UNSTATED)
    photos: int

    def __post_init__(self) -> None:
        require(-1.001 <= self.score <= 1.001, f"a correlation lies between -1 and 1, not {self.score}")
        require(self.enlarged > 0 < self.most_enlarged, "a part is enlarged some number of times above 0")
        require(min(self.blurred, self.most_blurred) >= 0, "blur is 0 or more")
        require(self.least_lead >= 0, f"the best fit leads by 0 or more, not {self.least_lead}")
        require(0 <= self.covered <= 1, f"a share lies between 0 and 1, not {self.covered}")
        shape = self.registered.shape[:2]
        require(self.reference.shape[:2] == shape == self.difference.shape, "one frame for all three pictures")
        for picture in (self.registered, self.reference, self.difference):
            picture.setflags(write=False)

    @property
    def fits(self) -> bool:
        """Whether the part fits the reference as genuine photos do."""
        return self.score >= self.least_score

    @property
    def mirrored(self) -> bool:
        """Whether the part's mirror image fits a genuine reference better than the part, or nearly as well.

        A reference that is its own mirror image cannot tell, and never says so.
        """
        nearly = NEARLY_AS_WELL * self.mirror.handedness
        return self.mirror.tells and self.mirror.fits and self.score - self.mirror.score < nearly

    @property
    def rival(self) -> str | None:
        """The series whose reference fits too well to take the best one without asking; None where there is none."""
        return next((name for name, score in self.runner_up.items() if self.score - score < self.least_lead), None)


@dataclass(frozen=True)
class ScopeCheck:
    """One physical check of the input, with the number behind it."""

    name: str
    status: CheckStatus
    value: float
    text: str


@dataclass(frozen=True)
class InconclusiveBand:
    """The probabilities between which no side is taken, found on validation data only.

    Attributes:
        lower: Below it the second side is taken (counterfeit, dissimilar); 0 to 0.5.
        upper: Above it the first side is taken (genuine, similar); 0.5 to 1.
        rule: How the edges were found, in a sentence.
    """

    lower: float
    upper: float
    rule: str

    def __post_init__(self) -> None:
        require(0 <= self.lower <= 0.5 <= self.upper <= 1, f"a band holds 0.5, not [{self.lower}, {self.upper}]")

    def side(self, probability: float) -> Literal["first", "second"] | None:
        """The side that `probability` (of the first side) falls on; None inside the band and on its edges."""
        if probability > self.upper:
            return "first"
        return "second" if probability < self.lower else None


@dataclass(frozen=True)
class Evidence:
    """What the findings weigh: how much more probable they are under one proposition than under the other.

    It is a probability of the findings given each proposition, never of a proposition.

    Attributes:
        propositions: H1 and H2, in words.
        score: What was calibrated: log P(first side) - log P(second side) in nats, or what a card made of it.
        log10_lr: Log10 of the likelihood ratio for H1 against H2, inside the bounds.
        low: Lower end of its 95% interval, from a bootstrap by source.
        high: Upper end.
        least: Lower bound that the calibration data allow (ELUB), <= 0.
        greatest: Upper bound, >= 0.
        words: The verbal equivalent, as a sentence.
        scale: Which verbal scale that is.
        sources: Sources of either side behind the calibration.
        population: What they were, in words.
        accepted: The sides whose own calibration scores go with this one (class-conditional conformal set); none where
            it is strange to both.
    """

    propositions: tuple[str, str]
    score: float
    log10_lr: float
    low: float
    high: float
    least: float
    greatest: float
    words: str
    scale: str
    sources: tuple[int, int]
    population: str
    accepted: tuple[str, ...]

    def __post_init__(self) -> None:
        require(self.least <= 0 <= self.greatest, "the bounds hold 0, the neutral evidence")
        require(self.least <= self.log10_lr <= self.greatest, f"log10 LR {self.log10_lr} lies outside its bounds")
        require(self.low <= self.log10_lr <= self.high, f"log10 LR {self.log10_lr} lies outside its interval")

    @property
    def at_bound(self) -> bool:
        """Whether the data behind the calibration, not the finding, limit the likelihood ratio."""
        return self.log10_lr in (self.least, self.greatest)


@dataclass(frozen=True)
class Provenance:
    """What is needed to repeat an examination.

    Attributes:
        model: Name of the model.
        weights_sha256: SHA-256 of the weights file.
        card_sha256: SHA-256 of the card file.
        code_version: Version of Assay, with the commit where it is known.
        settings: What the examiner chose (series, crop), as text.
        preprocessing: What was done to the pixels, in order, as sentences.
        device: Where it ran.
        libraries: Versions of the libraries the numbers depend on.
    """

    model: str
    weights_sha256: str
    card_sha256: str
    code_version: str
    settings: dict[str, str]
    preprocessing: tuple[str, ...]
    device: str
    libraries: dict[str, str]


def _chosen_by(crop: Crop | None, located: Located | None) -> BoxChoice:
    if crop is None:
        return "whole picture"
    if located is not None and located.find.crop.rectangle == crop.rectangle:
        return "locator"
    return "examiner"


def _require_distribution(probabilities: dict[str, float]) -> None:
    total = sum(probabilities.values())
    require(all(0 <= p <= 1 for p in probabilities.values()), "probabilities lie between 0 and 1")
    require(abs(total - 1) < 1e-4, f"class probabilities sum to 1, not {total:.6f}")


@dataclass(frozen=True)
class Verdict:
    """The outcome of one examination for authenticity.

    Attributes:
        outcome: What the findings come to.
        reason: Why, in one sentence.
        exhibit: What was examined.
        crop: The part of it that was; None for the whole picture.
        series: The one the examiner fixed; else the one whose reference fits best, or the most probable one.
        series_fixed: Whether the examiner fixed it.
        score: What is weighed: the log odds, or what the model's fusion makes of them and the deviation; finite.
        probability_genuine: Uncalibrated, 0 to 1: the sum over the genuine classes, renormalised over the two of its
            series where that is fixed or the part lies beside its reference.
        log_odds: log P(genuine) - log P(counterfeit) in nats, which stays exact where the probability is close to 0
            or 1; finite.
        class_probabilities: Uncalibrated, class name to 0..1, over all classes of the model; sums to 1.
        band: The inconclusive band it was read against where there is no evidence.
        evidence: What the findings weigh; None for a model that is not calibrated, and where a scope check refuses.
        heatmap: Evidence for the side the probability leans to, over the registered part where there is one.
        scope_checks: Physical checks of the input.
        reference: The part beside the genuine reference; None for a model that looks at the part alone.
        provenance: What is needed to repeat it.
        located: The locator's proposal; None where no locator was asked. Where the examiner corrected it, the crop
            that was examined is another one.
        box: Who chose the rectangle that was examined; a turn alone leaves it the locator's.
    """

    outcome: AuthenticityOutcome
    reason: str
    exhibit: Exhibit
    crop: Crop | None
    series: str
    series_fixed: bool
    probability_genuine: float
    log_odds: float
    score: float
    class_probabilities: dict[str, float]
    band: InconclusiveBand
    heatmap: Heatmap
    scope_checks: tuple[ScopeCheck, ...]
    provenance: Provenance
    reference: ReferenceView | None = None
    evidence: Evidence | None = None
    located: Located | None = None
    box: BoxChoice = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "box", _chosen_by(self.crop, self.located))
        require(0 <= self.probability_genuine <= 1, "a probability lies between 0 and 1")
        for name, value in (("log odds", self.log_odds), ("a score", self.score)):
            require(math.isfinite(value), f"{name} must be finite, not {value}")
        _require_distribution(self.class_probabilities)

    @property
    def series_basis(self) -> str:
        """Why it is this series, in words."""
        if self.series_fixed:
            return "fixed by the examiner"
        return "left open; the most probable one" if self.reference is None else "left open; its reference fits best"

    @property
    def seen(self) -> NDArray[np.uint8]:
        """The picture the heatmap lies over, (h, w, 3): the registered part, or else the part itself."""
        return self.exhibit.crop(self.crop) if self.reference is None else self.reference.registered


@dataclass(frozen=True)
class PartFinding:
    """What several photos of one part of one item come to together.

    Photos of one thing are not independent findings, so that their likelihood ratios are never multiplied: the part's
    score is the mean of its photos' scores. Different parts of an item have findings of their own.

    Attributes:
        outcome: What the findings come to.
        reason: Why, in one sentence.
        model: Name of the model that judged the photos.
        rule: How they were weighed together, in a sentence.
        photos: Of each photo, the lower-case hex SHA-256 of its file.
        counts_as: Of each photo, the number from 1 of the first photo that it is a copy of (its own where it is none),
            which count once together; None where a scope check refuses it.
        score: Mean of the scores of the photos that count; None where none does.
        calibrated_for: How many photos of one item the calibration was fitted to; None without evidence.
        evidence: What they weigh; None for a model that is not calibrated, and where no photo counts.
        verdicts: The verdict on each photo.
    """

    outcome: AuthenticityOutcome
    reason: str
    model: str
    rule: str
    photos: tuple[str, ...]
    counts_as: tuple[int | None, ...]
    score: float | None
    calibrated_for: int | None
    evidence: Evidence | None
    verdicts: tuple[Verdict, ...] = field(repr=False, metadata=_UNSTATED)

    def __post_init__(self) -> None:
        require(len(self.verdicts) > 0, "a finding needs a photo")
        require(len(self.photos) == len(self.counts_as) == len(self.verdicts), "each photo counts as one, or not")
        require(self.score is None or math.isfinite(self.score), f"a score is finite, not {self.score}")

    @property
    def distinct(self) -> int:
        """How many photos count, copies once."""
        return len({number for number in self.counts_as if number is not None})


@dataclass(frozen=True)
class FramedMark:
    """A mark as everything looks at it: what is drawn, with a fixed margin, at a standard contrast.

    Attributes:
        ground: The sRGB colour that it stands on; None where the edge of the picture is of no one colour, and the whole
            picture is looked at as it is.
        box: Around what is drawn, in pixels of the examined part.
        panel: The filled rectangle that the mark stands on, where its ground is that of a field in the picture.
        contrast: By how many levels, 0 to 255, the strongest ink stands out from the ground.
        noise: By how many the ground strays from its own colour.
        drawings: How many separate drawings the box holds, >= 1.
        ground_is_sure: Whether the edge is of one colour; not where the mark fills its picture.
        pixels: What is compared, uint8 (h, w, 3): white where the ground is, and in each channel darker by how far the
            mark stands out, black for what stands out most.
        shown: The same in its own colours, uint8 (h, w, 3).
    """

    ground: tuple[int, int, int] | None
    box: Crop
    panel: Crop | None
    contrast: float
    noise: float
    drawings: int
    ground_is_sure: bool
    pixels: NDArray[np.uint8] = field(repr=False, metadata=_UNSTATED)
    shown: NDArray[np.uint8] = field(repr=False, metadata=_UNSTATED)

    def __post_init__(self) -> None:
        require(0 <= self.contrast <= 255, f"a contrast is 0 to 255 levels, not {self.contrast}")
        require(self.drawings >= 1, f"a mark is at least one drawing, not {self.drawings}")
        require(self.pixels.shape == self.shown.shape, "what is shown is what is compared")

    @property
    def sentence(self) -> str:
        """What was done, in a sentence."""
        if self.ground is None:
            return "no ground was found at the edge: the whole picture is compared as it is"
        panel = f" in the field {self.panel}" if self.panel else ""
        red, green, blue = self.ground
        return (
            f"framed to the drawing at {self.box}{panel}, its ground {red}, {green}, {blue} (red, green, blue) made "
            f"white and its contrast of {self.contrast:.0f} levels brought to 255"
        )


@dataclass(frozen=True)
class Correspondence:
    """One part of a mark and the part of the other mark that answers to it.

    Attributes:
        number: What it is called on both marks, from 1, the strongest first.
        places: Where its middle lies in each examined mark: x and y as fractions of its width and height, 0 to 1.
        strength: How alike the two parts are to the network, weighed by how much each speaks for similarity; above 0,
            at most 1.
    """

    number: int
    places: tuple[tuple[float, float], tuple[float, float]]
    strength: float

    def __post_init__(self) -> None:
        require(self.number >= 1, f"parts are numbered from 1, not {self.number}")
        inside = all(0 <= value <= 1 for place in self.places for value in place)
        require(inside, f"a part lies inside its mark, not at {self.places}")
        require(0 < self.strength <= 1, f"a strength lies above 0 and up to 1, not {self.strength}")


@dataclass(frozen=True)
class SubScore:
    """Two marks looked at in one other way; it says where to look again and is no verdict.

    Attributes:
        name: Which way.
        log_odds: log P(similar) - log P(dissimilar) in nats, the best of its looks; finite, not calibrated.
        view: What was laid beside what, in words.
    """

    name: str
    log_odds: float
    view: str

    def __post_init__(self) -> None:
        require(math.isfinite(self.log_odds), f"log odds are finite, not {self.log_odds}")


@dataclass(frozen=True)
class LocalAgreement:
    """Points of two marks that lie on each other under one shift, turn and size.

    Attributes:
        matched: How many do, at most `of`; 0 where they are too few to mean anything.
        of: How many points the mark with fewer of them has.
        transform: Where a place of the first mark lies on the second, in pixels of the examined marks: an affine matrix
            (2, 3), row by row; None where no point matches.
        negative: Whether they lie on the second mark with light and dark exchanged, rather than on it as it is drawn.
    """

    matched: int
    of: int
    transform: tuple[float, float, float, float, float, float] | None = None
    negative: bool = False

    def __post_init__(self) -> None:
        require(0 <= self.matched <= self.of, f"{self.matched} of {self.of} points cannot match")
        laid = self.transform is not None
        require(laid == (self.matched > 0), "one mark is laid over the other where points match, and only there")
        require(all(map(math.isfinite, self.transform or ())), "a transform is finite")
        require(laid or not self.negative, "a negative is laid over a mark where points match, and only there")

    @property
    def turn(self) -> float:
        """By how many degrees clockwise the second mark is turned against the first, -180 to 180; 0 of none laid."""
        return math.degrees(math.atan2(self.transform[3], self.transform[0])) if self.transform else 0.0

    @property
    def share(self) -> float:
        """The share of the points that match, 0 to 1; 0 of a mark without points."""
        return self.matched / self.of if self.of else 0.0

    def __str__(self) -> str:
        laid = f"{self.matched} of {self.of} points of the two marks lie on each other"
        turn = round(self.turn)
        seen = ["as a negative"] if self.negative else []
        if turn:
            seen.append(f"turned {'counter' if turn < 0 else ''}clockwise by {abs(turn)} degrees")
        return f"{laid}, the second {' and '.join(seen)}" if seen else laid


@dataclass(frozen=True)
class Comparison:
    """The outcome of comparing two marks: the visual similarity of the signs, never infringement.

    Attributes:
        outcome: What the findings come to.
        reason: Why, in one sentence.
        exhibits: The two marks.
        crops: The part of each that was compared; None for the whole picture.
        marks: Each as it was framed, which is what everything looked at.
        probability_similar: Uncalibrated, 0 to 1.
        log_odds: log P(similar) - log P(dissimilar) in nats, finite.
        agreement: What of the two drawings coincides, told without the network.
        score: What is weighed: the log odds, raised by as much as the model's card says for full agreement; finite.
        band: The inconclusive band it was read against where there is no evidence.
        evidence: What the findings weigh; None for a model that is not calibrated, and where a scope check refuses.
        heatmaps: One a mark, evidence for the side the probability leans to.
        scope_checks: Physical checks, one tuple a mark.
        provenance: What is needed to repeat it.
        correspondences: Parts that answer to each other, whichever side the probability leans to, the strongest first.
        sub_scores: Overall, without colour, turned or mirrored, and one inside the other.
    """

    outcome: SimilarityOutcome
    reason: str
    exhibits: tuple[Exhibit, Exhibit]
    crops: tuple[Crop | None, Crop | None]
    marks: tuple[FramedMark, FramedMark]
    probability_similar: float
    log_odds: float
    agreement: LocalAgreement
    score: float
    band: InconclusiveBand
    heatmaps: tuple[Heatmap, Heatmap]
    scope_checks: tuple[tuple[ScopeCheck, ...], tuple[ScopeCheck, ...]]
    provenance: Provenance
    evidence: Evidence | None = None
    correspondences: tuple[Correspondence, ...] = ()
    sub_scores: tuple[SubScore, ...] = ()

    def __post_init__(self) -> None:
        require(0 <= self.probability_similar <= 1, "a probability lies between 0 and 1")
        require(math.isfinite(self.log_odds), f"log odds are finite, not {self.log_odds}")
        require(math.isfinite(self.score), f"a score is finite, not {self.score}")
        numbers = [part.number for part in self.correspondences]
        require(numbers == [*range(1, len(numbers) + 1)], f"parts are numbered 1, 2, 3, not {numbers}")

    @property
    def seen(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Each framed mark in its own colours (h, w, 3); heatmaps and places lie over these."""
        return self.marks[0].shown, self.marks[1].shown

    @property
    def compared(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Each framed mark at the standard contrast (h, w, 3), as it was compared."""
        return self.marks[0].pixels, self.marks[1].pixels

    @property
    def maps_show(self) -> str:
        """What the two heatmaps point at, in words."""
        return "what the marks share" if self.probability_similar >= 0.5 else "where the marks differ"

    @property
    def weighed(self) -> str:
        """What the score is made of, in a sentence."""
        raised = self.score - self.log_odds
        if not raised:
            return f"{self.agreement}. The network's log odds of {self.log_odds:.2f} are weighed alone."
        adds = f"That adds {raised:.2f} to the network's log odds of {self.log_odds:.2f}, and the sum is weighed."
        return f"{self.agreement}. {adds}"


def as_json(record: Any) -> Any:
    """A record as plain JSON values: everything but the pictures, which hash, homography and weights stand for."""
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        return {
            f.name: as_json(getattr(record, f.name))
            for f in dataclasses.fields(record)
            if f.metadata.get("stated", True)
        }
    if isinstance(record, np.ndarray):
        return record.tolist()
    if isinstance(record, dict):
        return {key: as_json(value) for key, value in record.items()}
    if isinstance(record, (list, tuple)):
        return [as_json(value) for value in record]
    return record
