"""Squared distances between all frames of a clip at once, exact, from one matrix product.

``|a - b|^2 = a'a + b'b - 2 a'b``: the products of every frame with every other one are a matrix
product (the Gram matrix). Two ways, both exact in whole numbers, so that it does not matter
which one is taken:

float32
    One frame of the clip is subtracted from all, so that values are small. Pixels are taken in
    blocks, each short enough for ``|a|^2 < 2^24`` within it, which the block's own product
    tells. Then by Cauchy and Schwarz no partial sum of any ``a'b``, in whatever order, leaves
    the whole numbers that float32 holds. Beyond about 80 frames faster than single norms.
int8
    128 is subtracted, and torch multiplies 8-bit numbers into 32-bit sums: several times faster
    on processors that have instructions for it, and than norms from about 35 frames on.
    Importing torch takes as long as a few dozen clips, so that it is not done before distances
    have taken that long.

Blocks are added up in float64, whose whole numbers reach to 2^53.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

import numpy as np
from threadpoolctl import threadpool_limits

from mebias.selection.distances import signed_squared

_EXACT = 2.0**24
_SHORTEST = 256
"""Pixels of the shortest float32 block: 256 differences of 255 still stay below 2^24."""
_FEW = 16
_VALUES, _WIDEST, _NARROWEST = 2**20, 16384, 2048
_INT8_VALUES, _INT8_WIDEST, _INT8_NARROWEST = 2**22, 65536, 4096
"""Pixels of the widest int8 block: 65536 squares of 128 stay below 2^31."""
_STEP = 64
_PAIRS_WORTH_FLOAT32, _PAIRS_WORTH_INT8 = 40, 16
_IMPORT_SECONDS = 1.5

Products = Callable[[Sequence[np.ndarray], int, int], np.ndarray]


def squared_distances(frames: Sequence[np.ndarray]) -> np.ndarray:
    """Squared Euclidean distances between frames, exact.

    Parameters
    ----------
    frames : sequence of ndarray of uint8
        Frames of one shape.

    Returns
    -------
    ndarray, shape (n, n), float64
        Whole numbers. Besides two such matrices, only blocks of about a million values are
        held, never a floating-point copy of the frames.

    Examples
    --------
    >>> squared_distances([np.uint8([[3, 0]]), np.uint8([[0, 4]])])
    array([[ 0., 25.],
           [25.,  0.]])
    """
    flat = [frame.reshape(-1) for frame in frames]
    # The other cores decode the next clip meanwhile: threads would only wait for each other.
    with _choice.one_thread():
        found = from_products(_choice.products(flat, 0, flat[0].size))
    if _choice.products is in_int8 and found[0, -1] != signed_squared(
        flat[0][None], flat[-1][None]
    ):
        _choice.products = in_float32  # torch's product is not a documented one: trust, but look
        return squared_distances(frames)
    return found


def pairs_worth(frames: int) -> int:
    """How many single norms cost as much as all distances between so many frames, about."""
    return frames * (_PAIRS_WORTH_INT8 if _choice.products is in_int8 else _PAIRS_WORTH_FLOAT32)


def could_gain(pairs: int, frames: int, seconds: float) -> None:
    """Note what many distances took; once they took as long as importing torch, try it."""
    if not _choice.decided and pairs > _PAIRS_WORTH_INT8 * frames:
        _choice.spent += seconds
        if _choice.spent > _IMPORT_SECONDS:
            _choice.look()


def from_products(products: np.ndarray) -> np.ndarray:
    """Squared distances from a Gram matrix, which is overwritten.

    Examples
    --------
    >>> from_products(np.array([[9.0, 0.0], [0.0, 16.0]]))
    array([[ 0., 25.],
           [25.,  0.]])
    """
    own = products.diagonal().copy()
    products *= -2
    products += own
    products += own[:, None]
    return products


def in_float32(flat: Sequence[np.ndarray], start: int, stop: int) -> np.ndarray:
    """Inner products of centered frames over the pixels from ``start`` to ``stop``, exact.

    Examples
    --------
    >>> from_products(in_float32([np.uint8([3, 0]), np.uint8([0, 4])], 0, 2))
    array([[ 0., 25.],
           [25.,  0.]])
    """
    count = len(flat)
    width = int(np.clip(_VALUES // count, _NARROWEST, _WIDEST))
    block = np.empty((count, min(width, max(stop - start, 1))), dtype=np.float32)
    found = np.empty((count, count), dtype=np.float32)
    total = np.zeros((count, count))
    center = flat[count // 2]
    while start < stop:
        end = min(start + width, stop)
        part = block[:, : end - start]
        for row, frame in zip(part, flat, strict=True):
            row[:] = frame[start:end]
        part -= center[start:end].astype(np.float32)
        # Of few frames, the product with a copy is faster than with itself (BLAS: gemm, syrk).
        np.matmul(part, (part.copy() if count <= _FEW else part).T, out=found)
        # Sums of squares only grow and rounding keeps their order, so that a diagonal below
        # 2^24 was never above it.
        if found.diagonal().max() >= _EXACT and width > _SHORTEST:
            width //= 2
            continue
        total += found
        start = end
    return total


def in_int8(flat: Sequence[np.ndarray], start: int, stop: int) -> np.ndarray:
    """Inner products of frames less 128 over the pixels from ``start`` to ``stop``, exact.

    Examples
    --------
    >>> from_products(in_int8([np.uint8([3, 0]), np.uint8([0, 4])], 0, 2))
    array([[ 0., 25.],
           [25.,  0.]])
    """
    import torch

    count = len(flat)
    width = int(np.clip(_INT8_VALUES // count, _INT8_NARROWEST, _INT8_WIDEST))
    # Whole blocks only, of zeros where pixels end: torch errs in products of a single column.
    width = _STEP * -(-min(width, max(stop - start, 1)) // _STEP)
    block = np.zeros((count, width), dtype=np.uint8)
    part = torch.from_numpy(block.view(np.int8))
    total = np.zeros((count, count))
    for begin in range(start, stop, width):
        end = min(begin + width, stop)
        for row, frame in zip(block, flat, strict=True):
            np.bitwise_xor(frame[begin:end], 128, out=row[: end - begin])
        block[:, end - begin :] = 0
        total += torch._int_mm(part, part.t()).numpy()
    return total


class _Choice:
    """Which way the products are taken, for the whole process."""

    def __init__(self) -> None:
        self.products: Products = in_float32
        self.spent = 0.0
        self.decided = False
        self.lock = Lock()

    @contextmanager
    def one_thread(self) -> Iterator[None]:
        """Within it, products take one thread."""
        if self.products is in_int8:
            import torch

            before = torch.get_num_threads()
            torch.set_num_threads(1)
            try:
                yield
            finally:
                torch.set_num_threads(before)
        else:
            with threadpool_limits(1, "blas"):
                yield

    def look(self) -> None:
        """Try torch, once."""
        with self.lock:
            if self.decided:
                return
            self.decided = True
            frames = list(np.random.default_rng(0).integers(0, 256, (32, 65601), dtype=np.uint8))
            try:
                for count, pixels in ((2, 1), (3, 257), (32, 65601)):
                    if not np.array_equal(
                        from_products(in_int8(frames[:count], 0, pixels)),
                        from_products(in_float32(frames[:count], 0, pixels)),
                    ):
                        return  # not exact on this machine
                times = {way: _seconds(way, frames) for way in (in_float32, in_int8)}
            except (ImportError, AttributeError, RuntimeError, OSError):
                return  # torch is missing, broken, or without this product
            self.products = min(times, key=lambda way: times[way])


_choice = _Choice()


def _seconds(way: Products, frames: Sequence[np.ndarray]) -> float:
    begun = time.perf_counter()
    way(frames, 0, frames[0].size)
    return time.perf_counter() - begun
