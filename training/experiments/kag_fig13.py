"""Figure 13 of the KAG-MTLN paper: heatmaps of the same test photos by several methods, the first seed.

Where the set states what is altered, `python -m training evaluate --heatmaps` scores each map; the picture shows few.
"""

from __future__ import annotations

from inference.files import write_whole
from training.experiments.kag_cells import METHODS, Cell, KagProtocol
from training.experiments.kag_looks import heatmaps_beside, model_of, photos_of, shown_photos

_COLUMNS = ("ECA Net", "CBAM", "MMAL-Net", "SwinTransformer", "KAG-MTLN")


def run(protocol: KagProtocol) -> list[str]:
    """Train whatever cell is missing, and write kag_fig13.png; the photos it shows."""
    data, seed = protocol.data[0], protocol.seeds[0]
    models = {name: model_of(protocol, Cell.of(protocol, METHODS[name], data, seed)) for name in _COLUMNS}
    photos = shown_photos(photos_of(protocol))
    write_whole(protocol.out / "kag_fig13.png", heatmaps_beside(models, photos))
    return [f"kag_fig13.png: {', '.join(photo.name for photo in photos)}"]
