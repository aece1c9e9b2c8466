"""Photos that a case holds, for another tab to take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from gradio.processing_utils import save_file_to_cache

from inference.casework.custody import content_of
from inference.records import Refusal
from ui.cases_in_use import CasesInUse
from ui.file_names import NamedPath


class CasePhotos:
    """The exhibits of all cases in use. A client names one by its SHA-256, never by a path."""

    def __init__(self, in_use: CasesInUse) -> None:
        self._in_use = in_use

    def choices(self) -> list[tuple[str, str]]:
        """The exhibits in words and by SHA-256, those of the case that was last written first."""
        listed: dict[str, str] = {}
        for number, sha256, _, name in self._exhibits():
            listed.setdefault(sha256, f"{name}, case {number}")
        return [(words, sha256) for sha256, words in listed.items()]

    def taken(self, chosen: Sequence[str], cache: str) -> list[NamedPath]:
        """Copies of chosen exhibits in the folder of handed-in files, by their names as handed in.

        Raises:
            Refusal: if a case no longer holds one, or its copy was changed.
        """
        held = {sha256: (path, name) for _, sha256, path, name in self._exhibits()}
        copies = []
        for sha256 in chosen:
            path, name = held.get(sha256, (None, ""))
            if path is None or content_of(path) != sha256:
                what = f"The copy of {name} was changed" if path else "No case holds this photo any more"
                msg = f"{what}; verify the case, and hand the photo in again."
                raise Refusal(msg)
            copies.append(NamedPath(save_file_to_cache(path, cache), name))
        return copies

    def _exhibits(self) -> Iterator[tuple[str, str, Path, str]]:
        """Case, SHA-256, copy and name of each exhibit."""
        cases = self._in_use.cases
        if cases is None:
            return
        for number in cases.numbers:
            for exhibit in cases.case(number).exhibits:
                yield (number, *exhibit)
