"""Bounds and costs of likelihood ratios as the package `lir` has them; writes lir_oracle.json beside this file.

Run once, in an environment of its own with Python 3.11 (`pip install lir==1.3.1`): `python lir_oracle.py`. Assay does
not depend on the package. Its `elub` clips the array it is given in place, and is therefore given a copy.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from lir.algorithms.bayeserror import elub
from lir.data.models import LLRData
from lir.metrics import cllr, cllr_min

# Samples of the first and the second side, distance of the sides in log10 LR, share of confident errors.
DRAWS = [(10, 10, 3.0, 0.0), (25, 40, 1.0, 0.0), (50, 50, 2.0, 0.04), (100, 60, 0.5, 0.0), (100, 100, 2.5, 0.02)]


def draw(seed: int, first: int, second: int, distance: float, wrong: float) -> tuple[np.ndarray, np.ndarray]:
    """Log10 LRs of either side to three digits, some of them confidently wrong."""
    rng = np.random.default_rng(seed)
    sides = []
    for sign, count in ((1, first), (-1, second)):
        lrs = sign * (distance / 2 + rng.normal(0, 0.8, count))
        lrs[: round(wrong * count)] *= -1
        sides.append(lrs.round(3))
    return sides[0], sides[1]


def main() -> None:
    """Write the table."""
    rows = []
    for seed, drawn in enumerate(DRAWS):
        first, second = draw(seed, *drawn)
        lrs, labels = np.concatenate([first, second]), np.repeat([1, 0], [len(first), len(second)])
        data = LLRData(features=lrs.copy(), labels=labels)
        least, greatest = elub(lrs.copy(), labels)
        rows.append(
            {
                "first": first.tolist(),
                "second": second.tolist(),
                "least": float(least),
                "greatest": float(greatest),
                "cllr": cllr(data),
                "cllr_min": cllr_min(data),
            }
        )
    lines = ",\n".join(json.dumps(row) for row in rows)
    Path(__file__).with_suffix(".json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
