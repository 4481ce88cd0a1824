"""Layers whose randomness comes from outside, so that a fold draws the same wherever it trains."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

Shape = tuple[int, ...]
Source = Callable[[Shape, torch.device], torch.Tensor]


class Dropout(nn.Module):
    """Zero a share of the values, or of whole samples, and scale up the rest.

    As `torch.nn.Dropout`, but its uniform numbers can be given (`given_noise`): folds that
    train at once then drop the same values as each would alone.

    Parameters
    ----------
    rate : float
        Share that is dropped in training, in [0, 1).
    whole_samples : bool
        Drop a sample's whole map: stochastic depth, for the branch of a residual block.

    Examples
    --------
    >>> layer = Dropout(0.5)
    >>> with given_noise(layer, [torch.tensor([[0.2, 0.7]])]):
    ...     layer(torch.ones(1, 2))
    tensor([[0., 2.]])
    """

    def __init__(self, rate: float, *, whole_samples: bool = False) -> None:
        super().__init__()
        self.rate, self.whole_samples = rate, whole_samples
        self.source: Source | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Drop in training; leave as it is otherwise."""
        if not self.training or self.rate == 0:
            return x
        shape = (*x.shape[:1], *[1] * (x.ndim - 1)) if self.whole_samples else tuple(x.shape)
        noise = (self.source or _from_torch)(shape, x.device)
        return x * ((noise >= self.rate).to(x.dtype) / (1 - self.rate))

    def extra_repr(self) -> str:
        """Arguments, for `repr`."""
        return f"{self.rate}, whole_samples={self.whole_samples}"


def _from_torch(shape: Shape, device: torch.device) -> torch.Tensor:
    return torch.rand(shape, device=device)


@contextmanager
def given_noise(model: nn.Module, noise: Sequence[torch.Tensor]) -> Iterator[None]:
    """Within it the dropout layers of a model take these uniform numbers, in order of use."""
    queue = iter(noise)
    with _source(model, lambda _shape, _device: next(queue)):
        yield


def noise_shapes(model: nn.Module, run: Callable[[], object]) -> list[Shape]:
    """Shapes, without that of the batch, of the numbers that dropout layers ask for in a run.

    Parameters
    ----------
    model : Module
        In training mode.
    run : callable
        Calls the model once.
    """
    shapes: list[Shape] = []

    def record(shape: Shape, device: torch.device) -> torch.Tensor:
        shapes.append(shape[1:])
        return torch.ones(shape, device=device)

    with _source(model, record):
        run()
    return shapes


@contextmanager
def _source(model: nn.Module, source: Source) -> Iterator[None]:
    layers = [module for module in model.modules() if isinstance(module, Dropout)]
    for layer in layers:
        layer.source = source
    try:
        yield
    finally:
        for layer in layers:
            layer.source = None


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of a map (samples x channels x height x width)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalize each pixel over its channels."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
