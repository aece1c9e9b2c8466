"""Tables of figures: written as JSON and Markdown, and read back by what each figure is, not by what it is called."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from inference.models.card import Card, Metric
from inference.models.format_2 import Names, with_keys
from inference.models.weights import Model
from training.fitting.run_folder import plain

Table = dict[str, dict[str, Metric]]
Figures = Mapping[tuple[str, ...], Metric]
"""Figures by their key and what they are of, as `Metric` has them."""

_FORMAT = 2
_WITHOUT_KEYS: Names = {
    "heatmap: lift": ("heatmap_lift",),
    "heatmap: pointing": ("heatmap_pointing",),
    "heatmap: pixel AUC": ("heatmap_pixel_auc",),
    "(.+): lift": ("heatmap_lift", r"\1"),
    "(.+): pointing": ("heatmap_pointing", r"\1"),
    "(.+): pixel AUC": ("heatmap_pixel_auc", r"\1"),
    "(.+): rank correlation": ("heatmap_rank_correlation", r"\1"),
    "hiding: claimed part falls more": ("heatmap_claimed_falls_more",),
    r"pairs, \w+: AUC, (.+)": ("auc", r"\1"),
    r"pairs, \w+: accuracy, (.+)": ("accuracy", r"\1"),
    r"pairs, \w+: TPR at TNR 0\.90, (.+)": ("tpr_at_tnr_90", r"\1"),
    r"pairs, \w+: TPR at TNR 0\.95, (.+)": ("tpr_at_tnr_95", r"\1"),
    "retrieval among .+: (.+)": ("retrieval", r"\1"),
    "shortcut audit: AUC, (.+)": ("shortcut_auc", r"\1"),
    r"(.+): change, (\w+)": ("score_change", r"\1", r"\2"),
    "as it is: Cllr": ("cllr",),
    r"(.+, severity \d): Cllr": ("cllr", r"\1"),
    r"(.+, severity \d): flips": ("flips", r"\1"),
}
"""What a file of format 1 calls its figures, after their row: the key of each, and what it is of."""


def json_bytes(table: Table) -> bytes:
    """A table of figures as JSON."""
    return (json.dumps(_stated(table), indent=1) + "\n").encode()


def json_bytes_of(model: Model, name: str, table: Table) -> bytes:
    """A named table of figures as JSON, with the model that they belong to."""
    whose = {"format": _FORMAT, "model": model.card.name, "weights_sha256": model.card.weights_sha256}
    return (json.dumps({**whose, name: _stated(table)}, indent=1) + "\n").encode()


def _stated(table: Table) -> Any:
    return plain({row: {name: asdict(metric) for name, metric in figures.items()} for row, figures in table.items()})


def read_figures(file: Path, card: Card, name: str) -> Figures | None:
    """The figures that `json_bytes_of` wrote of these very weights; None where there are none, or those of others."""
    content = json.loads(file.read_bytes()) if file.exists() else {}
    if content.get("weights_sha256") != card.weights_sha256:
        return None
    return by_key(content[name], content.get("format", 1))


def by_key(stated: Mapping[str, Any], written_as: int = _FORMAT) -> Figures:
    """The figures of a table in JSON, those that have a key, from a file of a format."""
    listed = {
        f"{row}: {name}": Metric(**{**one, "of": tuple(one.get("of", ()))})
        for row, figures in stated.items()
        for name, one in figures.items()
    }
    metrics = listed if written_as == _FORMAT else with_keys(listed, _WITHOUT_KEYS)
    return {(metric.key, *metric.of): metric for metric in metrics.values() if metric.key}


def table_lines(table: Table, rows: str = "map") -> Iterable[str]:
    """A table of figures in Markdown; `rows` names its rows."""
    columns = list(dict.fromkeys(name for figures in table.values() for name in figures))
    yield f"| {rows} | {' | '.join(columns)} |"
    yield "|---" * (len(columns) + 1) + "|"
    for row, figures in table.items():
        cells = [
            f"{figures[name].value:.3f} [{figures[name].low:.3f}, {figures[name].high:.3f}]" if name in figures else ""
            for name in columns
        ]
        yield f"| {row} | {' | '.join(cells)} |"


def metric_lines(table: Table) -> Iterable[str]:
    """The figures as text, one a line."""
    for row, metrics in table.items():
        yield f"{row}:"
        for name, metric in metrics.items():
            interval = f" [{metric.low:.3f}, {metric.high:.3f}]" if metric.low is not None else ""
            yield f"  {name}: {metric.value:.3f}{interval} ({metric.over})"
