"""t-SNE of features, with a number beside the picture. Source: van der Maaten and Hinton 2008; Rousseeuw 1987."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score

from training.figures.plots import png_of

_PERPLEXITY = 30.0


@dataclass(frozen=True)
class Features:
    """Features of photos (n, d), and the class of each.

    t-SNE always shows clusters, whatever it is given; `silhouette` says how far they are there.
    """

    values: NDArray[np.float32]
    classes: Sequence[str]

    @property
    def silhouette(self) -> float:
        """Mean silhouette by class in all dimensions, -1 to 1: above 0 a photo is nearer to its own class."""
        return float(silhouette_score(self.values, self.classes))

    def in_plane(self) -> NDArray[np.float32]:
        """Their t-SNE (n, 2), the same in every run on one machine."""
        perplexity = min(_PERPLEXITY, (len(self.values) - 1) / 3)
        plane = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(self.values)
        return np.asarray(plane, np.float32)


def draw_tsne(panels: Mapping[str, Features]) -> bytes:
    """Panels side by side as a PNG, a colour a class, each with its silhouette."""
    figure = Figure(figsize=(4 * len(panels), 4.6), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (words, features) in zip(axes, panels.items(), strict=True):
        plane, classes = features.in_plane(), np.array(features.classes)
        for name in dict.fromkeys(features.classes):
            axis.plot(*plane[classes == name].T, ".", label=name)
        axis.set(xticks=[], yticks=[], title=f"{words}\nsilhouette {features.silhouette:.2f}")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize="small")
    return png_of(figure, 110)
