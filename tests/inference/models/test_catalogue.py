"""The catalogue: a list of models is read without the libraries that run them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[3]

_LISTED = """
import json, sys
from inference.models.catalogue import read_catalogue
names = [*read_catalogue().cards]
print(json.dumps([names, sorted({module.partition(".")[0] for module in sys.modules})]))
"""


def test_cards_are_listed_without_torch_and_opencv() -> None:
    found = subprocess.run([sys.executable, "-c", _LISTED], cwd=PROJECT, capture_output=True, text=True, check=True)
    names, modules = json.loads(found.stdout)
    assert names == sorted(path.stem for path in (PROJECT / "weights").glob("*.json"))
    assert not {"torch", "torchvision", "timm", "pytorch_grad_cam", "cv2"} & {*modules}
