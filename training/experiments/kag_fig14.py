"""Figure 14 of the KAG-MTLN paper: t-SNE and heatmaps without the auxiliary branch, and with it; the first seed."""

from __future__ import annotations

from inference.files import write_whole
from training.experiments.kag_cells import Cell, KagProtocol
from training.experiments.kag_looks import features_of, heatmaps_beside, model_of, photos_of, shown_photos
from training.experiments.kag_table7 import ROWS
from training.figures.tsne import draw_tsne


def run(protocol: KagProtocol) -> list[str]:
    """Train both where missing, and write kag_fig14_tsne.png and kag_fig14_heatmaps.png; silhouettes in Markdown."""
    photos, data, seed = photos_of(protocol), protocol.data[0], protocol.seeds[0]
    models = {
        name: model_of(protocol, Cell.of(protocol, ROWS[name], data, seed)) for name in ("-auxiliary", "KAG-MTLN")
    }
    panels = {name: features_of(model, photos.of("test")) for name, model in models.items()}
    write_whole(protocol.out / "kag_fig14_tsne.png", draw_tsne(panels))
    write_whole(protocol.out / "kag_fig14_heatmaps.png", heatmaps_beside(models, shown_photos(photos)))
    return ["| | silhouette |", "|---|---|", *(f"| {name} | {one.silhouette:.3f} |" for name, one in panels.items())]
