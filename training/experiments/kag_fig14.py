"""Figure 14 of the KAG-MTLN paper: t-SNE and heatmaps without the auxiliary branch, and with it; the first seed."""

from __future__ import annotations

from inference.files import write_whole
from training.experiments.kag_cells import Cell, KagProtocol
from training.experiments.kag_looks import features_of, heatmaps_beside, model_of, photos_of, shown_photos
from training.experiments.kag_table7 import ROWS
from training.figures.tsne import draw_tsne

_COLUMNS = ("-auxiliary", "KAG-MTLN")


def cells(protocol: KagProtocol) -> list[Cell]:
    """What the figure is made of."""
    return [Cell.of(protocol, ROWS[name], protocol.data[0], protocol.seeds[0]) for name in _COLUMNS]


def run(protocol: KagProtocol) -> list[str]:
    """Train both where missing, and write kag_fig14_tsne.png and kag_fig14_heatmaps.png; silhouettes in Markdown."""
    photos = photos_of(protocol)
    models = {name: model_of(protocol, cell) for name, cell in zip(_COLUMNS, cells(protocol), strict=True)}
    panels = {name: features_of(model, photos.of("test")) for name, model in models.items()}
    write_whole(protocol.out / "kag_fig14_tsne.png", draw_tsne(panels))
    write_whole(protocol.out / "kag_fig14_heatmaps.png", heatmaps_beside(models, shown_photos(photos)))
    return ["| | silhouette |", "|---|---|", *(f"| {name} | {one.silhouette:.3f} |" for name, one in panels.items())]
