"""Gradio's app behind the doors, including its own answers to other sites."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gradio.routes import App, ORJSONResponse
from gradio.utils import get_upload_folder
from starlette.types import ASGIApp

from ui.doors.files import FileDoor
from ui.doors.headers import SecurityHeaders
from ui.doors.login import LoginDoor
from ui.doors.names import HostDoor, Names
from ui.doors.origins import OriginDoor
from ui.doors.refusals import Refusing
from ui.doors.routes import RouteDoor
from ui.file_names import NamedUploads
from ui.waiting import FullQueue


class GuardedApp(App):
    """Gradio's app behind the doors.

    Args:
        names: The names that the bench is served under.
        framed: Whether other sites may show the page in a frame.
        scripts: Assay's own scripts that the page runs.
        folders: Folders of files that the page shows besides uploads.
    """

    def __init__(
        self, names: Names, framed: bool, scripts: Iterable[str], folders: Iterable[str | Path], **options: Any
    ) -> None:
        super().__init__(default_response_class=ORJSONResponse, **options)
        self._names = names
        self._framed = framed
        self._scripts = tuple(scripts)
        self._folders = (get_upload_folder(), *folders)

    def build_middleware_stack(self) -> ASGIApp:
        """Gradio's stack inside the doors; a merely added door would stand behind its answers to other sites."""
        app: ASGIApp = FullQueue(NamedUploads(super().build_middleware_stack()))
        app = FileDoor(app, self._names, self._folders)
        app = RouteDoor(app)
        app = LoginDoor(app)
        app = OriginDoor(app, self._names, self._framed)
        app = HostDoor(app, self._names)
        app = Refusing(app)
        return SecurityHeaders(app, self._framed, self._scripts)
