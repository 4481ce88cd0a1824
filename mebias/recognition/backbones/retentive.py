"""A retentive vision transformer with a spatial path, for 224 x 224 maps with their frame.

The temporal path reads the difference of two frames, the spatial path the frame that it
starts from. Attention decays with the Manhattan distance of two places (Fan et al., CVPR
2024). Sizes, decays and counts are those of the published two-branch model, written afresh
from its description; maps are kept channels last.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from mebias.recognition.layers import Dropout

WIDTHS, DEPTHS, SIZES = (64, 128, 256, 512), (1, 1, 2, 1), (112, 56, 28, 14)
HEADS, EXPANSION, MAX_DROP = 2, 3, 0.1
DECAYS = ((0.75, 0.9375), (0.75, 0.9375), (0.75, 0.96875), (0.75, 0.96875))
"""Gamma of each head, stage by stage."""
ALONG_LINES = (True, True, False, False)
"""Whether a stage attends along rows, then columns, or in both dimensions at once."""


class Retentive(nn.Module):
    """Class scores from the difference of two frames and the frame it starts from.

    Parameters
    ----------
    channels : int
        Six: the difference, then its frame, three colors each.
    classes : int
        Of the scores.

    Examples
    --------
    >>> model = Retentive(channels=6, classes=5)
    >>> sum(p.numel() for p in model.parameters())
    12789413
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        if channels != 6:
            raise ValueError(f"{channels} channels; expected 6: a difference and its frame.")
        self.stem = stem()
        drops = iter(torch.linspace(0, MAX_DROP, sum(DEPTHS)).tolist())
        self.stages = nn.ModuleList(
            nn.ModuleList(Block(k, next(drops)) for _ in range(depth))
            for k, depth in enumerate(DEPTHS)
        )
        self.mergings = nn.ModuleList(merging(*widths) for widths in pairwise(WIDTHS))
        self.spatial = SpatialPath()
        self.fusion = nn.Linear(WIDTHS[-1], 2 * WIDTHS[-1])
        self.norm = nn.BatchNorm2d(2 * WIDTHS[-1])
        self.classifier = nn.Linear(2 * WIDTHS[-1], classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Class scores of maps (samples x 6 x 224 x 224)."""
        fused = self.fusion(self.temporal(x[:, :3]) + self.spatial(x[:, 3:]))
        seen = F.silu(on_channels(self.norm, fused))
        return self.classifier(seen.mean((1, 2)))  # type: ignore[no-any-return]

    def temporal(self, difference: torch.Tensor) -> torch.Tensor:
        """A map (samples x 14 x 14 x 512) of the difference."""
        x: torch.Tensor = self.stem(difference).permute(0, 2, 3, 1)
        for k, blocks in enumerate(self.stages):
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x)
            if k < len(self.mergings):
                x = on_channels(self.mergings[k], x)
        return x


def stem() -> nn.Sequential:
    """Four convolutions, of which the first halves the size."""
    layers: list[nn.Module] = []
    for k, (narrow, wide) in enumerate(pairwise((3, 32, 32, 64, 64))):
        layers += [nn.Conv2d(narrow, wide, 3, stride=1 + (k == 0), padding=1)]
        layers += [nn.BatchNorm2d(wide), nn.GELU()]
    return nn.Sequential(*layers[:-1])


def merging(narrow: int, wide: int) -> nn.Sequential:
    """From one stage to the next: half the size, twice the width."""
    return nn.Sequential(nn.Conv2d(narrow, wide, 3, stride=2, padding=1), nn.BatchNorm2d(wide))


def on_channels(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Apply a layer that expects channels first to a map with channels last."""
    return layer(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)  # type: ignore[no-any-return]


class Block(nn.Module):
    """Positions, retention and a perceptron, each added to what came in."""

    def __init__(self, stage: int, drop: float) -> None:
        super().__init__()
        width = WIDTHS[stage]
        self.position = depthwise(width, 3)
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.retention = Retention(width, SIZES[stage], DECAYS[stage], ALONG_LINES[stage])
        self.perceptron = Perceptron(width)
        self.drop = Dropout(drop, whole_samples=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """A map of the same shape (samples x height x width x channels)."""
        x = x + on_channels(self.position, x)
        x = x + self.drop(self.retention(self.norms[0](x)))
        return x + self.drop(self.perceptron(self.norms[1](x)))  # type: ignore[no-any-return]


def depthwise(width: int, size: int) -> nn.Conv2d:
    """A convolution of each channel by itself."""
    return nn.Conv2d(width, width, size, padding=size // 2, groups=width)


class Perceptron(nn.Module):
    """Two linear layers, with a depthwise convolution between them that is added."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.widen = nn.Linear(width, EXPANSION * width)
        self.local = depthwise(EXPANSION * width, 3)
        self.narrow = nn.Linear(EXPANSION * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """A map of the same shape (samples x height x width x channels)."""
        x = F.gelu(self.widen(x))
        return self.narrow(x + on_channels(self.local, x))  # type: ignore[no-any-return]


class Retention(nn.Module):
    """Attention that decays with Manhattan distance: softmax(QK's + |distance| log gamma).

    Along rows and then columns the sum of both decays is the same distance, at the cost of
    height + width in place of height x width places to attend to.

    Parameters
    ----------
    width, size : int
        Channels, and height and width of the map.
    gammas : tuple of float
        Decay per step, one per head.
    along_lines : bool
        Attend along rows, then columns.
    """

    decay: torch.Tensor
    turns: torch.Tensor

    def __init__(self, width: int, size: int, gammas: tuple[float, ...], along_lines: bool) -> None:
        super().__init__()
        self.heads, self.along_lines = len(gammas), along_lines
        self.project = nn.Linear(width, 3 * width)
        self.local = depthwise(width, 5)
        self.out = nn.Linear(width, width)
        apart = _line(size) if along_lines else _plane(size)
        logs = torch.tensor([math.log(gamma) for gamma in gammas])
        self.register_buffer("decay", apart * logs[:, None, None], persistent=False)
        self.register_buffer("turns", _turns(size, width // self.heads), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """A map of the same shape (samples x height x width x channels)."""
        b, h, w, _ = x.shape
        q, k, v = self.project(x).chunk(3, dim=-1)
        local = on_channels(self.local, v)
        split = (b, h, w, self.heads, -1)
        q, k = (rotate(t.view(split), self.turns) for t in (q, k))
        v = v.reshape(split)
        if self.along_lines:
            q, k, v = (t.permute(0, 1, 3, 2, 4) for t in (q, k, v))  # rows: (b, h, heads, w, d)
            v = self._attend(q, k, v).transpose(1, 3)  # columns: (b, w, heads, h, d)
            q, k = q.transpose(1, 3), k.transpose(1, 3)
            x = self._attend(q, k, v).permute(0, 3, 1, 2, 4)
        else:
            q, k, v = (t.flatten(1, 2).transpose(1, 2) for t in (q, k, v))
            x = self._attend(q, k, v).transpose(1, 2)
        return self.out(x.reshape(local.shape) + local)  # type: ignore[no-any-return]

    def _attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        shape = v.shape
        q, k, v = (t.reshape(-1, *t.shape[-3:]) for t in (q, k, v))
        decay = self.decay.to(q.dtype)[None]
        return F.scaled_dot_product_attention(q, k, v, attn_mask=decay).view(shape)


def _line(size: int) -> torch.Tensor:
    """Distance of places on a line (size x size)."""
    places = torch.arange(size)
    return (places[:, None] - places[None]).abs().float()


def _plane(size: int) -> torch.Tensor:
    """Manhattan distance of places on a square, row by row (size^2 x size^2)."""
    line = _line(size)
    apart = line[:, None, :, None] + line[None, :, None, :]
    return apart.reshape(size * size, size * size)


def _turns(size: int, width: int) -> torch.Tensor:
    """Cosine and sine of each channel pair's angle at each place, counted row by row."""
    frequencies = 10000.0 ** -torch.linspace(0, 1, width // 2)
    angles = torch.arange(size * size).view(size, size, 1, 1) * frequencies
    return torch.stack([angles.cos(), angles.sin()])


def rotate(x: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
    """Turn each pair of channels, so that a product depends on how far apart two places are.

    >>> rotate(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0], [1.0]]))
    tensor([[0., 1.]])
    """
    even, odd = x[..., 0::2], x[..., 1::2]
    cos, sin = turns.to(x.dtype)
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)


class SpatialPath(nn.Module):
    """Two transformer blocks on a frame of 14 x 14 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.size, width = SIZES[-1], WIDTHS[-1]
        self.embed = nn.Conv2d(3, width, 1)
        self.positions = nn.Parameter(torch.empty(self.size**2, width).normal_(std=0.02))
        self.blocks = nn.Sequential(*[SpatialBlock(width) for _ in range(2)])
        self.norm = nn.LayerNorm(width)

    def forward(self, frame: torch.Tensor) -> torch.Tensor:
        """A map (samples x 14 x 14 x 512) of frames (samples x 3 x 224 x 224)."""
        small = F.adaptive_avg_pool2d(frame, self.size)
        places = self.embed(small).flatten(2).transpose(1, 2) + self.positions
        seen = self.norm(self.blocks(places))
        return seen.view(len(frame), self.size, self.size, -1)  # type: ignore[no-any-return]


class SpatialBlock(nn.Module):
    """A transformer block that normalizes first."""

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.project, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.perceptron = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Places of the same shape (samples x places x channels)."""
        b, n, c = x.shape
        qkv = self.project(self.norms[0](x)).view(b, n, 3, self.heads, c // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, c)
        x = x + self.out(seen)
        return x + self.perceptron(self.norms[1](x))  # type: ignore[no-any-return]
