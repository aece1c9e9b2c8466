"""Where models, reference collections and the register of marks lie, unless another place is named."""

from pathlib import Path

WEIGHTS_FOLDER = Path(__file__).parents[1] / "weights"
REFERENCES_FOLDER = Path(__file__).parents[1] / "references"
REGISTER = "register"
