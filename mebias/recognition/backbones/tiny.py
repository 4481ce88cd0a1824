"""The smallest recognizer: a few networks of two convolutions each, side by side."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from mebias.recognition.layers import Dropout


class Tiny(nn.Module):
    """Members of two convolutions with group norm, pooled to a quarter of the size, then a line.

    Members share the maps, and nothing else: as grouped convolutions they train side by side,
    each on its own loss, and their probabilities are averaged. Maps are pooled before they are
    normalized, so that all members together cost about what one net of twice the width costs.

    Members, width, dropout and the 20 epochs were compared on SIMULATED composites of three kinds
    (``reports/validation/tiny_choice.csv``; scores on real maps are not known from them).

    Group norm, not batch norm: a clip's scores then depend on no other clip of its batch, and
    the folds of a cohort can train at once.

    Parameters
    ----------
    channels, classes : int
        Of the maps, and of the scores.
    members : int
        Networks that are averaged.
    width : int
        Channels of a member's first convolution; the second has twice as many.
    grid : int
        Height and width of what the linear layer sees: a quarter of that of 28 x 28 maps. Maps
        of another size, from 4 x 4 on, are averaged to it.
    dropout : float
        Share of the last features that is dropped in training.

    Examples
    --------
    >>> model = Tiny(channels=3, classes=3)
    >>> sum(p.numel() for p in model.parameters())
    15180
    >>> model(torch.zeros(5, 3, 28, 28)).shape, model.eval()(torch.zeros(5, 3, 28, 28)).shape
    (torch.Size([5, 4, 3]), torch.Size([5, 3]))
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        *,
        members: int = 4,
        width: int = 8,
        grid: int = 7,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.members = members
        wide = 2 * width
        self.layers = nn.Sequential(
            *_half(channels, members * width, 1),
            *_half(members * width, members * wide, members),
            _Averaged(grid),
            nn.Flatten(),
            Dropout(dropout),
        )
        n_features = wide * grid**2
        reach = 1 / math.sqrt(n_features)  # as torch starts a linear layer
        self.weight = nn.Parameter(torch.empty(members, n_features, classes))
        self.bias = nn.Parameter(torch.empty(members, classes))
        nn.init.uniform_(self.weight, -reach, reach)
        nn.init.uniform_(self.bias, -reach, reach)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Class scores of maps (samples x channels x height x width).

        In training those of each member (samples x members x classes), which has its own loss;
        otherwise the logarithm of their mean probabilities (samples x classes).
        """
        features = self.layers(x).unflatten(1, (self.members, -1))
        scores: torch.Tensor = torch.einsum("nmf,mfc->nmc", features, self.weight) + self.bias
        if self.training:
            return scores
        return scores.log_softmax(-1).logsumexp(1) - math.log(self.members)


class _Averaged(nn.Module):
    """Maps averaged to a grid; those that have its size already are left as they are."""

    def __init__(self, grid: int) -> None:
        super().__init__()
        self.grid = grid

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Samples x channels x grid x grid."""
        if x.shape[-2:] == (self.grid, self.grid):
            return x
        return F.adaptive_avg_pool2d(x, self.grid)


def _half(channels: int, width: int, groups: int) -> list[nn.Module]:
    """A convolution that keeps the size, and a pooling that halves it.

    Pooling comes first: norm and rectifier then work on a quarter of the values.
    """
    return [
        nn.Conv2d(channels, width, 3, padding=1, groups=groups),
        nn.MaxPool2d(2),
        nn.GroupNorm(width // 4, width),
        nn.ReLU(),
    ]
