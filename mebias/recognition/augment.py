"""Augmentation: one random mirroring, rotation and crop for all maps of a clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from mebias.errors import OptionError


@dataclass(frozen=True)
class Augment:
    """How clips are changed at random in training.

    Both branches of a clip, and so its onset, apex and offset, are changed alike.

    Attributes
    ----------
    flip : float
        Probability of mirroring left and right.
    rotation : float
        Largest rotation in degrees.
    padding : float
        Share of the size by which a clip is padded with 0 before a crop of its own size: it
        moves by at most as many pixels, up or down and left or right.
    mirrored : tuple of int
        Channels whose sign turns when a clip is mirrored, such as horizontal flow.

    Examples
    --------
    >>> Augment(flip=0.5, rotation=3, padding=15 / 224).changes
    True
    """

    flip: float = 0.0
    rotation: float = 0.0
    padding: float = 0.0
    mirrored: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not (0 <= self.flip <= 1 and 0 <= self.rotation <= 180 and 0 <= self.padding <= 1):
            raise OptionError(
                f"augmentation by flip {self.flip:g}, rotation {self.rotation:g}, padding "
                f"{self.padding:g}; expected a probability, degrees from 0 to 180 and a share of "
                f"the size."
            )

    @property
    def changes(self) -> bool:
        """Whether anything is changed."""
        return bool(self.flip or self.rotation or self.padding)

    def draw(self, n: int, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        """Draw the changes of n clips.

        Parameters
        ----------
        n : int
            Clips.
        size : pair of int
            Height and width.
        rng : Generator
            Source of all numbers.

        Returns
        -------
        array
            Clips x 4: 1 or -1 (mirrored), radians, pixels to the right, pixels down.
        """
        mirror = np.where(rng.random(n) < self.flip, -1.0, 1.0)
        angle = np.deg2rad(rng.uniform(-self.rotation, self.rotation, n))
        reach = [round(self.padding * extent) for extent in size[::-1]]
        moved = [rng.integers(-most, most + 1, n) for most in reach]
        return np.column_stack([mirror, angle, *moved])

    def apply(self, clips: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        """Change clips as drawn, with bilinear interpolation and 0 outside.

        Parameters
        ----------
        clips : Tensor
            Clips x branches x channels x height x width.
        drawn : Tensor
            What `draw` returned.
        """
        n, _, channels, height, width = clips.shape
        grid = F.affine_grid(
            _where_from(drawn.to(clips), height, width), [n, 1, height, width], align_corners=False
        )
        moved = F.grid_sample(clips.flatten(1, 2), grid, align_corners=False)
        signs = torch.ones(n, channels, dtype=clips.dtype, device=clips.device)
        if self.mirrored:
            signs[:, list(self.mirrored)] = drawn[:, :1].to(clips)
        return moved.view(clips.shape) * signs.view(n, 1, channels, 1, 1)


def _where_from(drawn: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Where each pixel comes from, as affine maps (clips x 2 x 3) in units of half the size."""
    mirror, angle, right, down = drawn.unbind(1)
    cos, sin = angle.cos(), angle.sin()
    x, y = -2 * right / width, -2 * down / height
    tall = height / width
    first = torch.stack([mirror * cos, mirror * sin * tall, mirror * (cos * x + sin * tall * y)])
    second = torch.stack([-sin / tall, cos, -sin / tall * x + cos * y])
    return torch.stack([first, second]).permute(2, 0, 1)
