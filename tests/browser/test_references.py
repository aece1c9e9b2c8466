"""From an examiner's own genuine photos to a report on a questioned one, in the browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from inference.casework.cases import Cases, add_to_case
from inference.intake.exhibit import read_exhibit
from inference.models.weights import Model, save_model

VERDICT = "#verdict article.result:not(.waiting)"


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("references")


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cases")


@pytest.fixture(scope="module")
def address(
    serve: Callable[..., str],
    comparator: Model,
    references: Path,
    cases: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """A page with a comparator and no collection yet."""
    models = tmp_path_factory.mktemp("comparator")
    save_model(comparator.card, comparator.network.state_dict(), models)
    return serve(models, cases, references)


@pytest.fixture(scope="module")
def photos(lettered: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("photos")
    named = {f"genuine {seed}": ("quorum/genuine", seed) for seed in range(5)} | {
        "questioned": ("quorum/counterfeit", 40)
    }
    pixels = {name: lettered.photo(*one) for name, one in named.items()}
    pixels |= {"another part": np.random.default_rng(0).integers(0, 256, (92, 148, 3), np.uint8)}
    paths = {name: folder / f"{name.replace(' ', '_')}.png" for name in pixels}
    for name, path in paths.items():
        Image.fromarray(pixels[name]).save(path)
    return paths


def enrol(page, files: list[Path], series: str = "Quorum 2") -> None:
    page.get_by_role("tab", name="References").click()
    page.get_by_label("Part (required)").fill("label")
    page.get_by_label("Series (required)").fill(series)
    page.set_input_files("#enrol-files input[type=file]", files)
    page.locator("#enrol-items").get_by_text(files[-1].stem, exact=True).locator("visible=true").first.wait_for()
    page.click("#enrol")
    page.locator("#enrolled article:is(.enrolled, .refused)").wait_for()


def test_five_genuine_photos_lead_to_a_report_on_a_questioned_one(
    open_page: Callable, photos: dict[str, Path], references: Path
) -> None:
    page = open_page()
    enrol(page, [*(photos[f"genuine {seed}"] for seed in range(5)), photos["another part"]])
    told = page.locator("#enrolled").inner_text()
    assert "5 of 6 photos enrolled" in told
    assert "another_part.png: it does not fit the other photos" in told
    assert page.locator("#enrolled .registered li").count() == 5
    page.click("#enrol-keep")
    page.locator("#enrol-done .done", has_text="The collection label_quorum_2 is kept").wait_for()
    assert {path.name for path in references.iterdir()} == {"label_quorum_2.json", "label_quorum_2.safetensors"}
    page.get_by_role("tab", name="Authenticate").click()
    page.set_input_files("#photo-file input[type=file]", photos["questioned"])
    page.get_by_text("is read, ").wait_for()
    assert "label, Quorum 2" in page.get_by_label("Model").first.input_value()
    page.click("#examine")
    page.locator(VERDICT).wait_for()
    assert "deviates from genuine" in page.locator(VERDICT).get_attribute("class").replace("-", " ")
    areas = page.locator(f"{VERDICT} .area")
    assert areas.count() == page.locator(f"{VERDICT} .area-numbers a").count() >= 1
    with page.expect_download() as waiting:
        page.locator("a:visible", has_text="Record (JSON)").first.click()
    record = json.loads(Path(waiting.value.path()).read_bytes())
    assert record["collection"] == "label_quorum_2"
    page.get_by_label("Case number (required)").first.fill("26-001")
    page.get_by_label("Examiner (required)").first.fill("A. Person")
    page.click("#verdict-make-report")
    page.locator("#verdict-issued article").wait_for()
    assert "questioned.png: deviates from genuine" in page.locator("#verdict-issued").inner_text()


@pytest.mark.parametrize(
    ("names", "series", "sentence"),
    [
        (("genuine 0", "genuine 1", "genuine 2", "genuine 3"), "Quorum 2", "A collection needs 5 genuine photos"),
        (("genuine 0",), "?", "A collection is named by its part and its series"),
    ],
    ids=["four photos", "no name"],
)
def test_what_makes_no_collection_is_said(
    open_page: Callable, photos: dict[str, Path], names: tuple[str, ...], series: str, sentence: str
) -> None:
    page = open_page(390)
    enrol(page, [photos[name] for name in names], series)
    assert sentence in page.locator("#enrolled article.refused").inner_text()
    assert not page.locator("#enrol-keep").is_visible()


def test_photos_of_a_case_are_enrolled_beside_known_counterfeits(
    open_page: Callable, photos: dict[str, Path], cases: Path
) -> None:
    time = datetime(2026, 11, 28, 12, tzinfo=timezone.utc)
    exhibits = [read_exhibit(photos[name]) for name in (*(f"genuine {seed}" for seed in range(4)), "questioned")]
    add_to_case(Cases(cases).open("26-002", time), exhibits, [], time)
    page = open_page()
    page.get_by_role("tab", name="References").click()
    page.set_input_files("#enrol-files input[type=file]", photos["genuine 4"])
    items = page.locator("#enrol-items")
    items.get_by_text("genuine_4", exact=True).locator("visible=true").first.wait_for()
    page.get_by_role("button", name="Take photos from a case").click()
    for known_as, names in {
        "counterfeit": ["questioned"],
        "genuine": [f"genuine_{seed}" for seed in range(4)],
    }.items():
        for name in names:
            page.get_by_label("Exhibits of the cases").click()
            page.get_by_role("option", name=f"{name}.png, case 26-002").click()
        page.keyboard.press("Escape")
        page.click(f"#enrol-case-{known_as}")
        items.get_by_text(names[-1], exact=True).locator("visible=true").first.wait_for()
    assert page.locator("#enrol-files").get_by_text("genuine_3").count() > 0, "files keep their names as handed in"
    page.get_by_label("Part (required)").fill("label")
    page.get_by_label("Series (required)").fill("Of the case")
    page.click("#enrol")
    page.locator("#enrolled article.enrolled").wait_for()
    told = page.locator("#enrolled").inner_text()
    assert "of 5 photos enrolled" in told
    assert "Known counterfeits" in told
    assert "questioned.png, questioned" in told


def test_the_api_enrols_keeps_and_examines_as_the_page_does(
    address: str, photos: dict[str, Path], references: Path
) -> None:
    client = Client(address, verbose=False)
    files = [handle_file(str(photos[f"genuine {seed}"])) for seed in range(5)]
    items = "\n".join(["one tag", "one tag", "c", "d", "e"])
    card = client.predict(files, "label", "By client", items, api_name="/enrol")
    assert card == json.loads((references / "label_by_client.json").read_text())
    assert {photo["item"] for photo in card["photos"]} == {"one tag", "c", "d", "e"}
    questioned = handle_file(str(photos["questioned"]))
    record = client.predict(questioned, model="references/label_by_client", api_name="/examine")
    assert record["collection"] == "label_by_client"
    forged = [handle_file(str(photos["questioned"]))]
    card = client.predict(files, "label", "By client", counterfeits=forged, api_name="/enrol")
    assert [photo["item"] for photo in card["counterfeits"]] == ["questioned"]
    with pytest.raises(AppError, match="There are 5 photos and 1 items; name the item of each photo again"):
        client.predict(files, "label", "By client", "all one", api_name="/enrol")
    client.close()
