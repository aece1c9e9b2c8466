"""The command line: the same records as the examiners', and one line for a refusal."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from inference.authenticity.examiner import AuthenticityExaminer
from inference.command_line import examining
from inference.drawing import element_picture, in_two_colours, lay_over, overlay, picture, ringed
from inference.evidence.calibration import Calibration, as_ratio
from inference.examiner import as_probability
from inference.intake.exhibit import read_exhibit
from inference.locator.examiner import Locator
from inference.models.catalogue import read_card
from inference.models.engines.choice import engine_for
from inference.models.weights import load_model, save_model
from inference.records import Crop, Exhibit, Ground, as_json
from inference.trademark.examiner import TrademarkExaminer
from inference.trademark.local_features import local_agreement, local_features
from tests.inference.command_line.ran import ROOT, Ran, assert_refused, started

EXAMPLES = ROOT / "ui" / "examples" / "marks"
AUTO = engine_for("auto", "cpu")


@pytest.fixture
def desk(tmp_path: Path, tiny_models: Path, striped: Callable[..., Exhibit]) -> Path:
    """A folder with `part.png`, `mark.png`, `other.png`, `note.txt` and the tiny models in `weights`."""
    for name, exhibit in (
        ("part.png", striped("blue/counterfeit", width=80, height=60)),
        ("mark.png", striped("red/genuine", 1)),
        ("other.png", striped("blue/counterfeit", 2, 40, 60)),
    ):
        Image.fromarray(exhibit.pixels).save(tmp_path / name)
    (tmp_path / "note.txt").write_text("not a picture\n")
    shutil.copytree(tiny_models, tmp_path / "weights")
    return tmp_path


def assert_pictures(folder: Path, expected: dict[str, np.ndarray]) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(expected)
    for name, pixels in expected.items():
        assert np.array_equal(np.asarray(Image.open(folder / name)), pixels), name


def test_examine_prints_the_verdict_of_a_crop_and_writes_its_heatmap(desk: Path) -> None:
    target = desk / "heatmaps" / "new"
    ran = started(
        "examine", desk / "part.png", "--weights", desk / "weights", "--crop", "10,5,50,40", "--heatmaps", target
    )
    exhibit, crop = read_exhibit(desk / "part.png"), Crop(10, 5, 50, 40)
    verdict = AuthenticityExaminer.load("tiny_parts", desk / "weights", make_engine=AUTO).examine(exhibit, crop=crop)
    lines = ran.out.splitlines()
    assert (ran.status, ran.error) == (0, "")
    assert lines[:2] == ["COUNTERFEIT", verdict.reason]
    assert f"P(genuine)  {as_probability(verdict.probability_genuine)}  (uncalibrated)" in lines
    assert "series      blue (left open; the most probable one)" in lines
    assert f"exhibit     part.png, SHA-256 {exhibit.sha256}" in lines
    assert sum(line.startswith("scope       ") for line in lines) == len(verdict.scope_checks)
    assert any(f"weights {verdict.provenance.weights_sha256[:12]}" in line for line in lines)
    assert any("log P(counterfeit) - log P(genuine)" in line for line in lines)
    assert_pictures(
        target,
        {
            "part.heatmap.png": picture(verdict.heatmap, 50, 40),
            "part.overlay.png": overlay(verdict.heatmap, exhibit.crop(crop)),
        },
    )


def test_a_calibrated_model_prints_what_the_findings_weigh(desk: Path, called: Callable[..., Ran]) -> None:
    weights = desk / "weights"
    calibration = Calibration(
        sides=AuthenticityExaminer.sides,
        propositions=AuthenticityExaminer.propositions,
        intercept=0.0,
        slope=1.0,
        least=-1.3,
        greatest=1.2,
        replicates=((0.0, 1.0, -1.3, 1.2),),
        accepts=(0.0, 0.0),
        error=0.05,
        sources=(21, 22),
        population="striped parts",
        held_out=((), ()),
    )
    model = load_model("tiny_parts", weights)
    save_model(dataclasses.replace(model.card, calibration=calibration), model.network.state_dict(), weights)
    scale = desk / "scale.json"
    scale.write_text('{"name": "House", "source": "SOP 7", "above": {"some": 2}}')
    ran = called("examine", desk / "part.png", "--weights", weights, "--verbal-scale", scale)
    assert (ran.status, ran.error) == (0, "")
    lines = ran.out.splitlines()
    evidence = calibration.evidence(AuthenticityExaminer(model).examine(read_exhibit(desk / "part.png")).log_odds)
    assert lines[0] == "COUNTERFEIT"
    assert (
        "The findings provide some support for the proposition that the part is a counterfeit rather than that the "
        "part was made by the brand holder." in lines
    )
    stated = f"{evidence.log10_lr:.2f} (LR {as_ratio(evidence.log10_lr)})"
    assert f"log10 LR    {stated}, 95% interval {evidence.low:.2f} to {evidence.high:.2f}" in lines
    assert "bounds      -1.30 to 1.20, all that the calibration data allow" in lines
    assert "calibrated  on 21 genuine and 22 counterfeit sources: striped parts" in lines
    assert_refused(
        called("examine", desk / "part.png", "--weights", weights, "--verbal-scale", desk / "note.txt"),
        "note.txt is not a verbal scale",
    )


def test_examine_prints_the_examiners_own_record_as_json(desk: Path, called: Callable[..., Ran]) -> None:
    ran = called("examine", desk / "part.png", "--weights", desk / "weights", "--series", "red", "--json")
    verdict = AuthenticityExaminer.load("tiny_parts", desk / "weights", make_engine=AUTO).examine(
        read_exhibit(desk / "part.png"), "red"
    )
    assert (ran.status, ran.error) == (0, "")
    assert json.loads(ran.out) == as_json(verdict)


def test_compare_prints_the_comparison_and_writes_both_heatmaps(desk: Path, called: Callable[..., Ran]) -> None:
    target = desk / "heatmaps"
    ran = called("compare", desk / "mark.png", desk / "other.png", "--weights", desk / "weights", "--heatmaps", target)
    marks = read_exhibit(desk / "mark.png"), read_exhibit(desk / "other.png")
    comparison = TrademarkExaminer.load("tiny_marks", desk / "weights", make_engine=AUTO).compare(*marks)
    lines = ran.out.splitlines()
    assert (ran.status, ran.error) == (0, "")
    assert lines[:3] == [
        "DISSIMILAR",
        comparison.reason,
        "It speaks of the visual similarity of the signs, never of infringement.",
    ]
    assert f"P(similar)  {as_probability(comparison.probability_similar)}  (uncalibrated)" in lines
    for mark in marks:
        assert f"exhibit     {mark.name}, SHA-256 {mark.sha256}" in lines
    expected = {}
    for number, (heatmap, seen) in enumerate(zip(comparison.heatmaps, comparison.seen, strict=True), 1):
        expected[f"mark_{number}.heatmap.png"] = picture(heatmap, *seen.shape[1::-1])
        expected[f"mark_{number}.overlay.png"] = overlay(heatmap, seen)
        expected[f"mark_{number}.parts.png"] = ringed(seen, comparison.correspondences, number - 1)
    assert_pictures(target, expected)


@pytest.mark.parametrize(
    ("options", "crops"),
    [
        ((), (None, None)),
        (("--crop", "1=8,4,40,36"), (Crop(8, 4, 40, 36), None)),
        (("--crop", "2=0,10,40,50,270"), (None, Crop(0, 10, 40, 50, 270))),
        (("--crop", "2=0,10,40,50,90", "--crop", "1=8,4,40,36"), (Crop(8, 4, 40, 36), Crop(0, 10, 40, 50, 90))),
    ],
    ids=lambda value: " ".join(value) if value and isinstance(value[0], str) else "",
)
def test_compare_takes_a_crop_of_each_mark(
    options: tuple[str, ...], crops: tuple[Crop | None, Crop | None], desk: Path, called: Callable[..., Ran]
) -> None:
    marks = read_exhibit(desk / "mark.png"), read_exhibit(desk / "other.png")
    comparison = TrademarkExaminer.load("tiny_marks", desk / "weights", make_engine=AUTO).compare(*marks, crops)
    command = ("compare", desk / "mark.png", desk / "other.png", "--weights", desk / "weights", *options)
    ran = called(*command, "--json")
    assert (ran.status, ran.error) == (0, "")
    assert json.loads(ran.out) == as_json(comparison)
    lines = called(*command).out.splitlines()
    for number, (crop, mark) in enumerate(zip(crops, comparison.marks, strict=True), 1):
        looked_at = f"{crop}, cropped by the examiner" if crop else "whole picture"
        assert f"mark {number}      {looked_at}; {mark.sentence}" in lines


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--crop", "0,0,9,9"], "--crop 0,0,9,9 does not name its picture; write --crop N=0,0,9,9, where N is the"),
        (["--crop", "3=0,0,9,9"], "--crop 3=0,0,9,9 is for picture '3', but 2 pictures are named"),
        (["--crop", "0=0,0,9,9"], "for picture '0', but 2 pictures are named"),
        (["--crop", "first=0,0,9,9"], "for picture 'first', but 2 pictures are named"),
        (["--crop=-1=0,0,9,9"], "for picture '-1', but 2 pictures are named"),
        (["--crop", "=0,0,9,9"], "for picture '', but 2 pictures are named"),
        (["--crop", "1=0,0,9,9", "--crop", "1=0,0,8,8"], "--crop is given twice for picture 1; give it once"),
        (["--crop", "1="], "The crop '' is not four whole numbers"),
        (["--crop", "2=0,0,9"], "The crop '0,0,9' is not four whole numbers"),
        (["--crop", "2=0,0,9,9,45"], "a turn of 90, 180 or 270 degrees"),
        (["--crop", "2=1=0,0,9,9"], "The crop '1=0,0,9,9' is not four whole numbers"),
        (["--crop", "1=60,0,9,9"], "The crop 60,0,9,9 reaches outside mark.png (56 x 40 pixels)"),
        (["--crop", "2=0,0,41,60"], "The crop 0,0,41,60 reaches outside other.png (40 x 60 pixels)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_crop_that_a_pair_of_marks_does_not_have_is_refused(
    options: list[str], words: str, desk: Path, called: Callable[..., Ran]
) -> None:
    marks = (desk / "mark.png", desk / "other.png", "--weights", desk / "weights")
    assert_refused(called("compare", *marks, *options), words)
    case = ("--model", "tiny_marks", "--case", desk / "case", "--case-number", "1", "--examiner", "E")
    assert_refused(called("report", *marks, *case, *options), words)
    assert not (desk / "case").exists()


@pytest.fixture
def see_through(desk: Path) -> Path:
    """A pale mark of which all that is not drawn is transparent: it stands out from black most."""
    pixels = np.zeros((40, 50, 4), np.uint8)
    pixels[8:30, 10:40] = 255, 255, 230, 255
    Image.fromarray(pixels).save(desk / "pale.png")
    return desk / "pale.png"


@pytest.mark.parametrize(
    ("options", "ground", "words"),
    [
        ((), None, ", laid on black, chosen by Assay"),
        (("1=grey",), "grey", ", laid on grey, chosen by examiner"),
        (("1=white",), "white", ", laid on white, chosen by examiner"),
    ],
)
def test_a_transparent_mark_is_laid_on_the_ground_that_is_asked_for(
    options: tuple[str, ...],
    ground: Ground | None,
    words: str,
    see_through: Path,
    desk: Path,
    called: Callable[..., Ran],
) -> None:
    asked = [part for option in options for part in ("--ground", option)]
    command = ("compare", see_through, desk / "mark.png", "--weights", desk / "weights", *asked)
    pair = read_exhibit(see_through, ground=ground), read_exhibit(desk / "mark.png")
    comparison = TrademarkExaminer.load("tiny_marks", desk / "weights", make_engine=AUTO).compare(*pair)
    ran = called(*command, "--json")
    assert (ran.status, ran.error) == (0, "")
    assert json.loads(ran.out) == as_json(comparison)
    lines = called(*command).out.splitlines()
    assert f"exhibit     pale.png, SHA-256 {pair[0].sha256}{words}" in lines
    assert f"exhibit     mark.png, SHA-256 {pair[1].sha256}" in lines


def test_a_transparent_photo_is_examined_on_the_ground_that_is_asked_for(
    see_through: Path, desk: Path, called: Callable[..., Ran]
) -> None:
    verdict = AuthenticityExaminer.load("tiny_parts", desk / "weights", make_engine=AUTO).examine(
        read_exhibit(see_through, ground="grey")
    )
    ran = called("examine", see_through, "--weights", desk / "weights", "--ground", "grey", "--json")
    assert (ran.status, ran.error) == (0, "")
    assert json.loads(ran.out) == as_json(verdict)
    assert json.loads(ran.out)["exhibit"]["ground_by"] == "examiner"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["1=pink"], "The ground 'pink' is not white, black or grey"),
        (["1="], "The ground '' is not white, black or grey"),
        (["1=Black"], "The ground 'Black' is not white, black or grey"),
        (["black"], "--ground black does not name its picture; write --ground N=black"),
        (["3=black"], "--ground 3=black is for picture '3', but 2 pictures are named"),
        (["1=black", "1=white"], "--ground is given twice for picture 1"),
        (["2=black"], "mark.png has no transparent areas to lay on black; leave its ground open."),
    ],
    ids=" ".join,
)
def test_a_ground_that_a_pair_of_marks_does_not_have_is_refused(
    options: list[str], words: str, see_through: Path, desk: Path, called: Callable[..., Ran]
) -> None:
    asked = [part for option in options for part in ("--ground", option)]
    marks = (see_through, desk / "mark.png", "--weights", desk / "weights")
    assert_refused(called("compare", *marks, *asked), words)
    case = ("--model", "tiny_marks", "--case", desk / "case", "--case-number", "1", "--examiner", "E")
    assert_refused(called("report", *marks, *case, *asked), words)
    assert not (desk / "case").exists()


def test_compare_writes_one_mark_over_the_other_where_they_agree(desk: Path, called: Callable[..., Ran]) -> None:
    target = desk / "heatmaps"
    paths = sorted((EXAMPLES / "1-lookalike-pair").glob("*"))
    assert called("compare", *paths, "--weights", desk / "weights", "--heatmaps", target).status == 0
    pair = [read_exhibit(path) for path in paths]
    first, second = TrademarkExaminer.load("tiny_marks", desk / "weights", make_engine=AUTO).compare(*pair).compared
    laid = lay_over(first, second, local_agreement(local_features(first), local_features(second)))
    assert laid is not None
    assert np.array_equal(np.asarray(Image.open(target / "laid_over.png")), in_two_colours(first, laid))


def test_compare_tells_both_findings_and_shows_the_elements(
    weighing_models: Path, symbol_and_lockup: tuple[Path, Path], tmp_path: Path, called: Callable[..., Ran]
) -> None:
    ran = called("compare", *symbol_and_lockup, "--weights", weighing_models, "--heatmaps", tmp_path)
    found = TrademarkExaminer.load("tiny_marks", weighing_models, make_engine=AUTO).compare(
        *map(read_exhibit, symbol_and_lockup)
    )
    assert found.whole is not None
    assert found.element is not None
    assert found.element.evidence is not None
    lines = dict(line.split(maxsplit=1) for line in ran.out.splitlines() if line[:8].strip() in ("wholes", "element"))
    assert as_ratio(found.whole.log10_lr) in lines["wholes"]
    assert as_ratio(found.element.evidence.log10_lr) in lines["element"]
    assert f"based on    {found.basis}\n" in ran.out
    for number, (seen, place, heatmap) in enumerate(
        zip(found.seen, found.element.places, found.element.heatmaps, strict=True), 1
    ):
        shown = np.asarray(Image.open(tmp_path / f"mark_{number}.element.png"))
        assert np.array_equal(shown, element_picture(seen, place, heatmap))


def test_compare_prints_the_examiners_own_record_as_json(desk: Path) -> None:
    ran = started("compare", desk / "mark.png", desk / "other.png", "--weights", desk / "weights", "--json")
    marks = read_exhibit(desk / "mark.png"), read_exhibit(desk / "other.png")
    comparison = TrademarkExaminer.load("tiny_marks", desk / "weights", make_engine=AUTO).compare(*marks)
    assert (ran.status, ran.error) == (0, "")
    assert json.loads(ran.out) == as_json(comparison)


def test_a_refusal_ends_the_process_with_status_2_and_one_line(desk: Path) -> None:
    ran = started("examine", desk / "part.png", "--weights", desk / "weights", "--series", "green")
    assert_refused(ran, "tiny_parts does not know the series 'green'; it knows blue, red.")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--crop", "1,2,3"], "The crop '1,2,3' is not four whole numbers x,y,w,h"),
        (["--crop", "1,2,3,4,5"], "is not four whole numbers x,y,w,h"),
        (["--crop", "1,2,3,4,90,90"], "a turn of 90, 180 or 270 degrees"),
        (["--locate", "--crop", "1,2,3,4"], "leave out --crop"),
        (["--locate", "--model", "tiny_parts"], "leave out --model"),
        (["--locate"], "There is no model for locator in"),
        (["--crop", "a,b,c,d"], "is not four whole numbers"),
        (["--crop", "1.5,2,3,4"], "is not four whole numbers"),
        (["--crop", "1,2,0,4"], "is not four whole numbers x,y,w,h with a width and"),
        (["--crop=-1,0,4,4"], "is not four whole numbers"),
        (["--crop", "70,0,11,60"], "The crop 70,0,11,60 reaches outside part.png (80 x 60 pixels)"),
        (["--model", "oracle"], "There is no model 'oracle' for authenticity"),
        (["--model", "tiny_marks"], "there are: tiny_parts."),
        (["--model", "../tiny_parts"], "There is no model '../tiny_parts'"),
        (["--series", "green"], "does not know the series 'green'"),
        (["--series", ""], "does not know the series ''"),
        (["--ground", "black"], "part.png has no transparent areas to lay on black"),
        (["--ground", "off-white"], "The ground 'off-white' is not white"),
        (["--crop", "2=0,0,9,9"], "--crop 2=0,0,9,9 is for picture '2', but one picture is named"),
        (["--crop", "0,0,9,9", "--crop", "0,0,8,8"], "--crop is given twice for picture 1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_examine_refuses_wrong_options(options: list[str], words: str, desk: Path, called: Callable[..., Ran]) -> None:
    assert_refused(called("examine", desk / "part.png", "--weights", desk / "weights", *options), words)


@pytest.mark.parametrize(
    ("name", "words"),
    [("note.txt", "note.txt is text"), ("absent.png", "absent.png does not exist"), ("weights", "is a folder")],
)
def test_what_is_no_picture_is_refused(name: str, words: str, desk: Path, called: Callable[..., Ran]) -> None:
    assert_refused(called("examine", desk / name, "--weights", desk / "weights"), words)
    assert_refused(called("compare", desk / "mark.png", desk / name, "--weights", desk / "weights"), words)


@pytest.mark.parametrize(("command", "task"), [("examine", "authenticity"), ("compare", "trademark")])
def test_a_folder_without_models_is_refused(
    command: str, task: str, desk: Path, called: Callable[..., Ran], tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    marks = [desk / "mark.png"] * (2 if command == "compare" else 1)
    assert_refused(called(command, *marks, "--weights", empty), f"There is no model for {task} in ")
    assert_refused(called(command, *marks, "--weights", empty, "--model", "x"), "there are: none.")


def test_weights_that_were_changed_are_refused(desk: Path, called: Callable[..., Ran]) -> None:
    with (desk / "weights" / "tiny_parts.safetensors").open("ab") as weights:
        weights.write(b"\0")
    ran = called("examine", desk / "part.png", "--weights", desk / "weights")
    assert_refused(ran, "tiny_parts.safetensors is not the file its card describes")


def test_weights_of_another_network_are_refused(desk: Path, called: Callable[..., Ran]) -> None:
    save_model(read_card(desk / "weights" / "tiny_parts.json"), {"x": torch.zeros(1)}, desk / "weights")
    assert safetensors.torch.load_file(desk / "weights" / "tiny_parts.safetensors").keys() == {"x"}
    ran = called("examine", desk / "part.png", "--weights", desk / "weights")
    assert_refused(ran, "tiny_parts.safetensors does not fit the network its card describes")


def test_the_first_model_in_the_alphabet_is_taken_unless_one_is_named(desk: Path, called: Callable[..., Ran]) -> None:
    for ending in ("json", "safetensors"):
        text = (desk / "weights" / f"tiny_parts.{ending}").read_bytes()
        text = text.replace(b'"name": "tiny_parts"', b'"name": "another"') if ending == "json" else text
        (desk / "weights" / f"another.{ending}").write_bytes(text)
    for options, name in (([], "another"), (["--model", "tiny_parts"], "tiny_parts")):
        ran = called("examine", desk / "part.png", "--weights", desk / "weights", "--json", *options)
        assert (ran.status, ran.error) == (0, "")
        assert json.loads(ran.out)["provenance"]["model"] == name


def test_an_interruption_ends_quietly(desk: Path, called: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> Exhibit:
        raise KeyboardInterrupt

    monkeypatch.setattr(examining, "read_laid_on", interrupted)
    assert called("examine", desk / "part.png", "--weights", desk / "weights") == Ran(130, "", "")


@pytest.fixture
def shelf(tmp_path: Path, goods_models: Path, goods: Callable[..., Exhibit]) -> Path:
    """A folder with photos of goods with two parts and with none, and the models for them in `weights`."""
    for name, seed, parts in (("bag.png", 103, ("red/counterfeit", "blue/genuine")), ("bare.png", 100, ())):
        Image.fromarray(goods(seed, parts).pixels).save(tmp_path / name)
    shutil.copytree(goods_models, tmp_path / "weights")
    return tmp_path


def test_locate_lists_the_parts_of_a_photo(shelf: Path, called: Callable[..., Ran]) -> None:
    detections = Locator.load("tiny_locator", shelf / "weights", make_engine=AUTO).locate(
        read_exhibit(shelf / "bag.png")
    )
    ran = called("locate", shelf / "bag.png", "--weights", shelf / "weights")
    assert (ran.status, ran.error) == (0, "")
    assert ran.out.splitlines() == [f"striped_part at {find.crop}, score {find.score:.3f}" for find in detections]
    ran = called("locate", shelf / "bag.png", "--weights", shelf / "weights", "--json")
    assert json.loads(ran.out) == as_json(detections)
    assert len(detections) == 2


def test_the_parts_of_a_transparent_photo_are_looked_for_on_the_ground_that_is_asked_for(
    shelf: Path, called: Callable[..., Ran]
) -> None:
    pixels = np.asarray(Image.open(shelf / "bag.png").convert("RGBA")).copy()
    pixels[:20] = 0
    Image.fromarray(pixels).save(shelf / "bag.png")
    detections = Locator.load("tiny_locator", shelf / "weights", make_engine=AUTO).locate(
        read_exhibit(shelf / "bag.png", ground="white")
    )
    ran = called("locate", shelf / "bag.png", "--weights", shelf / "weights", "--ground", "white", "--json")
    assert json.loads(ran.out) == as_json(detections)
    assert_refused(
        called("locate", shelf / "bare.png", "--weights", shelf / "weights", "--ground", "white"),
        "bare.png has no transparent areas to lay on white",
    )


def test_nothing_found_is_said_with_what_to_do(shelf: Path, called: Callable[..., Ran]) -> None:
    sentence = "No part (striped_part) was found on bare.png; if you see one, give its box as x,y,w,h in pixels."
    ran = called("locate", shelf / "bare.png", "--weights", shelf / "weights")
    assert (ran.status, ran.error) == (0, "")
    assert ran.out.startswith(sentence)
    assert json.loads(called("locate", shelf / "bare.png", "--weights", shelf / "weights", "--json").out) == []
    assert_refused(called("examine", shelf / "bare.png", "--locate", "--weights", shelf / "weights"), sentence)


def test_every_found_part_is_examined_with_the_model_for_it(shelf: Path, called: Callable[..., Ran]) -> None:
    exhibit = read_exhibit(shelf / "bag.png")
    locator = Locator.load("tiny_locator", shelf / "weights", make_engine=AUTO)
    examiner = AuthenticityExaminer.load("tiny_parts", shelf / "weights", make_engine=AUTO)
    detections = locator.locate(exhibit)
    verdicts = [examiner.examine(exhibit, None, find.crop, locator.located(find)) for find in detections]
    command = ("examine", shelf / "bag.png", "--locate", "--weights", shelf / "weights")
    ran = called(*command, "--json", "--heatmaps", shelf / "maps")
    assert json.loads(ran.out) == json.loads(json.dumps(as_json(verdicts)))
    assert_pictures(
        shelf / "maps",
        {
            f"bag.{number}.{kind}.png": made
            for number, verdict in enumerate(verdicts, 1)
            for kind, made in (
                ("heatmap", picture(verdict.heatmap, *verdict.seen.shape[1::-1])),
                ("overlay", overlay(verdict.heatmap, verdict.seen)),
            )
        },
    )
    text = called(*command).out
    assert [line for line in text.splitlines() if line.startswith("box  ")] == [
        f"box         {find.crop}, chosen by the locator; tiny_locator proposed striped_part at {find.crop}, "
        f"score {find.score:.3f}"
        for find in detections
    ]


def test_a_part_without_a_model_is_named_and_not_examined(shelf: Path, called: Callable[..., Ran]) -> None:
    card = shelf / "weights" / "tiny_parts.json"
    stated = json.loads(card.read_text())
    card.write_text(json.dumps({**stated, "part": "leather_tag"}))
    ran = called("examine", shelf / "bag.png", "--locate", "--weights", shelf / "weights")
    assert (ran.status, ran.out) == (2, "")
    *named, refused = ran.error.splitlines()
    assert len(named) == 2
    assert all(line.startswith("There is no model or reference collection for the striped_part at ") for line in named)
    assert "No model or reference collection is for the parts found on bag.png" in refused
