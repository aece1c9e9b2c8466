"""The real page, started once, in a real browser."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app import OFFLINE
from inference.models.catalogue import read_catalogue
from inference.places import WEIGHTS_FOLDER

# Before anything imports Gradio.
os.environ.update(OFFLINE)

SYSTEM_BROWSER = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    # No name leaves the machine; one stands for foreign names that point to it.
    "--host-resolver-rules=MAP evil.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            # Gradio, its client and playwright leave event loops and sockets to the garbage collector.
            item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))


@pytest.fixture(scope="session")
def weights(tiny_models: Path) -> Path:
    """The project's own models where it has both kinds, else two small ones trained for the tests."""
    catalogue = read_catalogue(WEIGHTS_FOLDER)
    shipped = catalogue.names("authenticity") and catalogue.names("trademark")
    return WEIGHTS_FOLDER if shipped else tiny_models


@pytest.fixture(scope="session")
def serve(leftovers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Starts a page with a folder of models, and one of cases, and says where; all stay open to the end.

    Closing one clears files that all pages of this process share.
    """
    from inference.bench import Bench
    from inference.casework.cases import Cases
    from inference.places import REFERENCES_FOLDER
    from ui.workbench import launch, workbench

    pages = []
    no_register, no_batches = tmp_path_factory.mktemp("no_register"), tmp_path_factory.mktemp("no_batches")

    def start(
        models: Path,
        cases: Path | None = None,
        references: Path = REFERENCES_FOLDER,
        register: Path = no_register,
        batches: Path = no_batches,
        **options: Any,
    ) -> str:
        bench = Bench(models, references=references)
        pages.append(workbench(bench, Cases(cases) if cases else None, register=str(register), batches=batches))
        return launch(pages[-1], prevent_thread_lock=True, quiet=True, **options)

    yield start
    for page in pages:
        page.close(verbose=False)


@pytest.fixture(scope="session")
def address(serve: Callable[..., str], weights: Path) -> str:
    return serve(weights)


@pytest.fixture(scope="module")
def browser(leftovers: None):
    """One for a file of tests: while it is open this thread runs an event loop, and tests of other files start one."""
    playwright = pytest.importorskip("playwright.sync_api").sync_playwright().start()
    path = str(SYSTEM_BROWSER) if SYSTEM_BROWSER.exists() else None
    browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
    yield browser
    browser.close()
    playwright.stop()


@pytest.fixture
def open_page(browser, address: str) -> Iterator[Callable]:
    """Opens the page at a width; afterwards, nothing may have left the machine or gone wrong in the browser."""
    opened, outside, errors = [], [], []

    def open_at(width: int = 1440):
        context = browser.new_context(viewport={"width": width, "height": 900}, accept_downloads=True)
        opened.append(context)
        page = context.new_page()
        page.set_default_timeout(240_000)  # a busy machine is slow, not broken
        page.on("request", lambda request: _is_local(request.url, address) or outside.append(request.url))
        page.on(
            "console",
            lambda message: message.type == "error" and errors.append(f"{message.text} {message.location.get('url')}"),
        )
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        page.locator("#examine").wait_for()
        return page

    yield open_at
    for context in opened:
        context.close()
    assert outside == []
    assert errors == []


@pytest.fixture
def page(open_page: Callable):
    return open_page()


def _is_local(url: str, address: str) -> bool:
    return url.startswith((address, "data:", "blob:"))
