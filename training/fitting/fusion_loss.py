"""The fusion loss of KAG-MTLN. Source: KAG-MTLN paper, section 3.4, eq. 4 and 5."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from inference.networks.kag_mtln import TaskLogits

UNLABELLED = -100
"""Main class of an image that teaches the auxiliary task alone."""


class FusionLoss(nn.Module):
    """alpha * L_main + (1 - alpha) * L_aux. Source: KAG-MTLN paper, section 3.4, eq. 4 and 5.

    Args:
        alpha: Weight of the main task, 0 to 1; 1 is the single-task network of Table 7.
        class_weights: Weight of each main class (classes,); disturbed images make counterfeits the majority.
    """

    class_weights: Tensor

    def __init__(self, alpha: float, class_weights: Tensor) -> None:
        super().__init__()
        self.alpha = alpha
        self.register_buffer("class_weights", class_weights)

    def forward(self, logits: TaskLogits, label: Tensor, disturbed: Tensor) -> Tensor:
        """The fusion loss of a batch.

        Args:
            logits: Logits of both tasks.
            label: Main class of each image, int64 (B,), or `UNLABELLED`.
            disturbed: 1 where the image was disturbed, int64 (B,).
        """
        weight, told = self.class_weights, label != UNLABELLED
        # A mask by product: to pick what is told, the device would have to be waited for.
        of_label = weight[label.clamp(min=0)] * told
        each = functional.cross_entropy(logits.main.float(), label, weight, ignore_index=UNLABELLED, reduction="sum")
        main = each / of_label.sum().clamp(min=weight.min())
        auxiliary = functional.cross_entropy(logits.auxiliary.float(), disturbed)
        return self.alpha * main + (1 - self.alpha) * auxiliary
