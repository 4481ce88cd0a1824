"""The smallest recognizer: two convolutions on a 28 x 28 map."""

from __future__ import annotations

import torch
from torch import nn

from mebias.recognition.layers import Dropout
from mebias.recognition.pooling import MaxPool, ToGrid


class Tiny(nn.Module):
    """Two convolutions with group norm, pooled to a quarter of the size, then one linear layer.

    Group norm, not batch norm: a clip's scores then depend on no other clip of its batch, and
    the folds of a cohort can train at once.

    Parameters
    ----------
    channels, classes : int
        Of the maps, and of the scores.
    grid : int
        Height and width of what the linear layer sees: a quarter of that of 28 x 28 maps. Maps
        of another size, from 4 x 4 on, are averaged to it.
    width : int
        Channels of the first convolution; the second has twice as many.
    dropout : float
        Share of the last features that is dropped in training.

    Examples
    --------
    >>> model = Tiny(channels=3, classes=3)
    >>> sum(p.numel() for p in model.parameters())
    9891
    >>> model(torch.zeros(5, 3, 28, 28)).shape
    torch.Size([5, 3])
    """

    memory_format = torch.contiguous_format
    """In which its convolutions, of few channels, are fastest."""

    def __init__(
        self,
        channels: int,
        classes: int,
        *,
        grid: int = 7,
        width: int = 16,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_half(channels, width),
            *_half(width, 2 * width),
            ToGrid(grid),
            nn.Flatten(),
            Dropout(dropout),
            nn.Linear(2 * width * grid**2, classes),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Class scores (samples x classes) of maps (samples x channels x height x width)."""
        return self.layers(x)  # type: ignore[no-any-return]


def _half(channels: int, width: int) -> list[nn.Module]:
    """A convolution that keeps the size, and a pooling that halves it."""
    return [
        nn.Conv2d(channels, width, 3, padding=1),
        nn.GroupNorm(width // 4, width),
        MaxPool(),
        nn.ReLU(),  # after pooling: the same values from a quarter of the pixels
    ]
