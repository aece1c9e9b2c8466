"""What a locator finds, on its way to verdicts: by number, by the model for the part, and said in words."""

from __future__ import annotations

import dataclasses
import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference.bench import Bench
from inference.casework.facts import CaseFacts
from inference.casework.report import make_report
from inference.casework.verification import verify_report
from inference.collections.enrolling import Enrolment, KnownPhoto
from inference.command_line.commands import main
from inference.drawing import numbered
from inference.intake.exhibit import read_exhibit
from inference.records import Crop, Detection, Exhibit, Refusal, Verdict, as_json
from inference.request import Request
from ui.authenticate import detection_choices
from ui.authenticate_actions import Authenticate, box_of
from ui.cases_in_use import CasesInUse
from ui.report_desk import ReportDesk
from ui.verdict_card import verdict_page

BLUE, RED = "blue/genuine", "red/counterfeit"


@pytest.fixture(scope="module")
def bench(goods_models: Path) -> Bench:
    return Bench(goods_models)


@pytest.fixture(scope="module")
def two(goods: Any) -> Exhibit:
    return goods(100, (RED, BLUE))


@pytest.fixture
def saved(goods: Any, tmp_path: Path):
    """Saves a photo of goods with parts on it; gives its path."""

    def save(*names: str) -> str:
        path = tmp_path / "goods.png"
        Image.fromarray(goods.photo(100, names)[0]).save(path)
        return str(path)

    return save


def test_every_found_part_has_a_verdict_of_its_own_by_the_locators_box(bench: Bench, two: Exhibit) -> None:
    detections = bench.detections(two)
    verdicts = bench.examine_found(two)
    assert len(verdicts) == len(detections) == 2
    for verdict, find in zip(verdicts, detections, strict=True):
        assert (verdict.crop, verdict.box, verdict.located.find) == (find.crop, "locator", find)
        assert verdict.provenance.model == bench.model_for("striped_part") == "tiny_parts"


def test_a_find_is_asked_for_by_number_and_nothing_else(bench: Bench, two: Exhibit) -> None:
    assert bench.proposal(two, "") is None
    proposal = bench.proposal(two, "2")
    assert proposal is not None
    assert (proposal.find, proposal.locator) == (bench.detections(two)[1], "tiny_locator")
    for number in ("0", "3", "-1", "1.0", "one"):
        with pytest.raises(Refusal, match=rf"There is no find {number} on goods_100\.png; 2 parts were found"):
            bench.proposal(two, number)


def test_a_photo_without_parts_and_a_folder_without_a_locator_have_no_finds(
    bench: Bench, tiny_models: Path, goods: Any, saved, two: Exhibit
) -> None:
    with pytest.raises(Refusal, match=r"No part \(striped_part\) was found on goods_100\.png"):
        bench.examine_found(goods(100, ()))
    assert "No part was found" in Authenticate(bench, ReportDesk(CasesInUse())).found(saved())
    without = Bench(tiny_models)
    assert without.detections(two) == ()
    assert Authenticate(without, ReportDesk(CasesInUse())).found(saved(RED)) == ""


def test_the_api_completes_what_follows_from_a_find(bench: Bench, saved) -> None:
    tab, path = Authenticate(bench, ReportDesk(CasesInUse())), saved(RED, BLUE)
    found = tab.locate(path)
    record = tab.examine(path, "", "", "", "2")
    assert record["crop"] == found[1]["crop"]
    assert record["box"] == "locator"
    assert record["located"]["find"] == found[1]
    drawn = tab.examine(path, "", "", "1,2,30,20", "2")
    assert (drawn["box"], drawn["crop"]["x"]) == ("examiner", 1)


def test_a_part_without_a_model_leads_to_its_collections(
    unmodelled: Path, quorum_photos: list[KnownPhoto], saved, tmp_path: Path
) -> None:
    bench = Bench(unmodelled, references=tmp_path)
    tab, path = Authenticate(bench, ReportDesk(CasesInUse())), saved(RED)
    collection = bench.enrol(Enrolment("Striped part", "Quorum", quorum_photos))
    assert tab.choice_for("striped_part") is None
    assert "There is no model for striped part, so that it is not examined." in tab.found(path)
    bench.keep(dataclasses.replace(collection, part="Another part"))
    assert tab.choice_for("striped_part") is None
    bench.keep(collection)
    assert tab.choice_for("striped_part") == "references/striped_part_quorum"
    assert "There is no model for striped part: it is examined beside its reference collections." in tab.found(path)
    assert tab.examine(path, "", "", "", "1")["collection"] == "striped_part_quorum"
    assert [one["collection"] for one in as_json(tab.all_examined(path, "", "", "", "", "").records)] == [
        "striped_part_quorum"
    ]
    bench.keep(dataclasses.replace(collection, series="Quorum 2"))
    assert tab.choice_for("striped_part") == "references/best-fit"
    assert tab.choice_for("other_part") == "tiny_parts", "a part with a model leads to it"


def test_the_list_of_finds_is_said_and_numbered_as_drawn() -> None:
    detections = [Detection("leather_tag", 0.97, Crop(1, 2, 30, 20)), Detection("metal_buckle", 0.5, Crop(0, 0, 9, 9))]
    assert detection_choices(detections) == [
        ("1: leather tag, score 0.97", "1"),
        ("2: metal buckle, score 0.50", "2"),
        ("None of them", ""),
    ]
    assert detection_choices([]) == []
    assert box_of(detections[0]) == "1,2,30,20"
    assert box_of(dataclasses.replace(detections[0], close_up=True)) == ""


def test_finds_are_drawn_on_a_copy_and_only_there() -> None:
    pixels = np.full((100, 200, 3), 90, np.uint8)
    drawn = numbered(pixels, [Crop(40, 30, 80, 50)])
    changed = (drawn != pixels).any(2)
    assert (pixels == 90).all()
    assert changed[30:80, 40].all()
    assert not changed[40:70, 70:110].any()
    assert numbered(pixels, []) is pixels


@pytest.mark.parametrize(
    ("crop", "close_up", "words"),
    [
        (Crop(10, 10, 40, 30), False, "Box proposed by the locator: striped part, found by tiny_locator"),
        (Crop(10, 10, 40, 30, 90), False, "turned by 90° clockwise"),
        (Crop(11, 10, 40, 30), False, "Box corrected by the examiner; the proposal was a striped part"),
        (None, True, "Whole picture; a close-up of a striped part"),
    ],
)
def test_a_verdict_says_which_box_was_used_and_who_chose_it(
    bench: Bench, two: Exhibit, crop: Crop | None, close_up: bool, words: str
) -> None:
    located = bench.locator().located(Detection("striped_part", 0.9, Crop(10, 10, 40, 30), close_up))
    assert words in " ".join(page_of(bench.examine(Request(two, crop=crop, located=located))).split())


def test_without_a_find_the_box_is_the_examiners_or_the_whole_picture(bench: Bench, two: Exhibit) -> None:
    assert "Box drawn by the examiner" in page_of(bench.examine(Request(two, crop=Crop(10, 10, 40, 30))))
    assert "Whole picture" in page_of(bench.examine(Request(two)))
    assert as_json(bench.examine(Request(two)))["located"] is None


def page_of(verdict: Verdict) -> str:
    return verdict_page(verdict)


@pytest.fixture(params=["a part in the photo", "a close-up"])
def doors_bench(request: pytest.FixtureRequest, goods_models: Path, tmp_path: Path) -> Bench:
    """A bench whose locator takes what spans a quarter of a picture for a close-up, or does not."""
    models = tmp_path / "models"
    shutil.copytree(goods_models, models)
    card = json.loads((models / "tiny_locator.json").read_text())
    card["find_rule"]["close_up"] = 0.25 if request.param == "a close-up" else 1
    (models / "tiny_locator.json").write_text(json.dumps(card))
    return Bench(models, engine="auto")


def test_what_is_found_is_one_record_and_one_run_whichever_door_it_came_through(
    doors_bench: Bench, saved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, tab = saved(RED), Authenticate(doors_bench, ReportDesk(CasesInUse()))
    (find,) = tab.detections(path)
    case = ("--case", str(tmp_path / "case"), "--case-number", "17", "--examiner", "E. Examiner")

    def command_line(*command: str) -> str:
        monkeypatch.setattr("sys.argv", ["inference", *command, "--locate", "--weights", str(doors_bench.weights)])
        assert main() == 0
        return capsys.readouterr().out

    (by_bench,) = doors_bench.examine_found(read_exhibit(Path(path)))
    by_page = tab.examined(path, "tiny_parts", "", box_of(find), "1")
    records = {
        "bench": as_json(by_bench),
        "page": as_json(by_page.records[0]),
        "all found parts": as_json(tab.all_examined(path, "", "", "", "", "").records[0]),
        "API": tab.examine(path, "", "", "", "1"),
        "command line": json.loads(command_line("examine", path, "--json"))[0],
    }
    for door, record in records.items():
        assert record == records["bench"], door
    assert by_bench.crop == (None if find.close_up else find.crop)
    twin = Path(command_line("report", path, *case).splitlines()[1])
    facts = CaseFacts("17", "E. Examiner")
    made = make_report(facts, by_page.records, by_page.cards, datetime.now().astimezone())
    assert json.loads(twin.read_bytes())["run_id"] == made.run_id
    assert not [line for line in verify_report(twin, doors_bench) if line.status == "differs"]
