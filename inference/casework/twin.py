"""The JSON twin of a report, as far as a verification compares it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from inference.casework.log import Head
from inference.casework.report import REPORT_FORMAT, run_id
from inference.records import Crop, Detection, EngineName, Ground, Located, Refusal, require

_READING = (KeyError, TypeError, ValueError, AttributeError, IndexError)


class ReportRefused(Refusal):
    """A file that is not a report of Assay, is damaged, or is newer than this Assay."""


@dataclass(frozen=True)
class StatedExamination:
    """One stated examination, as far as a verification compares it."""

    task: str
    exhibits: tuple[tuple[str, str], ...]
    grounds: tuple[Ground | None, ...]
    crops: tuple[Crop | None, ...]
    located: Located | None
    series: str | None
    model: str
    weights_sha256: str
    card_sha256: str
    code_version: str
    libraries: dict[str, str]
    engine: EngineName
    outcome: str
    score: float
    evidence: dict[str, Any] | None
    whole: dict[str, Any] | None
    element: dict[str, Any] | None
    collection: tuple[str, str] | None
    typicality: dict[str, Any] | None
    maps: tuple[NDArray[np.float32] | None, ...]
    map_hashes: tuple[str, ...]
    full_scales: tuple[float, ...]

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> StatedExamination:
        """Read the JSON values that `stated.stated` makes."""
        record = content["record"]
        provenance, task = record["provenance"], content["task"]
        settings = provenance["settings"]
        exhibits, crops, heatmaps = _pictures(task, record)
        element = record.get("element")
        if element is not None:
            heatmaps = [*heatmaps, *element["heatmaps"]]
        return cls(
            task=task,
            exhibits=tuple((str(exhibit["name"]), str(exhibit["sha256"])) for exhibit in exhibits),
            grounds=tuple(map(_ground, exhibits)),
            crops=tuple(Crop(**crop) if crop else None for crop in crops),
            located=_located(record.get("located")),
            series=record["series"] if record.get("series_fixed") else None,
            model=str(provenance["model"]),
            weights_sha256=str(provenance["weights_sha256"]),
            card_sha256=str(provenance["card_sha256"]),
            code_version=str(provenance["code_version"]),
            libraries=dict(provenance["libraries"]),
            engine=_engine(provenance),
            outcome=str(record["outcome"]),
            score=float(record["score"] if task == "collection" else record["log_odds"]),
            evidence=record["evidence"],
            whole=record.get("whole"),
            element=element and {name: value for name, value in element.items() if name != "heatmaps"},
            collection=(settings["collection"], settings["collection_sha256"]) if task == "collection" else None,
            typicality=record.get("typicality"),
            maps=tuple(_raw(heatmap["raw"]) for heatmap in heatmaps),
            map_hashes=tuple(str(map_["sha256"]) for map_ in content["maps"]),
            full_scales=tuple(float(heatmap["full_scale"]) for heatmap in heatmaps),
        )


def _pictures(task: str, record: Mapping[str, Any]) -> tuple[list[Any], list[Any], list[Any]]:
    """What was examined, the crop of each, and the heatmaps."""
    if task == "trademark":
        return record["exhibits"], record["crops"], record["heatmaps"]
    heatmaps = [record["heatmap"]] if task == "authenticity" else [one["heatmap"] for one in record["witnesses"]]
    return [record["exhibit"]], [record["crop"]], heatmaps


def _raw(stated: Any) -> NDArray[np.float32] | None:
    """A raw map; None where only its hash is stated, see `stated.without_maps`."""
    return None if stated is None else np.array(stated, np.float32)


@dataclass(frozen=True)
class StatedPart:
    """The stated part finding of several photos, as far as a verification compares it."""

    examinations: tuple[int, ...]
    model: str
    outcome: str
    counts_as: list[int | None]
    score: float | None
    evidence: dict[str, Any] | None

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> StatedPart:
        """Read the JSON values that `report.make_report` makes."""
        finding = content["finding"]
        return cls(
            examinations=tuple(map(int, content["examinations"])),
            model=str(finding["model"]),
            outcome=str(finding["outcome"]),
            counts_as=list(finding["counts_as"]),
            score=finding["score"],
            evidence=finding["evidence"],
        )


@dataclass(frozen=True)
class StatedSearch:
    """The stated search of a register, as far as a verification compares it."""

    exhibit: tuple[str, str]
    ground: Ground | None
    crop: Crop | None
    register: str
    filters: dict[str, str]
    most: int
    model: str
    weights_sha256: str
    card_sha256: str
    code_version: str
    libraries: dict[str, str]
    engine: EngineName
    rankings: dict[str, list[dict[str, Any]]]

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> StatedSearch:
        """Read a stated `MarkSearch`."""
        exhibit, provenance = record["exhibit"], record["provenance"]
        return cls(
            exhibit=(str(exhibit["name"]), str(exhibit["sha256"])),
            ground=_ground(exhibit),
            crop=Crop(**record["crop"]) if record["crop"] else None,
            register=str(record["register"]),
            filters=dict(record["filters"]),
            most=int(record["most"]),
            model=str(provenance["model"]),
            weights_sha256=str(provenance["weights_sha256"]),
            card_sha256=str(provenance["card_sha256"]),
            code_version=str(provenance["code_version"]),
            libraries=dict(provenance["libraries"]),
            engine=_engine(provenance),
            rankings={one["name"]: [_found(mark) for mark in one["marks"]] for one in record["rankings"]},
        )


def _found(mark: Mapping[str, Any]) -> dict[str, Any]:
    """A found mark without its source, which may lie elsewhere on another machine."""
    return {name: value for name, value in mark.items() if name != "source"}


def _engine(provenance: Mapping[str, Any]) -> EngineName:
    """The engine that looked; a report that states none was made by torch."""
    engine: EngineName = provenance.get("engine", "torch")
    require(engine in get_args(EngineName), f"{engine} is no engine")
    return engine


def _ground(exhibit: Mapping[str, Any]) -> Ground | None:
    """The ground of the transparent areas; a report that states none used white."""
    ground: Ground | None = exhibit.get("ground", "white")
    require(ground in (None, *get_args(Ground)), f"{ground} is no ground")
    return ground


def _located(stated: Mapping[str, Any] | None) -> Located | None:
    if stated is None:
        return None
    detection = stated["find"]
    return Located(**{**stated, "find": Detection(**{**detection, "crop": Crop(**detection["crop"])})})


@dataclass(frozen=True)
class Twin:
    """A JSON twin, as far as a verification compares it.

    Attributes:
        data: The bytes of the file.
        run_id: The id of the run that it states.
        run_id_of_content: The run id of its examinations and part findings, see `report.run_id`.
        log_head: The head of the case's log when the report was made; None without a case.
        examinations: In the order of the pages.
        parts: The part findings of several photos.
        searches: The searches of a register of marks.
    """

    data: bytes
    run_id: str
    run_id_of_content: str
    log_head: Head | None
    examinations: tuple[StatedExamination, ...]
    parts: tuple[StatedPart, ...]
    searches: tuple[StatedSearch, ...]


def read_twin(path: Path) -> Twin:
    """The JSON twin of a report.

    Raises:
        ReportRefused: if the file is not a readable report.
    """
    data = _read(path)
    content = _parse(path, data)
    try:
        stated, parts, head = content["examinations"], content.get("parts", ()), content["log_head"]
        searches = content.get("searches", ())
        return Twin(
            data=data,
            run_id=content["run_id"],
            run_id_of_content=run_id(stated, parts, searches),
            log_head=head and Head(**head),
            examinations=tuple(map(StatedExamination.read, stated)),
            parts=tuple(map(StatedPart.read, parts)),
            searches=tuple(map(StatedSearch.read, searches)),
        )
    except _READING as error:
        msg = f"{path.name} is damaged: a value is missing or of the wrong kind; ask for the report again."
        raise ReportRefused(msg) from error


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
        msg = f"{path.name} is not a report of Assay; choose the .json file that was issued with the PDF."
        raise ReportRefused(msg)
    if content["assay_report"] > REPORT_FORMAT:
        msg = (
            f"{path.name} is written in report format {content['assay_report']}, and this Assay reads formats up "
            f"to {REPORT_FORMAT}; update Assay."
        )
        raise ReportRefused(msg)
    return content
