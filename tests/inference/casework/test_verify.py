"""Verification: what agrees is said to agree, and each thing that was changed is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import safetensors.torch
from PIL import Image

from inference.bench import Bench
from inference.casework import verification
from inference.casework.case import CaseFolder
from inference.casework.lines import Line
from inference.casework.log import verify_log
from inference.casework.twin import ReportRefused
from inference.casework.verification import verify_report
from inference.intake import transparency
from inference.records import Crop, EngineName, Exhibit
from tests.inference.command_line.ran import Ran

TIME = "2026-11-22T16:30:05+08:00"


class Issued(NamedTuple):
    """A report in a case, the photo it is on and the models it was made with."""

    report: Path
    photo: Path
    weights: Path

    @property
    def case(self) -> Path:
        return self.report.parent.parent


@pytest.fixture
def issue(
    tmp_path: Path, tiny_models: Path, striped: Callable[..., Exhibit], called: Callable[..., Ran]
) -> Callable[..., Issued]:
    """Issues a report from the command line."""
    shutil.copytree(tiny_models, tmp_path / "weights")
    for name, seed in (("吊牌.png", 0), ("other.png", 1)):
        Image.fromarray(striped("blue/counterfeit", seed).pixels).save(tmp_path / name)

    def make(case: str = "case", *options: object, photos: tuple[str, ...] = ("吊牌.png",)) -> Issued:
        named = [photo.rpartition("=") for photo in photos]
        pictures = [f"{model}{equals}{tmp_path / name}" for model, equals, name in named]
        ran = called(
            *("report", *pictures, "--case", tmp_path / case, "--case-number", "2026-17"),
            *("--examiner", "王芳", "--time", TIME, "--weights", tmp_path / "weights", *options),
        )
        assert (ran.status, ran.error) == (0, "")
        pdf, twin = map(Path, ran.out.splitlines())
        assert pdf.read_bytes().startswith(b"%PDF")
        return Issued(twin, tmp_path / photos[0], tmp_path / "weights")

    return make


@pytest.fixture
def issued(issue: Callable[..., Issued]) -> Issued:
    return issue()


def differing(issued: Issued, **options: Any) -> list[str]:
    lines = verify_report(issued.report, Bench(issued.weights), **options)
    return [line.subject for line in lines if line.status == "differs"]


def changed_twin(issued: Issued, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(issued.report.read_bytes())
    change(content)
    issued.report.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def test_an_untouched_report_agrees_line_by_line(issued: Issued, called: Callable[..., Ran]) -> None:
    ran = called("verify", issued.report, "--weights", issued.weights)
    *lines, last = ran.out.splitlines()
    assert (ran.status, ran.error, last) == (0, "", "All agrees.")
    assert all(line.startswith("agrees  ") for line in lines)
    subjects = [line[8:].split(":")[0] for line in lines]
    assert subjects == [
        *(
            "run id",
            "PDF",
            "log",
            "files",
            "JSON as issued",
            "PDF as issued",
            "image",
            "weights",
            "card",
            "code",
            "libraries",
        ),
        *("stated heatmap", "engine", "outcome", "log odds", "evidence", "heatmap"),
    ]


def test_the_same_time_and_case_give_the_same_bytes(issue: Callable[..., Issued]) -> None:
    first, again = issue("one"), issue("two")
    assert first.report.name == again.report.name
    assert first.report.read_bytes() == again.report.read_bytes()
    assert first.report.with_suffix(".pdf").read_bytes() == again.report.with_suffix(".pdf").read_bytes()
    assert (first.case / "log.jsonl").read_bytes() == (again.case / "log.jsonl").read_bytes()


def test_the_case_keeps_the_original_and_logs_what_was_done(issued: Issued) -> None:
    assert [path.read_bytes() for path in (issued.case / "exhibits").iterdir()] == [issued.photo.read_bytes()]
    events = [json.loads(line)["event"] for line in (issued.case / "log.jsonl").read_bytes().splitlines()]
    assert events == ["case opened", "exhibit added", "examination", "report issued"]
    assert verify_log(issued.case / "log.jsonl") == []


def test_several_photos_and_a_pair_of_marks_are_verified(issue: Callable[..., Issued]) -> None:
    assert differing(issue("parts", photos=("吊牌.png", "other.png"))) == []
    assert differing(issue("marks", "--model", "tiny_marks", photos=("吊牌.png", "other.png"))) == []


def test_both_findings_on_two_marks_are_verified(
    weighing_models: Path, symbol_and_lockup: tuple[Path, Path], tmp_path: Path, called: Callable[..., Ran]
) -> None:
    ran = called(
        *("report", *symbol_and_lockup, "--case", tmp_path / "case", "--case-number", "2026-18"),
        *("--examiner", "E", "--time", TIME, "--weights", weighing_models, "--model", "tiny_marks"),
    )
    assert (ran.status, ran.error) == (0, "")
    made = Issued(Path(ran.out.splitlines()[1]), symbol_and_lockup[0], weighing_models)
    images = [symbol_and_lockup[0].parent]
    lines = [*verify_report(made.report, Bench(weighing_models, engine="auto"), images=images)]
    assert [line.subject for line in lines if line.status != "agrees"] == []
    assert {"wholes", "element"} <= {line.subject for line in lines}
    assert [line.subject for line in lines].count("heatmap") == 4
    changed_twin(made, lambda content: _record(content)["element"].update(log_odds=7.0))
    assert "element" in differing(made, images=images)


def test_a_fixed_series_and_a_crop_are_repeated(issue: Callable[..., Issued]) -> None:
    assert differing(issue("case", "--series", "red", "--crop", "4,2,40,30")) == []


@pytest.mark.parametrize(
    ("options", "crops"),
    [
        (("--model", "tiny_marks", "--crop", "2=4,2,40,30,90"), [["", "4,2,40,30,90"]]),
        (("--model", "tiny_marks", "--crop", "1=9,9,30,30", "--crop", "2=0,0,20,30"), [["9,9,30,30", "0,0,20,30"]]),
        (("--crop", "2=4,2,40,30"), [[""], ["4,2,40,30"]]),
        (("--one-item", "--crop", "1=4,2,40,30", "--crop", "2=0,0,30,30,180"), [["4,2,40,30"], ["0,0,30,30,180"]]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_crops_of_several_pictures_are_repeated(
    options: tuple[str, ...], crops: list[list[str]], issue: Callable[..., Issued]
) -> None:
    cropped = issue("case", *options, photos=("吊牌.png", "other.png"))
    assert differing(cropped) == []
    records = [examination["record"] for examination in json.loads(cropped.report.read_bytes())["examinations"]]
    stated = [record["crops"] if "crops" in record else [record["crop"]] for record in records]
    assert [[str(Crop(**crop)) if crop else "" for crop in each] for each in stated] == crops


def test_a_changed_crop_is_another_comparison(issue: Callable[..., Issued]) -> None:
    cropped = issue("case", "--model", "tiny_marks", "--crop", "2=4,2,40,30", photos=("吊牌.png", "other.png"))
    changed_twin(cropped, lambda content: _record(content)["crops"][1].update(width=20))
    assert "log odds" in differing(cropped)


def see_through(path: Path) -> None:
    """A pale drawing of which all that is not drawn is transparent; it stands out from black most."""
    ground = np.zeros((60, 80, 4), np.uint8)
    ground[10:40, 15:60] = 255, 250, 210, 255
    ground[20:50, 30:44] = 230, 255, 255, 255
    Image.fromarray(ground).save(path)


@pytest.mark.parametrize(
    ("options", "grounds"),
    [
        ((), [("black", "Assay"), (None, None)]),
        (("--ground", "1=grey"), [("grey", "examiner"), (None, None)]),
        (("--model", "tiny_marks"), [("black", "Assay"), (None, None)]),
        (("--model", "tiny_marks", "--ground", "1=white"), [("white", "examiner"), (None, None)]),
    ],
    ids=lambda value: " ".join(value) if value and isinstance(value[0], str) else "",
)
def test_a_picture_is_laid_again_on_the_ground_it_was_laid_on_whoever_chose_it(
    options: tuple[str, ...],
    grounds: list[tuple[str | None, str | None]],
    issue: Callable[..., Issued],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    see_through(tmp_path / "mark.png")
    laid = issue("case", *options, photos=("mark.png", "other.png"))
    records = [examination["record"] for examination in json.loads(laid.report.read_bytes())["examinations"]]
    exhibits = [exhibit for record in records for exhibit in record.get("exhibits", [record.get("exhibit")])]
    assert [(exhibit["ground"], exhibit["ground_by"]) for exhibit in exhibits] == grounds
    # Assay may come to choose otherwise; what it found then stands on what was chosen then.
    monkeypatch.setattr(
        transparency, "ground_that_shows_most", lambda *_: "grey" if grounds[0][0] != "grey" else "white"
    )
    assert differing(laid) == []


def test_another_ground_is_another_finding(issue: Callable[..., Issued], tmp_path: Path) -> None:
    see_through(tmp_path / "mark.png")
    laid = issue("case", photos=("mark.png",))
    changed_twin(laid, lambda content: _record(content)["exhibit"].update(ground="white"))
    assert {"run id", "log odds"} <= set(differing(laid))
    changed_twin(laid, lambda content: _record(content)["exhibit"].update(ground="purple"))
    with pytest.raises(ReportRefused, match="is damaged"):
        differing(laid)


def test_a_report_that_states_no_ground_was_made_on_white(issue: Callable[..., Issued], tmp_path: Path) -> None:
    """As those from before there was a choice."""
    see_through(tmp_path / "mark.png")
    on_white = issue("case", "--ground", "white", photos=("mark.png",))

    def date_back(content: dict[str, Any]) -> None:
        for name in ("ground", "ground_by"):
            del _record(content)["exhibit"][name]

    changed_twin(on_white, date_back)
    assert "log odds" not in differing(on_white)
    assert "heatmap" not in differing(on_white)


def test_a_changed_pixel_under_the_same_name_is_named(issued: Issued) -> None:
    shutil.rmtree(issued.case / "exhibits")
    assert differing(issued) == ["file", "image", "findings"]
    assert differing(issued, images=[issued.photo.parent]) == ["file"]
    pixels = np.asarray(Image.open(issued.photo)).copy()
    pixels[0, 0, 0] ^= 1
    Image.fromarray(pixels).save(issued.photo)
    assert differing(issued, images=[issued.photo.parent]) == ["file", "image", "findings"]
    lines = verify_report(issued.report, Bench(issued.weights), [issued.photo.parent])
    assert any("吊牌.png had the SHA-256" in line.text and "it is another image" in line.text for line in lines)


def test_a_changed_copy_in_the_case_is_named(issued: Issued) -> None:
    (copy,) = (issued.case / "exhibits").iterdir()
    copy.write_bytes(copy.read_bytes() + b"\0")
    assert differing(issued) == ["file", "image", "findings"]


def test_changed_weights_are_named(issued: Issued) -> None:
    path = issued.weights / "tiny_parts.safetensors"
    state = safetensors.torch.load_file(path)
    state[min(state)] += 1
    safetensors.torch.save_file(state, path)
    assert differing(issued) == ["weights", "findings"]
    path.unlink()
    assert differing(issued) == ["weights", "findings"]


def test_a_changed_card_is_named(issued: Issued) -> None:
    path = issued.weights / "tiny_parts.json"
    path.write_text(path.read_text().replace("It knows stripes only.", "It knows all."))
    assert differing(issued) == ["card", "findings"]


def test_a_cut_log_is_named(issued: Issued) -> None:
    log = issued.case / "log.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:2]))
    texts = [str(line) for line in verify_report(issued.report, Bench(issued.weights)) if line.status == "differs"]
    assert texts[0].startswith(f"differs log: line 2: line 3, as report {issued.report.stem} states it, is not here")
    assert any("no report" in text for text in texts)
    log.write_bytes(b"".join(lines)[:-5])
    assert "log" in differing(issued)


def test_a_changed_pdf_is_found_by_the_log(issued: Issued) -> None:
    pdf = issued.report.with_suffix(".pdf")
    pdf.write_bytes(pdf.read_bytes() + b"\n")
    assert differing(issued) == ["file", "PDF as issued"]
    pdf.write_bytes(b"%PDF")
    assert differing(issued) == ["PDF", "file", "PDF as issued"]
    pdf.unlink()
    assert differing(issued) == ["file"]


def _record(content: dict[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = content["examinations"][0]["record"]
    return record


FALSIFIED: dict[str, tuple[Callable[[dict[str, Any]], object], list[str]]] = {
    "outcome": (lambda c: _record(c).update(outcome="genuine"), ["outcome"]),
    "log odds": (lambda c: _record(c).update(log_odds=_record(c)["log_odds"] + 0.002), ["log odds"]),
    "within tolerance": (lambda c: _record(c).update(log_odds=_record(c)["log_odds"] + 0.0005), []),
    "evidence": (lambda c: _record(c).update(evidence={"log10_lr": 6}), ["evidence"]),
    "settings": (lambda c: _record(c)["provenance"]["settings"].update(crop="none"), ["run id"]),
    "code": (lambda c: _record(c)["provenance"].update(code_version="0.0.1+x"), ["run id"]),
    "heatmap": (
        lambda c: _record(c)["heatmap"]["raw"][0].__setitem__(0, _record(c)["heatmap"]["full_scale"] * 2),
        ["stated heatmap", "heatmap"],
    ),
    "heatmap of another shape": (lambda c: _record(c)["heatmap"]["raw"].pop(), ["stated heatmap", "heatmap"]),
}


@pytest.mark.parametrize("what", FALSIFIED)
def test_what_was_falsified_in_the_twin_is_named(what: str, issued: Issued) -> None:
    change, subjects = FALSIFIED[what]
    changed_twin(issued, change)
    lone = issued.photo.parent / "lone" / issued.report.name
    lone.parent.mkdir()
    shutil.copy(issued.report, lone)
    assert differing(issued._replace(report=lone), images=[issued.photo.parent]) == subjects


def test_a_twin_that_is_not_the_one_issued_is_named(issued: Issued) -> None:
    changed_twin(issued, lambda content: content["facts"].update(remarks="more"))
    assert differing(issued) == ["PDF", "file", "JSON as issued"]


def test_other_library_versions_are_told_and_do_not_fail(issued: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "library_versions", lambda _: {"numpy": "99"})
    lines = verify_report(issued.report, Bench(issued.weights))
    (libraries,) = [line for line in lines if line.subject == "libraries"]
    assert libraries.status == "told"
    assert "numpy" in libraries.text
    assert "99 now" in libraries.text
    assert not [line for line in lines if line.status == "differs"]


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_findings_are_made_again_by_the_engine_that_made_them(engine: str, issue: Callable[..., Issued]) -> None:
    issued = issue("case", "--engine", engine)
    lines = {line.subject: line for line in verify_report(issued.report, Bench(issued.weights, engine="auto"))}
    assert {line.status for line in lines.values()} == {"agrees"}
    assert lines["engine"].text == f"{engine}."
    assert lines["heatmap"].text == "its values differ from the stated ones by up to 0 of full scale."


@pytest.mark.parametrize(("then", "now"), [("torch", "openvino"), ("openvino", "torch")])
def test_another_engine_that_was_chosen_is_told_and_agrees(
    then: str, now: EngineName, issue: Callable[..., Issued]
) -> None:
    issued = issue("case", "--engine", then)
    lines = {line.subject: line for line in verify_report(issued.report, Bench(issued.weights, engine=now))}
    assert (lines["engine"].status, lines["engine"].text.split(":")[0]) == ("told", f"{then} then, {now} now")
    assert {line.status for name, line in lines.items() if name != "engine"} == {"agrees"}


def test_a_report_that_states_no_engine_is_one_of_torch(issue: Callable[..., Issued]) -> None:
    issued = issue("case", "--engine", "torch")
    changed_twin(issued, lambda content: content["examinations"][0]["record"]["provenance"].pop("engine"))
    lines = {line.subject: line for line in verify_report(issued.report, Bench(issued.weights, engine="auto"))}
    assert (lines["engine"].status, lines["engine"].text) == ("agrees", "torch.")
    assert {lines[name].status for name in ("run id", "outcome", "log odds", "heatmap")} == {"agrees"}


def test_status_1_if_something_differs(issued: Issued, called: Callable[..., Ran]) -> None:
    (issued.weights / "tiny_parts.json").unlink()
    ran = called("verify", issued.report, "--weights", issued.weights)
    assert ran.status == 1
    assert ran.out.splitlines()[-1] == "2 of 13 lines differ."


def test_a_log_says_what_it_cannot_show_and_ends_with_another_status(
    issued: Issued, tmp_path: Path, called: Callable[..., Ran]
) -> None:
    log = issued.case / "log.jsonl"
    beside = called("verify", log)
    assert (beside.status, "would not be noticed" in beside.out) == (3, True)
    (tmp_path / "elsewhere").mkdir()
    alone = called("verify", shutil.copy(log, tmp_path / "elsewhere"))
    assert alone.status == 3
    assert "lines cut off its end would not be noticed" in alone.out
    assert "verify the folder of the case" in alone.out
    log.write_bytes(log.read_bytes().replace(b"2026-17", b"2026-18", 1))
    ran = called("verify", log)
    assert (ran.status, ran.out) == (1, "line 1: it is not an entry as it was written: it was cut or changed.\n")


def test_the_folder_of_a_case_is_verified_whole(issued: Issued, called: Callable[..., Ran]) -> None:
    sound = called("verify", issued.case, "--weights", issued.weights)
    assert (sound.status, sound.out.splitlines()[-1]) == (0, "All agrees.")
    assert f"Report {issued.report.stem}" in sound.out
    log = issued.case / "log.jsonl"
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))
    cut = called("verify", issued.case, "--weights", issued.weights)
    assert cut.status == 1
    assert f"reports/{issued.report.name}: no line of the log states it" in cut.out


def test_a_case_without_a_report_agrees_and_nothing_vouches_for_the_end_of_its_log(
    issued: Issued, called: Callable[..., Ran]
) -> None:
    log = issued.case / "log.jsonl"
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))
    shutil.rmtree(issued.case / "reports")
    ran = called("verify", issued.case, "--weights", issued.weights)
    assert (ran.status, "lines cut off its end would not be noticed" in ran.out) == (3, True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"%PDF-1.4", "is not the JSON twin of a report"),
        (b'{"a": 1}', "is not a report of Assay"),
        (b"[1]", "is not a report of Assay"),
        (b'{"assay_report": true}', "is not a report of Assay"),
        (b'{"assay_report": 2}', "report format 2, and this Assay reads formats up to 1; update Assay"),
        (b'{"assay_report": 1}', "is damaged"),
        (b'{"assay_report": 1, "examinations": [{"record": 3}]}', "is damaged"),
    ],
)
def test_what_is_no_report_is_refused(content: bytes, words: str, tmp_path: Path, called: Callable[..., Ran]) -> None:
    (tmp_path / "report.json").write_bytes(content)
    ran = called("verify", tmp_path / "report.json")
    assert (ran.status, ran.out) == (2, "")
    assert words in ran.error


def test_a_report_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportRefused, match="cannot be read"):
        verify_report(tmp_path / "absent.json", Bench())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--case", "file/case"], "cannot be used as a case folder"),
        (["--examiner", ""], "The examiner is missing"),
        (["--model", "tiny_marks"], "compares two marks"),
        (["--series", "green"], "does not know the series"),
    ],
)
def test_a_report_that_cannot_be_made_is_refused(
    options: list[str], words: str, issued: Issued, called: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(issued.photo.parent)
    Path("file").write_text("not a folder")
    before = CaseFolder(issued.case).head
    arguments = {"--case": "case", "--case-number": "2026-17", "--examiner": "E", "--weights": "weights"}
    arguments |= dict([options])
    ran = called("report", "吊牌.png", *(part for pair in arguments.items() for part in pair))
    assert (ran.status, ran.out) == (2, "")
    assert words in ran.error
    assert CaseFolder(issued.case).head == before


def test_a_line_reads_as_status_subject_and_text() -> None:
    assert str(Line("told", "PDF", "there is none.")) == "told    PDF: there is none."


@pytest.fixture
def one_item(issue: Callable[..., Issued]) -> Issued:
    """A report on an item of two parts: two photos of one, one photo of the other, which another model is for."""
    weights = issue("first").weights
    card = json.loads((weights / "tiny_parts.json").read_text()) | {"name": "tiny_buckle", "title": "Tiny buckle"}
    (weights / "tiny_buckle.json").write_text(json.dumps(card))
    shutil.copy(weights / "tiny_parts.safetensors", weights / "tiny_buckle.safetensors")
    options = ("--model", "tiny_parts", "--series", "blue", "--one-item")
    return issue("case", *options, photos=("吊牌.png", "other.png", "tiny_buckle=other.png"))


def test_photos_of_one_item_are_weighed_part_by_part_and_verified(one_item: Issued, called: Callable[..., Ran]) -> None:
    parts = json.loads(one_item.report.read_bytes())["parts"]
    assert [(part["finding"]["model"], part["examinations"]) for part in parts] == [
        ("tiny_parts", [1, 2]),
        ("tiny_buckle", [3]),
    ]
    events = [json.loads(line)["event"] for line in (one_item.case / "log.jsonl").read_bytes().splitlines()]
    assert events == [
        "case opened",
        *["exhibit added"] * 2,
        *["examination"] * 3,
        *["part weighed"] * 2,
        "report issued",
    ]
    ran = called("verify", one_item.report, "--weights", one_item.weights)
    assert (ran.status, ran.out.splitlines()[-1]) == (0, "All agrees.")
    assert "agrees  photos that count of part 2" in ran.out


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"score": 9.0}, ["score of part 1"]),
        ({"outcome": "counterfeit?"}, ["outcome of part 1"]),
        ({"counts_as": [1, None]}, ["photos that count of part 1"]),
        ({"evidence": {"log10_lr": 6.0}}, ["evidence of part 1"]),
    ],
)
def test_a_changed_finding_on_several_photos_is_named(
    change: dict[str, Any], differs: list[str], one_item: Issued
) -> None:
    changed_twin(one_item, lambda content: content["parts"][0]["finding"].update(change))
    assert [name for name in differing(one_item) if name.endswith("of part 1")] == differs


def test_photos_weighed_together_are_part_of_what_is_run(one_item: Issued) -> None:
    changed_twin(one_item, lambda content: content["parts"].pop())
    assert "run id" in differing(one_item)


def test_a_finding_whose_photo_is_gone_is_not_made_again(one_item: Issued) -> None:
    shutil.rmtree(one_item.case / "exhibits")
    found = differing(one_item)
    assert {"finding of part 1", "finding of part 2"} <= set(found)


def test_a_pair_of_marks_is_no_item(issued: Issued, called: Callable[..., Ran]) -> None:
    ran = called(
        *("report", issued.photo, issued.photo, "--case", issued.case, "--case-number", "2026-17", "--examiner", "E"),
        *("--weights", issued.weights, "--model", "tiny_marks", "--one-item"),
    )
    assert (ran.status, ran.out) == (2, "")
    assert "compares two marks" in ran.error


def test_a_reviewer_signs_a_report_off(issued: Issued, called: Callable[..., Ran]) -> None:
    review = ("--case", issued.case, "--reviewer", "李明", "--remark", "I agree.")
    ran = called("sign-off", issued.report.stem, *review)
    assert (ran.status, ran.error) == (0, "")
    assert "is line 5" in ran.out
    (entry,) = CaseFolder(issued.case).entries("review")
    assert entry.content == {"report": issued.report.stem, "reviewer": "李明", "remark": "I agree."}
    assert differing(issued) == []
    ran = called("sign-off", "R-000000000000", *review)
    assert (ran.status, ran.out) == (2, "")
    assert "No report R-000000000000 was issued in case 2026-17" in ran.error


def test_a_review_in_no_case_makes_none(tmp_path: Path, called: Callable[..., Ran]) -> None:
    ran = called("sign-off", "R-1", "--case", tmp_path / "none", "--reviewer", "E", "--remark", "x")
    assert ran.status == 2
    assert not (tmp_path / "none").exists()


def test_a_case_is_emptied_only_by_its_number(issued: Issued, called: Callable[..., Ran]) -> None:
    who = ("--case", issued.case, "--by", "李明", "--reason", "The court released it.")
    ran = called("delete", *who, "--confirm", "2026-18")
    assert (ran.status, ran.out) == (2, "")
    assert "is the folder of case 2026-17, not of case 2026-18; nothing was removed." in ran.error
    assert issued.report.exists()
    ran = called("delete", *who, "--confirm", "2026-17")
    assert ran.status == 0
    assert sorted(ran.out.splitlines()) == sorted(
        [f"exhibits/{path}" for path in CaseFolder(issued.case).entries("exhibit added")[0].content["copy"].split()]
        + [f"reports/{issued.report.stem}{ending}" for ending in (".json", ".pdf")]
    )
    assert not issued.report.exists()
    (entry,) = CaseFolder(issued.case).entries("deletion")
    assert (entry.content["by"], entry.content["reason"]) == ("李明", "The court released it.")
    assert verify_log(issued.case / "log.jsonl") == []


@pytest.fixture
def located(tmp_path: Path, goods_models: Path, goods: Callable[..., Exhibit], called: Callable[..., Ran]) -> Issued:
    """A report on the two parts that were found on a photo."""
    Image.fromarray(goods(103, ("red/counterfeit", "blue/genuine")).pixels).save(tmp_path / "bag.png")
    shutil.copytree(goods_models, tmp_path / "shelf")
    ran = called(
        *("report", tmp_path / "bag.png", "--locate", "--case", tmp_path / "bags", "--case-number", "2026-18"),
        *("--examiner", "王芳", "--time", TIME, "--weights", tmp_path / "shelf"),
    )
    assert (ran.status, ran.error) == (0, "")
    return Issued(Path(ran.out.splitlines()[1]), tmp_path / "bag.png", tmp_path / "shelf")


def test_what_a_locator_proposed_is_stated_and_found_again(located: Issued) -> None:
    lines = verify_report(located.report, Bench(located.weights, engine="auto"))
    assert {line.status for line in lines} == {"agrees"}
    proposals = [line for line in lines if line.subject.startswith("proposal")]
    assert [line.subject for line in proposals] == ["proposal 1", "proposal 2"]
    assert all("striped_part at " in line.text for line in proposals)
    records = [examination["record"] for examination in json.loads(located.report.read_bytes())["examinations"]]
    assert [record["box"] for record in records] == ["locator", "locator"]
    assert len({record["located"]["find"]["score"] for record in records}) == 2


def test_a_proposal_that_is_not_found_again_differs(located: Issued) -> None:
    def forge(content: dict[str, Any]) -> None:
        content["examinations"][0]["record"]["located"]["find"]["score"] -= 0.1

    changed_twin(located, forge)
    assert "proposal 1" in differing(located)
    assert "proposal 2" not in differing(located)


def test_another_locator_makes_no_proposal_again(located: Issued) -> None:
    path = located.weights / "tiny_locator.json"
    path.write_text(path.read_text().replace('"rule": "set by hand"', '"rule": "set by another hand"'))
    lines = {line.subject: line for line in verify_report(located.report, Bench(located.weights))}
    assert lines["proposal 1"].status == "differs"
    assert "tiny_locator is not as stated" in lines["proposal 1"].text
    assert lines["outcome 1"].status == "agrees"
    path.unlink()
    assert "There is no model 'tiny_locator' for locator" in str(verify_report(located.report, Bench(located.weights)))
