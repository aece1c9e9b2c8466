"""Many at once: all are answered, who waits is told for how long, and nobody is turned away without a word."""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import gradio_client
import numpy as np
import pytest
from gradio_client.client import Job
from PIL import Image

from inference.bench import Bench
from ui.waiting import FULL, MOST_WAITING

OFFICE, MACHINES = 64, 8
LAST = re.compile(r"Number ([3-9]) of \1 in the queue\.")
"""The third and last place, or a later one: a slow browser asks late whether its first verdict still stands."""


def until(happened: Callable[[], bool]) -> None:
    """Wait for something, and not for ever."""
    end = time.monotonic() + 240
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


class Held(Bench):
    """Examines nothing until it is let go."""

    go: threading.Event

    def examine(self, *arguments, **named):
        self.go.wait()
        return super().examine(*arguments, **named)


@pytest.fixture(scope="module")
def go() -> threading.Event:
    go = threading.Event()
    go.set()
    return go


@pytest.fixture(scope="module")
def address(leftovers: None, tiny_models: Path, go: threading.Event) -> Iterator[str]:
    from ui.workbench import launch, workbench

    bench = Held(tiny_models)
    bench.go = go
    page = workbench(bench)
    yield launch(page, prevent_thread_lock=True, quiet=True)
    go.set()
    page.close(verbose=False)


@pytest.fixture
def held(go: threading.Event) -> Iterator[threading.Event]:
    go.clear()
    yield go
    go.set()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 255, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((320, 240)).save(folder / f"{number}.png")
    return sorted(folder.iterdir())


def test_an_office_of_clients_at_once_is_answered_as_each_of_them_alone(address: str, photos: list[Path]) -> None:
    """Its machines ask for several photos each: clients and server share this process, and to connect takes long."""
    machines = [gradio_client.Client(address, verbose=False, httpx_kwargs={"timeout": 240}) for _ in range(MACHINES)]

    def handed_in(machine: gradio_client.Client, photo: Path) -> Job:
        return machine.submit(gradio_client.handle_file(str(photo)), api_name="/examine")

    alone = {photo: handed_in(machines[0], photo).result() for photo in photos}
    asked = [(machine, photo) for machine in machines for photo in photos * (OFFICE // MACHINES // len(photos))]
    jobs = [handed_in(*one) for one in asked]
    assert len(jobs) == OFFICE
    assert [job.result() for job in jobs] == [alone[photo] for _, photo in asked]
    for machine in machines:
        machine.close()


def call(address: str) -> str:
    """A call that waits for nothing, without a photo; gives its id."""
    request = urllib.request.Request(
        f"{address.rstrip('/')}/gradio_api/call/examine",
        json.dumps({"data": [None, "", "", "", "", ""]}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        return json.load(response)["event_id"]


def test_a_client_is_told_its_place_and_the_time_it_takes(
    address: str, photos: list[Path], held: threading.Event
) -> None:
    client = gradio_client.Client(address, verbose=False)
    jobs = [client.submit(gradio_client.handle_file(str(photos[0])), api_name="/examine") for _ in range(4)]
    places: set[int] = set()

    def three_places() -> bool:
        places.update(status.rank for job in jobs if (status := job.status()).rank is not None)
        return len(places) >= 3

    until(three_places)
    assert places == {0, 1, 2}
    held.set()
    assert len({json.dumps(job.result(), sort_keys=True) for job in jobs}) == 1
    client.close()


def test_the_page_says_which_place_and_how_long(
    open_page: Callable, address: str, photos: list[Path], held: threading.Event
) -> None:
    held.set()
    page = open_page(390)
    page.set_input_files("#photo-file input[type=file]", photos[0])
    page.get_by_text("is read, ").wait_for()
    page.click("#examine")
    page.locator("#verdict [data-announce]").wait_for()
    held.clear()
    client = gradio_client.Client(address, verbose=False)
    jobs = [client.submit(gradio_client.handle_file(str(photos[0])), api_name="/examine") for _ in range(3)]
    until(lambda: any(job.status().rank for job in jobs))
    page.click("#examine")
    waiting = page.locator("#queued")
    page.get_by_text(LAST).first.wait_for()
    assert waiting.is_visible()
    assert "known yet" in waiting.inner_text() or "The result comes in" in waiting.inner_text()
    page.locator("#announcer", has_text=LAST).wait_for(state="attached")
    held.set()
    waiting.wait_for(state="hidden")
    for job in jobs:
        job.result()
    client.close()


def test_a_call_for_which_there_is_no_room_is_told_so_in_a_sentence(
    address: str, photos: list[Path], held: threading.Event
) -> None:
    client = gradio_client.Client(address, verbose=False)
    running = client.submit(gradio_client.handle_file(str(photos[0])), api_name="/examine")
    until(lambda: running.status().code.name == "PROCESSING")
    for _ in range(MOST_WAITING):
        call(address)
    with pytest.raises(urllib.error.HTTPError) as refused:
        call(address)
    assert refused.value.code == 503
    assert json.load(refused.value) == {"detail": FULL}
    held.set()
    assert running.result()["outcome"]
    client.close()
