"""The one bench: each model is loaded once, chosen by one rule, and every examination goes through its examiner."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from inference.authenticity.examiner import AuthenticityExaminer
from inference.bench import Bench
from inference.evidence.scale import VerbalScale
from inference.models.card import Task, WeightsRefused
from inference.models.embedding import frozen_embedding
from inference.models.weights import load_model
from inference.places import WEIGHTS_FOLDER
from inference.records import Exhibit, Refusal
from inference.request import Request

MakeExhibit = Callable[..., Exhibit]


@pytest.fixture
def folder(tiny_models: Path, tmp_path: Path) -> Path:
    """A folder of models, of which one is there twice."""
    shutil.copytree(tiny_models, tmp_path / "models")
    card = json.loads((tmp_path / "models" / "tiny_parts.json").read_text())
    (tmp_path / "models" / "again.json").write_text(json.dumps(card | {"name": "again"}))
    shutil.copy(tmp_path / "models" / "tiny_parts.safetensors", tmp_path / "models" / "again.safetensors")
    return tmp_path / "models"


@pytest.mark.parametrize(
    ("task", "named", "chosen"),
    [
        ("authenticity", None, "again"),
        ("authenticity", "tiny_parts", "tiny_parts"),
        ("trademark", None, "tiny_marks"),
        ("trademark", "tiny_marks", "tiny_marks"),
    ],
)
def test_the_named_model_is_chosen_or_the_first_by_name(
    task: Task, named: str | None, chosen: str, folder: Path
) -> None:
    assert Bench(folder).chosen(task, named) == chosen


@pytest.mark.parametrize(
    ("task", "named", "sentence"),
    [
        ("locator", None, "There is no model for locator in "),
        ("locator", "tiny_parts", "There is no model 'tiny_parts' for locator; there are: none."),
        (
            "authenticity",
            "tiny_marks",
            "There is no model 'tiny_marks' for authenticity; there are: again, tiny_parts.",
        ),
        ("trademark", "../x", "There is no model '../x' for trademark; there are: tiny_marks."),
    ],
)
def test_a_model_that_is_not_there_is_refused_in_one_sentence(
    task: Task, named: str | None, sentence: str, folder: Path
) -> None:
    with pytest.raises(WeightsRefused) as refused:
        Bench(folder).chosen(task, named)
    assert str(refused.value).startswith(sentence)


def test_a_model_is_loaded_once_whoever_asks_for_it(
    folder: Path, striped: MakeExhibit, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    load = AuthenticityExaminer.load.__func__  # type: ignore[attr-defined]

    def counted(kind: type[AuthenticityExaminer], name: str, *rest: object) -> AuthenticityExaminer:
        loaded.append(name)
        return load(kind, name, *rest)

    monkeypatch.setattr(AuthenticityExaminer, "load", classmethod(counted))
    bench, exhibit = Bench(folder), striped("blue/genuine")
    with ThreadPoolExecutor(4) as threads:
        verdicts = list(threads.map(lambda name: bench.examine(Request(exhibit), name), ["again", "tiny_parts"] * 4))
    assert sorted(loaded) == ["again", "tiny_parts"]
    assert [verdict.provenance.model for verdict in verdicts] == ["again", "tiny_parts"] * 4
    assert {name: card.name for name, card in bench.cards(*verdicts).items()} == {
        "again": "again",
        "tiny_parts": "tiny_parts",
    }


def test_the_bench_states_likelihood_ratios_in_its_own_words(folder: Path, striped: MakeExhibit) -> None:
    scale = VerbalScale("Ours", "here", {"some": 2.0})
    bench = Bench(folder, scale=scale)
    examiner = AuthenticityExaminer.load("again", folder, scale=scale)
    assert bench.examine(Request(striped("blue/genuine"))).evidence == (
        examiner.examine(striped("blue/genuine")).evidence
    )


def test_photos_of_one_item_are_combined_part_by_part(folder: Path, striped: MakeExhibit) -> None:
    bench = Bench(folder)
    verdicts = [
        bench.examine(Request(striped("blue/genuine", seed), "blue"), name)
        for seed, name in ((1, "again"), (2, "tiny_parts"), (3, "again"))
    ]
    findings = bench.combine(verdicts)
    assert [(finding.model, len(finding.verdicts)) for finding in findings] == [("again", 2), ("tiny_parts", 1)]
    with pytest.raises(Refusal, match="state the series, or report photos of other items separately"):
        bench.combine([verdicts[0], bench.examine(Request(striped("red/genuine", 4), "red"), "again")])


def test_the_embedding_of_a_gate_is_that_of_the_models_own_folder(folder: Path) -> None:
    shipped = frozen_embedding()
    assert frozen_embedding(folder) is shipped
    for ending in ("json", "safetensors"):
        shutil.copy(WEIGHTS_FOLDER / f"efficientnet_lite0.{ending}", folder)
    own = frozen_embedding(folder)
    assert (own is shipped, own.sha256) == (False, shipped.sha256)
    assert frozen_embedding(folder) is own
    (folder / "efficientnet_lite0.safetensors").write_bytes(b"other")
    copied = folder.parent / "copied"
    shutil.copytree(folder, copied)
    with pytest.raises(WeightsRefused, match="is not the file its card describes"):
        frozen_embedding(copied)


def test_a_model_has_the_gate_that_its_card_states() -> None:
    model = load_model("leather_tag")
    with pytest.raises(ValueError, match="a model has the gate that its card states"):
        dataclasses.replace(model, gate=None)
    with pytest.raises(ValueError, match="a model has the gate that its card states"):
        dataclasses.replace(model, card=dataclasses.replace(model.card, scope_gate=None))
