"""One seed for a cohort; each use of chance has a stream of its own.

Streams are told apart by a key (what it is for, which subject, which clip, which frame),
so that no draw depends on the order of calls or on the number of workers, and cohorts
that differ in one option share all that the option does not touch.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What a stream of random numbers is for."""

    CASTING = 0
    FACE = 1
    COURSE = 2
    SCENE = 3
    SUBJECT_ERROR = 4
    CLIP_ERROR = 5
    NOISE = 6
    DISTURBANCE = 7


def generator(seed: int, stream: Stream, *key: int) -> np.random.Generator:
    """The random numbers of one use.

    >>> first, again = (generator(1, Stream.FACE, 3).random() for _ in range(2))
    >>> first == again, first == generator(1, Stream.FACE, 4).random()
    (True, False)
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(int(stream), *key))
    return np.random.Generator(np.random.SFC64(sequence))
