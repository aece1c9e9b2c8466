"""Verification of a report, line by line: its files, its hashes, and its findings, made again.

An examination is repeated only on exactly the bytes, weights and card that the report states. On any others it would be
a different examination.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from inference.bench import Bench
from inference.casework.case import CaseFolder
from inference.casework.custody import EXHIBITS, LOG_NAME, REPORTS, CaseCheck, Custody, check_case
from inference.casework.lines import (
    TOLERANCE,
    Line,
    compared,
    engine_line,
    file_line,
    hashed,
    image_line,
    same,
    stated_again,
    versions_line,
)
from inference.casework.log import CaseRefused
from inference.casework.report import report_id
from inference.casework.searches import verify_search
from inference.casework.stated import map_sha256, stated
from inference.casework.twin import ReportRefused, StatedExamination, StatedPart, Twin, read_twin
from inference.files import sha256
from inference.intake.exhibit import read_exhibit
from inference.models.card import WeightsRefused
from inference.models.provenance import code_version, library_versions
from inference.records import Detection, Exhibit, Located, Record, Refusal, Verdict, as_json
from inference.request import Request


def verify_report(
    path: Path,
    bench: Bench,
    images: Sequence[Path] = (),
    register: str | None = None,
) -> list[Line]:
    """Verify a report.

    Args:
        path: Its JSON twin. A PDF beside it, and the log and exhibits of its case folder, are verified as well.
        bench: The bench that repeats the examinations; it needs the verbal scale of the report.
        images: Folders that hold the images, beside the case's own exhibits.
        register: Folder or address of the register of marks, in which searches are made again.

    Raises:
        ReportRefused: if it is not a readable report.
    """
    twin = read_twin(path)
    folder = path.absolute().parent.parent
    lines = _of_content(path, twin)
    if (folder / LOG_NAME).exists():
        lines += case_lines(check_case(folder, {f"report {path.stem}": twin.log_head} if twin.log_head else None))
        lines += _as_issued(CaseFolder(folder), path, twin)
    repetition = _Repetition(hashed([*images, folder / EXHIBITS]), bench, register)
    return [*lines, *repetition.verify_all(twin)]


def verify_reports(
    case: CaseFolder,
    bench: Bench,
    images: Sequence[Path] = (),
    register: str | None = None,
) -> Iterator[tuple[str, list[Line]]]:
    """Verify each report of a case; gives its id and its lines, see `verify_report`.

    `check_case` verifies the folder itself, once for all reports.
    """
    repetition = _Repetition(hashed([*images, case.path / EXHIBITS]), bench, register)
    deleted = Custody.of(case.entries()).deleted
    for report in case.reports:
        path = case.path / REPORTS / f"{report}.json"
        if path.exists():
            yield report, _verified(repetition, case, path)
        elif path.relative_to(case.path).as_posix() in deleted:
            yield report, [Line("told", "report", "it was deleted, as the log states.")]
        else:
            yield report, [Line("differs", "report", f"{path.name} is missing, and the log states no deletion.")]


def _verified(repetition: _Repetition, case: CaseFolder, path: Path) -> list[Line]:
    try:
        twin = read_twin(path)
    except ReportRefused as refusal:
        return [Line("differs", "report", str(refusal))]
    return [*_of_content(path, twin), *_as_issued(case, path, twin), *repetition.verify_all(twin)]


def reopened(case: CaseFolder, content: Mapping[str, Any], bench: Bench) -> Record:
    """An examination that a case's log states, made again from the copies in the case.

    Raises:
        Refusal: if a copy is gone or was changed, or it cannot be examined as it was.
    """
    examination = StatedExamination.read(content)
    found = hashed([case.path / EXHIBITS])
    for name, expected in examination.exhibits:
        if expected not in found:
            msg = f"The copy of {name} is gone from the case or was changed; verify the case."
            raise CaseRefused(msg)
    return _Repetition(found, bench).again(1, examination)


def case_lines(check: CaseCheck) -> list[Line]:
    """Lines on what the folder of a case shows without an examination, and on what it cannot show."""
    log = [Line(finding.status, "log", str(finding)) for finding in check.log]
    files = [Line(finding.status, "file", str(finding)) for finding in check.files]
    if not any(line.status == "differs" for line in log):
        log.append(Line("agrees", "log", f"every line follows the one before; {check.limit}"))
    if not any(line.status == "differs" for line in files):
        files.append(Line("agrees", "files", "exhibits and reports are those that the log states, and no others."))
    return [*log, *files]


def _of_content(path: Path, twin: Twin) -> list[Line]:
    whose = "its stated inputs, settings, weights, card and code"
    return [compared("run id", twin.run_id_of_content, twin.run_id, whose), *_verify_pdf(path, twin.data)]


def _verify_pdf(path: Path, data: bytes) -> Iterator[Line]:
    pdf = path.with_suffix(".pdf")
    if not pdf.exists():
        yield Line("told", "PDF", f"there is no {pdf.name} beside the JSON twin.")
    elif sha256(data).encode() in pdf.read_bytes():
        text = f"{pdf.name} states the SHA-256 of this JSON twin; only the case's log vouches for the PDF itself."
        yield Line("agrees", "PDF", text)
    else:
        yield Line("differs", "PDF", f"{pdf.name} does not state the SHA-256 of this JSON twin.")


def _as_issued(case: CaseFolder, path: Path, twin: Twin) -> Iterator[Line]:
    """Compare the report with the log's entry on its issue."""
    issued = [entry.content for entry in case.entries("report issued") if entry.content.get("report") == path.stem]
    if not issued:
        yield Line(
            "differs", "log", f"no report {path.stem} was issued; the id of this JSON twin is {report_id(twin.data)}."
        )
        return
    for file, key in ((path, "json_sha256"), (path.with_suffix(".pdf"), "pdf_sha256")):
        if file.exists():
            found = sha256(file.read_bytes())
            yield compared(f"{file.suffix[1:].upper()} as issued", found, str(issued[-1].get(key)), "the log's entry")


class _Repetition:
    """Makes the findings of a report again.

    Args:
        found: SHA-256 to the image files that have it.
        bench: The bench that examines.
        register: Folder or address of the register of marks; None without one.
    """

    def __init__(self, found: Mapping[str, list[Path]], bench: Bench, register: str | None = None) -> None:
        self._found = found
        self._bench = bench
        self._register = register
        self._verdicts: dict[int, Verdict] = {}

    def verify_all(self, twin: Twin) -> Iterator[Line]:
        """Verify the examinations of a report and its part findings."""
        self._verdicts.clear()
        for number, examination in enumerate(twin.examinations, 1):
            where = f" {number}" if len(twin.examinations) > 1 else ""
            for line in self.verify(number, examination):
                yield Line(line.status, line.subject + where, line.text)
        for number, part in enumerate(twin.parts, 1):
            for line in self.verify_part(part):
                yield Line(line.status, f"{line.subject} of part {number}", line.text)
        for search in twin.searches:
            yield from verify_search(search, self._found, self._bench, self._register)

    def verify(self, number: int, examination: StatedExamination) -> Iterator[Line]:
        """Verify the examination with that number, from 1."""
        inputs = [
            *(image_line(name, expected, self._found) for name, expected in examination.exhibits),
            file_line("weights", self._bench.weights / f"{examination.model}.safetensors", examination.weights_sha256),
            file_line("card", self._bench.weights / f"{examination.model}.json", examination.card_sha256),
            *_collection(examination.collection, self._bench),
        ]
        yield from inputs
        yield versions_line("code", {"Assay": examination.code_version}, {"Assay": code_version()})
        yield versions_line("libraries", examination.libraries, library_versions(examination.engine))
        for raw, expected in zip(examination.maps, examination.map_hashes, strict=True):
            if raw is not None:
                yield compared("stated heatmap", map_sha256(raw), expected, "the hash it states of its own map")
        if any(line.status == "differs" for line in inputs):
            yield Line("differs", "findings", "they were not made again: an input is not as stated.")
            return
        if examination.located is not None:
            bench = self._bench.by_engine(examination.engine)
            yield _proposal(examination.located, self._exhibits(examination)[0], bench)
        now = StatedExamination.read(stated(self.again(number, examination)))
        yield engine_line(examination.engine, now.engine)
        if (now.weights_sha256, now.card_sha256) != (examination.weights_sha256, examination.card_sha256):
            told = f"{examination.model} was loaded before its files were changed; restart Assay and verify again."
            yield Line("differs", "findings", told)
            return
        yield from _findings(examination, now)

    def verify_part(self, part: StatedPart) -> Iterator[Line]:
        """Verify the part finding of several photos from their repeated examinations."""
        if not self._verdicts.keys() >= set(part.examinations):
            yield Line("differs", "finding", "it was not made again, because its examinations were not.")
            return
        verdicts = [self._verdicts[number] for number in part.examinations]
        try:
            made = self._bench.by_engine(verdicts[0].provenance.engine).combine(verdicts)
        except Refusal as refusal:
            yield Line("differs", "finding", f"it cannot be made again: {refusal}")
            return
        again = next((finding for finding in made if finding.model == part.model), None)
        if again is None:
            yield Line("differs", "finding", f"it is stated for {part.model}, which made none of its examinations.")
            return
        now = StatedPart.read({"examinations": part.examinations, "finding": as_json(again)})
        yield compared("outcome", now.outcome, part.outcome, "the report")
        for subject, then, found in (
            ("photos that count", part.counts_as, now.counts_as),
            ("score", part.score, now.score),
            ("evidence", part.evidence, now.evidence),
        ):
            yield stated_again(subject, then, found)

    def _exhibits(self, examination: StatedExamination) -> list[Exhibit]:
        pictures = zip(examination.exhibits, examination.grounds, strict=True)
        return [read_exhibit(self._found[expected][0], name, ground) for (name, expected), ground in pictures]

    def again(self, number: int, examination: StatedExamination) -> Record:
        """Examine again what the examination with that number, from 1, was made of."""
        exhibits, bench = self._exhibits(examination), self._bench.by_engine(examination.engine)
        if examination.task == "authenticity":
            request = Request(exhibits[0], examination.series, examination.crops[0], examination.located)
            verdict = bench.examine(request, examination.model)
            self._verdicts[number] = verdict
            return verdict
        if examination.collection is not None:
            request = Request(exhibits[0], None, examination.crops[0], examination.located)
            return bench.examine_beside(request, examination.collection[0])
        (one, other), (first, second) = exhibits, examination.crops
        return bench.compare(one, other, examination.model, (first, second))


def _collection(stated: tuple[str, str] | None, bench: Bench) -> Iterator[Line]:
    """Whether the collection that an examination stood beside is there as it was."""
    if stated is None:
        return
    name, expected = stated
    card = bench.collections.cards.get(name)
    if card is None:
        text = f"there is no {name} in {bench.references}; name the folder of the collections with --collections."
        yield Line("differs", "collection", text)
    else:
        yield compared("collection", card.sha256, expected, "the report")


def _proposal(then: Located, exhibit: Exhibit, bench: Bench) -> Line:
    """Whether the locator proposes the same again; what the examiner made of the proposal is not verified here."""
    try:
        locator = bench.locator(then.locator)
    except WeightsRefused as refusal:
        return Line("differs", "proposal", f"it was not made again: {refusal}")
    if (locator.card.weights_sha256, locator.card_sha256) != (then.weights_sha256, then.card_sha256):
        return Line("differs", "proposal", f"it was not made again: {then.locator} is not as stated.")
    again = any(_same_detection(then.find, detection) for detection in locator.locate(exhibit))
    text = f"{then.find.part} at {then.find.crop}, score {then.find.score:.3f}, "
    return Line("agrees" if again else "differs", "proposal", text + ("as stated." if again else "not proposed again."))


def _same_detection(then: Detection, now: Detection) -> bool:
    """Whether detections are the same, crops within a pixel: another machine may round a box differently."""
    pairs = zip(then.crop.rectangle, now.crop.rectangle, strict=True)
    return (
        (then.part, then.close_up) == (now.part, now.close_up)
        and same(then.score, now.score)
        and all(abs(before - after) <= 1 for before, after in pairs)
    )


def _findings(then: StatedExamination, now: StatedExamination) -> Iterator[Line]:
    yield compared("outcome", now.outcome, then.outcome, "the report")
    status: Literal["agrees", "differs"] = "agrees" if same(then.score, now.score) else "differs"
    subject = "log odds" if then.collection is None else "score"
    text = f"{now.score:.5f}, and the report states {then.score:.5f}."
    yield Line(status, subject, text)
    yield stated_again("evidence", then.evidence, now.evidence)
    for subject, finding, found in (
        ("typicality", then.typicality, now.typicality),
        ("wholes", then.whole, now.whole),
        ("element", then.element, now.element),
    ):
        if finding is not None or found is not None:
            yield stated_again(subject, finding, found)
    maps = zip(then.maps, now.maps, then.full_scales, strict=True)
    hashes = zip(then.map_hashes, now.map_hashes, strict=True)
    for (before, after, full_scale), (expected, made) in zip(maps, hashes, strict=True):
        if before is not None and after is not None:
            yield _heatmap(before, after, full_scale)
        else:
            yield _heatmap_by_hash(expected, made)


def _heatmap(then: NDArray[np.float32], now: NDArray[np.float32], full_scale: float) -> Line:
    if then.shape != now.shape:
        return Line("differs", "heatmap", f"its shape is {now.shape}, and the report states {then.shape}.")
    away = float(np.abs(then - now).max()) / full_scale
    # Not `away > TOLERANCE`: a map with NaN must not agree.
    status: Literal["agrees", "differs"] = "agrees" if away <= TOLERANCE else "differs"
    return Line(status, "heatmap", f"its values differ from the stated ones by up to {away:.2g} of full scale.")


def _heatmap_by_hash(expected: str, found: str) -> Line:
    """A map of which only the hash is stated: another processor may round a value differently."""
    if expected == found:
        return Line("agrees", "heatmap", "it has the stated hash.")
    return Line(
        "told", "heatmap", "its hash is another, and its values are not stated: how far they differ is unknown."
    )
