"""The actions of the tab of batches."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.bench import Bench
from inference.records import Refusal
from inference.request import Means
from ui.batch_actions import Batching
from ui.cases_in_use import CasesInUse
from ui.choices import EACH_PART, means_of
from ui.file_names import NamedPath
from ui.report_desk import ReportDesk
from ui.workbench import workbench


def made(models: Path, folder: Path, reads_files: bool = True) -> Batching:
    bench = Bench(models)
    return Batching(bench, ReportDesk(CasesInUse()), folder, reads_files)


@pytest.fixture
def tab(tiny_models: Path, tmp_path: Path):
    tab = made(tiny_models, tmp_path / "batches")
    yield tab
    tab.batches.close()


def finished(tab: Batching) -> None:
    tab.batches._thread.join()


@pytest.mark.parametrize(
    ("choice", "means"),
    [
        (None, Means()),
        ("", Means()),
        ("tiny_parts", Means("tiny_parts", series="blue")),
        ("references/best-fit", Means(references="best-fit", series="blue")),
        (EACH_PART, Means(locate=True, series="blue")),
    ],
)
def test_a_choice_says_by_what_is_examined(choice: str | None, means: Means) -> None:
    assert means_of(choice, means.series) == means


def test_each_part_is_a_choice_where_parts_are_found(tab: Batching, goods_models: Path, tmp_path: Path) -> None:
    assert EACH_PART not in {name for _, name in tab.choices()}
    assert EACH_PART in {name for _, name in made(goods_models, tmp_path).choices()}


def test_a_batch_is_begun_shown_opened_and_reported(tab: Batching, photos: Path) -> None:
    assert "No batch yet" in tab.card(None)
    assert tab.known(None) is None
    tab.begin(None, f"\n {photos} \n", "tiny_parts", "", "Monday")
    finished(tab)
    assert "4 of 4 photos done" in tab.card("Monday")
    page = tab.rows("Monday", "", "", "as listed", 0)
    assert page.count("data-row=") == 3
    assert "item =Bag 2" in page
    assert "2 rows" not in tab.rows("Monday", "not examined", "", "as listed", 0)
    (record,) = tab.examined("Monday", "1.1").records
    assert record.exhibit.name == "a.png"
    assert Path(tab.csv("Monday")).read_bytes().startswith(b"path,outcome")
    assert tab.known("gone") == "Monday"


def test_what_a_file_says_is_no_markup(tab: Batching, photos: Path) -> None:
    (photos / "list.csv").write_text("path,item\na.png,<b>Bag</b>\n")
    tab.begin(None, str(photos), None, None, "one")
    finished(tab)
    assert "&lt;b&gt;Bag&lt;/b&gt;" in tab.rows("one", "", "", "as listed", 0)


def test_a_page_for_others_reads_no_files_of_this_machine(tiny_models: Path, tmp_path: Path, photos: Path) -> None:
    tab = made(tiny_models, tmp_path / "batches", reads_files=False)
    with pytest.raises(Refusal, match="There are no photos"):
        tab.begin(None, str(photos), None, None, "one")
    batch = tab.begin([NamedPath(str(photos / "a.png"), "bag.png")], str(photos), None, None, "two")
    finished(tab)
    assert [row.path for row in batch.store.rows()] == ["bag.png"]
    tab.batches.close()


@pytest.mark.parametrize("reads_files", [True, False])
def test_only_a_page_for_this_machine_asks_for_its_files(tiny_models: Path, tmp_path: Path, reads_files: bool) -> None:
    page = workbench(Bench(tiny_models), register=str(tmp_path), reads_files=reads_files, batches=tmp_path / "batches")
    (places,) = [
        component["props"]
        for component in page.get_config_file()["components"]
        if component["props"].get("elem_id") == "batch-places"
    ]
    assert places["visible"] == reads_files


def test_a_batch_that_runs_is_not_reported(tab: Batching, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tab.begin(None, str(photos), None, None, "one")
    finished(tab)
    monkeypatch.setattr(tab, "runs", lambda _: True)
    with pytest.raises(Refusal, match="still runs"):
        tab.report(None, "one")  # type: ignore[arg-type]
