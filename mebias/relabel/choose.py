"""Which clips are looked at again: flagged ones, and controls drawn from those without a flag.

Every clip has a known chance of being taken, so that what the second look finds can be
carried over to all clips. Nothing in a clip's name or place in the packet tells why it was taken.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mebias.errors import OptionError

FLAGGED, CONTROL = "flagged", "control"
FEWEST = 4
"""Smallest budget: a quarter of it may be drawn from flags beyond it."""
_DRAW, _ORDER = 1, 2


def choose(
    labels: pd.DataFrame, *, budget: int = 60, controls: int = 60, seed: int = 0
) -> pd.DataFrame:
    """Choose clips and put them in an order that tells nothing.

    Parameters
    ----------
    labels : DataFrame
        One row per label of the clips that can be shown: ``clip``, ``flagged``, and ``rank``
        where it is flagged (1 = the surest).
    budget : int
        Flagged clips, 4 or more. Where more are flagged, three quarters of the budget are the
        surest, and a quarter is drawn from the others, so that all of them can be spoken of.
    controls : int
        Clips without a flag, drawn at random; all of them where there are not so many.
    seed : int
        Of the draw and of the order.

    Returns
    -------
    DataFrame
        ``clip, role, stratum, weight`` (clips of the stratum for each one taken) and
        ``item``, the name in the packet, in the order of the items.

    Raises
    ------
    OptionError
        Too small a budget, no control, or no flagged clip.

    Examples
    --------
    >>> labels = pd.DataFrame({"clip": [f"c{i}" for i in range(20)]})
    >>> labels = labels.assign(flagged=labels.index < 3, rank=labels.index + 1.0)
    >>> choose(labels, controls=4)["role"].value_counts().to_dict()
    {'control': 4, 'flagged': 3}
    """
    if budget < FEWEST:
        raise OptionError(f"--budget is {budget}; expected {FEWEST} clips or more.")
    if controls < 1:
        raise OptionError(f"--controls is {controls}; expected 1 clip or more.")
    best = labels["rank"].where(labels["flagged"]).groupby(labels["clip"]).min()
    flagged = best.dropna().sort_values(kind="stable").index.to_list()
    others = sorted(best[best.isna()].index)
    if not flagged:
        raise OptionError(
            "no label is flagged, so that there is nothing to look at again; a larger --fdr or a "
            "smaller --tolerance-ms flags more."
        )
    rng = np.random.default_rng([seed, _DRAW])
    n_first = len(flagged) if len(flagged) <= budget else budget - budget // 4
    parts = [_stratum(flagged[:n_first], n_first, FLAGGED, "flagged", rng)]
    if len(flagged) > n_first:
        rest = flagged[n_first:]
        parts.append(_stratum(rest, budget - n_first, FLAGGED, "flagged, drawn", rng))
    parts.append(_stratum(others, controls, CONTROL, "not flagged", rng))
    # The order hangs on names and seed alone, not on why a clip was taken.
    chosen = pd.concat(parts, ignore_index=True).sort_values("clip", ignore_index=True)
    order = np.random.default_rng([seed, _ORDER]).permutation(len(chosen))
    chosen = chosen.iloc[order].reset_index(drop=True)
    width = max(2, len(str(len(chosen))))
    return chosen.assign(item=[f"c{number:0{width}d}" for number in range(1, len(chosen) + 1)])


def _stratum(
    clips: list[str], wanted: int, role: str, stratum: str, rng: np.random.Generator
) -> pd.DataFrame:
    n = min(wanted, len(clips))
    taken = sorted(rng.choice(len(clips), n, replace=False).tolist()) if n < len(clips) else None
    names = clips if taken is None else [clips[place] for place in taken]
    weight = len(clips) / n if n else 1.0
    return pd.DataFrame({"clip": names, "role": role, "stratum": stratum, "weight": weight})
