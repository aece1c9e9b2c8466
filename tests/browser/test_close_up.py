"""A photo that a part fills: the page says so, and the whole picture is examined."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image


@pytest.fixture(scope="module")
def address(serve: Callable[..., str], goods_models: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page whose locator takes what spans a quarter of a picture for a close-up."""
    models = tmp_path_factory.mktemp("near") / "models"
    shutil.copytree(goods_models, models)
    card = json.loads((models / "tiny_locator.json").read_text())
    card["find_rule"]["close_up"] = 0.25
    (models / "tiny_locator.json").write_text(json.dumps(card))
    return serve(models)


def test_a_close_up_is_examined_whole(open_page: Callable, goods: Any, tmp_path: Path) -> None:
    pixels, _ = goods.photo(100, ("blue/genuine",))
    Image.fromarray(pixels).save(tmp_path / "close.png")
    page = open_page()
    page.set_input_files("#photo-file input[type=file]", tmp_path / "close.png")
    page.locator("#found", has_text="The photo is a close-up of a striped part").wait_for()
    page.get_by_text("is read, ").wait_for()
    assert page.locator("#photo-crop :is(input, textarea)").input_value() == ""
    page.click("#examine")
    page.locator("#verdict [data-announce]").first.wait_for()
    assert (
        "Whole picture; a close-up of a striped part, found by tiny_locator"
        in page.locator("#verdict .identity").first.inner_text()
    )
    with page.expect_download() as waiting:
        page.locator("a:visible", has_text="Record (JSON)").first.click()
    record = json.loads(Path(waiting.value.path()).read_bytes())
    assert record["crop"] is None
    assert record["located"]["find"]["close_up"]
    assert list(record["located"]["find"]["crop"].values())[:4] == [0, 0, pixels.shape[1], pixels.shape[0]]
