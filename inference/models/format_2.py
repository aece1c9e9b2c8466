"""Figures in cards of format 2 and below, which name each figure in English and have no keys."""

from __future__ import annotations

import re
from collections.abc import Mapping

from inference.models.card import Metric

Names = Mapping[str, tuple[str, ...]]

_NAMES: Names = {
    "Cllr": ("cllr",),
    "Cllr min": ("cllr_min",),
    "Cllr cal": ("cllr_cal",),
    "Cllr cross-validated, (.+)": ("cllr_cross_validated", r"\1"),
    "Cllr, (.+)": ("cllr", r"\1"),
    "misleading evidence, (.+)": ("misleading_evidence", r"\1"),
    "strongest misleading log10 LR": ("strongest_misleading_evidence",),
    "abstained share": ("abstained",),
    "conformal coverage, (.+)": ("conformal_coverage", r"\1"),
    "error at 3% abstention": ("error_at_abstention",),
    "AURC": ("aurc",),
    "AUC of the score": ("score_auc",),
    "AUC of the score, (.+)": ("score_auc", r"\1"),
    "authenticity AUC": ("auc",),
    "AUC on unseen counterfeiters": ("auc", "unseen counterfeiters"),
    r"AUC, (\w+ pairs)": ("auc", r"\1"),
    "authenticity accuracy": ("accuracy",),
    r"accuracy, (\w+ pairs)": ("accuracy", r"\1"),
    "accuracy where conclusive": ("accuracy_where_conclusive",),
    "class accuracy": ("class_accuracy",),
    "((?:known|unseen) counterfeiters) found": ("found", r"\1"),
    "found when (.+)": ("found", "known counterfeiters", r"\1"),
    "inconclusive share": ("inconclusive",),
    "refused share": ("unweighed",),
    "series open: asked for": ("series_asked_for",),
    "series open: mistaken": ("series_mistaken",),
    "heatmap lift": ("heatmap_lift",),
    "heatmap pointing": ("heatmap_pointing",),
    "heatmap pixel AUC": ("heatmap_pixel_auc",),
    "heatmap claimed part hidden, fall of log odds": ("heatmap_fall_of_claimed",),
    "heatmap other parts hidden, fall of log odds": ("heatmap_fall_of_others",),
    "heatmap claimed part falls more": ("heatmap_claimed_falls_more",),
    "scope: false refusals": ("false_refusals",),
    "scope, (.+): AUC": ("scope_auc", r"\1"),
    "scope, (.+): false positives at 95% true": ("scope_false_positives", r"\1"),
    "scope, (.+): refused": ("scope_refused", r"\1"),
    "scope, (.+): refused or warned of": ("scope_noticed", r"\1"),
    "average precision of (.+)": ("average_precision", r"\1"),
    r"average precision \.5:\.95 of (.+)": ("average_precision_50_95", r"\1"),
    "mean average precision": ("mean_average_precision",),
    r"mean average precision \.5:\.95": ("mean_average_precision_50_95",),
    "precision": ("precision",),
    "recall": ("recall",),
    "false finds per empty scene": ("false_finds",),
    r"several photos: Cllr of (\d+)": ("cllr_together", r"\1"),
    r"several photos: Cllr of (\d+), read as one": ("cllr_together_read_as_one", r"\1"),
}
"""Patterns of whole names, with the key and subset of each figure."""


def with_keys(metrics: Mapping[str, Metric], names: Names = _NAMES) -> dict[str, Metric]:
    """Figures with the keys of their names, those of a card of format 2; one of another name stays as it is."""
    return {name: _with_key(name, metric, names) for name, metric in metrics.items()}


def _with_key(name: str, metric: Metric, names: Names) -> Metric:
    for pattern, (key, *of) in names.items():
        match = re.fullmatch(pattern, name)
        if match:
            return metric.named(key, *map(match.expand, of))
    return metric
