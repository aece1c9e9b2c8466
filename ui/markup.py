"""From records to HTML. Every value is escaped when it enters a template; no text of a file is trusted."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from inference.evidence.calibration import as_ratio
from inference.examiner import as_probability


def along(value: float, reach: float) -> str:
    """Position of a value on a scale from -reach to reach, as a percentage; a value beyond it lies at its end."""
    return f"{100 * (min(max(value / reach, -1), 1) + 1) / 2:.2f}%"


def data_address(kind: str, data: bytes) -> str:
    """Content of a media type as an address that holds it."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def spoken(name: str) -> str:
    """The name of a class in words: `leather_tag` becomes leather tag."""
    return name.replace("_", " ")


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["probability"] = as_probability
_TEMPLATES.filters["ratio"] = as_ratio
_TEMPLATES.filters["along"] = along
_TEMPLATES.filters["spoken"] = spoken
_TEMPLATES.filters["percent"] = lambda share: f"{100 * share:.2f}%"


def render(template: str, **values: Any) -> str:
    """A template of `ui/templates`, filled in and escaped."""
    return _TEMPLATES.get_template(template).render(**values)
