"""The options of the app; see `ui.workbench` for the page."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import tyro

from inference.records import EngineChoice, Refusal
from ui.doors.login import Login, read_login
from ui.doors.names import THIS_MACHINE, Names
from ui.uploads import ended_by_signals, uploads_folder

ON_SPACES = "SPACE_ID" in os.environ
SPACE_HOSTS = tuple(filter(None, os.environ.get("SPACE_HOST", "").split(",")))

OFFLINE = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}


@dataclass(frozen=True)
class Options:
    """Assay, an examiner's bench for counterfeit goods and lookalike trademarks."""

    host: str = field(default_factory=lambda: "0.0.0.0" if ON_SPACES else "127.0.0.1")  # noqa: S104 - a Space is reached from outside its container
    """Address to serve on; 127.0.0.1 is this machine only."""
    port: int = 7860
    """Port to serve on."""
    weights: Path = Path(__file__).parent / "weights"
    """Folder with the models and their cards."""
    device: Literal["cpu", "cuda", "mps"] = "cpu"
    """Device of the networks."""
    engine: EngineChoice = "auto"
    """What runs the networks: auto takes OpenVINO on a cpu where it is installed, else torch."""
    auth: str | None = None
    """Login that the page asks for, as user:password; without one, everybody who reaches the page may use it. All users
    of this machine can read it in the list of processes; --auth-file or the variable ASSAY_AUTH hide it from them."""
    auth_file: Path | None = None
    """File with the login, user:password, as its only line; only its owner should be able to read it."""
    served_as: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Further name that the page is reached by, such as bench.example.org, with its port if a proxy uses an unusual
    one. Give the option once for each name; requests to any other name are refused."""
    root_path: str = ""
    """Sub-path under which a proxy serves the page, such as /assay."""
    open_browser: bool = False
    """Open the page in a browser."""
    case_folder: Path | None = None
    """Folder of the cases, one folder each; without it nothing is kept, and reports are only downloads. On a page that
    only this machine reaches it can be chosen in the tab Case, too."""
    references: Path = Path(__file__).parent / "references"
    """Folder of the reference collections."""
    register: str = "register"
    """Folder of the register of marks, which is made when marks are taken in; or its address in Milvus:
    http://HOST:PORT/DATABASE, or a file NAME.db."""
    batches: Path = Path("batches")
    """Folder of the batches; it is made when the first one is begun."""

    def __post_init__(self) -> None:
        Names.of(self.host, self.served_as)
        if self.root_path and not re.fullmatch(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+", self.root_path):
            msg = f"{self.root_path!r} is not a sub-path; begin it with a slash and end it without one, as in /assay"
            raise ValueError(msg)
        if self.case_folder is not None and ON_SPACES:
            msg = "a public page keeps no cases; leave out the case folder"
            raise ValueError(msg)
        reached_by = " or ".join(self.served_as) or self.host
        if self.login is None and self.case_folder is not None and reached_by not in THIS_MACHINE:
            msg = f"everybody who reaches {reached_by} could read and delete the cases; give a login by --auth-file"
            raise ValueError(msg)

    @cached_property
    def login(self) -> Login | None:
        """The login that the page asks for; None for none.

        Raises:
            ValueError: if it is given twice, or is not a login.
        """
        return read_login(self.auth, self.auth_file)


def main(options: Options) -> None:
    """Serve the page until it is interrupted."""
    if os.environ.get("GRADIO_VIBE_MODE"):
        msg = "GRADIO_VIBE_MODE lets a page run any code on this machine; unset it to start Assay."
        raise SystemExit(msg)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # Gradio and its hub client read their environment once, when they are imported.
    os.environ.update(OFFLINE)
    try:
        with ended_by_signals(), uploads_folder() as uploads:
            os.environ["GRADIO_TEMP_DIR"] = str(uploads)
            from ui.workbench import serve

            serve(
                weights=options.weights,
                device=options.device,
                engine=options.engine,
                host=options.host,
                port=options.port,
                login=options.login,
                open_browser=options.open_browser,
                case_folder=options.case_folder,
                references=options.references,
                register=options.register,
                batches=options.batches,
                public=ON_SPACES,
                served_as=(*options.served_as, *SPACE_HOSTS),
                root_path=options.root_path,
            )
    except Refusal as refusal:
        raise SystemExit(str(refusal)) from refusal


if __name__ == "__main__":
    main(tyro.cli(Options))
