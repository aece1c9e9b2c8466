"""A case that was exported as a ZIP, laid out in a folder again so that it can be verified."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from inference.casework.custody import EXHIBITS, LOG_NAME, REPORTS
from inference.casework.log import CaseRefused
from inference.intake.exhibit import MAX_BYTES

_MOST_BYTES = 20 * MAX_BYTES
"""Most bytes of one file: a log is longer than any exhibit."""


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The folder of a case from the ZIP that `CaseFolder.export` wrote; it goes when it is left.

    Raises:
        CaseRefused: if the file is no ZIP of a case, or is damaged.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            with zipfile.ZipFile(path) as packed:
                for member in packed.infolist():
                    if not member.is_dir():
                        _unpack(packed, member, Path(folder))
        except (OSError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
            msg = f"{path.name} cannot be read as a ZIP of a case ({error}); export the case again."
            raise CaseRefused(msg) from error
        if not (Path(folder) / LOG_NAME).is_file():
            msg = f"{path.name} holds no {LOG_NAME}; choose the ZIP that was exported from a case."
            raise CaseRefused(msg)
        yield Path(folder)


def _unpack(packed: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    """Lay out one file, wherever it says it belongs in a case, and nowhere else."""
    parts = PurePosixPath(member.filename).parts
    in_case = parts == (LOG_NAME,) or (
        len(parts) == 2 and parts[0] in (EXHIBITS, REPORTS) and parts[1] not in (".", "..")
    )
    if not in_case or "\\" in member.filename or member.file_size > _MOST_BYTES:
        msg = f"{member.filename} does not belong in a case; choose the ZIP that was exported from one."
        raise CaseRefused(msg)
    place = folder.joinpath(*parts)
    place.parent.mkdir(exist_ok=True)
    with packed.open(member) as source, place.open("wb") as target:
        shutil.copyfileobj(source, target)
