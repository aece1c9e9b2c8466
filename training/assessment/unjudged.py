"""What stands in the card of a network that has just been trained, until its judging says what is true."""

from __future__ import annotations

from inference.records import InconclusiveBand

UNJUDGED_BAND = InconclusiveBand(0.5, 0.5, "Not judged yet.")
UNJUDGED_SCALE = 1.0
