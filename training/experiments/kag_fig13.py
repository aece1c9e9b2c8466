"""Figure 13 of the KAG-MTLN paper: heatmaps of the same test photos by several methods, the first seed.

Where the set states what is altered, `python -m training evaluate --heatmaps` scores each map; the picture shows few.
"""

from __future__ import annotations

from inference.files import write_whole
from training.experiments.kag_cells import METHODS, Cell, KagProtocol
from training.experiments.kag_looks import heatmaps_beside, model_of, photos_of, shown_photos

_COLUMNS = ("ECA Net", "CBAM", "MMAL-Net", "SwinTransformer", "KAG-MTLN")


def cells(protocol: KagProtocol) -> list[Cell]:
    """What the figure is made of."""
    return [Cell.of(protocol, METHODS[name], protocol.data[0], protocol.seeds[0]) for name in _COLUMNS]


def run(protocol: KagProtocol) -> list[str]:
    """Train whatever cell is missing, and write kag_fig13.png; the photos it shows."""
    models = {name: model_of(protocol, cell) for name, cell in zip(_COLUMNS, cells(protocol), strict=True)}
    photos = shown_photos(photos_of(protocol))
    write_whole(protocol.out / "kag_fig13.png", heatmaps_beside(models, photos))
    return [f"kag_fig13.png: {', '.join(photo.name for photo in photos)}"]
