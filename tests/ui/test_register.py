"""The actions of the register's tab."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
import pytest

from inference.bench import Bench
from inference.records import Refusal
from tests.inference.register.drawing import drawn
from ui.cases_in_use import CasesInUse
from ui.register import Registered
from ui.report_desk import ReportDesk
from ui.workbench import workbench


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    folder = tmp_path / "marks"
    folder.mkdir()
    for shape in ("disc", "ring", "box", "pair"):
        (folder / f"{shape}.png").write_bytes(drawn(shape))
    (folder / "list.csv").write_text("path,owner\ndisc.png,Brown\nring.png,<b>Miller</b>\n")
    return folder


@pytest.fixture
def tab(weighing_models: Path, tmp_path: Path) -> Registered:
    return Registered(Bench(weighing_models), ReportDesk(CasesInUse()), str(tmp_path / "register"), takes_in=True)


def untold(what: str, share: float) -> None:
    pass


def test_looking_at_a_register_that_is_not_there_makes_none(tab: Registered, tmp_path: Path, marks: Path) -> None:
    assert "No register yet" in tab.wait()
    assert tab.filters() == []
    with pytest.raises(Refusal, match="There is no register yet; take marks in first"):
        tab.search(str(marks / "disc.png"), "", "", 5, None)
    assert not (tmp_path / "register").exists()


def test_columns_can_be_filtered_by_and_are_no_markup(tab: Registered, marks: Path) -> None:
    tab.take_in(f"\n {marks} \n", untold)
    assert tab.filters([["owner", " mill "], ["gone", "x"]]) == [["owner", "mill"]]
    page, _ = tab.search(str(marks / "disc.png"), "", "", 5, [["owner", " mill "]])
    assert "1 of 4 marks searched" in page
    assert "owner &lt;b&gt;Miller&lt;/b&gt;" in page
    record = tab.search_register(str(marks / "disc.png"), filters="owner=mill\n\n")
    assert (record["filters"], record["looked_at"]) == ({"owner": "mill"}, 1)
    with pytest.raises(gr.Error, match="'owner' is not COLUMN=TEXT"):
        tab.search_register(str(marks / "disc.png"), filters="owner")


def test_what_was_stopped_is_kept_and_goes_on_there(tab: Registered, marks: Path) -> None:
    with pytest.raises(Refusal, match="Stopped after 4 of 4 files"):
        tab.take_in(str(marks), lambda *_: tab.stop())
    assert "0 new, 0 changed, 0 gone, 4 unchanged" in tab.take_in(str(marks), untold)


def test_a_pair_is_compared_as_in_the_tab_of_comparisons(tab: Registered, marks: Path, weighing_models: Path) -> None:
    tab.take_in(str(marks), untold)
    found = tab.searched(str(marks / "disc.png"), "", "", 5, {})
    last = found.rankings[0].marks[-1]
    (record,) = tab.examined(str(marks / "disc.png"), "", "", last.sha256).records
    bench = Bench(weighing_models)
    assert record.evidence == bench.compare(found.exhibit, tab._exhibit(last.sha256)).evidence


@pytest.mark.parametrize(("reads_files", "fields"), [(True, 1), (False, 0)])
def test_only_a_page_for_this_machine_reads_its_files(
    weighing_models: Path, tmp_path: Path, reads_files: bool, fields: int
) -> None:
    page = workbench(Bench(weighing_models), register=str(tmp_path / "register"), reads_files=reads_files)
    ids = [component["props"].get("elem_id") for component in page.get_config_file()["components"]]
    assert ids.count("register-places") == fields
    assert "register-search" in ids


def test_a_server_that_does_not_answer_is_said_and_the_page_opens(weighing_models: Path) -> None:
    nowhere, bench = "http://127.0.0.1:1", Bench(weighing_models)
    workbench(bench, register=nowhere)
    tab = Registered(bench, ReportDesk(CasesInUse()), nowhere, takes_in=True)
    for look in (tab.wait, tab.filters):
        with pytest.raises(Refusal, match="cannot be reached"):
            look()


def test_a_register_that_cannot_be_read_is_said_and_the_page_opens(weighing_models: Path, tmp_path: Path) -> None:
    (tmp_path / "register.sqlite").write_bytes(b"no register" * 99)
    bench = Bench(weighing_models)
    workbench(bench, register=str(tmp_path))
    tab = Registered(bench, ReportDesk(CasesInUse()), str(tmp_path), takes_in=True)
    for look in (tab.wait, tab.filters):
        with pytest.raises(Refusal, match="cannot be read as a register"):
            look()
