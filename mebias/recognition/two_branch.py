"""Two branches around any backbone: the rising and the falling phase through the same weights."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mebias.errors import OptionError


class TwoBranch(nn.Module):
    """The rising and the falling map of a clip through one backbone.

    The class scores of a clip are those of its rising map. The falling map has scores of its
    own, which only `two_branch_loss` uses. No parameter is added.

    Parameters
    ----------
    backbone : Module
        From maps (samples x channels x height x width) to class scores (samples x classes; in
        training samples x members x classes, where several nets stand side by side).

    Examples
    --------
    >>> from mebias.recognition.backbones import Tiny
    >>> model = TwoBranch(Tiny(channels=3, classes=4)).eval()
    >>> clips = torch.zeros(5, 2, 3, 28, 28)
    >>> rising, falling = model(clips)
    >>> rising.shape, falling.shape
    (torch.Size([5, 4]), torch.Size([5, 4]))
    >>> model(clips[:, :1])[1] is None
    True
    """

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, clips: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Scores of the rising and of the falling maps.

        Parameters
        ----------
        clips : Tensor
            Clips x branches x channels x height x width; the rising branch first. With one
            branch there are no falling scores.
        """
        n, branches = clips.shape[:2]
        scores = self.backbone(clips.transpose(0, 1).flatten(0, 1))
        return scores[:n], scores[n:] if branches == 2 else None


def two_branch_loss(
    scores: tuple[torch.Tensor, torch.Tensor | None], labels: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """Cross-entropy of the rising scores, and with weight 1 that of the falling ones.

    Parameters
    ----------
    scores : pair of Tensor
        What `TwoBranch` returns. A backbone with members, such as `Tiny`, gives samples x
        members x classes in training: the loss is then the mean over members.
    labels : Tensor
        Class of each clip.
    weights : Tensor
        Weight of each clip. The loss is a sum: weights that sum to 1 make it a mean.
    """
    losses = [
        _cross_entropy(each.to(weights.dtype), labels) @ weights
        for each in scores
        if each is not None
    ]
    return torch.stack(losses).sum()


def _cross_entropy(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Of each sample; the mean over members, where there are some."""
    if scores.ndim == 2:
        return F.cross_entropy(scores, labels, reduction="none")
    spread = labels[:, None].expand(scores.shape[:2])
    return F.cross_entropy(scores.transpose(1, 2), spread, reduction="none").mean(1)


@dataclass(frozen=True)
class Price:
    """What the falling branch costs, beside the rising branch alone.

    Attributes
    ----------
    parameters : int
        Of the backbone.
    added : int
        Parameters that the second branch adds: 0.
    gflops : tuple of float
        Billions of floating-point operations (two per multiplication and addition) to score a
        clip with one branch, and with both.
    ms : tuple of float
        Milliseconds a clip takes to train on, with one branch, and with both: the median of
        several steps.
    """

    parameters: int
    added: int
    gflops: tuple[float, float]
    ms: tuple[float, float]

    def __str__(self) -> str:
        gflops, ms = (" -> ".join(f"{v:.3g}" for v in pair) for pair in (self.gflops, self.ms))
        return (
            f"{self.parameters:,} parameters, {self.added:,} added by the falling branch; "
            f"{gflops} GFLOP and {ms} ms a clip"
        )


def price(
    backbone: nn.Module,
    shape: Sequence[int],
    *,
    batch: int = 16,
    repeats: int = 5,
    device: str | torch.device = "cpu",
) -> Price:
    """Measure what the falling branch costs.

    Parameters
    ----------
    backbone : Module
        From maps to class scores; it is moved to the device.
    shape : sequence of int
        Channels, height and width of a map.
    batch, repeats : int
        Clips a step, and steps that are timed.
    device : str or device
        Where to measure.

    Examples
    --------
    >>> from mebias.recognition.backbones import Tiny
    >>> found = price(Tiny(channels=3, classes=3), (3, 28, 28), batch=2, repeats=1)
    >>> found.added, round(found.gflops[1] / found.gflops[0], 3)
    (0, 2.0)
    """
    if len(shape) != 3 or batch < 1 or repeats < 1:
        raise OptionError(
            f"shape is {tuple(shape)}, batch {batch}, repeats {repeats}; expected the channels, "
            f"height and width of a map, and numbers from 1."
        )
    model = TwoBranch(backbone).to(device)
    clips = torch.randn(batch, 2, *shape, device=device)
    alone, both = clips[:, :1], clips
    own = count_parameters(backbone)
    return Price(
        parameters=own,
        added=count_parameters(model) - own,
        gflops=(gflops(model, alone[:1]), gflops(model, both[:1])),
        ms=(_train_ms(model, alone, repeats), _train_ms(model, both, repeats)),
    )


def count_parameters(model: nn.Module) -> int:
    """How many numbers a module learns."""
    return sum(parameter.numel() for parameter in model.parameters())


def gflops(model: nn.Module, x: torch.Tensor) -> float:
    """Billions of floating-point operations that scoring takes, two per multiply-add."""
    was = model.training
    model.eval()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:  # fused attention is not counted
        model(x)
    model.train(was)
    return counter.get_total_flops() / 1e9


def _train_ms(model: TwoBranch, clips: torch.Tensor, repeats: int) -> float:
    labels = torch.zeros(len(clips), dtype=torch.long, device=clips.device)
    weights = torch.full((len(clips),), 1 / len(clips), device=clips.device)

    def step() -> None:
        model.zero_grad()
        two_branch_loss(model(clips), labels, weights).backward()  # type: ignore[no-untyped-call]

    step()
    return _median_seconds(step, repeats, clips.device) / len(clips) * 1e3


def _median_seconds(work: Callable[[], None], repeats: int, device: torch.device) -> float:
    ends = [_now(device)]
    for _ in range(repeats):
        work()
        ends.append(_now(device))
    took = sorted(after - before for before, after in pairwise(ends))
    return took[len(took) // 2]


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
