"""A photo beside all collections of a folder: it is examined beside the one whose reference it fits best."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.bench import Bench
from inference.collections.enrolling import Enrolment, KnownPhoto
from inference.collections.files import BEST_FIT, CollectionRefused
from inference.models.weights import Model, save_model
from inference.records import as_json
from inference.request import Request

SERIES = ("alba", "quorum")


@pytest.fixture(scope="module")
def bench(comparator: Model, lettered: Any, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A collection of each series."""
    folder = tmp_path_factory.mktemp("bench")
    save_model(comparator.card, comparator.network.state_dict(), folder / "weights")
    bench = Bench(folder / "weights", references=folder / "references")
    for series in SERIES:
        photos = [KnownPhoto(lettered(f"{series}/genuine", seed), f"item {seed}") for seed in range(5)]
        bench.keep(bench.enrol(Enrolment("label", series, photos)))
    return bench


@pytest.mark.parametrize("series", SERIES)
@pytest.mark.parametrize("label", ["genuine", "counterfeit"])
def test_it_is_the_record_beside_the_collection_of_its_series(
    bench: Bench, lettered: Any, series: str, label: str
) -> None:
    request = Request(lettered(f"{series}/{label}", 40))
    found = bench.examine_beside(request, BEST_FIT)
    assert found.collection == f"label_{series}"
    assert as_json(found) == as_json(bench.examine_beside(request, f"label_{series}"))


def test_only_collections_of_a_stated_series_are_tried(bench: Bench, lettered: Any) -> None:
    exhibit = lettered("quorum/genuine", 40)
    assert bench.examine_beside(Request(exhibit, "quorum"), BEST_FIT).series == "quorum"
    beside_another = bench.examine_beside(Request(exhibit, "alba"), BEST_FIT)
    assert (beside_another.series, beside_another.outcome) == ("alba", "out of scope")
    with pytest.raises(CollectionRefused, match="There is no reference collection of Moritz in"):
        bench.examine_beside(Request(exhibit, "Moritz"), BEST_FIT)


def test_what_fits_none_is_out_of_scope_and_an_empty_folder_is_refused(
    bench: Bench, lettered: Any, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (92, 148, 3), np.uint8)
    found = bench.examine_beside(Request(replace(lettered("alba/genuine"), pixels=noise)), BEST_FIT)
    assert found.outcome == "out of scope"
    empty = Bench(bench.weights, references=tmp_path)
    with pytest.raises(CollectionRefused, match="There is no reference collection in"):
        empty.examine_beside(Request(lettered("alba/genuine")), BEST_FIT)
