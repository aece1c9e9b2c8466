"""Reference collections from the command line: genuine photos in, a collection out, a photo examined beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference.bench import Bench
from inference.collections.files import load_collection
from inference.intake.exhibit import read_exhibit
from inference.models.weights import Model, save_model
from inference.records import as_json
from inference.request import Request
from tests.inference.command_line.ran import Ran, assert_refused

Command = Callable[..., Ran]


@pytest.fixture(scope="module")
def bench(comparator: Model, lettered: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with six genuine photos, one of another part, a questioned one, and the comparator in `weights`."""
    folder = tmp_path_factory.mktemp("bench")
    save_model(comparator.card, comparator.network.state_dict(), folder / "weights")
    for seed in range(6):
        Image.fromarray(lettered.photo("quorum/genuine", seed)).save(folder / f"genuine_{seed}.png")
    Image.fromarray(lettered.photo("quorum/counterfeit", 40)).save(folder / "questioned.png")
    Image.fromarray(lettered.photo("quorum/counterfeit", 41)).save(folder / "known.png")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (92, 148, 3), np.uint8)).save(folder / "noise.png")
    return folder


@pytest.fixture
def enrol(bench: Path, called: Command, tmp_path: Path) -> Command:
    """Enrols some of the photos, by name, with further options, into `tmp_path`."""

    def run(*photos: str, options: tuple[object, ...] = ()) -> Ran:
        files = [bench / f"{photo}.png" for photo in photos]
        where = "--weights", bench / "weights", "--collections", tmp_path
        return called("enrol", *files, "--part", "label", "--series", "Quorum", *where, *options)

    return run


GENUINE = [f"genuine_{seed}" for seed in range(6)]


def test_genuine_photos_become_a_collection_and_what_does_not_fit_is_named(enrol: Command, tmp_path: Path) -> None:
    ran = enrol(*GENUINE, "noise", options=("--item", "1=tag A", "--item", "2=tag A"))
    assert (ran.status, ran.error) == (0, "")
    lines = ran.out.splitlines()
    found = load_collection("label_quorum", tmp_path)
    assert lines[0] == "label_quorum: 6 genuine photos of 5 items of label, Quorum"
    assert sum(line.startswith("in          genuine_") for line in lines) == 6
    assert lines[1].startswith("in          genuine_0.png, tag A, fit ")
    assert f"left out    noise.png: {found.photos[6].left_out}" in lines
    assert [line for line in lines if line.startswith("finds")] == [f"finds       {one}" for one in found.power]
    assert lines[-1] == f"saved as {tmp_path / 'label_quorum.json'}"
    assert found.card.items == ("tag A", "photo 3", "photo 4", "photo 5", "photo 6")
    assert found.pictures is None


def test_known_counterfeits_are_told_apart_from_genuine_photos(enrol: Command, bench: Path, tmp_path: Path) -> None:
    ran = enrol(*GENUINE, options=("--counterfeit", bench / "known.png", "--item", "7=seized"))
    found = load_collection("label_quorum", tmp_path)
    (known,) = found.counterfeits
    assert (known.name, known.item, len(found.photos)) == ("known.png", "seized", 6)
    assert f"counterfeit known.png, seized, fit {known.fit:.2f}" in ran.out
    assert "finds       known counterfeits: " in ran.out


def test_a_photo_is_examined_beside_a_collection(enrol: Command, bench: Path, called: Command, tmp_path: Path) -> None:
    enrol(*GENUINE)
    where = "--weights", bench / "weights", "--collections", tmp_path
    asked = bench / "questioned.png"
    ran = called("examine", asked, "--references", "label_quorum", *where, "--heatmaps", tmp_path / "maps")
    by_the_same = Bench(bench / "weights", references=tmp_path, engine="auto")
    found = by_the_same.examine_beside(Request(read_exhibit(asked)), "label_quorum")
    lines = ran.out.splitlines()
    assert (ran.status, ran.error) == (0, "")
    assert lines[:2] == [found.outcome.upper(), found.reason]
    assert f"rarity      {found.typicality}" in lines
    assert "collection  label_quorum, 6 photos" in lines
    assert sum(line.startswith("area ") for line in lines) == len(found.areas)
    names = {f"questioned.{name}.png" for name in ("areas", "difference", "reference", "registered")}
    names |= {f"questioned.{one}.{kind}.png" for one in ("comparator", "patches") for kind in ("heatmap", "overlay")}
    assert {path.name for path in (tmp_path / "maps").iterdir()} == names
    printed = called("examine", asked, "--references", "label_quorum", *where, "--json")
    assert json.loads(printed.out) == json.loads(json.dumps(as_json(found)))


def test_an_earlier_collection_is_replaced_only_if_asked_to(enrol: Command, tmp_path: Path) -> None:
    enrol(*GENUINE)
    assert_refused(enrol(*GENUINE[:5]), "There is a collection label_quorum in")
    assert len(load_collection("label_quorum", tmp_path).photos) == 6
    assert enrol(*GENUINE[:5], options=("--replace", "--keep-pictures")).status == 0
    found = load_collection("label_quorum", tmp_path)
    assert len(found.photos) == 5
    assert found.pictures is not None


@pytest.mark.parametrize(
    ("photos", "options", "words"),
    [
        (GENUINE[:4], (), "needs 5 genuine photos, and 4 were handed in"),
        ([*GENUINE[:4], "genuine_3"], (), "1 of them twice"),
        ([*GENUINE[:5], "missing"], (), "missing.png"),
        (GENUINE, ("--item", "tag A"), "does not name its picture"),
        (GENUINE, ("--item", "9=tag A"), "6 pictures are named"),
        (GENUINE, ("--counterfeit", "missing.png"), "missing.png"),
        (GENUINE, ("--crop", "1=0,0,9999,10"), "reaches outside"),
    ],
)
def test_what_makes_no_collection_is_refused_and_nothing_is_saved(
    photos: list[str], options: tuple[str, ...], words: str, enrol: Command, tmp_path: Path
) -> None:
    assert_refused(enrol(*photos, options=options), words)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--references", "label_avelo"), "There is no reference collection 'label_avelo'"),
        (("--references", "label_quorum", "--model", "tiny_parts"), "With --references no model is asked"),
        (("--references", "label_quorum", "--locate"), "With --references no model is asked"),
        (("--references", "label_quorum", "--series", "Avelo"), "holds Quorum, not Avelo"),
    ],
)
def test_what_cannot_be_examined_so_is_refused(
    options: tuple[str, ...], words: str, enrol: Command, bench: Path, called: Command, tmp_path: Path
) -> None:
    enrol(*GENUINE)
    where = "--weights", bench / "weights", "--collections", tmp_path
    assert_refused(called("examine", bench / "questioned.png", *where, *options), words)


def test_without_a_comparator_nothing_is_enrolled(
    bench: Path, tiny_models: Path, called: Command, tmp_path: Path
) -> None:
    photos = [bench / f"{name}.png" for name in GENUINE]
    where = "--weights", tiny_models, "--collections", tmp_path
    ran = called("enrol", *photos, "--part", "label", "--series", "Quorum", *where)
    assert_refused(ran, "There is no model for comparator in")
