"""A tiny set of houses: lettered parts, each house a word, whose counterfeits have a short line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

HOUSES = {"train": ("avelo", "brund", "corti", "delma"), "val": ("fonar",), "test": ("gilda",)}
GENUINE, COUNTERFEIT = 10, 4


@pytest.fixture(scope="session")
def house_set(lettered: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its manifest.csv; ten genuine items and four counterfeits of each house, one photo each, with masks."""
    root = tmp_path_factory.mktemp("houses")
    rows = ["path,series,label,item,split,counterfeiter,severity,mask"]
    for split, words in HOUSES.items():
        for word in words:
            for label, count in (("genuine", GENUINE), ("counterfeit", COUNTERFEIT)):
                for number in range(count):
                    seed = number if label == "genuine" else 50 + number
                    photo, name = lettered.photo(f"{word}/{label}", seed), f"{word}-{label[0]}{number}"
                    Image.fromarray(photo).save(root / f"{name}.png")
                    row = f"{name}.png,{word},{label},{name},{split}"
                    if label == "counterfeit":
                        flat = lettered.drawing(f"{word}/genuine") != lettered.drawing(f"{word}/counterfeit")
                        altered = flat.any(axis=2).astype(np.uint8) * 255
                        mask = cv2.warpPerspective(altered, lettered.view(seed), photo.shape[1::-1])
                        Image.fromarray(mask).save(root / f"{name}-mask.png")
                        row += f",hand,plain,{name}-mask.png"
                    else:
                        row += ",,,"
                    rows.append(row)
    (root / "manifest.csv").write_text("\n".join(rows) + "\n")
    return root / "manifest.csv"
