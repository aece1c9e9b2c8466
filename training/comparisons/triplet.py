"""The triplet network: two similar marks and a dissimilar one (HMS paper, sections 3.2 (2) and 3.4).

Sources: the network of Hoffer and Ailon: Deep Metric Learning Using Triplet Network, SIMBAD 2015, section 2, with three
copies of one network and Euclidean distances; and the loss of Schroff, Kalenichenko and Philbin: FaceNet, CVPR 2015,
section 3.1, which has a margin. Known original code, of the former: eladhoffer/TripletNet (MIT); none of it is here.

What differs from there: distances are not squared and embeddings keep their length, as in the former; its loss, a
softmax over both distances, has no margin and is not taken. The dissimilar mark is drawn at random, as the HMS paper
says; `--hardest` adds the most similar one of the batch. The verdict is a threshold on the distance, chosen on
validation pairs.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from inference.networks.hms import PairHead
from training.fitting.pair_loss import PairLoss, StepPairs

MARGIN = 1.0
"""The HMS paper states none. It is the contrastive loss's, on the same distances, so that the two methods differ only
in what they compare with it. FaceNet's .2 is for squared distances of embeddings of length 1."""


class Triplet(PairLoss):
    """max(0, D(a, p) - D(a, n) + m): mark a, its similar mark p, each dissimilar mark n that it meets in the step."""

    def over(self, pairs: StepPairs, _: PairHead) -> Tensor:
        """The mean over the triplets of a step: a similar and a dissimilar pair with one first mark make a triplet.

        A dissimilar pair whose first mark is in no similar pair makes none.
        """
        distance, similar = pairs.features[:, 0], pairs.similar.bool()
        near, far = similar.nonzero()[:, 0], (~similar).nonzero()[:, 0]
        makes_one = pairs.first[near, None] == pairs.first[far]
        hinge = functional.relu(distance[near, None] - distance[far] + MARGIN)
        return (hinge * makes_one).sum() / makes_one.sum().clamp(min=1)
