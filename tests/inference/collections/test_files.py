"""Collections on disk: what is read is what was saved, and what cannot be trusted is refused with the reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.collections.collection import Collection
from inference.collections.examiner import CollectionExaminer
from inference.collections.files import CollectionRefused, load_collection, read_collections, save_collection
from inference.models.catalogue import read_card
from inference.places import WEIGHTS_FOLDER
from inference.records import as_json
from inference.request import Request


@pytest.fixture
def saved(labels: Collection, tmp_path: Path) -> Path:
    return save_collection(labels, tmp_path)


def test_what_is_read_is_what_was_saved(saved: Path, labels: Collection) -> None:
    assert saved.name == "label_quorum_2.json"
    found = load_collection("label_quorum_2", saved.parent)
    assert (found.photos, found.made_with, found.made) == (labels.photos, labels.made_with, labels.made)
    assert found.sha256 == labels.sha256
    assert found.pictures is not None
    assert labels.pictures is not None
    assert np.array_equal(found.pictures.pixels, labels.pictures.pixels)
    without = replace(labels, pictures=None)
    save_collection(without, saved.parent)
    assert load_collection("label_quorum_2", saved.parent).pictures is None
    assert len(without.packed) < len(labels.packed)


def test_a_photo_is_judged_the_same_beside_what_is_read(
    saved: Path, labels: Collection, examiner: CollectionExaminer, lettered: Any
) -> None:
    asked = Request(lettered("quorum/counterfeit", 40))
    before, after = (examiner.examine(one, asked) for one in (labels, load_collection(labels.name, saved.parent)))
    assert as_json(before) == as_json(after)


def test_it_keeps_no_photo(saved: Path, labels: Collection) -> None:
    save_collection(replace(labels, pictures=None), saved.parent)
    files = saved.read_bytes() + saved.with_suffix(".safetensors").read_bytes()
    assert labels.pictures is not None
    for pixels in labels.pictures.pixels:
        assert pixels[40:44].tobytes() not in files


def test_a_folder_is_read_and_one_bad_card_hides_no_other(saved: Path) -> None:
    (saved.parent / "broken.json").write_text("{")
    found = read_collections(saved.parent)
    assert [*found.cards] == ["label_quorum_2"]
    assert found.refusals == ("broken.json is damaged: it is not readable JSON; restore it with its arrays.",)
    assert read_collections(saved.parent / "nowhere").cards == {}


def stated(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def apply(card: Path) -> None:
        content = json.loads(card.read_text())
        change(content)
        card.write_text(json.dumps(content))

    return apply


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "no card": (Path.unlink, "cannot be read"),
    "no arrays": (lambda card: card.with_suffix(".safetensors").unlink(), "cannot be read"),
    "changed arrays": (
        lambda card: card.with_suffix(".safetensors").write_bytes(b"x"),
        "is not the file that label_quorum_2.json describes",
    ),
    "another kind of card": (stated(lambda card: card.pop("assay_collection")), "is not a collection of Assay"),
    "an older one": (stated(lambda card: card.update(assay_collection=1)), "was enrolled by an earlier Assay"),
    "a newer one": (stated(lambda card: card.update(assay_collection=9)), "collection format 9"),
    "a renamed one": (stated(lambda card: card.update(series="other")), "is the collection 'label_other'"),
    "a witness too many": (
        stated(lambda card: card["made_with"].update(patches=1)),
        "is damaged: made_with.patches: Input should be a valid string",
    ),
    "four photos": (
        stated(lambda card: card.update(photos=card["photos"][:4])),
        "does not hold what label_quorum_2.json describes",
    ),
    "an unknown field": (stated(lambda card: card.update(power=1)), "is damaged: power"),
}


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_trusted_is_refused(saved: Path, change: Callable[[Path], object], message: str) -> None:
    change(saved)
    with pytest.raises(CollectionRefused, match=message):
        load_collection("label_quorum_2", saved.parent)


def test_every_shipped_collection_is_read_and_belongs_to_the_shipped_comparator() -> None:
    shipped = [name for name in read_collections().cards if name.startswith("round_label_")]
    assert len(shipped) == 3
    for name in shipped:
        collection = load_collection(name)
        assert collection.made_with["comparator"] == read_card(WEIGHTS_FOLDER / "comparator.json").weights_sha256
        assert collection.made_with["patches"] == read_card(WEIGHTS_FOLDER / "efficientnet_lite0.json").weights_sha256
