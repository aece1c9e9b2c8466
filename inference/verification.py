"""A report to the lines that say what of it can be confirmed: files, hashes, and the findings themselves, made again.

The examination is repeated only on the very bytes, weights and card that the report states; anything else would be
another examination.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from inference.authenticity import AuthenticityExaminer
from inference.case import EXHIBITS, LOG_NAME, CaseFolder, Head, map_sha256, stated, verify_log
from inference.evidence import ENFSI_2015, VerbalScale
from inference.exhibit import read_exhibit
from inference.location import Locator
from inference.provenance import code_version, library_versions
from inference.records import Comparison, Crop, Exhibit, Find, Located, Refusal, Verdict
from inference.report import REPORT_FORMAT, report_id, run_id
from inference.trademarks import TrademarkExaminer
from inference.weights import WEIGHTS_FOLDER, WeightsRefused

TOLERANCE = 1e-3
"""Of log odds and log10 LRs, and of a heatmap's full scale: what another machine or library may change."""

_READING = (KeyError, TypeError, ValueError, AttributeError, IndexError)


class ReportRefused(Refusal):
    """A file that is not a report of Assay's, is damaged, or is newer than this Assay."""


@dataclass(frozen=True)
class Line:
    """One thing that was compared.

    Attributes:
        status: Whether it agrees; what is only told is no reason to doubt a report.
        subject: What it is.
        text: What was found, in a sentence.
    """

    status: Literal["agrees", "differs", "told"]
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.status:8}{self.subject}: {self.text}"


@dataclass(frozen=True)
class _Examination:
    """What a report states of one examination, as far as it can be compared."""

    task: str
    exhibits: tuple[tuple[str, str], ...]
    crops: tuple[Crop | None, ...]
    located: Located | None
    series: str | None
    model: str
    weights_sha256: str
    card_sha256: str
    code_version: str
    libraries: dict[str, str]
    outcome: str
    log_odds: float
    evidence: dict[str, Any] | None
    maps: tuple[NDArray[np.float32], ...]
    map_hashes: tuple[str, ...]
    full_scales: tuple[float, ...]

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> _Examination:
        """From the JSON values that `case.stated` makes."""
        record = content["record"]
        provenance, alone = record["provenance"], content["task"] == "authenticity"
        exhibits, crops, heatmaps = (
            ([record["exhibit"]], [record["crop"]], [record["heatmap"]])
            if alone
            else (record["exhibits"], record["crops"], record["heatmaps"])
        )
        return cls(
            task=content["task"],
            exhibits=tuple((str(exhibit["name"]), str(exhibit["sha256"])) for exhibit in exhibits),
            crops=tuple(Crop(**crop) if crop else None for crop in crops),
            located=_located(record.get("located")),
            series=record["series"] if alone and record["series_fixed"] else None,
            model=str(provenance["model"]),
            weights_sha256=str(provenance["weights_sha256"]),
            card_sha256=str(provenance["card_sha256"]),
            code_version=str(provenance["code_version"]),
            libraries=dict(provenance["libraries"]),
            outcome=str(record["outcome"]),
            log_odds=float(record["log_odds"]),
            evidence=record["evidence"],
            maps=tuple(np.array(heatmap["raw"], np.float32) for heatmap in heatmaps),
            map_hashes=tuple(str(map_["sha256"]) for map_ in content["maps"]),
            full_scales=tuple(float(heatmap["full_scale"]) for heatmap in heatmaps),
        )


def _located(stated: Mapping[str, Any] | None) -> Located | None:
    if stated is None:
        return None
    find = stated["find"]
    return Located(**{**stated, "find": Find(**{**find, "crop": Crop(**find["crop"])})})


def verify_report(
    path: Path,
    images: Sequence[Path] = (),
    weights: Path = WEIGHTS_FOLDER,
    device: str = "cpu",
    scale: VerbalScale = ENFSI_2015,
) -> list[Line]:
    """What of a report agrees and what does not.

    Args:
        path: Its JSON twin. A PDF beside it, and the log and exhibits of the case folder it lies in, are looked at too.
        images: Folders that hold the images, beside the case's own exhibits.
        weights: Folder of the models.
        device: Where the examination is repeated.
        scale: Whose words state a likelihood ratio; the one that the report was made with.

    Raises:
        ReportRefused: if it is no report that can be read.
    """
    data = _read(path)
    content = _parse(path, data)
    try:
        examinations = [_Examination.read(examination) for examination in content["examinations"]]
        stated_run, head = content["run_id"], content["log_head"]
        head = head and Head(**head)
        made_run = run_id(content["examinations"])
    except _READING as error:
        msg = f"{path.name} is damaged: something is missing or of the wrong kind; ask for the report again."
        raise ReportRefused(msg) from error
    lines = [_compared("run id", made_run, stated_run, "the inputs, settings, weights, card and code it states")]
    lines += _verify_pdf(path, data)
    case = path.absolute().parent.parent
    if (case / LOG_NAME).exists():
        lines += _verify_case(CaseFolder(case), data, path, head)
    found = _hashed([*images, case / EXHIBITS])
    for number, examination in enumerate(examinations, 1):
        where = f" {number}" if len(examinations) > 1 else ""
        lines += [
            Line(line.status, line.subject + where, line.text)
            for line in _verify(examination, found, weights, device, scale)
        ]
    return lines


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror}); check the path."
        raise ReportRefused(msg) from error


def _parse(path: Path, data: bytes) -> dict[str, Any]:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        msg = f"{path.name} is not the JSON twin of a report; choose the .json file that was issued with the PDF."
        raise ReportRefused(msg) from error
    if not isinstance(content, dict) or type(content.get("assay_report")) is not int or content["assay_report"] < 1:
        msg = f"{path.name} is not a report of Assay's; choose the .json file that was issued with the PDF."
        raise ReportRefused(msg)
    if content["assay_report"] > REPORT_FORMAT:
        msg = (
            f"{path.name} is written in report format {content['assay_report']} and this Assay reads up to "
            f"{REPORT_FORMAT}; update Assay."
        )
        raise ReportRefused(msg)
    return content


def _verify_pdf(path: Path, data: bytes) -> Iterator[Line]:
    pdf = path.with_suffix(".pdf")
    if not pdf.exists():
        yield Line("told", "PDF", f"there is no {pdf.name} beside the JSON.")
    elif hashlib.sha256(data).hexdigest().encode() in pdf.read_bytes():
        yield Line("agrees", "PDF", f"{pdf.name} states the SHA-256 of this JSON; only the case's log vouches for it.")
    else:
        yield Line("differs", "PDF", f"{pdf.name} does not state the SHA-256 of this JSON.")


def _verify_case(case: CaseFolder, data: bytes, path: Path, head: Head | None) -> Iterator[Line]:
    """The log, and what it says of this report."""
    findings = verify_log(case.log, head)
    yield from (Line("differs", "log", str(finding)) for finding in findings)
    if not findings:
        yield Line("agrees", "log", "every line follows the one before, and the head that the report states is in it.")
    issued = [entry.content for entry in case.entries("report issued") if entry.content["report"] == path.stem]
    if not issued:
        yield Line("differs", "log", f"no report {path.stem} was issued; the id of this JSON is {report_id(data)}.")
        return
    for file, key in ((path, "json_sha256"), (path.with_suffix(".pdf"), "pdf_sha256")):
        if file.exists():
            found = hashlib.sha256(file.read_bytes()).hexdigest()
            yield _compared(f"{file.suffix[1:].upper()} as issued", found, issued[-1][key], "the log's entry")


def _hashed(folders: Sequence[Path]) -> dict[str, list[Path]]:
    """SHA-256 to files with it."""
    found: dict[str, list[Path]] = {}
    for folder in folders:
        for file in sorted(folder.glob("*")):
            if file.is_file():
                found.setdefault(hashlib.sha256(file.read_bytes()).hexdigest(), []).append(file)
    return found


def _verify(
    examination: _Examination, found: Mapping[str, list[Path]], weights: Path, device: str, scale: VerbalScale
) -> Iterator[Line]:
    inputs = [
        *(_image(name, sha256, found) for name, sha256 in examination.exhibits),
        _file("weights", weights / f"{examination.model}.safetensors", examination.weights_sha256),
        _file("card", weights / f"{examination.model}.json", examination.card_sha256),
    ]
    yield from inputs
    yield _versions("code", {"Assay": examination.code_version}, {"Assay": code_version()})
    yield _versions("libraries", examination.libraries, library_versions())
    for raw, sha256 in zip(examination.maps, examination.map_hashes, strict=True):
        yield _compared("stated heatmap", map_sha256(raw), sha256, "the hash it states of its own map")
    if any(line.status == "differs" for line in inputs):
        yield Line("differs", "findings", "they were not made again, because what they rest on is not what it was.")
        return
    exhibits = [read_exhibit(found[sha256][0], name) for name, sha256 in examination.exhibits]
    if examination.located is not None:
        yield _proposal(examination.located, exhibits[0], weights, device)
    again = _repeat(examination, exhibits, weights, device, scale)
    yield from _findings(examination, _Examination.read(stated(again)))


def _image(name: str, sha256: str, found: Mapping[str, list[Path]]) -> Line:
    if sha256 in found:
        return Line("agrees", "image", f"{name} is {sha256}.")
    for other, files in found.items():
        for file in files:
            if file.name == name or file.stem == sha256:
                text = f"{name} had the SHA-256 {sha256[:16]}…, and {file} has {other[:16]}…: it is another image."
                return Line("differs", "image", text)
    return Line("differs", "image", f"{name}, SHA-256 {sha256}, was not found; name its folder with --images.")


def _file(subject: str, path: Path, sha256: str) -> Line:
    if not path.is_file():
        return Line("differs", subject, f"{path} does not exist; name the folder of the models with --weights.")
    return _compared(subject, hashlib.sha256(path.read_bytes()).hexdigest(), sha256, "the report")


def _compared(subject: str, found: str, expected: str, whose: str) -> Line:
    if found == expected:
        return Line("agrees", subject, f"{found}.")
    return Line("differs", subject, f"it is {found}, and by {whose} it was to be {expected}.".replace("..", "."))


def _versions(subject: str, then: Mapping[str, str], now: Mapping[str, str]) -> Line:
    """Other versions are told and no difference: whether they changed a finding is seen when it is made again."""
    changed = [
        f"{name} {then.get(name, 'none')} then, {now.get(name, 'none')} now"
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    ]
    if not changed:
        return Line("agrees", subject, "the same versions.")
    return Line("told", subject, f"{'; '.join(changed)}.")


def _repeat(
    examination: _Examination, exhibits: Sequence[Exhibit], weights: Path, device: str, scale: VerbalScale
) -> Verdict | Comparison:
    if examination.task == "authenticity":
        examiner = AuthenticityExaminer.load(examination.model, weights, device, scale)
        return examiner.examine(exhibits[0], examination.series, examination.crops[0], examination.located)
    one, other = exhibits
    first, second = examination.crops
    return TrademarkExaminer.load(examination.model, weights, device, scale).compare(one, other, (first, second))


def _proposal(then: Located, exhibit: Exhibit, weights: Path, device: str) -> Line:
    """Whether the locator proposes the same again; what became of the proposal is the examiner's and no finding."""
    try:
        locator = Locator.load(then.locator, weights, device)
    except WeightsRefused as refusal:
        return Line("differs", "proposal", f"it was not made again: {refusal}")
    if (locator.card.weights_sha256, locator.card_sha256) != (then.weights_sha256, then.card_sha256):
        return Line("differs", "proposal", f"it was not made again, because {then.locator} is not what it was.")
    same = any(_same_find(then.find, find) for find in locator.locate(exhibit))
    text = f"{then.find.part} at {then.find.crop}, score {then.find.score:.3f}, "
    return Line("agrees" if same else "differs", "proposal", text + ("as stated." if same else "is not found again."))


def _same_find(then: Find, now: Find) -> bool:
    """Whether finds are the same, their crops to a pixel: another machine may round a box the other way."""
    pairs = zip(then.crop.rectangle, now.crop.rectangle, strict=True)
    return (
        (then.part, then.close_up) == (now.part, now.close_up)
        and _same(then.score, now.score)
        and all(abs(before - after) <= 1 for before, after in pairs)
    )


def _findings(then: _Examination, now: _Examination) -> Iterator[Line]:
    yield _compared("outcome", now.outcome, then.outcome, "the report")
    same = _same(then.log_odds, now.log_odds)
    text = f"they are {now.log_odds:.5f}, and the report states {then.log_odds:.5f}."
    yield Line("agrees" if same else "differs", "log odds", text)
    same = _same(then.evidence, now.evidence)
    text = "as stated." if same else f"it is {now.evidence}, and the report states {then.evidence}."
    yield Line("agrees" if same else "differs", "evidence", text)
    for before, after, full_scale in zip(then.maps, now.maps, then.full_scales, strict=True):
        yield _heatmap(before, after, full_scale)


def _heatmap(then: NDArray[np.float32], now: NDArray[np.float32], full_scale: float) -> Line:
    if then.shape != now.shape:
        return Line("differs", "heatmap", f"its shape is {now.shape}, and the report states {then.shape}.")
    away = float(np.abs(then - now).max()) / full_scale
    # Not `away > TOLERANCE`: a map with NaN agrees with nothing.
    status: Literal["agrees", "differs"] = "agrees" if away <= TOLERANCE else "differs"
    return Line(status, "heatmap", f"its values lie up to {away:.2g} of full scale from those stated.")


def _same(then: Any, now: Any) -> bool:
    """Whether JSON values are the same, numbers within `TOLERANCE`."""
    if isinstance(then, dict) and isinstance(now, dict):
        return then.keys() == now.keys() and all(_same(then[key], now[key]) for key in then)
    if isinstance(then, list) and isinstance(now, list):
        return len(then) == len(now) and all(map(_same, then, now))
    if isinstance(then, (int, float)) and isinstance(now, (int, float)):
        return abs(then - now) <= TOLERANCE
    return bool(then == now)
