"""Cohorts filmed so small that hundreds can be trained on. SIMULATED.

Frames are drawn at the size of the maps, with the noise that full frames have once they are
averaged to it. Everything else is what users run: labels, selection, inputs, training. Two
things differ, and are what a comparison with full frames is for: a rule sees less noise than
on full frames, and ``motion``, whose posterior takes longer than training, is located on one
bank of clips, and new clips get the shifts that clips with like labels have there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import Cohort
from mebias.quantification.annotation_error import error_estimates
from mebias.quantification.compare import compare
from mebias.recognition.arms import arm_sources, get_arms, needed_rules
from mebias.recognition.swap import SWAPPED
from mebias.recognition.triples import class_scheme
from mebias.selection import reselect
from mebias.selection.motion import MOTION_BLIND, Motion
from mebias.simulation.labels import Coder, relabeled
from mebias.simulation.simulate import simulate

DATASET, CLASSES = "4dme", "3-class"
FULL, SMALL = 128, 28
"""Height and width of full frames, and of those at the size of the maps (pixels)."""
CONFUSED = 0.25
"""Share of clips whose face shows the movement of another class: UF1 is about 0.7 with it, as
in the published composite, instead of 0.99."""
MOTION, TRUTH = "motion", "truth"
ESTIMATED = "motion:coder=estimated"
"""Stands for the `estimated_rule` of each cohort."""
_NOISE, _ROUNDING = 2.0, 1 / 12


@dataclass(frozen=True)
class Film:
    """One kind of cohorts.

    Attributes
    ----------
    label_sd_ms : float
        SD of the coders' errors, of onset, apex and offset alike (ms).
    n_subjects, n_clips : int
        Of each cohort, clips of no class included.
    size : int
        Height and width of frames (pixels).
    gross : float
        Share of onsets, apexes and offsets that are off by 60 to 200 ms besides.
    """

    label_sd_ms: float
    n_subjects: int = 42
    n_clips: int = 267
    size: int = SMALL
    gross: float = 0.0


def noise_sd(size: int) -> float:
    """Sensor noise that leaves the noise of full frames averaged to this size (gray levels).

    Rounding to whole gray levels adds its share, a twelfth of a squared level.

    >>> round(noise_sd(128), 3), round(noise_sd(28), 3)
    (2.0, 0.335)
    """
    share = (size / FULL) ** 2
    return math.sqrt((_NOISE**2 + _ROUNDING) * share - _ROUNDING)


def filmed(film: Film, seed: int) -> Cohort:
    """A cohort with known truth, some of its clips of a class that their face does not show.

    Parameters
    ----------
    film : Film
    seed : int
        The same seed gives the same faces, movements and noise with any spread of the labels.

    Examples
    --------
    >>> cohort = filmed(Film(20.0, n_subjects=4, n_clips=12), seed=1)
    >>> cohort.name, cohort.frames.size
    ('SIMULATED 4dme', (28, 28))
    """
    cohort = simulate(
        DATASET,
        seed=seed,
        n_subjects=film.n_subjects,
        n_clips=film.n_clips,
        size=(film.size, film.size),
        noise_sd=noise_sd(film.size),
        coder_sd_ms=(film.label_sd_ms,) * 3,
    )
    if film.gross:
        coder = Coder("careless", (film.label_sd_ms,) * 3, gross=film.gross)
        cohort = relabeled(cohort, coder, seed=seed)
    scheme = class_scheme(cohort, CLASSES)
    rng = np.random.default_rng([seed, len(cohort)])
    emotions = cohort.clips["emotion"].tolist()
    named = {scheme[e.casefold()]: e for e in sorted(set(emotions)) if e.casefold() in scheme}
    for place, emotion in enumerate(emotions):
        own, drawn = scheme.get(emotion.casefold()), rng.random()
        others = sorted(set(named) - {own})
        other = others[int(rng.integers(len(others)))]
        if own is not None and drawn < CONFUSED:
            emotions[place] = named[other]
    return _with(cohort, emotions)


def _with(cohort: Cohort, emotions: Sequence[str]) -> Cohort:
    return replace(cohort, clips=cohort.clips.assign(emotion=emotions))


@dataclass(frozen=True)
class Bank:
    """Clips in which ``motion`` was located, for others to take their shifts from.

    Shifts are regressed on how the labels err and how long their phases are; a new clip gets
    what is expected of it and what the regression left of a random clip of the bank.

    Attributes
    ----------
    about : ndarray, shape (M, 5)
        Errors of the labels (ms) at onset, apex and offset; logs of labeled rise and fall (ms).
    shifts : ndarray, shape (M, 3)
        Located minus labeled (ms).
    """

    about: np.ndarray
    shifts: np.ndarray

    @cached_property
    def _slopes(self) -> np.ndarray:
        return np.asarray(np.linalg.lstsq(_design(self.about), self.shifts, rcond=None)[0])

    def expected(self, about: np.ndarray) -> np.ndarray:
        """Mean shifts (ms) of clips like these, (n, 3)."""
        return np.asarray(_design(about) @ self._slopes)

    @cached_property
    def left(self) -> np.ndarray:
        """What the regression leaves of each shift (ms), as large as it is in new clips."""
        m, used = len(self.shifts), self.about.shape[1] + 1
        left = self.shifts - self.expected(self.about)
        return np.asarray(left * math.sqrt(m / max(m - used, 1)))


def _design(about: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(about)), about])


def located(film: Film, seed: int) -> Bank:
    """Locate ``motion`` in a cohort.

    Parameters
    ----------
    film : Film
        Of which every clip that has a class is located.
    seed : int
        Not one of a cohort that is trained on.
    """
    cohort = filmed(film, seed)
    rows = reselect(cohort, rule=MOTION, clips=_classed(cohort))
    found = _wide(rows)
    labels = _wide(cohort.keyframes).loc[found.index].to_numpy()
    usable = rows["status"].isin(SWAPPED).groupby(rows["clip"]).all()[found.index].to_numpy()
    shifts = np.where(usable[:, None], found.to_numpy() - labels, 0.0)  # else labels stay
    per_frame = 1000.0 / float(cohort.clips["fps"].iloc[0])
    return Bank(_about(cohort)[_places(cohort, rows)], shifts * per_frame)


def estimated_rule(cohort: Cohort) -> str:
    """The rule ``motion``, told how far this cohort's labels err as far as that can be estimated.

    Parameters
    ----------
    cohort : Cohort
        From `filmed`. Its truth is not looked at: `motion-blind` judges the labels, and where it
        cannot tell that they err at all, ``motion`` is left as it comes.

    Returns
    -------
    str
        Such as ``motion:coder=69-77-64`` (ms, onset-apex-offset).
    """
    blind = reselect(cohort, rule=MOTION_BLIND.name, clips=_classed(cohort))
    found = error_estimates(compare(cohort, blind))
    own = found[found["quantity"].eq("coder_sd") & found["ethnicity"].eq(tables.ALL)]
    by_keyframe = dict(zip(own["keyframe"], own["estimate"], strict=True))
    usual = zip(tables.KEYFRAMES, Motion().coder_sd_ms, strict=True)
    told = [sd if math.isnan(x := by_keyframe.get(k, math.nan)) else max(x, 1.0) for k, sd in usual]
    return f"{MOTION}:coder={'-'.join(f'{sd:.0f}' for sd in told)}"


def sources_of(
    cohort: Cohort,
    names: Sequence[str],
    *,
    bank: Bank | None = None,
    seeds: int = 1,
    seed: int = 0,
) -> dict[str, pd.DataFrame | None]:
    """Keyframes of all sources that arms rest on.

    Parameters
    ----------
    cohort : Cohort
        From `filmed`.
    names : sequence of str
        Of arms; ``truth`` is the frame nearest to the true time.
    bank : Bank, optional
        Where the shifts of ``motion`` come from; without one it is located in each clip.
    seeds : int
        Draws of ``jitter``.
    seed : int
        Of what is taken from the bank.
    """
    arms = [arm for arm in get_arms(names) if arm.source != TRUTH]
    classed = _classed(cohort)
    found = []
    for distance, rules in needed_rules(arms).items():
        own = [rule for rule in rules if rule != MOTION or bank is None]
        if own:
            found.append(reselect(cohort, rule=own, distance=distance, clips=classed))
        if MOTION in rules and bank is not None:
            found.append(_taken(cohort, classed, bank, np.random.default_rng([seed, 1])))
    table = pd.concat(found, ignore_index=True) if found else tables.empty("keyframes")
    sources = arm_sources(cohort, table, arms, seeds=range(seeds))
    if any(name.startswith(TRUTH) for name in names):
        sources[TRUTH] = _true(cohort)
    return sources


def _classed(cohort: Cohort) -> list[str]:
    scheme = class_scheme(cohort, CLASSES)
    known = cohort.clips["emotion"].str.casefold().isin(scheme)
    return [str(clip) for clip in cohort.clips.loc[known, "clip"]]


def _true(cohort: Cohort) -> pd.DataFrame:
    """The frames nearest to the true times."""
    assert cohort.truth is not None
    nearest = np.floor(cohort.truth["frame"] + 0.5)
    return cohort.truth.assign(frame=nearest, source=TRUTH, status="selected")


def _wide(keyframes: pd.DataFrame) -> pd.DataFrame:
    """Frames by clip (rows) and keyframe."""
    wide = keyframes.pivot_table("frame", "clip", "keyframe", aggfunc="first")
    return wide[list(tables.KEYFRAMES)]


def _places(cohort: Cohort, rows: pd.DataFrame) -> np.ndarray:
    return np.asarray(pd.Index(cohort.clips["clip"]).get_indexer(_wide(rows).index))


def _about(cohort: Cohort) -> np.ndarray:
    """What a bank knows of each clip of a cohort."""
    assert cohort.truth is not None
    per_frame = 1000.0 / cohort.clips["fps"].to_numpy(dtype=float)[:, None]
    order = cohort.clips["clip"].tolist()
    labels, truth = (_wide(t).loc[order].to_numpy() for t in (cohort.keyframes, cohort.truth))
    return np.hstack([(labels - truth) * per_frame, np.log(np.diff(labels) * per_frame)])


def _taken(
    cohort: Cohort, clips: Sequence[str], bank: Bank, rng: np.random.Generator
) -> pd.DataFrame:
    """Keyframes of ``motion``: labels moved as those of the bank were, given how they err."""
    assert cohort.frames is not None
    fps = float(cohort.clips["fps"].iloc[0])
    about = dict(zip(cohort.clips["clip"], _about(cohort), strict=True))
    of_clips = _wide(cohort.keyframes)
    labels = dict(zip(of_clips.index, of_clips.to_numpy(), strict=True))
    rows = []
    for clip in clips:
        left = bank.left[int(rng.integers(len(bank.left)))]
        shift = bank.expected(about[clip][None, :])[0] + left
        numbers = cohort.frames.numbers(clip)
        moved = np.rint(labels[clip] + shift * fps / 1000)
        onset, apex, offset = np.clip(moved, numbers[0], numbers[-1]).tolist()
        in_order = onset < apex < offset
        chosen = (onset, apex, offset) if in_order else labels[clip].tolist()
        rows += [
            {"dataset": cohort.name, "clip": clip, "source": MOTION, "distance": "",
             "keyframe": keyframe, "frame": frame, "status": "selected"}
            for keyframe, frame in zip(tables.KEYFRAMES, chosen, strict=True)
        ]  # fmt: skip
    return tables.from_rows(rows, "keyframes")
