"""Arms of a recognition experiment: whose keyframes a model is trained on and tested with.

The name of an arm says where the keyframes of its source take the place of human ones:

==================  =========================  =========================
arm                 training clips             test clips
==================  =========================  =========================
``human``           human                      human
``gamdss``          re-selected                human (as published)
``gamdss@test``     human                      re-selected
``gamdss@both``     re-selected                re-selected
==================  =========================  =========================

``+falling`` and ``+rising`` at the end of a name say what the loss is made of, whatever the
model's recipe: ``human+falling`` is ``human`` with the falling branch's loss added,
``human+rising`` has the rising branch alone. Folds, seeds and batches are the same.

Two sources are drawn anew for each seed: ``jitter``, frames at random from GAMDSS's windows,
without which a gain cannot be told from plain augmentation, and ``posterior-draws``, frames
from the posterior of ``motion``.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import special

from mebias import tables
from mebias.cohort import Cohort
from mebias.errors import OptionError, TableError, listed, suggest
from mebias.recognition.swap import SWAPPED
from mebias.recognition.triples import HUMAN

PLACES = ("train", "test", "both")
LOSSES = ("rising", "falling")
"""What a name may say of the loss: the rising branch's alone, or the falling one's added."""
JITTER, POSTERIOR = "jitter", "posterior-draws"
DRAWN = (JITTER, POSTERIOR)
"""Sources of which every seed has its own draw."""
RULES = {
    "gamdss": ("gamdss", "signed"),
    "gamdss-released": ("gamdss-released", "uint8"),
    "motion": ("motion", ""),
    JITTER: ("jitter", "signed"),
    "least": ("least", "signed"),
    POSTERIOR: ("motion", ""),
}
"""Rule and distance that the arms of the protocol rest on; other rules go with ``signed``."""
PROTOCOL = (HUMAN, *RULES)
"""Arms of the protocol, re-selected on training clips only."""
_TRIES = 200
_Z = float(special.ndtri(0.975))


@dataclass(frozen=True)
class Arm:
    """An arm: a source of keyframes, and which clips it is for.

    Attributes
    ----------
    name : str
        As it stands in every table.
    source : str
        Whose keyframes.
    place : str
        train, test or both.
    by_seed : bool
        Whether every seed has its own draw of them.
    loss : str
        rising, falling, or empty: what the model's recipe says.
    """

    name: str
    source: str
    place: str
    by_seed: bool = False
    loss: str = ""

    @property
    def falling_loss(self) -> bool | None:
        """Whether the falling branch's loss is added; None where the recipe says."""
        return self.loss == "falling" if self.loss else None

    def training(self, seed: int) -> str:
        """The source of maps to train on, by its name in the inputs."""
        return self.named(seed) if self.place != "test" else HUMAN

    def testing(self, seed: int) -> str:
        """The source of maps to test with."""
        return self.named(seed) if self.place != "train" else HUMAN

    def named(self, seed: int) -> str:
        """Name of the source in the inputs."""
        return f"{self.source}#{seed}" if self.by_seed else self.source


def get_arm(name: str) -> Arm:
    """An arm by name.

    Raises
    ------
    OptionError
        Empty, or an unknown word after the ``@`` or the ``+``.

    Examples
    --------
    >>> arm = get_arm("jitter@both")
    >>> arm.training(3), arm.testing(3), get_arm("jitter").testing(3)
    ('jitter#3', 'jitter#3', 'human')
    >>> get_arm("human+falling").falling_loss
    True
    """
    keyframes, plus, loss = name.partition("+")
    if plus and loss not in LOSSES:
        raise OptionError(
            f"arm {name!r} is not known: after the + expected rising or falling, the branches "
            f"that the loss is made of{suggest(loss, LOSSES)}."
        )
    source, at, place = keyframes.partition("@")
    if not source or (at and place not in PLACES):
        raise OptionError(
            f"arm {name!r} is not known: expected a source of keyframes, such as gamdss, or one "
            f"with the clips it is for, gamdss@train, gamdss@test or gamdss@both"
            f"{suggest(place, PLACES)}."
        )
    if source == HUMAN and at:
        raise OptionError(f"arm {name!r}: human keyframes have no place to be swapped; say human.")
    return Arm(name, source, place or "train", by_seed=source in DRAWN, loss=loss)


def get_arms(names: Iterable[str]) -> list[Arm]:
    """Arms by name, each once, ``human`` among them.

    Raises
    ------
    OptionError
        An unknown arm, one given twice, or no ``human`` to compare the others with.
    """
    arms = [get_arm(name) for name in names]
    plain = [(arm.source, arm.place, arm.loss) for arm in arms]
    twice = [a.name for a, own in zip(arms, plain, strict=True) if plain.count(own) > 1]
    if twice:
        raise OptionError(f"the arm {twice[0]!r} is given twice; name each once.")
    if HUMAN not in {arm.name for arm in arms}:
        raise OptionError("there is no arm 'human', which the others are compared with; add it.")
    return arms


def needed_rules(arms: Sequence[Arm]) -> dict[str, list[str]]:
    """What must be re-selected for these arms: distance to rules.

    >>> needed_rules(get_arms(["human", "gamdss", "gamdss-released", "posterior-draws"]))
    {'signed': ['gamdss', 'motion'], 'uint8': ['gamdss-released']}
    """
    found: dict[str, list[str]] = {}
    for arm in arms:
        if arm.source != HUMAN:
            rule, distance = _rule_of(arm.source)
            rules = found.setdefault(distance or "signed", [])
            if rule not in rules:
                rules.append(rule)
    return found


def arm_sources(
    cohort: Cohort, keyframes: pd.DataFrame, arms: Sequence[Arm], *, seeds: Sequence[int] = range(5)
) -> dict[str, pd.DataFrame | None]:
    """Keyframes of each source that some arm needs, for `make_inputs`.

    Parameters
    ----------
    cohort : Cohort
        Whose clips these are; for drawn sources its frames say what can be drawn.
    keyframes : DataFrame
        A keyframes table with the rows of all rules that `needed_rules` names.
    arms : sequence of Arm
        See `get_arms`.
    seeds : sequence of int
        Seeds that drawn sources are drawn for.

    Returns
    -------
    dict
        Source to its keyframes table; None for human.

    Raises
    ------
    OptionError
        The table lacks the rows of a rule.

    Examples
    --------
    >>> import mebias
    >>> cohort = mebias.simulate("4dme", n_subjects=3, n_clips=3, size=(32, 32))
    >>> selected = mebias.reselect(cohort, rule=["gamdss", "jitter"])
    >>> list(arm_sources(cohort, selected, get_arms(["human", "gamdss", "jitter"]), seeds=[0, 1]))
    ['human', 'gamdss', 'jitter#0', 'jitter#1']
    """
    table = tables.conform(keyframes, "keyframes")
    found: dict[str, pd.DataFrame | None] = {HUMAN: None}
    for arm in arms:
        if arm.source == HUMAN or {arm.named(seed) for seed in seeds} <= set(found):
            continue
        own = _rows_of(table, arm.source)
        if not arm.by_seed:
            found[arm.named(0)] = own
            continue
        for seed in seeds:
            found[arm.named(seed)] = drawn(own, arm.source, cohort, seed)
    return found


def given_arms(
    arms: Mapping[str, pd.DataFrame | None],
) -> tuple[list[Arm], dict[str, pd.DataFrame | None]]:
    """Arms with keyframes tables of the user's own, ``{"human": None, "gamdss": table}``.

    Returns
    -------
    arms : list of Arm
    sources : dict
        For `make_inputs`. Tables are taken as they are: nothing is drawn by seed.

    Raises
    ------
    OptionError
        An arm without a table, or one source with two.
    """
    known = get_arms(arms)
    sources: dict[str, pd.DataFrame | None] = {HUMAN: None}
    for arm in known:
        table = arms[arm.name]
        if arm.source == HUMAN:
            continue
        if table is None:
            raise OptionError(f"arm {arm.name!r} has no keyframes table; only human needs none.")
        before = sources.setdefault(arm.source, table)
        if before is not None and not table.equals(before):
            raise OptionError(f"arms of {arm.source} have two different keyframes tables.")
    return [replace(arm, by_seed=False) for arm in known], sources


def drawn(keyframes: pd.DataFrame, source: str, cohort: Cohort, seed: int) -> pd.DataFrame:
    """Draw a keyframes table from the windows or the posterior of another.

    ``jitter``: each keyframe is any frame of its window on disk, with equal probability.
    ``posterior-draws``: each keyframe is drawn from a normal distribution whose halves below
    and above the posterior mean have the widths of its 95 % interval, rounded to a frame, and
    the three of a clip are drawn again until onset < apex < offset; that they are correlated
    in the posterior is not in the table and not drawn. Clips without frames on disk, in which
    nothing was selected, or where no draw is in order, are ``failed``: the human keyframes
    stand in.

    Parameters
    ----------
    keyframes : DataFrame
        Rows of one rule; with windows for ``jitter``, with mean, low and high for
        ``posterior-draws``.
    source : str
        jitter or posterior-draws.
    cohort : Cohort
        With frames.
    seed : int
        Each seed, dataset and clip has its own stream.

    Returns
    -------
    DataFrame
        A keyframes table whose ``source`` is the one given.

    Raises
    ------
    OptionError
        The cohort has no frames.
    TableError
        A selected keyframe lacks its window or its posterior.
    """
    if cohort.frames is None:
        raise OptionError(f"{cohort.name} was loaded without frames: none can be drawn.")
    needed = ["window_low", "window_high"] if source == JITTER else ["mean", "low", "high"]
    rows = keyframes[keyframes["clip"].isin(cohort.clips["clip"])].copy()
    usable = rows["status"].isin(SWAPPED)
    lacking = rows[usable & rows[needed].isna().any(axis=1)]
    if len(lacking):
        first = lacking.iloc[0]
        raise TableError(
            f"clip {first['clip']}: the {first['keyframe']} of {first['source']} lacks "
            f"{' or '.join(needed)}, which {source} is drawn from; re-select it."
        )
    frames = pd.Series(np.nan, index=rows.index)
    for (dataset, clip), own in rows[usable].groupby(["dataset", "clip"], sort=False):
        rng = np.random.default_rng([seed, zlib.crc32(f"{dataset}\0{clip}\0{source}".encode())])
        numbers = cohort.frames.numbers(str(clip))
        draw = _from_windows if source == JITTER else _from_posterior
        frames[own.index] = draw(own, numbers, rng)
    rows["frame"] = frames
    rows["source"], rows["distance"] = source, ""
    rows["status"] = rows["status"].where(rows["frame"].notna() | ~usable, "failed")
    return rows.reset_index(drop=True)


def _from_windows(rows: pd.DataFrame, numbers: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    found = []
    for low, high in zip(rows["window_low"], rows["window_high"], strict=True):
        inside = numbers[(numbers >= low) & (numbers <= high)]
        found.append(float(rng.choice(inside)) if len(inside) else np.nan)
    return np.array(found)


def _from_posterior(
    rows: pd.DataFrame, numbers: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    if not len(numbers):
        return np.full(len(rows), np.nan)
    order = [tables.KEYFRAMES.index(k) for k in rows["keyframe"]]
    mean, low, high = (rows[c].to_numpy(dtype=float) for c in ("mean", "low", "high"))
    z = rng.standard_normal((_TRIES, len(rows)))
    spread = np.where(z < 0, np.maximum(mean - low, 0), np.maximum(high - mean, 0)) / _Z
    drawn = np.rint(np.clip(mean + z * spread, numbers[0], numbers[-1]))
    rising = (np.diff(drawn[:, np.argsort(order)], axis=1) > 0).all(axis=1)
    return drawn[rising.argmax()] if rising.any() else np.full(len(rows), np.nan)


def _rule_of(source: str) -> tuple[str, str]:
    if source in RULES:
        return RULES[source]
    return source, "" if source.startswith("motion") else "signed"


def _rows_of(table: pd.DataFrame, source: str) -> pd.DataFrame:
    rule, distance = _rule_of(source)
    own = table[(table["source"] == rule) & (table["distance"] == distance)]
    if own.empty:
        there = table[["source", "distance"]].drop_duplicates()
        words = [" ".join(filter(None, map(str, pair))) for pair in there.to_numpy()]
        raise OptionError(
            f"the keyframes table has no rows of {f'{rule} {distance}'.strip()}, which the arm "
            f"{source} rests on (found: {listed(words, 8) or 'none'}); re-select them."
        )
    return own.reset_index(drop=True)
