"""A small residual network with group norm, for 56 x 56 maps."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from mebias.recognition.layers import Dropout

WIDTHS, BLOCKS, GROUPS = (32, 64, 128), 2, 8


class ResNet(nn.Module):
    """Three stages of two residual blocks (He et al., CVPR 2016), then one linear layer.

    Parameters
    ----------
    channels, classes : int
        Of the maps, and of the scores.

    Examples
    --------
    >>> ResNet(channels=3, classes=3)(torch.zeros(2, 3, 56, 56)).shape
    torch.Size([2, 3])
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [convolution(channels, WIDTHS[0], 2), nn.ReLU()]
        width = WIDTHS[0]
        for stage, wide in enumerate(WIDTHS):
            for block in range(BLOCKS):
                layers.append(Residual(width, wide, stride=2 if stage and not block else 1))
                width = wide
        head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), Dropout(0.5), nn.Linear(width, classes)]
        self.layers = nn.Sequential(*layers, *head)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Class scores (samples x classes) of maps (samples x channels x height x width)."""
        return self.layers(x)  # type: ignore[no-any-return]


def convolution(narrow: int, wide: int, stride: int = 1, size: int = 3) -> nn.Sequential:
    """A convolution and its norm."""
    return nn.Sequential(
        nn.Conv2d(narrow, wide, size, stride, padding=size // 2, bias=False),
        nn.GroupNorm(GROUPS, wide),
    )


class Residual(nn.Module):
    """Two convolutions, added to what came in."""

    def __init__(self, narrow: int, wide: int, stride: int) -> None:
        super().__init__()
        self.path = nn.Sequential(
            convolution(narrow, wide, stride), nn.ReLU(), convolution(wide, wide)
        )
        same = narrow == wide and stride == 1
        self.shortcut = nn.Identity() if same else convolution(narrow, wide, stride, size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """A map of the block's width, smaller by its stride."""
        return F.relu(self.path(x) + self.shortcut(x))
