"""Folders packed into small files, for wherever only small ones can be taken away."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

from inference.files import write_whole

MOST = 15_000_000
"""Bytes of the largest file."""
README = """# Packed cells
Each finished cell is a tar archive cut into files of at most 15 MB. To join and unpack one, in a shell:

    cat NAME.tar.* | tar xf -

In the command prompt of Windows:

    copy /b NAME.tar.* joined.tar
    tar -xf joined.tar

It unpacks to a folder NAME: card (cell.json), weights (cell.safetensors), log (log.jsonl, one line an epoch),
settings.json and metrics.json. With the first two in `weights/`, the app examines photos by it.
"""


def pack(folder: Path, files: Sequence[str], out: Path, most: int = MOST) -> None:
    """Pack files of a folder into `out`, as NAME.tar.000 and so on by the folder's name, with a README beside them.

    The first part is written last: where it is, all are.
    """
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name in files:
            data = (folder / name).read_bytes()
            entry = tarfile.TarInfo(f"{folder.name}/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    whole = content.getvalue()
    parts = [whole[start : start + most] for start in range(0, len(whole), most)]
    write_whole(out / "README.md", README.encode())
    for number, part in reversed([*enumerate(parts)]):
        write_whole(_part(folder, out, number), part)


def is_packed(folder: Path, out: Path) -> bool:
    """Whether a folder has been packed into `out`."""
    return _part(folder, out, 0).exists()


def _part(folder: Path, out: Path, number: int) -> Path:
    return out / f"{folder.name}.tar.{number:03d}"
