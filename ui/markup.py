"""Records to HTML. Every value is escaped where it enters a template; nothing of a file is trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from inference.examiner import as_probability

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["probability"] = as_probability
_TEMPLATES.filters["percent"] = lambda share: f"{100 * share:.2f}%"


def render(template: str, **values: Any) -> str:
    """One of `ui/templates`, filled in and escaped."""
    return _TEMPLATES.get_template(template).render(**values)
