"""Placeholders in the card of a newly trained network until it is judged."""

from __future__ import annotations

from inference.records import InconclusiveBand

UNJUDGED_BAND = InconclusiveBand(0.5, 0.5, "Not judged yet.")
UNJUDGED_SCALE = 1.0
