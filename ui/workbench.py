"""The whole page: its tabs, its style, and how it is served."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import gradio as gr

from inference.batches.batches import BATCHES_FOLDER
from inference.bench import Bench
from inference.casework.cases import Cases
from inference.places import REGISTER
from inference.records import EngineChoice
from ui.authenticate import authenticate_tab
from ui.batch import batch_tab
from ui.case import case_tab
from ui.cases_in_use import CasesInUse
from ui.compare import compare_tab
from ui.doors.guarded import GuardedApp
from ui.doors.login import Attempts, Login
from ui.doors.names import THIS_MACHINE, Names
from ui.markup import render
from ui.memory import share_freed_memory
from ui.models import models_page
from ui.references import references_tab
from ui.register import register_tab
from ui.report_desk import ReportDesk
from ui.report_form import tell_of_cases
from ui.waiting import MOST_WAITING

_FOLDER = Path(__file__).parent
_HOUR, _DAY = 3600, 86400


def workbench(
    bench: Bench,
    cases: Cases | None = None,
    public: bool = False,
    register: str = REGISTER,
    reads_files: bool = True,
    batches: Path = BATCHES_FOLDER,
) -> gr.Blocks:
    """The page over the models of a bench.

    Args:
        bench: The models.
        cases: The folder of cases; without one nothing is written, and reports are only downloads, until one is chosen
            in a page that reads files of this machine.
        public: Whether anyone can reach it, so that it warns against uploading case material.
        register: Folder or address of the register of marks.
        reads_files: Whether it may read files of this machine that a user names: only its own users reach it.
        batches: The folder of the batches.
    """
    in_use = CasesInUse(cases, choosable=reads_files and not public)
    desk = ReportDesk(in_use)
    with gr.Blocks(title="Assay", analytics_enabled=False, delete_cache=(_HOUR, _DAY)) as page:
        gr.HTML(render("masthead.html", public=public))
        with gr.Tabs(overflow_behavior="wrap") as tabs:
            with gr.Tab("Authenticate") as first:
                form = authenticate_tab(bench, desk, (first.select, page.load))
            with gr.Tab("Compare marks"):
                forms = [form, compare_tab(bench, desk)]
            if not public:
                with gr.Tab("Batch") as batch:
                    forms += batch_tab(bench, desk, batches, reads_files, (batch.select, page.load))
            if bench.choices("trademark") and not public:
                with gr.Tab("Register") as registered:
                    shown = (registered.select, page.load)
                    forms += register_tab(bench, desk, register, reads_files, shown)
            if bench.choices("comparator") and not public:
                with gr.Tab("References") as references:
                    references_tab(bench, in_use, (references.select, page.load))
            if in_use.offered:
                with gr.Tab("Case") as case:
                    forms.append(case_tab(bench, desk, in_use, register, (case.select, page.load)))
            for one, other in combinations(forms, 2):
                one.remember_with(other)
            with gr.Tab("Models"):
                gr.HTML(models_page(bench.catalogue), elem_id="models")
        if in_use.choosable:
            tell_of_cases(forms, (page.load, tabs.select))
    page.queue(default_concurrency_limit=1, max_size=MOST_WAITING, api_open=False)
    return page


def launch(
    page: gr.Blocks, public: bool = False, names: Names | None = None, login: Login | None = None, **options: Any
) -> str:
    """Start serving the page, with all settings that keep it on this machine; gives its address.

    Args:
        page: The page.
        public: Whether anyone can reach it.
        names: The names it is served under; by default this machine's own.
        login: The login it asks for; by default none.
        options: Options of Gradio's `launch`.
    """
    scripts = [(_FOLDER / name).read_text(encoding="utf-8") for name in ("bench.js", "viewer.js")]
    examples = _FOLDER / "examples"
    _, address, _ = page.launch(
        _app=GuardedApp(names or Names.of("localhost"), public, scripts, [examples]),
        auth=Attempts(login).check if login else None,  # type: ignore[arg-type] # Gradio awaits what is a coroutine
        theme=_theme(),
        css_paths=[_FOLDER / "bench.css"],
        head="".join(f"<script>{script}</script>" for script in scripts),
        favicon_path=_FOLDER / "icon.svg",
        allowed_paths=[str(examples)],
        max_file_size="100mb",
        footer_links=[],
        share=False,
        mcp_server=False,
        num_workers=0,
        run_history=False,
        enable_monitoring=False,
        strict_cors=True,
        ssr_mode=False,
        show_error=False,
        **options,
    )
    return str(address)


def serve(
    *,
    weights: Path,
    device: str,
    engine: EngineChoice,
    host: str,
    port: int,
    login: Login | None,
    open_browser: bool,
    case_folder: Path | None,
    references: Path,
    register: str,
    batches: Path,
    public: bool,
    served_as: Sequence[str],
    root_path: str,
) -> None:
    """Serve the page until it is interrupted.

    Args:
        weights: Folder with the models and their cards.
        device: Where the networks run.
        engine: What runs them.
        host: Address to serve on.
        port: Port to serve on.
        login: The login that the page asks for; None for none.
        open_browser: Whether to open the page.
        case_folder: Folder of the cases; None for none at the start.
        references: Folder of the reference collections.
        register: Folder or address of the register of marks.
        batches: Folder of the batches.
        public: Whether anyone can reach it.
        served_as: Names that it is reached by besides this machine's own.
        root_path: Sub-path under which a proxy serves it; empty for none.

    Raises:
        Refusal: if the case folder cannot be used, or the engine cannot run.
    """
    share_freed_memory()
    bench = Bench(weights, device, references=references, engine=engine)
    cases = Cases(case_folder) if case_folder else None
    reads_files = host in THIS_MACHINE and not served_as
    launch(
        workbench(bench, cases, public, register, reads_files, batches),
        public,
        Names.of(host, served_as),
        login,
        server_name=host,
        server_port=port,
        root_path=root_path,
        inbrowser=open_browser,
    )


def _theme() -> gr.themes.Base:
    """A light bench with the system's own typefaces, whatever the system's mode."""
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.slate,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_sm,
        font=["system-ui", "Segoe UI", "Liberation Sans", "sans-serif"],
        font_mono=["ui-monospace", "Consolas", "Liberation Mono", "monospace"],
    ).set(
        body_background_fill="#f4f6f7",
        body_text_color="#1b2228",
        body_text_color_subdued="#55606b",
        block_background_fill="#ffffff",
        block_border_color="#d3dae0",
        block_label_text_color="#3c4650",
        block_title_text_color="#1b2228",
        block_info_text_color="#55606b",
        block_shadow="none",
        border_color_primary="#d3dae0",
        input_background_fill="#ffffff",
        input_border_width="1px",
        input_border_color="#8a96a1",
        input_border_color_focus="#1d4e63",
        button_primary_background_fill="#1d4e63",
        button_primary_background_fill_hover="#163d4e",
        button_primary_text_color="#ffffff",
        button_secondary_background_fill="#ffffff",
        button_secondary_background_fill_hover="#eaeff2",
        button_secondary_border_color="#8a96a1",
        button_secondary_text_color="#1b2228",
        color_accent="#1d4e63",
        color_accent_soft="#e6eef1",
        link_text_color="#1d4e63",
        loader_color="#1d4e63",
    )
    for name in [name for name in vars(theme) if name.endswith("_dark")]:
        setattr(theme, name, getattr(theme, name.removesuffix("_dark")))
    return theme
