"""Which folder of cases the page uses: the one given at the start, or the one chosen in the page since."""

from __future__ import annotations

from pathlib import Path

from inference.casework.cases import Cases
from inference.casework.log import CaseRefused


class CasesInUse:
    """The folder of cases that all tabs use at present.

    A choice holds for the process, in every open page: only a page that one examiner's machine alone reaches offers it.

    Args:
        cases: The cases of the folder that was given at the start; None if nothing may be written yet.
        choosable: Whether the page offers the choice of a folder.

    Attributes:
        cases: The cases of the present folder; None without one.
    """

    def __init__(self, cases: Cases | None = None, choosable: bool = False) -> None:
        self.cases = cases
        self.choosable = choosable

    @property
    def offered(self) -> bool:
        """Whether the page has a place for cases: there is a folder, or one can be chosen."""
        return self.choosable or self.cases is not None

    @property
    def folder(self) -> Path | None:
        """The present folder, absolute; None without one."""
        return self.cases.folder if self.cases else None

    @property
    def opened(self) -> Cases:
        """The cases of the present folder.

        Raises:
            CaseRefused: if there is none.
        """
        if self.cases is None:
            msg = "There is no case folder; choose one in the tab Case."
            raise CaseRefused(msg)
        return self.cases

    def choose(self, named: str) -> Cases:
        """Use another folder from now on; it is made where there is none.

        Args:
            named: Its path; `~` is the user's home, and a relative path begins where Assay was started.

        Raises:
            CaseRefused: if it cannot hold cases; the present one stays.
        """
        if not named.strip():
            msg = "No folder is named; give the path of the folder that is to hold the cases."
            raise CaseRefused(msg)
        try:
            path = Path(named.strip()).expanduser().resolve()
        except RuntimeError as error:
            msg = f"{named.strip()} begins with the home of a user who is not known here; give the whole path."
            raise CaseRefused(msg) from error
        chosen = Cases(path)
        chosen.require_writable()
        self.cases = chosen
        return chosen
