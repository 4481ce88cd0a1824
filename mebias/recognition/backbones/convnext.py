"""A small ConvNeXt, for 56 x 56 maps."""

from __future__ import annotations

import torch
from torch import nn

from mebias.recognition.layers import ChannelNorm, Dropout

WIDTHS, BLOCKS, PATCH, MAX_DROP = (48, 96), (2, 2), 4, 0.1


class ConvNeXt(nn.Module):
    """Patches of 4 x 4 pixels, two stages of two blocks (Liu et al., CVPR 2022), a linear layer.

    Parameters
    ----------
    channels, classes : int
        Of the maps, and of the scores.

    Examples
    --------
    >>> ConvNeXt(channels=3, classes=3)(torch.zeros(2, 3, 56, 56)).shape
    torch.Size([2, 3])
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        drops = iter(torch.linspace(0, MAX_DROP, sum(BLOCKS)).tolist())
        layers: list[nn.Module] = [
            nn.Conv2d(channels, WIDTHS[0], PATCH, PATCH),
            ChannelNorm(WIDTHS[0]),
        ]
        for stage, width in enumerate(WIDTHS):
            if stage:
                narrow = WIDTHS[stage - 1]
                layers += [ChannelNorm(narrow), nn.Conv2d(narrow, width, 2, 2)]
            layers += [Block(width, next(drops)) for _ in range(BLOCKS[stage])]
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.LayerNorm(WIDTHS[-1]), Dropout(0.5), nn.Linear(WIDTHS[-1], classes)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Class scores (samples x classes) of maps (samples x channels x height x width)."""
        return self.head(self.features(x).mean((2, 3)))  # type: ignore[no-any-return]


class Block(nn.Module):
    """A depthwise convolution and two linear layers, scaled and added to what came in."""

    def __init__(self, width: int, drop: float) -> None:
        super().__init__()
        self.path = nn.Sequential(
            nn.Conv2d(width, width, 7, padding=3, groups=width),
            ChannelNorm(width),
            nn.Conv2d(width, 4 * width, 1),
            nn.GELU(),
            nn.Conv2d(4 * width, width, 1),
        )
        self.scale = nn.Parameter(torch.full((width, 1, 1), 0.1))
        self.drop = Dropout(drop, whole_samples=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """A map of the same shape."""
        return x + self.drop(self.scale * self.path(x))  # type: ignore[no-any-return]
