"""Fine-tuning: a Siamese network that has learned faces, frozen, under a new fully connected layer for marks.

Source: HMS paper, section 3.2 (1). It gives no formula: the layer learns by softmax cross-entropy, eq. 1 without its
biases. No code of its authors is known.

What differs from there: the paper stops learning faces once 95% of the pairs of Labeled Faces in the Wild are right.
Here the face model is whatever `--start-from` names, and its card says what it is worth. Its layers keep their running
statistics as well, since the paper freezes the rest of the weights.
"""

from __future__ import annotations

from training.fitting.hms_loss import HybridMarginSoftmax


class FineTuning(HybridMarginSoftmax):
    """Softmax without margins, from which only the layer on the pair's feature learns.

    Args:
        scale: s; plain softmax at 1.
    """

    only_head = True

    def __init__(self, scale: float) -> None:
        super().__init__(scale, angular=0.0, additive=0.0)
