"""Reference collections on the page: what enrolment says of each photo, and how key areas are enlarged."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference.bench import Bench
from inference.collections.collection import Collection
from inference.collections.enrolling import Enrolment, KnownPhoto
from inference.collections.examiner import CollectionExaminer
from inference.collections.files import BEST_FIT
from inference.models.weights import Model, save_model
from inference.records import Crop, KeyArea, Refusal, WitnessName
from inference.request import Request
from ui.authenticate_actions import Authenticate
from ui.cases_in_use import CasesInUse
from ui.choices import BESIDE
from ui.pictures import AREA_SIDE, MOST_ENLARGED, area_pictures
from ui.references import FAR, EnrolledRow, References
from ui.report_desk import ReportDesk
from ui.verdict_card import deviation_page


@pytest.fixture(scope="module")
def collection(comparator: Model, lettered: Any) -> Collection:
    """Five photos of a series, and one of another in their midst."""
    photos = [KnownPhoto(lettered("quorum/genuine", seed), f"item {seed}") for seed in range(5)]
    photos.insert(2, KnownPhoto(lettered("alba/genuine", 9), "another"))
    return CollectionExaminer(comparator).enrol(Enrolment("label", "Quorum 2", photos, keep_pictures=True))


@pytest.fixture
def bench(comparator: Model, tmp_path: Path) -> Bench:
    save_model(comparator.card, comparator.network.state_dict(), tmp_path / "weights")
    return Bench(tmp_path / "weights", references=tmp_path / "references")


def test_enrolment_shows_each_photo_and_points_out_those_that_deviate_far(bench: Bench, collection: Collection) -> None:
    page = References(bench).page(collection)
    rows = re.findall(r"<li>\s*<img.*?</li>", page, re.DOTALL)
    assert len(rows) == len(collection.enrolled)
    by_photo = zip(*bench.scores_left_out(collection).values(), strict=True)
    for photo, scores, row in zip(collection.enrolled, by_photo, rows, strict=True):
        assert photo.name in row
        assert ("Deviates far" in row) == (max(scores) > FAR)
    for photo in collection.photos:
        assert not photo.left_out or photo.left_out in page


@pytest.mark.parametrize(
    ("comparator", "patches", "far"),
    [(FAR - 0.1, -9.0, False), (FAR + 0.1, -9.0, True), (-9.0, FAR + 0.1, True)],
)
def test_a_photo_is_far_where_one_witness_sees_it_deviate(comparator: float, patches: float, far: bool) -> None:
    scores: tuple[tuple[WitnessName, float], ...] = (("comparator", comparator), ("patches", patches))
    assert EnrolledRow("a.png", "item 1", 0.9, "", "", scores).is_far == far


def test_known_counterfeits_are_named_and_listed_with_their_scores(
    bench: Bench, comparator: Model, lettered: Any, tmp_path: Path
) -> None:
    files = {"genuine": [], "counterfeit": []}
    for known_as, handed_in in files.items():
        for seed in range(5):
            path = tmp_path / f"{known_as}_{seed}.png"
            Image.fromarray(lettered.photo(f"quorum/{known_as}", seed)).save(path)
            handed_in.append(str(path))
    tab = References(bench)
    rows = tab.named_items(*files.values())
    assert rows[4:6] == [
        ["genuine_4.png", "genuine_4", "genuine"],
        ["counterfeit_0.png", "counterfeit_0", "counterfeit"],
    ]
    found = tab.enrolled(*files.values(), rows, "label", "Quorum 2", bends=False)
    assert [photo.item for photo in found.counterfeits] == [f"counterfeit_{seed}" for seed in range(5)]
    page = tab.page(found)
    assert "They do not calibrate the collection" in page
    for number, photo in enumerate(found.known_counterfeits):
        assert f'<span class="name">{photo.name}</span>, {photo.item}</th>' in page
        for name, scores in bench.scores_of_counterfeits(found).items():
            assert f"{scores[number]:+.1f} {name}" in page
    assert re.search(r"known counterfeits</th><td>\d of \d", page)


def test_a_kept_collection_can_be_chosen_and_holds_photos_only_if_asked_to(
    bench: Bench, collection: Collection
) -> None:
    tab = References(bench)
    assert "takes the place" not in tab.page(collection)
    for with_pictures in (True, False):
        assert "label_quorum_2 is kept" in tab.keep(collection, with_pictures)
        assert (bench.collection("label_quorum_2").pictures is not None) == with_pictures
    assert "takes the place of the collection" in tab.page(collection)
    assert '<th scope="row">label_quorum_2</th>' in tab.listed()
    authenticate = Authenticate(bench, ReportDesk(CasesInUse()))
    assert authenticate.choices()[-1] == (
        f"Beside {len(collection.card.items)} genuine: label, Quorum 2",
        f"{BESIDE}label_quorum_2",
    )
    assert authenticate.series_choices(f"{BESIDE}label_quorum_2") == [("Quorum 2", "")]
    model, series = authenticate.look_again("gone")
    assert model.value == f"{BESIDE}label_quorum_2"
    assert series.choices == [("Quorum 2", "")]


def test_of_several_collections_the_best_fitting_can_be_chosen(bench: Bench, collection: Collection) -> None:
    for series in ("Quorum 2", "Quorum 3"):
        bench.keep(replace(collection, series=series))
    authenticate = Authenticate(bench, ReportDesk(CasesInUse()))
    assert authenticate.choices()[-1] == ("Beside the best fitting of 2 collections", f"{BESIDE}{BEST_FIT}")
    assert authenticate.series_choices(f"{BESIDE}{BEST_FIT}") == [("Left open", "")]


def test_without_a_comparator_no_collection_can_be_chosen(
    bench: Bench, collection: Collection, tiny_models: Path
) -> None:
    bench.keep(collection)
    without = Bench(tiny_models, references=bench.references)
    assert [name for _, name in Authenticate(without, ReportDesk(CasesInUse())).choices()] == ["tiny_parts"]


@pytest.mark.parametrize(
    ("photos", "rows", "part", "series", "sentence"),
    [
        (0, 0, "label", "Quorum", "There are no photos"),
        (5, 5, "", "Quorum", "named by its part and its series"),
        (5, 5, "label", " ? ", "named by its part and its series"),
        (5, 4, "label", "Quorum", "There are 5 photos and 4 items"),
        (4, 4, "label", "Quorum", "needs 5 genuine photos"),
    ],
)
def test_what_makes_no_collection_is_refused(
    bench: Bench, lettered: Any, tmp_path: Path, photos: int, rows: int, part: str, series: str, sentence: str
) -> None:
    files = []
    for seed in range(photos):
        Image.fromarray(lettered.photo("quorum/genuine", seed)).save(tmp_path / f"{seed}.png")
        files.append(str(tmp_path / f"{seed}.png"))
    tab = References(bench)
    with pytest.raises(Refusal, match=re.escape(sentence)):
        tab.enrolled(files, None, tab.named_items(files)[:rows], part, series, bends=False)


def test_nothing_is_kept_before_it_is_enrolled(bench: Bench) -> None:
    with pytest.raises(Refusal, match="Nothing is enrolled"):
        References(bench).keep(None, with_pictures=False)


def decoded(address: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


def test_key_areas_are_enlarged_alike_and_show_the_same_place(
    comparator: Model, collection: Collection, lettered: Any
) -> None:
    found = CollectionExaminer(comparator).examine(collection, Request(lettered("quorum/counterfeit", 40)))
    boxes = Crop(4, 8, 40, 20), Crop(10, 2, 24, 30)
    areas = tuple(KeyArea(number, box, 3.0, "patches") for number, box in enumerate(boxes, 1))
    object.__setattr__(found, "areas", areas)
    times = min(AREA_SIDE / 40, MOST_ENLARGED)
    for box, shown in zip(boxes, area_pictures(found), strict=True):
        assert (shown.questioned.width, shown.questioned.height) == (
            round(box.width * times),
            round(box.height * times),
        )
        x, y, width, height = box.rectangle
        assert found.nearest is not None
        assert shown.nearest is not None
        seen = found.reference.registered, found.reference.reference, found.nearest.pixels
        for cut, pixels in zip((shown.questioned, shown.genuine, shown.nearest), seen, strict=True):
            back = np.asarray(Image.fromarray(decoded(cut.plain)).resize((width, height), Image.Resampling.BOX))
            assert np.abs(back.astype(int) - pixels[y : y + height, x : x + width]).mean() < 4
            evened = decoded(cut.evened)
            assert (evened[..., 0] == evened[..., 2]).all()
    assert 'id="area-2"' in deviation_page(found)
    assert f"Nearest genuine photo: {found.nearest.name}" in deviation_page(found)
    assert "nearest genuine one is not shown" in deviation_page(replace(found, nearest=None))
