"""A batch in the page while it runs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from inference.bench import Bench
from inference.records import Deviation, Exhibit, Verdict
from inference.request import Means
from tests.conftest import MakeExhibit


class Slow(Bench):
    """Takes its time for a photo, as a photo of twelve megapixels does."""

    def examine_by(self, means: Means, exhibit: Exhibit) -> Sequence[Verdict | Deviation]:
        time.sleep(1.5)
        return super().examine_by(means, exhibit)


@pytest.fixture(scope="module")
def address(leftovers: None, tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    from ui.workbench import launch, workbench

    folder = tmp_path_factory.mktemp("desk")
    page = workbench(Slow(tiny_models), register=str(folder / "register"), batches=folder / "batches")
    yield launch(page, prevent_thread_lock=True, quiet=True)
    page.close(verbose=False)


def test_an_outcome_is_chosen_while_photos_are_examined(page, striped: MakeExhibit, tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"{number}.png").write_bytes(striped("blue/genuine", number).content)
    page.get_by_role("tab", name="Batch", exact=True).click()
    page.fill("#batch-places textarea", str(tmp_path))
    page.click("#batch-start")
    done, option = page.locator("#batch h2"), page.get_by_role("option", name="genuine", exact=True)
    done.get_by_text("2 of 8 photos").wait_for()
    field = page.locator("#batch-outcome input")
    field.click()
    field.press("Control+a")
    field.press_sequentially("gen")
    option.wait_for()
    found = page.get_by_role("option").all_inner_texts()
    assert len(found) == 1, "what is typed finds an outcome"
    done.get_by_text("5 of 8 photos").wait_for()
    assert page.get_by_role("option").all_inner_texts() == found, "the list that is open stands as it is"
    option.click()
    done.get_by_text("8 of 8 photos done").wait_for()
    assert field.input_value() == "genuine"
    assert page.locator("#batch-rows li").count() == 8
