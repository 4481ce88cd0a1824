"""Maps with a class signal that a model can learn, and folds that leave one subject out."""

from itertools import pairwise

import numpy as np


def make_maps(n_clips=24, channels=3, size=28, classes=3, signal=1.5, seed=0, dtype="float64"):
    """A blob whose place is the class, upside down in the falling map, in noise."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n_clips) % classes)
    maps = rng.normal(size=(n_clips, 2, channels, size, size))
    step = size // classes
    for clip, label in zip(maps, labels, strict=True):
        place = slice(step * label, step * (label + 1))
        clip[0, 0, place, place] += signal
        clip[1, 0, place, place] -= signal
    return maps.astype(dtype), labels


def make_folds(sizes):
    """Folds that test so many clips each, one after the other."""
    ends = np.cumsum([0, *sizes])
    places = np.arange(ends[-1])
    return [(np.r_[places[:low], places[high:]], places[low:high]) for low, high in pairwise(ends)]
