from __future__ import annotations

import dataclasses
import gc
import logging
import re
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from app import Options
from inference.bench import Bench
from inference.models.card import HISTOGRAM_BINS, Confusion, Histogram, Metric
from inference.models.catalogue import Catalogue, read_catalogue
from inference.records import Refusal
from ui.answers import answer
from ui.authenticate_actions import Authenticate
from ui.cases_in_use import CasesInUse
from ui.compare import Compare
from ui.examination import Examination, key_of
from ui.models import draw_histogram, figures_by_heading, models_page
from ui.report_desk import Examined, ReportDesk
from ui.report_form import ReportForm

DESK = ReportDesk(CasesInUse())


@pytest.fixture(scope="module")
def bench(tiny_models: Path) -> Bench:
    return Bench(tiny_models)


@pytest.fixture
def photo(tmp_path: Path) -> str:
    path = tmp_path / "part.png"
    noise = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return str(path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"file": None}, "There is no photo to examine"),
        ({"model": "tiny_marks"}, "There is no model"),
        ({"model": "../tiny_parts"}, "There is no model"),
        ({"series": "green"}, "does not know the series"),
        ({"crop": "half"}, "is not four whole numbers"),
        ({"crop": "0,0,600,10"}, "reaches outside"),
        ({"find": "1"}, "There is no find 1"),
        ({"find": "../1"}, "There is no find"),
    ],
    ids=["no photo", "another task", "path for a model", "unknown series", "no crop", "crop outside", "find", "path"],
)
def test_what_cannot_be_examined_is_refused_in_a_sentence(
    bench: Bench, photo: str, change: dict, sentence: str
) -> None:
    inputs = {"file": photo, "model": "tiny_parts", "series": "", "crop": "", "find": ""} | change
    card = answer(Authenticate(bench, DESK).examined, *inputs.values())
    assert 'role="alert"' in card
    assert sentence in card
    assert "faul" not in card


def test_a_mark_that_is_missing_is_named(bench: Bench, photo: str) -> None:
    page = Compare(bench, DESK).examined
    assert "first mark is missing" in answer(page, None, photo, "tiny_marks", "", "")
    assert "second mark is missing" in answer(page, photo, None, "tiny_marks", "", "")


def test_the_page_says_what_is_still_to_do(bench: Bench, photo: str) -> None:
    assert "No photo yet" in Authenticate(bench, DESK).wait(None, None, None, None)
    assert "40 pixels. Press Examine" in Authenticate(bench, DESK).wait(photo, "tiny_parts", "", "")
    assert "One more mark" in Compare(bench, DESK).wait(None, photo)
    assert "Press Compare" in Compare(bench, DESK).wait(photo, photo)


def test_a_fault_is_logged_and_told_without_its_details(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> str:
        raise ZeroDivisionError("secret detail")

    with caplog.at_level(logging.ERROR):
        card = answer(fail)
    assert "fault of its own" in card
    assert "secret" not in card
    assert "secret detail" in caplog.text


@pytest.fixture
def form() -> Iterator[ReportForm]:
    with warnings.catch_warnings():
        # Gradio leaves an event loop to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        with gr.Blocks():
            form = ReportForm(ReportDesk(CasesInUse()), "photo")
        yield form
        gc.collect()


def test_a_result_and_its_form_are_taken_away_when_its_inputs_change_and_not_before(form: ReportForm) -> None:
    def examine(photo: str, crop: str) -> Examined:
        return Examined(f"result of {photo} {crop}", [], [], {})

    examination = Examination("ready for {} {}".format, [], gr.HTML(), form)
    page, result, mark, panel, issued = examination.run(examine, "one.png", "")
    assert (page, panel.visible, issued) == ("result of one.png ", True, "")
    for same in ("", None):
        assert key_of(result, "one.png", same) is not None
        assert examination.refresh(result, mark, "one.png", same) == (gr.skip(),) * 5
    for file, crop in (("one.png", "1,2,3,4"), ("two.png", "")):
        assert key_of(result, file, crop) is None
        page, waiting, _, panel, _ = examination.refresh(result, mark, file, crop)
        assert (page, panel.visible) == (f"ready for {file} {crop}", False)
        assert key_of(waiting, file, crop) is None


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("examined_first", [True, False])
def test_a_check_shows_the_last_result_in_whichever_order_the_browser_showed_the_answers(
    form: ReportForm, order: tuple[int, int], examined_first: bool
) -> None:
    def examine(photo: str) -> Examined:
        return Examined(f"result of {photo}", [], [], {})

    examination = Examination("ready for {}".format, [], gr.HTML(), form)
    if examined_first:
        first = examination.run(examine, "one.png")
        answers = first, examination.refresh(first[1], first[2], "two.png")
        last = "ready for two.png"
    else:
        answers = examination.refresh(None, "", "two.png"), examination.run(examine, "two.png")
        last = "result of two.png"
    shown = answers[order[1]]
    check = examination.refresh(answers[1][1], shown[2], "two.png")
    page, _, _, panel, _ = [old if new == gr.skip() else new for old, new in zip(shown, check, strict=True)]
    assert page == last
    assert panel.visible == (last == "result of two.png")


def test_what_is_refused_has_no_form_for_a_report(form: ReportForm) -> None:
    def examine() -> Examined:
        raise Refusal("There is no photo.")

    page, result, _, panel, _ = Examination(str, [], gr.HTML(), form).run(examine)
    assert "There is no photo." in page
    assert (key_of(result), panel.visible) == (None, False)


def test_a_model_is_loaded_once_for_all_threads(bench: Bench, photo: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        tab = Authenticate(bench, DESK)
        pages = list(threads.map(lambda _: tab.examined(photo, "tiny_parts", "", "", "").page, range(8)))
    assert len(set(pages)) == 1


def test_an_empty_folder_is_no_fault(tmp_path: Path, photo: str) -> None:
    bench = Bench(tmp_path)
    assert "holds no models" in models_page(bench.catalogue)
    assert "no authenticity model" in Authenticate(bench, DESK).wait(None, None, None, None)
    assert "no trademark model" in Compare(bench, DESK).wait(None, None)
    with pytest.raises(Refusal, match="There is no model"):
        Authenticate(bench, DESK).examined(photo, None, "", "", "")


def test_the_card_of_a_model_is_a_page(tiny_models: Path) -> None:
    catalogue = read_catalogue(tiny_models)
    card = dataclasses.replace(
        catalogue.cards["tiny_parts"],
        limits=("<b>stripes</b> only",),
        confusion=Confusion("12 photos", ("genuine", "counterfeit"), ((5, 1), (0, 6))),
        histogram=Histogram("12 photos", "P(genuine)", {"genuine": (1,) * HISTOGRAM_BINS}),
    )
    page = models_page(dataclasses.replace(catalogue, cards={"tiny_parts": card}, refusals=("x.json is <damaged>",)))
    assert "&lt;b&gt;stripes&lt;/b&gt; only" in page
    assert "x.json is &lt;damaged&gt;" in page
    assert "--share:0.833" in page
    assert 'aria-label="genuine, 20 in 20 bins' in page


def test_the_card_of_a_guided_model_says_what_it_sees_and_how_well_it_does(guided_models: Path) -> None:
    catalogue = read_catalogue(guided_models)
    figure = Metric(0.912, 0.8, 0.96, "12 photos")
    card = dataclasses.replace(
        catalogue.cards["tiny_guided"],
        per_class={"alba/genuine": {"precision": figure, "recall": figure, "F1": figure}, "<b>/x": {"F1": figure}},
    )
    page = models_page(dataclasses.replace(catalogue, cards={"tiny_guided": card}))
    sees = "96 × 64 pixels: the photo registered to the genuine reference of its series, as"
    assert f"{sees} luminance, edges, genuine edges" in page
    assert "HiResCAM" in page
    assert "FWD padding" not in page
    table = page[page.index("<summary>By class</summary>") :]
    table = table[: table.index("</table>")]
    assert 'aria-label="Figures by class of Tiny guided"' in table
    assert re.findall(r'<th scope="(col|row)">([^<]*)</th>', table) == [
        *(("col", name) for name in ("Class", "Precision", "Recall", "F1")),
        ("row", "alba/genuine"),
        ("row", "&lt;b&gt;/x"),
    ]
    assert table.count('0.912 <span class="interval">0.800 to 0.960</span>') == 4
    assert table.count('<td class="figure">–</td>') == 2


def test_the_card_of_a_model_that_sees_the_part_alone_says_so(tiny_models: Path) -> None:
    page = models_page(read_catalogue(tiny_models))
    assert "40 × 40 pixels, FWD padding gray" in page
    assert "registered" not in page
    assert "By class" not in page


def test_a_calibrated_and_gated_card_says_what_stands_behind_it_and_shows_no_band() -> None:
    shipped = read_catalogue().cards["leather_tag"]
    assert shipped.calibration is not None
    assert shipped.scope_gate is not None
    page = models_page(Catalogue({"leather_tag": shipped}, ()))
    assert f"{shipped.calibration.sources[0]} genuine and {shipped.calibration.sources[1]} counterfeit sources" in page
    assert shipped.calibration.population in page
    assert f"{shipped.scope_gate.sources} training sources; refuses 5 % of its own kind by design" in page
    assert "nconclusive band" not in page
    assert '<rect class="band"' not in page


def test_every_figure_stands_under_one_heading_and_the_first_ones_are_seen_at_once() -> None:
    shipped = read_catalogue().cards
    for card in shipped.values():
        topics = figures_by_heading(card.metrics)
        assert sorted(name for figures in topics.values() for name in figures) == sorted(card.metrics)
        assert "Other figures" not in topics
    page = models_page(Catalogue({"leather_tag": shipped["leather_tag"]}, ()))
    seen = page[: page.index("<details")]
    assert f'<span class="figure">{shipped["leather_tag"].metrics["Cllr"].value:.3f}</span>' in seen


def test_a_figure_that_no_heading_was_made_for_is_shown_all_the_same() -> None:
    figure = Metric(0.5, None, None, "")
    of_new = figure.named("cllr", "of <new>")
    assert figures_by_heading({"Cllr, of <new>": of_new, "novelty": figure}) == {
        "Likelihood ratios": {"Cllr, of <new>": of_new},
        "Other figures": {"novelty": figure},
    }


def test_histograms_of_groups_share_one_height() -> None:
    first, second = (0,) * (HISTOGRAM_BINS - 1) + (10,), (1,) * HISTOGRAM_BINS
    few, many = draw_histogram(Histogram("", "", {"few": first, "many": second}))
    assert few.bars[-1].height == pytest.approx(HISTOGRAM_BINS * many.bars[-1].height)
    assert [bar.y + bar.height for bar in (*few.bars, *many.bars)] == pytest.approx([64.0] * 2 * HISTOGRAM_BINS)


@pytest.mark.parametrize("auth", ["examiner", "examiner:", ":password"])
def test_a_login_without_name_or_password_does_not_start(auth: str) -> None:
    with pytest.raises(ValueError, match="user:password"):
        Options(auth=auth)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"host": "0.0.0.0"}, "could read and delete the cases"), ({}, "a public page keeps no cases")],
    ids=["anybody", "on a Space"],
)
def test_cases_are_not_laid_open(options: dict, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Options(case_folder=tmp_path)
    Options(case_folder=tmp_path, host="0.0.0.0", auth="examiner:password")
    monkeypatch.setattr("app.ON_SPACES", not options)
    with pytest.raises(ValueError, match=sentence):
        Options(case_folder=tmp_path, **options)


@pytest.mark.parametrize(
    ("titles", "listed"),
    [
        pytest.param({"a": "Tags", "b": "Buckles"}, ["Tags", "Buckles"], id="different titles stay as they are"),
        pytest.param(
            {"a": "Tags", "b": "Tags", "c": "Buckles"},
            ["Tags (a)", "Tags (b)", "Buckles"],
            id="only where they collide",
        ),
        pytest.param({"a": "Tags", "b": " tags "}, ["Tags (a)", " tags  (b)"], id="capitals and spaces tell nothing"),
        pytest.param(
            {"a": "Tags", "b": "Tags", "c": "Tags (a)"},
            ["Tags (a)", "Tags (b)", "Tags (a) (c)"],
            id="a title that looks like another with its name",
        ),
        pytest.param({"a": "", "b": ""}, [" (a)", " (b)"], id="no titles"),
    ],
)
def test_models_of_one_title_are_told_apart_by_their_names(
    titles: dict[str, str], listed: list[str], tiny_models: Path
) -> None:
    card = read_catalogue(tiny_models).cards["tiny_parts"]
    cards = {name: dataclasses.replace(card, name=name, title=title) for name, title in titles.items()}
    bench = Bench(tiny_models)
    bench.catalogue = Catalogue(cards, ())
    assert bench.choices("authenticity") == list(zip(listed, titles, strict=True))
    page = models_page(bench.catalogue)
    for name, title in zip(titles, listed, strict=True):
        assert f'<a href="#model-{name}">{title}</a>' in page
        assert f'<h2 id="title-{name}">{title}</h2>' in page
