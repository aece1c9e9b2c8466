"""What logs and reports state: an examination as plain JSON values, a time, a hash."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import numpy as np

from inference.files import sha256
from inference.records import Comparison, Deviation, Heatmap, Record, Verdict, as_json, require

_TASKS: dict[type[Record], str] = {Verdict: "authenticity", Comparison: "trademark", Deviation: "collection"}


def stated(record: Record) -> dict[str, Any]:
    """An examination as plain JSON values: the record, and a hash of each raw map."""
    maps = [_map(heatmap) for heatmap in record.every_heatmap]
    return {"task": _TASKS[type(record)], "record": as_json(record), "maps": maps}


def without_maps(examination: dict[str, Any]) -> dict[str, Any]:
    """A stated examination that states of each raw map its hash alone: where thousands are kept, maps are the most."""

    def emptied(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: None if key == "raw" else emptied(each) for key, each in value.items()}
        return [emptied(each) for each in value] if isinstance(value, list) else value

    return {**examination, "record": emptied(examination["record"])}


def map_sha256(raw: Any) -> str:
    """SHA-256 of a raw map (h, w), row by row as little-endian float32."""
    return sha256(np.ascontiguousarray(raw, "<f4").tobytes())


def utc(time: datetime) -> str:
    """A time with its zone as UTC, ISO 8601 to the second."""
    require(time.tzinfo is not None, "a time needs its zone")
    return time.astimezone(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")


def _map(heatmap: Heatmap) -> dict[str, Any]:
    return {"sha256": map_sha256(heatmap.raw), "shape": list(heatmap.raw.shape)}
