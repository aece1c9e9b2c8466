"""A photo arrives: what is pressed while its parts are still looked for is not lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.bench import Bench
from inference.records import Detection, Exhibit
from tests.conftest import Goods


class Slow(Bench):
    """Takes its time to look for parts, as on a slow machine."""

    def detections(self, exhibit: Exhibit) -> tuple[Detection, ...]:
        time.sleep(2)
        return super().detections(exhibit)


@pytest.fixture(scope="module")
def address(leftovers: None, goods_models: Path) -> Iterator[str]:
    from ui.workbench import launch, workbench

    page = workbench(Slow(goods_models))
    yield launch(page, prevent_thread_lock=True, quiet=True)
    page.close(verbose=False)


def test_examine_waits_until_the_parts_are_found(page, goods: Goods, tmp_path: Path) -> None:
    photo = tmp_path / "bag.png"
    photo.write_bytes(goods(100, ("red/genuine",)).content)
    page.set_input_files("#photo-file input[type=file]", photo)
    page.locator("#verdict").get_by_text("is read, ").wait_for()
    page.click("#examine")
    page.locator("#verdict [data-announce]").wait_for()
    page.wait_for_timeout(3000)
    assert page.locator("#verdict [data-announce]").is_visible()
