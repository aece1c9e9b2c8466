"""Which events of the page start what."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from inference.bench import Bench
from inference.casework.cases import Cases
from ui.workbench import workbench


def test_no_event_has_two_handlers_that_are_run_again_for_its_last_change(tiny_models: Path, tmp_path: Path) -> None:
    """Gradio repeats the event, not the handler: while one runs the other is asked for again, and so on without end."""
    page = workbench(Bench(tiny_models), Cases(tmp_path / "cases"))
    events = Counter(
        tuple(target)
        for dependency in page.get_config_file()["dependencies"]
        for target in dependency["targets"]
        if dependency["backend_fn"] and dependency["trigger_mode"] == "always_last" and target[1] != "then"
    )
    assert events
    assert {event: handlers for event, handlers in events.items() if handlers > 1} == {}
