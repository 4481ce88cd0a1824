"""Backbones as a user would write them."""

from torch import nn


def with_batch_norm(channels, classes):
    """Batch norm and torch's own dropout."""
    return nn.Sequential(
        nn.Conv2d(channels, 4, 5, stride=3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(4 * 8 * 8, classes),
    )


def plain(channels, classes):
    """One convolution, nothing random."""
    return nn.Sequential(
        nn.Conv2d(channels, 4, 5, stride=3),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(4 * 8 * 8, classes),
    )


class Odd(nn.Module):
    """A class as the builder: recurrent over rows, the number of channels kept to itself."""

    def __init__(self, channels, classes):
        super().__init__()
        self.rows = nn.GRU(28 * channels, 8, batch_first=True)
        self.head = nn.Linear(8, classes)

    def forward(self, maps):
        rows = maps.permute(0, 2, 1, 3).flatten(2)
        return self.head(self.rows(rows)[1][0])
