"""Records as plain JSON values."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np


def as_json(record: Any) -> Any:
    """A record as plain JSON values, without pictures; its hashes and homography identify these."""
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        return {
            f.name: as_json(getattr(record, f.name))
            for f in dataclasses.fields(record)
            if f.metadata.get("stated", True)
        }
    if isinstance(record, np.ndarray):
        return record.tolist()
    if isinstance(record, dict):
        return {key: as_json(value) for key, value in record.items()}
    if isinstance(record, (list, tuple)):
        return [as_json(value) for value in record]
    return record
