"""The contrastive loss, with which a typical Siamese network is trained (HMS paper, sections 3 and 3.4).

Source: Hadsell, Chopra and LeCun: Dimensionality Reduction by Learning an Invariant Mapping, CVPR 2006, eq. 1 (the
distance) and 4 (the loss). No code of its authors is known.

What differs from there: the network, one of the HMS paper's, and the mean over pairs in place of their sum. The HMS
paper states no margin; 1 is usual. The verdict is a threshold on the distance, chosen on validation pairs.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from inference.networks.hms import PairHead
from training.fitting.pair_loss import PairLoss, StepPairs

MARGIN = 1.0


class Contrastive(PairLoss):
    """D^2 / 2 for a similar pair, max(0, m - D)^2 / 2 for a dissimilar one, D = |x1 - x2|; the mean over pairs."""

    def over(self, pairs: StepPairs, _: PairHead) -> Tensor:
        """The loss of the pairs of a step, whose features are their distances (P, 1)."""
        distance = pairs.features[:, 0]
        apart = functional.relu(MARGIN - distance)
        return (distance**2 / 2).where(pairs.similar.bool(), apart**2 / 2).mean()
