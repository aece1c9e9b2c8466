"""What a locator finds without a model for it leads to the reference collections of that part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from inference.bench import Bench
from inference.collections.enrolling import Enrolment, KnownPhoto

VERDICT = "#verdict [data-announce]"
BESIDE = "Beside 5 genuine: Striped part, Quorum"


@pytest.fixture(scope="module")
def address(
    serve: Callable[..., str],
    unmodelled: Path,
    quorum_photos: list[KnownPhoto],
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    references = tmp_path_factory.mktemp("references")
    bench = Bench(unmodelled, references=references)
    bench.keep(bench.enrol(Enrolment("Striped part", "Quorum", quorum_photos)))
    return serve(unmodelled, references=references)


def test_a_found_part_leads_to_its_collection(page, goods: Any, tmp_path: Path) -> None:
    model = page.locator("#authenticity-model input")
    path = tmp_path / "goods.png"
    Image.fromarray(goods.photo(100, ("red/genuine",))[0]).save(path)
    assert model.input_value() != BESIDE
    page.set_input_files("#photo-file input[type=file]", path)
    page.get_by_text("There is no model for striped part: it is examined beside its reference collections.").wait_for()
    page.wait_for_function("beside => document.querySelector('#authenticity-model input').value === beside", arg=BESIDE)
    page.click("#examine")
    page.locator(VERDICT).wait_for()
    assert "striped_part_quorum" in page.locator("#verdict").inner_text()
