"""Swin Transformer as a feature extractor whose every step takes and gives channels first, as all backbones do.

Source: Liu et al., Swin Transformer: Hierarchical Vision Transformer using Shifted Windows, ICCV 2021; the tiny network
(Swin-T) of its section 3.3, by torchvision. The parameters keep torchvision's names, so that its weights load.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.swin_transformer import PatchMerging, SwinTransformer, SwinTransformerBlock

CHANNELS = 768


class _ChannelsFirst(nn.Module):
    """Turns (B, C, H, W) into the (B, H, W, C) that a Swin module works on, and back."""

    def forward(self, feature_map: Tensor) -> Tensor:
        """Feature map (B, C, H, W) to another."""
        turned: Tensor = super().forward(feature_map.permute(0, 2, 3, 1))
        return turned.permute(0, 3, 1, 2)


class _Block(_ChannelsFirst, SwinTransformerBlock):
    """Two residual branches: attention within shifted windows, and two linear layers (Fig. 3b)."""


class _Merging(_ChannelsFirst, PatchMerging):
    """Four neighbours become one place: half the size, twice the channels (section 3.1)."""


class _Norm(_ChannelsFirst, nn.LayerNorm):
    """Layer normalisation over the channels."""


class _Patches(nn.Conv2d):
    """Patches of 4 x 4 pixels; a side that is no multiple of four is padded with zeros at its end."""

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) to patches (B, C, H / 4, W / 4), rounded up."""
        height, width = images.shape[2:]
        return super().forward(functional.pad(images, (0, -width % 4, 0, -height % 4)))


def swin_tiny() -> nn.Sequential:
    """The body of Swin-T, randomly initialised: images (B, 3, H, W) of any size to (B, 768, H / 32, W / 32)."""
    whole = SwinTransformer(
        patch_size=[4, 4],
        embed_dim=96,
        depths=[2, 2, 6, 2],
        num_heads=[3, 6, 12, 24],
        window_size=[7, 7],
        stochastic_depth_prob=0.2,
        block=_Block,
        downsample_layer=_Merging,
    )
    embedding = whole.features[0]
    embedding[0] = _Patches(3, 96, 4, 4)
    embedding[1] = nn.Identity()
    embedding[2] = _Norm(96)
    body = nn.Sequential()
    body.add_module("features", whole.features)
    body.add_module("norm", _Norm(CHANNELS))
    return body
