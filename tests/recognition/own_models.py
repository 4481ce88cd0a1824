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
