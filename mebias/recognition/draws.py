"""All that is random in a fold: initial weights, order of clips, augmentation, dropout."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from mebias.recognition.augment import Augment
from mebias.recognition.layers import Shape


class Draws:
    """Random numbers of one fold, drawn on the CPU.

    They depend on the seed and the fold only: not on the arm, the device, or which folds
    train beside it. Arms therefore start from the same weights and see the same clips in the
    same order.

    Parameters
    ----------
    seed, fold : int
        Which run, and which of its folds, from 0.

    Examples
    --------
    >>> [part.tolist() for part in Draws(0, 3).batches(np.arange(5), 2)]
    [[3, 4, 2], [1, 0]]
    """

    def __init__(self, seed: int, fold: int) -> None:
        streams = np.random.SeedSequence([seed, fold]).spawn(5)
        words = [int(stream.generate_state(1, np.uint64)[0] >> np.uint64(1)) for stream in streams]
        self.initial = words[0]
        self._foreign = words[1]
        self._order = np.random.default_rng(streams[2])
        self._changes = np.random.default_rng(streams[3])
        self._noise = torch.Generator().manual_seed(words[4])

    def batches(self, clips: np.ndarray, n_batches: int) -> list[np.ndarray]:
        """An epoch's clips in random order, in parts that differ by at most one clip.

        Fewer clips than parts come round again: other folds need so many steps, and none is empty.
        """
        order = self._order.permutation(clips)
        return np.array_split(np.resize(order, max(len(order), n_batches)), n_batches)

    def changes(self, augment: Augment, n: int, size: tuple[int, int]) -> torch.Tensor:
        """Augmentation of n clips."""
        return torch.from_numpy(augment.draw(n, size, self._changes))

    def uniforms(self, n: int, shapes: Sequence[Shape]) -> list[torch.Tensor]:
        """Numbers for the dropout layers, for n samples each."""
        return [torch.rand((n, *shape), generator=self._noise) for shape in shapes]

    def step_seed(self, step: int) -> int:
        """Seed of what draws from torch's own generator, such as a user's dropout layer."""
        return (self._foreign + step) % 2**63
