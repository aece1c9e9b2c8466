"""The app: its options, and nothing else; see `ui.workbench` for the page."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import tyro

ON_SPACES = "SPACE_ID" in os.environ

THIS_MACHINE = ("127.0.0.1", "::1", "localhost")

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
    """Where the networks run."""
    auth: str | None = None
    """Ask for a login, given as user:password; everybody who reaches the page may use it without."""
    open_browser: bool = False
    """Open the page in a browser."""
    case_folder: Path | None = None
    """Folder under which cases lie, a folder each; without it nothing is kept, and reports are downloads only."""

    def __post_init__(self) -> None:
        if self.auth is not None and not all(self.auth.partition(":")):
            msg = "auth is written user:password"
            raise ValueError(msg)
        if self.case_folder is not None and ON_SPACES:
            msg = "a public page keeps no cases; leave out the case folder"
            raise ValueError(msg)
        if self.case_folder is not None and self.auth is None and self.host not in THIS_MACHINE:
            msg = (
                f"everybody who reaches {self.host} could read and delete the cases; give --auth user:password as well"
            )
            raise ValueError(msg)


def main(options: Options) -> None:
    """Serve the page until it is interrupted."""
    if os.environ.get("GRADIO_VIBE_MODE"):
        msg = "GRADIO_VIBE_MODE lets a page run any code on this machine; unset it to start Assay."
        raise SystemExit(msg)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # Gradio and its hub client read their environment once, while they are imported.
    os.environ.update(OFFLINE)
    # Uploads live in a folder of this run's own: no other run clears it, and it goes when the run ends.
    with TemporaryDirectory(prefix="assay-") as uploads:
        os.environ["GRADIO_TEMP_DIR"] = uploads
        from inference.records import Refusal
        from ui.workbench import serve

        try:
            serve(
                weights=options.weights,
                device=options.device,
                host=options.host,
                port=options.port,
                login=options.auth,
                open_browser=options.open_browser,
                case_folder=options.case_folder,
                public=ON_SPACES,
            )
        except Refusal as refusal:
            raise SystemExit(str(refusal)) from refusal


if __name__ == "__main__":
    main(tyro.cli(Options))
