"""The figures that cards state: their keys, by topic."""

from __future__ import annotations

from typing import Literal

Topic = Literal[
    "likelihood ratios",
    "telling the sides apart",
    "series and reference",
    "heatmaps",
    "scope gate",
    "finding parts",
    "several photos",
    "other",
]

_KEYS: dict[Topic, tuple[str, ...]] = {
    "likelihood ratios": (
        "cllr",
        "cllr_min",
        "cllr_cal",
        "cllr_cross_validated",
        "misleading_evidence",
        "strongest_misleading_evidence",
        "abstained",
        "conformal_coverage",
        "error_at_abstention",
        "aurc",
    ),
    "telling the sides apart": (
        "score_auc",
        "auc",
        "accuracy",
        "accuracy_at_validation_threshold",
        "accuracy_where_conclusive",
        "class_accuracy",
        "found",
        "inconclusive",
        "outcome_share",
        "retrieval",
        "score_change",
        "shortcut_auc",
        "flips",
        "tpr_at_tnr_90",
        "tpr_at_tnr_95",
        "typicality_false_alarms",
    ),
    "series and reference": ("unweighed", "series_asked_for", "series_mistaken"),
    "heatmaps": (
        "heatmap_lift",
        "heatmap_pointing",
        "heatmap_pixel_auc",
        "heatmap_rank_correlation",
        "heatmap_fall_of_claimed",
        "heatmap_fall_of_others",
        "heatmap_claimed_falls_more",
    ),
    "scope gate": ("false_refusals", "scope_auc", "scope_false_positives", "scope_refused", "scope_noticed"),
    "finding parts": (
        "average_precision",
        "average_precision_50_95",
        "mean_average_precision",
        "mean_average_precision_50_95",
        "precision",
        "recall",
        "false_finds",
    ),
    "several photos": ("cllr_together", "cllr_together_read_as_one"),
}
TOPICS: dict[str, Topic] = {key: topic for topic, keys in _KEYS.items() for key in keys}
"""The topic of every key."""
