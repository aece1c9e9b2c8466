"""The records: what they refuse to hold, what they answer, and what of them becomes JSON."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from inference.records import (
    Comparison,
    Crop,
    Detection,
    ElementFinding,
    Evidence,
    Exhibit,
    FramedMark,
    Heatmap,
    InconclusiveBand,
    LocalAgreement,
    Placement,
    Provenance,
    Refusal,
    ScopeCheck,
    Verdict,
    as_json,
)

WIDTH, HEIGHT = 7, 5
NAN = float("nan")


def exhibit(**changed: Any) -> Exhibit:
    fields: dict[str, Any] = {
        "name": "tag.png",
        "content": b"as handed in",
        "format": "PNG",
        "mode": "RGB",
        "exif": {"Make": "Camera"},
        "conversions": ("Turned.",),
        "warnings": (),
        "pixels": np.arange(HEIGHT * WIDTH * 3, dtype=np.uint8).reshape(HEIGHT, WIDTH, 3),
    }
    return Exhibit(**fields | changed)


def heatmap(**changed: Any) -> Heatmap:
    fields: dict[str, Any] = {
        "raw": np.array([[0, 0.5, 1], [2, 0.25, 0.1]], np.float32),
        "layer": "last feature map",
        "target": "log P(genuine) - log P(counterfeit)",
        "full_scale": 4.0,
        "placement": Placement(0, 0, 1, 1),
    }
    return Heatmap(**fields | changed)


def provenance() -> Provenance:
    return Provenance("tiny", "a" * 64, "b" * 64, "0.1.0", {"crop": "whole"}, ("padded",), "cpu", {"torch": "2"})


def verdict(**changed: Any) -> Verdict:
    fields: dict[str, Any] = {
        "outcome": "genuine",
        "reason": "P(genuine) is high.",
        "exhibit": exhibit(),
        "crop": Crop(1, 2, 3, 1),
        "series": "blue",
        "series_fixed": False,
        "probability_genuine": 0.75,
        "log_odds": 1.1,
        "score": 0.4,
        "class_probabilities": {"blue/genuine": 0.75, "blue/counterfeit": 0.25},
        "band": InconclusiveBand(0.4, 0.6, "by hand"),
        "heatmap": heatmap(),
        "scope_checks": (ScopeCheck("content", "ok", 40.0, "Not blank."),),
        "provenance": provenance(),
    }
    return Verdict(**fields | changed)


def framed_mark(**changed: Any) -> FramedMark:
    fields: dict[str, Any] = {
        "ground": (255, 255, 255),
        "box": Crop(0, 0, 2, 2),
        "panel": None,
        "contrast": 200.0,
        "noise": 0.0,
        "drawings": 1,
        "ground_is_sure": True,
        "pixels": np.zeros((4, 4, 3), np.uint8),
        "shown": np.zeros((4, 4, 3), np.uint8),
    }
    return FramedMark(**fields | changed)


def comparison(**changed: Any) -> Comparison:
    fields: dict[str, Any] = {
        "outcome": "similar",
        "reason": "P(similar) is high.",
        "exhibits": (exhibit(), exhibit(name="mark.png")),
        "crops": (None, Crop(0, 0, 2, 2)),
        "marks": (framed_mark(), framed_mark()),
        "probability_similar": 0.75,
        "log_odds": 1.1,
        "agreement": LocalAgreement(5, 20, (0.0, 2.0, 3.0, -2.0, 0.0, 4.0)),
        "score": 2.1,
        "band": InconclusiveBand(0.4, 0.6, "by hand"),
        "heatmaps": (heatmap(), heatmap(full_scale=2.0)),
        "scope_checks": ((ScopeCheck("content", "ok", 40.0, "Not blank."),), ()),
        "provenance": provenance(),
    }
    return Comparison(**fields | changed)


def evidence() -> Evidence:
    return Evidence(
        propositions=("one design", "two designs"),
        score=1.5,
        log10_lr=0.7,
        low=0.5,
        high=0.9,
        least=-1.0,
        greatest=2.0,
        words="The findings support H1.",
        scale="ENFSI 2015",
        sources=(30, 30),
        population="by hand",
        accepted=("similar",),
    )


def element(**changed: Any) -> ElementFinding:
    fields: dict[str, Any] = {
        "places": (None, Crop(0, 0, 2, 2)),
        "log_odds": 1.0,
        "agreement": LocalAgreement(0, 4),
        "score": 1.5,
        "heatmaps": (heatmap(), heatmap()),
    }
    return ElementFinding(**fields | changed)


@pytest.mark.parametrize(
    ("places", "relation"),
    [
        ((None, Crop(0, 0, 1, 1)), "mark 2 contains mark 1"),
        ((Crop(0, 0, 1, 1), None), "mark 1 contains mark 2"),
    ],
)
def test_an_element_says_what_contains_what(places: tuple, relation: str) -> None:
    assert element(places=places).relation == relation
    deciding = comparison(whole=evidence(), element=element(places=places, decides=True))
    assert deciding.basis == f"one in the other: {relation}"
    assert deciding.found == f"similar: {relation}"
    wholes = comparison(whole=evidence(), element=element(places=places))
    assert (wholes.basis, wholes.found) == ("the marks as wholes", "similar as wholes")
    assert dataclasses.replace(deciding, outcome="inconclusive").found == "inconclusive"
    assert comparison(element=element(places=places)).basis == ""
    assert comparison(element=element(places=places)).found == "similar"
    assert len(deciding.every_heatmap) == 4


IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)

REFUSED = {
    "more points than there are": (lambda: LocalAgreement(6, 5, IDENTITY), "points number 0 to"),
    "nothing laid over": (lambda: LocalAgreement(0, 5, IDENTITY), "where points match, and only there"),
    "points laid nowhere": (lambda: LocalAgreement(5, 5), "where points match, and only there"),
    "points laid beyond": (lambda: LocalAgreement(5, 5, (1.0, 0.0, NAN, 0.0, 1.0, 0.0)), "a transform is finite"),
    "a negative laid nowhere": (lambda: LocalAgreement(0, 5, negative=True), "where points match, and only there"),
    "a score without a number": (lambda: comparison(score=NAN), "a score is finite"),
    "two wholes as elements": (lambda: element(places=(None, None)), "one mark is compared whole"),
    "an element without a number": (lambda: element(log_odds=NAN), "log odds are finite"),
    "an element's score without a number": (lambda: element(score=NAN), "a score is finite"),
    "crop left of the picture": (lambda: Crop(-1, 0, 1, 1), "inside the picture"),
    "crop above the picture": (lambda: Crop(0, -1, 1, 1), "inside the picture"),
    "crop without width": (lambda: Crop(0, 0, 0, 1), "at least 1 x 1"),
    "crop without height": (lambda: Crop(0, 0, 1, 0), "at least 1 x 1"),
    "crop turned by half a right angle": (lambda: Crop(0, 0, 1, 1, 45), "0, 90, 180 or 270"),  # type: ignore[arg-type]
    "find surer than sure": (lambda: Detection("tag", 1.1, Crop(0, 0, 1, 1)), "between 0 and 1"),
    "find without a number": (lambda: Detection("tag", NAN, Crop(0, 0, 1, 1)), "between 0 and 1"),
    "empty file": (lambda: exhibit(content=b""), "at least one byte"),
    "pixels in floats": (lambda: exhibit(pixels=np.zeros((4, 4, 3), np.float32)), "uint8"),
    "pixels without channels": (lambda: exhibit(pixels=np.zeros((4, 4), np.uint8)), "uint8"),
    "pixels with alpha": (lambda: exhibit(pixels=np.zeros((4, 4, 4), np.uint8)), "uint8"),
    "placement too far left": (lambda: Placement(-0.1, 0, 1, 1), "unit square"),
    "placement too far up": (lambda: Placement(0, -0.1, 1, 1), "unit square"),
    "placement too wide": (lambda: Placement(0.5, 0, 0.6, 1), "unit square"),
    "placement too high": (lambda: Placement(0, 0.5, 1, 0.6), "unit square"),
    "placement without width": (lambda: Placement(0, 0, 0, 1), "unit square"),
    "placement without height": (lambda: Placement(0, 0, 1, 0), "unit square"),
    "map in doubles": (lambda: heatmap(raw=np.zeros((2, 2))), "float32"),
    "map with channels": (lambda: heatmap(raw=np.zeros((1, 2, 2), np.float32)), "float32"),
    "map with NaN": (lambda: heatmap(raw=np.array([[0, NAN]], np.float32)), "finite"),
    "map with infinity": (lambda: heatmap(raw=np.array([[0, np.inf]], np.float32)), "finite"),
    "map below zero": (lambda: heatmap(raw=np.array([[0, -0.1]], np.float32)), ">= 0"),
    "scale that ends at zero": (lambda: heatmap(full_scale=0.0), "above zero"),
    "band below the middle": (lambda: InconclusiveBand(0.3, 0.49, ""), "contains 0.5"),
    "band above the middle": (lambda: InconclusiveBand(0.51, 0.6, ""), "contains 0.5"),
    "band that starts below 0": (lambda: InconclusiveBand(-0.1, 0.6, ""), "contains 0.5"),
    "band that ends above 1": (lambda: InconclusiveBand(0.4, 1.1, ""), "contains 0.5"),
    "band without a number": (lambda: InconclusiveBand(0.4, NAN, ""), "contains 0.5"),
    "P(genuine) above 1": (lambda: verdict(probability_genuine=1.1), "between 0 and 1"),
    "P(genuine) below 0": (lambda: verdict(probability_genuine=-0.1), "between 0 and 1"),
    "P(genuine) is no number": (lambda: verdict(probability_genuine=NAN), "between 0 and 1"),
    "classes that do not sum to 1": (lambda: verdict(class_probabilities={"a": 0.5, "b": 0.4}), "sum to 1"),
    "class above 1": (lambda: verdict(class_probabilities={"a": 1.5, "b": -0.5}), "between 0 and 1"),
    "P(similar) above 1": (lambda: comparison(probability_similar=1.1), "between 0 and 1"),
    "P(similar) below 0": (lambda: comparison(probability_similar=-0.1), "between 0 and 1"),
}


@pytest.mark.parametrize(("make", "words"), REFUSED.values(), ids=REFUSED)
def test_a_record_is_validated_when_it_is_made(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Crop(0, 0, 1, 1),
        lambda: exhibit(content=b"1"),
        lambda: Placement(0, 0, 1, 1),
        lambda: Placement(0.1 + 0.2, 0, 0.7, 1),
        lambda: heatmap(raw=np.zeros((1, 1), np.float32)),
        lambda: InconclusiveBand(0.5, 0.5, ""),
        lambda: InconclusiveBand(0, 1, ""),
        lambda: verdict(probability_genuine=0.0),
        lambda: verdict(probability_genuine=1.0),
        lambda: comparison(probability_similar=1.0),
    ],
)
def test_the_ends_of_a_range_belong_to_it(make: Callable[[], object]) -> None:
    assert make()


@pytest.mark.parametrize("make", [exhibit, heatmap, verdict, comparison, provenance, lambda: Crop(0, 0, 1, 1)])
def test_records_are_frozen(make: Callable[[], Any]) -> None:
    record = make()
    for field in dataclasses.fields(record):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, field.name, None)


@pytest.mark.parametrize(
    "array",
    [exhibit().pixels, exhibit().crop(None), exhibit().crop(Crop(1, 1, 2, 2)), heatmap().raw],
    ids=["pixels", "whole picture", "crop", "raw map"],
)
def test_arrays_of_a_record_are_read_only(array: np.ndarray) -> None:
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0] = 1


def test_width_and_height_are_those_of_the_upright_picture() -> None:
    assert (exhibit().width, exhibit().height) == (WIDTH, HEIGHT)


@pytest.mark.parametrize(
    "crop",
    [
        Crop(0, 0, WIDTH, HEIGHT),
        Crop(0, 0, 1, 1),
        Crop(WIDTH - 1, HEIGHT - 1, 1, 1),
        Crop(2, 1, 3, 2),
        Crop(WIDTH - 2, 0, 2, HEIGHT),
    ],
    ids=str,
)
def test_a_crop_holds_its_pixels(crop: Crop) -> None:
    whole = exhibit()
    part = whole.crop(crop)
    assert part.shape == (crop.height, crop.width, 3)
    for row in range(crop.height):
        for column in range(crop.width):
            assert (part[row, column] == whole.pixels[crop.y + row, crop.x + column]).all()


def test_without_a_crop_the_part_is_the_whole_picture() -> None:
    assert np.array_equal(exhibit().crop(None), exhibit().pixels)


@pytest.mark.parametrize(
    "crop",
    [
        Crop(1, 0, WIDTH, HEIGHT),
        Crop(0, 1, WIDTH, HEIGHT),
        Crop(WIDTH, 0, 1, 1),
        Crop(0, HEIGHT, 1, 1),
        Crop(10**9, 10**9, 1, 1),
    ],
    ids=str,
)
def test_a_crop_outside_the_picture_is_refused_in_one_sentence(crop: Crop) -> None:
    with pytest.raises(Refusal) as refusal:
        exhibit().crop(crop)
    assert str(refusal.value) == (
        f"The crop {crop} reaches outside tag.png (7 x 5 pixels); draw it inside the picture."
    )


@pytest.mark.parametrize("text", ["1,2,3,4", "1,2,3,4,90", "0,0,1,1,270"])
def test_a_crop_reads_as_it_is_written_on_the_command_line(text: str) -> None:
    assert str(Crop.parse(text)) == text


@pytest.mark.parametrize(
    ("turn", "turned"),
    [
        (0, [[1, 2, 3], [4, 5, 6]]),
        (90, [[4, 1], [5, 2], [6, 3]]),
        (180, [[6, 5, 4], [3, 2, 1]]),
        (270, [[3, 6], [2, 5], [1, 4]]),
    ],
)
def test_a_cut_out_is_turned_clockwise(turn: Any, turned: list[list[int]]) -> None:
    numbered = np.zeros((4, 5, 3), np.uint8)
    numbered[1:3, 2:5] = np.arange(1, 7, dtype=np.uint8).reshape(2, 3, 1)
    part = exhibit(pixels=numbered).crop(Crop(2, 1, 3, 2, turn))
    assert part[..., 0].tolist() == turned
    assert part.flags.c_contiguous or not turn


@pytest.mark.parametrize(
    ("probability", "side"),
    [
        (0.0, "second"),
        (np.nextafter(0.3, 0), "second"),
        (0.3, None),
        (0.5, None),
        (0.8, None),
        (np.nextafter(0.8, 1), "first"),
        (1.0, "first"),
    ],
)
def test_a_side_is_taken_beyond_the_edges_of_the_band(probability: float, side: str | None) -> None:
    assert InconclusiveBand(0.3, 0.8, "by hand").side(probability) == side


@pytest.mark.parametrize(
    ("probability", "side"),
    [(np.nextafter(0.5, 0), "second"), (0.5, None), (np.nextafter(0.5, 1), "first")],
)
def test_a_band_without_width_leaves_its_own_edge_open(probability: float, side: str | None) -> None:
    assert InconclusiveBand(0.5, 0.5, "by hand").side(probability) == side


@pytest.mark.parametrize("probability", [0.0, 1e-12, 0.5, 1 - 1e-12, 1.0])
def test_the_widest_band_leaves_everything_open(probability: float) -> None:
    """Where scores pile up at 0 and 1, certainty is shared by both sides."""
    assert InconclusiveBand(0, 1, "by hand").side(probability) is None


@pytest.mark.parametrize(
    ("peak", "shows"),
    [(0.0, False), (0.999 / 64, False), (1 / 64, True), (4.0, True), (99.0, True)],
)
def test_evidence_shows_from_the_first_step_of_the_fixed_scale(peak: float, shows: bool) -> None:
    shown = heatmap(raw=np.array([[0, peak], [0, 0]], np.float32), full_scale=4.0)
    assert shown.peak == np.float32(peak)
    assert shown.shows_evidence is shows


@pytest.mark.parametrize("make", [exhibit, heatmap, verdict, comparison, provenance])
def test_a_record_survives_json_without_its_pixels(make: Callable[[], Any]) -> None:
    plain = as_json(make())
    text = json.dumps(plain, allow_nan=False)
    assert json.loads(text) == plain
    assert '"pixels"' not in text


def test_json_keeps_every_other_field_and_value() -> None:
    record = verdict(crop=None)
    plain = as_json(record)
    assert set(plain) == {field.name for field in dataclasses.fields(record)}
    assert set(plain["exhibit"]) == {field.name for field in dataclasses.fields(Exhibit)} - {"pixels", "content"}
    assert plain["crop"] is None
    assert plain["exhibit"]["exif"] == {"Make": "Camera"}
    assert plain["exhibit"]["conversions"] == ["Turned."]
    assert plain["class_probabilities"] == {"blue/genuine": 0.75, "blue/counterfeit": 0.25}
    assert plain["scope_checks"] == [{"name": "content", "status": "ok", "value": 40.0, "text": "Not blank."}]
    assert as_json(comparison())["crops"] == [None, {"x": 0, "y": 0, "width": 2, "height": 2, "turn": 0}]


def test_json_keeps_the_raw_map_to_the_bit() -> None:
    raw = np.random.default_rng(0).random((3, 4), dtype=np.float32)
    back = json.loads(json.dumps(as_json(heatmap(raw=raw.copy()))))["raw"]
    assert np.array_equal(np.array(back, np.float32), raw)


def test_an_exhibit_has_the_hash_and_the_length_of_its_own_bytes() -> None:
    one = exhibit(content=b"as handed in")
    assert (one.sha256, one.size_bytes) == (hashlib.sha256(b"as handed in").hexdigest(), 12)
    other = dataclasses.replace(one, content=b"another file")
    assert other.sha256 == hashlib.sha256(b"another file").hexdigest()
