"""Weights on disk: what is written is read again, and what is damaged or foreign is refused by name."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import math
import os
import pickle
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from inference.authenticity.examiner import AuthenticityExaminer
from inference.models.card import HISTOGRAM_BINS, Card, Confusion, Histogram, Metric, WeightsRefused
from inference.models.catalogue import read_card, read_catalogue
from inference.models.weights import load_model, save_model
from inference.networks.kag_mtln import KagMtln
from inference.places import WEIGHTS_FOLDER
from inference.records import as_json
from inference.reference.reference import Reference

NAME = "tiny_parts"


@pytest.fixture
def folder(tiny_models: Path, tmp_path: Path) -> Path:
    """A folder of its own with the two files of one model."""
    copies = tmp_path / "weights"
    copies.mkdir()
    for ending in ("json", "safetensors"):
        shutil.copy(tiny_models / f"{NAME}.{ending}", copies)
    return copies


def change_card(folder: Path, **changed: Any) -> None:
    path = folder / f"{NAME}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


def write_card(content: str | bytes) -> Callable[[Path], Any]:
    data = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / f"{NAME}.json").write_bytes(data)


def card_with(**changed: Any) -> Callable[[Path], None]:
    return lambda folder: change_card(folder, **changed)


def replace_weights(content: bytes) -> Callable[[Path], None]:
    """Other weights, with their right hash in the card."""

    def damage(folder: Path) -> None:
        (folder / f"{NAME}.safetensors").write_bytes(content)
        change_card(folder, weights_sha256=hashlib.sha256(content).hexdigest())

    return damage


def drop_card(folder: Path) -> None:
    (folder / f"{NAME}.json").unlink()


def drop_weights(folder: Path) -> None:
    (folder / f"{NAME}.safetensors").unlink()


def folder_as_card(folder: Path) -> None:
    drop_card(folder)
    (folder / f"{NAME}.json").mkdir()


def truncate_card(folder: Path) -> None:
    path = folder / f"{NAME}.json"
    path.write_bytes(path.read_bytes()[:-40])


def drop_field(folder: Path) -> None:
    path = folder / f"{NAME}.json"
    stated = json.loads(path.read_text())
    del stated["licence"]
    path.write_text(json.dumps(stated))


def flip_a_byte(folder: Path) -> None:
    path = folder / f"{NAME}.safetensors"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate_weights(folder: Path) -> None:
    path = folder / f"{NAME}.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


def weights_of_another_network(folder: Path) -> None:
    replace_weights(safetensors.torch.save(KagMtln("six_layer_cnn", 4, hidden=8, auxiliary=False).state_dict()))(folder)


CARD, WEIGHTS = f"{NAME}.json", f"{NAME}.safetensors"
DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "missing card": (drop_card, f"{CARD} cannot be read"),
    "a folder as card": (folder_as_card, f"{CARD} cannot be read"),
    "empty card": (write_card(""), f"{CARD} is damaged: it is not readable JSON"),
    "truncated JSON": (truncate_card, f"{CARD} is damaged: it is not readable JSON"),
    "bytes that are no text": (write_card(b"\xff\xfe\x00\xd8"), f"{CARD} is damaged: it is not readable JSON"),
    "JSON without end": (write_card("[" * 200_000), f"{CARD} is damaged: it is not readable JSON"),
    "JSON list": (write_card("[1, 2]"), f"{CARD} is not a card of Assay"),
    "JSON text": (write_card('"assay_card"'), f"{CARD} is not a card of Assay"),
    "another program's JSON": (write_card('{"name": "tiny_parts"}'), f"{CARD} is not a card of Assay"),
    "format that is no number": (card_with(assay_card="1"), f"{CARD} is not a card of Assay"),
    "newer format": (card_with(assay_card=99, new_field=1), f"{CARD} is written in card format 99"),
    "unknown key": (card_with(colour="blue"), f"{CARD} is damaged: colour:"),
    "unknown key inside": (card_with(preprocessing={"size": 40, "gama": 2}), f"{CARD} is damaged: preprocessing.gama:"),
    "missing key": (drop_field, f"{CARD} is damaged: licence:"),
    "seed that is no number": (card_with(seed="seven"), f"{CARD} is damaged: seed:"),
    "classes that are no list": (card_with(classes=4), f"{CARD} is damaged: classes:"),
    "preprocessing that is a list": (card_with(preprocessing=[]), f"{CARD} is damaged: preprocessing:"),
    "preprocessing out of range": (card_with(preprocessing={"size": 2}), f"{CARD} is damaged: preprocessing:"),
    "band without 0.5": (card_with(band={"lower": 0.6, "upper": 0.7, "rule": ""}), f"{CARD} is damaged: band:"),
    "unknown task": (card_with(task="portraits"), f"{CARD} is damaged: task:"),
    "name of another file": (card_with(name="other"), f"{CARD} is the card of 'other'"),
    "missing weights": (drop_weights, f"{WEIGHTS} cannot be read"),
    "weights with one byte flipped": (flip_a_byte, f"{WEIGHTS} is not the file its card describes"),
    "truncated weights": (truncate_weights, f"{WEIGHTS} is not the file its card describes"),
    "weights of another network": (weights_of_another_network, f"{WEIGHTS} does not fit the network"),
    "weights that are none": (replace_weights(b"hello"), f"{WEIGHTS} does not fit the network"),
    "no weights at all": (replace_weights(b""), f"{WEIGHTS} does not fit the network"),
    "unknown network": (card_with(network="oracle"), f"{WEIGHTS} does not fit the network"),
    "unknown arguments": (card_with(arguments={"colour": "blue"}), f"{WEIGHTS} does not fit the network"),
    "arguments of another kind": (
        card_with(arguments={"backbone": ["six_layer_cnn"], "classes": 4}),
        f"{WEIGHTS} does not fit the network",
    ),
}


@pytest.mark.parametrize(("damage", "words"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_model_is_refused_in_one_sentence(damage: Callable[[Path], Any], words: str, folder: Path) -> None:
    damage(folder)
    with pytest.raises(WeightsRefused) as refusal:
        load_model(NAME, folder)
    sentence = str(refusal.value)
    assert sentence.startswith(words)
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.parametrize("name", ["JSON list", "truncated JSON", "JSON without end", "newer format", "unknown key"])
def test_one_bad_card_hides_no_other(name: str, folder: Path) -> None:
    damage, words = DAMAGES[name]
    good = read_card(folder / CARD)
    damage(folder)
    for spare in ("before", "z_after"):
        save_model(dataclasses.replace(good, name=spare), {"x": torch.zeros(1)}, folder)
    catalogue = read_catalogue(folder)
    assert set(catalogue.cards) == {"before", "z_after"}
    assert len(catalogue.refusals) == 1
    assert catalogue.refusals[0].startswith(words)


class _Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.mkdir, (self.target,)


def test_a_pickle_is_never_unpickled(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "exploded"
    bomb = pickle.dumps(_Bomb(target))
    replace_weights(bomb)(folder)
    with pytest.raises(WeightsRefused, match="does not fit the network"):
        load_model(NAME, folder)
    assert not target.exists()
    pickle.loads(bomb)
    assert target.exists(), "the bomb was a live one"


def test_a_checkpoint_of_torch_is_refused(folder: Path, tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / "checkpoint.pt")
    replace_weights((tmp_path / "checkpoint.pt").read_bytes())(folder)
    with pytest.raises(WeightsRefused, match="does not fit the network"):
        load_model(NAME, folder)


def test_a_model_is_loaded_as_it_was_saved(folder: Path, tmp_path: Path) -> None:
    model = load_model(NAME, folder)
    saved = save_model(dataclasses.replace(model.card, name="again"), model.network.state_dict(), tmp_path / "other")
    again = load_model("again", tmp_path / "other")
    state, state_again = model.network.state_dict(), again.network.state_dict()
    assert list(state) == list(state_again)
    assert all(state[key].equal(state_again[key]) for key in state)
    assert all(state[key].dtype == state_again[key].dtype for key in state)
    assert again.card == saved == dataclasses.replace(model.card, name="again")
    assert not again.network.training


def test_hashes_are_those_of_the_files(folder: Path) -> None:
    model = load_model(NAME, folder)
    assert model.card.weights_sha256 == hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    assert model.card_sha256 == hashlib.sha256((folder / CARD).read_bytes()).hexdigest()


def test_tensors_are_saved_however_they_lie(folder: Path, tmp_path: Path) -> None:
    weight = torch.arange(6.0, requires_grad=True).reshape(2, 3).T
    save_model(read_card(folder / CARD), {"weight": weight}, tmp_path)
    assert safetensors.torch.load_file(tmp_path / WEIGHTS)["weight"].equal(weight)


def test_a_card_keeps_all_it_states(folder: Path, tmp_path: Path) -> None:
    card = dataclasses.replace(
        read_card(folder / CARD),
        title="Größe & ®",
        settings={"loss": {"alpha": 0.5}, "epochs": [1, 2], "resumed": None},
        metrics={"auc": Metric(0.9, 0.85, 0.95, "40 photos"), "accuracy": Metric(0.8, None, None, "40 photos")},
        confusion=Confusion("test", ("a", "b"), ((1, 2), (3, 4))),
        histogram=Histogram("test", "P(genuine)", {"genuine": tuple(range(HISTOGRAM_BINS))}),
        band=None,
        heatmap_full_scale=None,
    )
    saved = save_model(card, {"x": torch.zeros(1)}, tmp_path)
    assert read_card(tmp_path / CARD) == saved
    assert json.loads((tmp_path / CARD).read_text(encoding="utf-8")) == as_json(saved)
    assert dataclasses.replace(saved, weights_sha256=card.weights_sha256) == card


def test_nothing_but_the_two_files_is_left(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder"
    save_model(read_card(folder / CARD), {"x": torch.zeros(1)}, target)
    assert sorted(path.name for path in target.iterdir()) == [CARD, WEIGHTS]


INTERRUPTIONS = list(itertools.product(["fsync", "replace"], [1, 2]))


def interrupt(monkeypatch: pytest.MonkeyPatch, step: str, at: int) -> None:
    """Ctrl-C at the first or second such step; a file that is being written is left half done."""
    owner = os if step == "fsync" else Path
    whole = getattr(owner, step)
    calls = itertools.count(1)

    def interrupted(*arguments: Any) -> Any:
        of_folder = step == "fsync" and stat.S_ISDIR(os.fstat(arguments[0]).st_mode)
        if of_folder or next(calls) != at:
            return whole(*arguments)
        if step == "fsync":
            os.ftruncate(arguments[0], os.fstat(arguments[0]).st_size // 2)
        raise KeyboardInterrupt

    monkeypatch.setattr(owner, step, interrupted)


@pytest.mark.parametrize(("step", "at"), INTERRUPTIONS)
def test_an_interrupted_save_leaves_no_card_without_its_weights(
    step: str, at: int, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, target = load_model(NAME, folder), tmp_path / "target"
    with monkeypatch.context() as patch:
        interrupt(patch, step, at)
        with pytest.raises(KeyboardInterrupt):
            save_model(model.card, model.network.state_dict(), target)
    catalogue = read_catalogue(target)
    assert catalogue.cards == {}
    assert catalogue.refusals == ()
    save_model(model.card, model.network.state_dict(), target)
    assert load_model(NAME, target).card == model.card


@pytest.mark.parametrize(("step", "at"), INTERRUPTIONS)
def test_an_interrupted_save_over_a_model_never_mixes_the_two(
    step: str, at: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = load_model(NAME, folder)
    new = {key: value + 1 for key, value in old.network.state_dict().items()}
    with monkeypatch.context() as patch:
        interrupt(patch, step, at)
        with pytest.raises(KeyboardInterrupt):
            save_model(old.card, new, folder)
    if (step, at) in {("fsync", 1), ("replace", 1)}:
        assert load_model(NAME, folder).card == old.card
    else:
        with pytest.raises(WeightsRefused, match="is not the file its card describes"):
            load_model(NAME, folder)


def test_two_files_dropped_into_a_folder_are_a_model(tiny_models: Path, folder: Path) -> None:
    assert read_catalogue(folder).names("trademark") == ()
    for path in tiny_models.glob("tiny_marks.*"):
        shutil.copy(path, folder)
    assert read_catalogue(folder).names("trademark") == ("tiny_marks",)
    assert load_model("tiny_marks", folder).card.task == "trademark"


def test_an_empty_or_missing_folder_is_an_empty_catalogue(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        catalogue = read_catalogue(folder)
        assert (catalogue.cards, catalogue.refusals) == ({}, ())


def test_names_come_by_task_in_alphabetical_order(folder: Path) -> None:
    card = read_card(folder / CARD)
    for name in ("tiny_parts_2", "a", "a-b", "zz"):
        save_model(dataclasses.replace(card, name=name), {"x": torch.zeros(1)}, folder)
    save_model(dataclasses.replace(card, name="m", task="pretrained"), {"x": torch.zeros(1)}, folder)
    catalogue = read_catalogue(folder)
    assert catalogue.names("authenticity") == ("a", "a-b", "tiny_parts", "tiny_parts_2", "zz")
    assert catalogue.names("pretrained") == ("m",)
    assert catalogue.names("trademark") == ()


def test_every_committed_card_is_read_and_loads_its_weights() -> None:
    catalogue = read_catalogue(WEIGHTS_FOLDER)
    assert catalogue.refusals == ()
    assert set(catalogue.cards) == {path.stem for path in WEIGHTS_FOLDER.glob("*.safetensors")}
    assert catalogue.cards, "the pretrained start of training at least"
    for name, card in catalogue.cards.items():
        assert load_model(name).card == card


@pytest.mark.parametrize(
    ("classes", "series"),
    [
        ((), ()),
        (("dissimilar", "similar"), ()),
        (("a/genuine", "a/counterfeit"), ("a",)),
        (("b/genuine", "a/counterfeit", "a/genuine", "b/counterfeit"), ("b", "a")),
        (("shoes/left/genuine", "shoes/left/counterfeit"), ("shoes/left",)),
    ],
    ids=str,
)
def test_the_series_of_a_card_are_those_of_its_classes(
    classes: tuple[str, ...], series: tuple[str, ...], folder: Path
) -> None:
    card: Card = dataclasses.replace(read_card(folder / CARD), classes=classes, arguments={})
    assert card.series == series


@pytest.mark.parametrize(
    "make",
    [
        lambda: Confusion("test", ("a", "b"), ((1, 2),)),
        lambda: Confusion("test", ("a", "b"), ((1, 2), (3,))),
        lambda: Confusion("test", ("a", "a"), ((1, 2), (3, 4))),
        lambda: Histogram("test", "P(genuine)", {"genuine": (1, 2)}),
    ],
    ids=["row missing", "row too short", "class named twice", "too few bins"],
)
def test_figures_of_a_card_are_validated(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"square|bins"):
        make()


def test_a_card_names_as_many_classes_as_its_network_has_outputs(folder: Path) -> None:
    card = read_card(folder / CARD)
    with pytest.raises(ValueError, match=f"{len(card.classes) - 1} classes for a network with {len(card.classes)}"):
        dataclasses.replace(card, classes=card.classes[1:])


# ---- references, which lie in the same file


GUIDED = "tiny_guided"


@pytest.fixture
def guided(guided_models: Path, tmp_path: Path) -> Path:
    """A folder of its own with a model that looks at parts beside their references."""
    copies = tmp_path / "guided"
    shutil.copytree(guided_models, copies)
    return copies


def change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    """Other tensors in the file, with their right hash in the card."""
    path = folder / f"{GUIDED}.safetensors"
    tensors = safetensors.torch.load_file(path)
    change(tensors)
    path.write_bytes(safetensors.torch.save(tensors))
    card = folder / f"{GUIDED}.json"
    stated = json.loads(card.read_text()) | {"weights_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    card.write_text(json.dumps(stated))


def test_references_come_back_as_they_were_saved(guided: Path, tiny_references: tuple[Reference, ...]) -> None:
    loaded = load_model(GUIDED, guided).references
    assert [reference.series for reference in loaded] == ["alba", "quorum"]
    for found, saved in zip(loaded, tiny_references, strict=True):
        assert np.array_equal(found.picture, saved.picture)
        for name in ("mean", "spread"):
            array = getattr(found, name)
            assert array.dtype == np.float32
            np.testing.assert_allclose(array, getattr(saved, name), rtol=2**-10, atol=2**-24)
        for name in ("least_score", "most_enlarged", "most_blurred", "photos"):
            assert getattr(found, name) == pytest.approx(getattr(saved, name), rel=1e-6)


def test_what_was_loaded_is_saved_to_the_same_bytes(guided: Path, tmp_path: Path) -> None:
    model = load_model(GUIDED, guided)
    saved = save_model(model.card, model.network.state_dict(), tmp_path / "again", model.references)
    assert saved == model.card
    assert load_model(GUIDED, tmp_path / "again").card_sha256 == model.card_sha256


def test_a_references_order_is_that_of_the_cards_series(
    guided: Path, tiny_references: tuple[Reference, ...], tmp_path: Path
) -> None:
    model = load_model(GUIDED, guided)
    save_model(model.card, model.network.state_dict(), tmp_path / "turned", tiny_references[::-1])
    assert [each.series for each in load_model(GUIDED, tmp_path / "turned").references] == ["alba", "quorum"]


def test_a_series_may_have_dots_in_its_name(
    guided: Path, tiny_references: tuple[Reference, ...], tmp_path: Path
) -> None:
    model, names = load_model(GUIDED, guided), ("tag", "tag.v2")
    classes = tuple(f"{name}/{label}" for name in names for label in ("counterfeit", "genuine"))
    renamed = [dataclasses.replace(each, series=name) for each, name in zip(tiny_references, names, strict=True)]
    card = dataclasses.replace(model.card, classes=classes)
    save_model(card, model.network.state_dict(), tmp_path / "dots", renamed)
    assert [each.series for each in load_model(GUIDED, tmp_path / "dots").references] == [*names]


def test_the_hash_covers_the_references(guided: Path, tiny_references: tuple[Reference, ...], tmp_path: Path) -> None:
    model = load_model(GUIDED, guided)
    first, second = tiny_references
    other = dataclasses.replace(first, picture=255 - first.picture)
    saved = save_model(model.card, model.network.state_dict(), tmp_path / "other", (other, second))
    assert saved.weights_sha256 != model.card.weights_sha256
    path, picture = guided / f"{GUIDED}.safetensors", first.picture.tobytes()
    content = path.read_bytes()
    assert content.count(picture) == 1
    path.write_bytes(content.replace(picture, other.picture.tobytes()))
    with pytest.raises(WeightsRefused, match=f"{GUIDED}.safetensors is not the file its card describes"):
        load_model(GUIDED, guided)


@pytest.mark.parametrize(
    "array", ["picture", "mean", "spread", "least_score", "most_enlarged", "most_blurred", "photos", None]
)
def test_a_reference_that_is_not_whole_is_refused_in_one_sentence(array: str | None, guided: Path) -> None:
    prefix = f"reference.quorum.{array or ''}"
    change_weights(guided, lambda tensors: [tensors.pop(key) for key in list(tensors) if key.startswith(prefix)])
    with pytest.raises(WeightsRefused) as refusal:
        load_model(GUIDED, guided)
    assert str(refusal.value) == (
        f"{GUIDED}.safetensors does not fit the network its card describes; restore both files."
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors: tensors.update({"reference.alba.mean": torch.zeros(3, 3, dtype=torch.float16)}),
        lambda tensors: tensors["reference.alba.spread"].fill_(float("nan")),
        lambda tensors: tensors.update({"reference.alba.picture": tensors["reference.alba.picture"].float()}),
        lambda tensors: tensors.update({"reference.alba.photos": torch.zeros(0, dtype=torch.int32)}),
        lambda tensors: tensors.update({"reference.third.mean": torch.zeros(3, 3)}),
    ],
    ids=["mean of another frame", "spread that is no number", "picture in floats", "no count", "of an unknown series"],
)
def test_a_damaged_reference_is_refused_in_one_sentence(change: Callable[[Any], Any], guided: Path) -> None:
    change_weights(guided, change)
    with pytest.raises(WeightsRefused, match="does not fit the network its card describes"):
        load_model(GUIDED, guided)


@pytest.mark.parametrize(
    ("stack", "words"),
    [
        ({"width": 96, "height": 16}, f"{GUIDED}.json is damaged: stack:"),
        ({"width": 96, "height": 64, "channels": ["edges", "edges", "luminance"]}, f"{GUIDED}.json is damaged: stack:"),
        ({"width": 96, "height": 64, "channels": ["edges", "luminance"]}, f"{GUIDED}.json is damaged: stack.channels"),
        ({"width": 96, "height": 64, "channels": ["edges", "depth", "luminance"]}, f"{GUIDED}.json is damaged: stack."),
        ({"width": 64, "height": 64}, f"{GUIDED}.safetensors does not fit the network"),
        (None, f"{GUIDED}.safetensors does not fit the network"),
    ],
    ids=["too flat", "channel twice", "two channels", "unknown channel", "narrower than a reference", "no stack"],
)
def test_a_stack_that_does_not_fit_is_refused(stack: dict[str, Any] | None, words: str, guided: Path) -> None:
    path = guided / f"{GUIDED}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"stack": stack}))
    with pytest.raises(WeightsRefused) as refusal:
        load_model(GUIDED, guided)
    assert str(refusal.value).startswith(words)


def test_a_card_of_format_1_still_loads_and_examines(folder: Path, striped: Callable[..., Any]) -> None:
    before = AuthenticityExaminer.load(NAME, folder).examine(striped("red/genuine"))
    path = folder / CARD
    stated = json.loads(path.read_text()) | {"assay_card": 1}
    for field in ("stack", "heatmap_method", "per_class"):
        del stated[field]
    path.write_text(json.dumps(stated))
    card = read_card(path)
    assert (card.assay_card, card.stack, card.heatmap_method, card.per_class) == (1, None, "grad_cam", None)
    after = AuthenticityExaminer.load(NAME, folder).examine(striped("red/genuine"))
    assert after.class_probabilities == before.class_probabilities
    assert np.array_equal(after.heatmap.raw, before.heatmap.raw)


# ---- absurd numbers, which are refused when the card is read


def put(*where: str | int, value: str) -> Callable[[dict[str, Any]], str]:
    """A card's JSON with other JSON in one place."""

    def change(stated: dict[str, Any]) -> str:
        inner: Any = stated
        for step in where[:-1]:
            inner = inner[step]
        inner[where[-1]] = "the place"
        return json.dumps(stated).replace('"the place"', value)

    return change


HUGE, LONG, TINY = "1000000000000", "1" + "0" * 300, "1e-300"
WHOLE = ["0", "-1", HUGE, LONG, "1e12", "NaN", "Infinity", "1e999"]
ABSURD: dict[tuple[str | int, ...], list[str]] = {
    ("preprocessing", "size"): [*WHOLE, "7", "2049"],
    ("preprocessing", "gamma"): ["0", "-1", HUGE, "NaN", "Infinity"],
    ("preprocessing", "mean", 0): ["-1", HUGE, "NaN", "-Infinity"],
    ("preprocessing", "std", 2): ["0", "-1", TINY, HUGE, "NaN", "Infinity"],
    ("stack", "width"): WHOLE,
    ("stack", "height"): WHOLE,
    ("arguments", "hidden"): WHOLE,
    ("arguments", "classes"): WHOLE,
    ("arguments", "channels"): WHOLE,
    ("arguments", "convolutions"): ["-1", HUGE, LONG, "NaN"],
    ("arguments", "steps_in_head"): ["-1", HUGE, LONG, "NaN"],
    ("arguments", "scale"): ["0", "-1", HUGE, "NaN", "-Infinity"],
    ("arguments", "overlap"): ["-0.1", "2", "NaN"],
    ("arguments", "anything"): ["NaN", "Infinity", LONG],
    ("heatmap_full_scale",): ["0", "-1", HUGE, TINY, "NaN", "Infinity", "1e999"],
    ("agreement_weight",): ["-1", HUGE, "NaN", "Infinity"],
    ("mark_framing",): ["-1", LONG, "NaN"],
    ("seed",): [LONG, "NaN", "1.5"],
    ("settings", "loss"): ["NaN", "-Infinity", "[[1, Infinity]]", LONG],
    ("metrics", "auc", "value"): ["NaN", "Infinity", LONG],
    ("metrics", "auc", "low"): ["NaN", "-Infinity"],
    ("confusion", "counts", 0, 0): ["-1", "1.5", LONG, "NaN"],
    ("histogram", "counts", "genuine", 3): ["-1", "1.5", LONG, "NaN"],
    ("band", "lower"): ["-1", "NaN", HUGE],
    ("scope_gate", "neighbours"): WHOLE,
    ("scope_gate", "sources"): WHOLE,
    ("scope_gate", "farthest_neighbour"): ["0", "-1", HUGE, "NaN"],
    ("scope_gate", "farthest_spread"): ["0", "-1", HUGE, "NaN", "Infinity"],
    ("scope_gate", "usual", "blur"): ["NaN", "Infinity", LONG],
    ("calibration", "slope"): ["0", "-1", "NaN"],
    ("calibration", "least"): ["1", "-1000000000000", "-Infinity"],
    ("calibration", "greatest"): ["-1", HUGE, "Infinity"],
    ("calibration", "photos"): WHOLE,
    ("calibration", "sources", 0): ["0", "-1", "NaN"],
    ("calibration", "replicates", 0, 3): ["NaN", "Infinity"],
    ("fusion", "log_odds", 1): ["0", "-1", TINY, HUGE, "NaN"],
    ("fusion", "log_deviation", 0): [HUGE, "NaN", "-Infinity"],
    ("find_rule", "margin"): ["-1", HUGE, "NaN", "Infinity"],
    ("find_rule", "least_score"): ["-1", HUGE, "NaN"],
    ("series_rule", "least_lead"): ["-1", HUGE, "NaN", "Infinity"],
}

SAID_IN_WORDS = {"confusion", "histogram", "calibration", "find_rule", "band", "scope_gate", "series_rule"}
"""Facts whose refusals name the fact, and its numbers in words."""


def full_card(folder: Path) -> dict[str, Any]:
    """The JSON of a card that states all there is to state."""
    shipped: dict[str, Any] = json.loads((WEIGHTS_FOLDER / "leather_tag.json").read_text())
    shipped["settings"] = {}
    return shipped | {
        "name": NAME,
        "metrics": {"auc": {"value": 0.9, "low": 0.8, "high": 0.95, "over": "40 photos"}},
        "find_rule": {"least_score": 0.5, "overlap": 0.5, "margin": 0.1, "close_up": 0.7, "rule": "by hand"},
        "confusion": {"over": "test", "classes": ["a", "b"], "counts": [[1, 2], [3, 4]]},
        "histogram": {"over": "test", "probability": "P", "counts": {"genuine": [1] * HISTOGRAM_BINS}},
        "heatmap_full_scale": 1.5,
    }


def test_the_card_that_is_made_absurd_is_sound(tmp_path: Path) -> None:
    (tmp_path / CARD).write_text(json.dumps(full_card(tmp_path)))
    assert read_card(tmp_path / CARD).histogram


@pytest.mark.parametrize(
    ("where", "value"),
    [(where, value) for where, values in ABSURD.items() for value in values],
    ids=lambda v: f"{v}"[:40],
)
def test_an_absurd_number_is_refused_by_name_when_the_card_is_read(
    where: tuple[str | int, ...], value: str, tmp_path: Path
) -> None:
    (tmp_path / CARD).write_text(put(*where, value=value)(full_card(tmp_path)))
    with pytest.raises(WeightsRefused) as refused:
        read_card(tmp_path / CARD)
    sentence = str(refused.value)
    assert sentence.startswith(f"{CARD} is damaged: ")
    assert sentence.endswith("; restore it with its weights.")
    named = [step for step in where if isinstance(step, str)][-1]
    assert named in sentence or where[0] in SAID_IN_WORDS
    assert str(where[0]) in sentence or "classes" in sentence
    assert len(sentence) < 300
    assert "\n" not in sentence


@pytest.mark.parametrize("deep", ["[" * 500 + "]" * 500, '{"a":' * 500 + "1" + "}" * 500])
def test_a_card_that_is_nested_without_end_is_refused(deep: str, tmp_path: Path) -> None:
    (tmp_path / CARD).write_text(put("settings", "loss", value=deep)(full_card(tmp_path)))
    with pytest.raises(WeightsRefused, match=r"is damaged: settings is nested more than 32 deep; restore"):
        read_card(tmp_path / CARD)


def test_a_file_beyond_any_card_is_not_even_read(tmp_path: Path) -> None:
    with (tmp_path / CARD).open("wb") as file:
        file.truncate(65_000_000)
    with pytest.raises(WeightsRefused, match=r"is larger than any card \(65,000,000 bytes\)"):
        read_card(tmp_path / CARD)


def test_figures_that_nothing_was_measured_on_are_left_out(folder: Path, tmp_path: Path) -> None:
    known = Metric(0.9, 0.8, None, "40 photos")
    metrics = {"auc": known, "none": Metric(math.nan, None, None, "no photos"), "open": Metric(1, 0, math.inf, "one")}
    save_model(dataclasses.replace(read_card(folder / CARD), metrics=metrics), {"x": torch.zeros(1)}, tmp_path)
    assert read_card(tmp_path / CARD).metrics == {"auc": known}
