"""Several coders over the same events: SIMULATED codings with known truth.

A label is the true time, plus the coder's bias, plus what the coder's culture does to the
subject's group, plus independent normal deviations of a coder for a group, of a culture and of
a coder for a subject, of a coder for an event and of a single pass, plus drift over the working
order; rounded to a frame and put in order. Events are missed with a probability, and videos
without an event that a coder found get a row without frames: looked at, nothing found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import OptionError, listed, suggest

Errors = tuple[float, float, float]
"""One number (ms) each for onset, apex and offset."""
NAME = f"{tables.SIMULATED} coders"
_GAP_MS = 1500.0
"""Least time between two events of one video."""
_RISE_MS, _FALL_MS = (170.0, 45.0, 90.0), (180.0, 50.0, 100.0)
"""Mean, SD and least length of rise and fall (ms); as in datasets at 200 fps."""
_SIZES = 0.8
"""SD of the log-normal number of events per subject."""


@dataclass(frozen=True)
class Spreads:
    """SDs (ms) of everything that varies, each at onset, apex and offset.

    Attributes
    ----------
    coder : 3 floats
        Bias of a coder, where it is not given.
    coder_group : 3 floats
        What a coder of any culture does to one group of subjects and not to others. As long
        as this is above 0, few coders tell little about their culture.
    culture_subject, coder_subject : 3 floats
        What all coders of a culture, and what a single one, does to one subject.
    coder_event, residual : 3 floats
        A coder's error for an event that comes again in a second pass, and what does not.
    coder_pass : 3 floats
        What is common to all labels of one pass of a coder.
    """

    coder: Errors = (5.0, 5.0, 8.0)
    coder_group: Errors = (0.0, 0.0, 0.0)
    culture_subject: Errors = (0.0, 0.0, 0.0)
    coder_subject: Errors = (3.0, 3.0, 6.0)
    coder_event: Errors = (6.0, 6.0, 11.0)
    residual: Errors = (9.0, 9.0, 15.0)
    coder_pass: Errors = (0.0, 0.0, 0.0)

    def of(self, name: str) -> np.ndarray:
        """One of them as an array, shape (3,)."""
        return np.asarray(getattr(self, name), dtype=float)


@dataclass(frozen=True)
class CodingStudy:
    """A simulated study of coders, with its truth.

    Attributes
    ----------
    annotations : DataFrame
        A codings table: what the coders wrote down, in frames.
    coders : DataFrame
        A coders table.
    subjects : DataFrame
        subject, ethnicity.
    events : DataFrame
        True times: event, subject, video, onset_ms, apex_ms, offset_ms.
    bias : DataFrame
        coder, keyframe, bias_ms (as drawn or given), missed, drift_ms (per 100 codings).
    planted : DataFrame
        culture, ethnicity, keyframe, error_ms: what was planted.
    spreads : Spreads
        SDs behind it.
    """

    annotations: pd.DataFrame
    coders: pd.DataFrame
    subjects: pd.DataFrame
    events: pd.DataFrame
    bias: pd.DataFrame
    planted: pd.DataFrame
    spreads: Spreads


def simulate_coders(
    coders: Mapping[str, str] | None = None,
    *,
    subjects: Mapping[str, int] | None = None,
    n_events: int = 120,
    bias: Mapping[str, Sequence[float]] | None = None,
    effect: Mapping[tuple[str, str], Sequence[float]] | None = None,
    spreads: Spreads | None = None,
    spread: Mapping[str, float] | None = None,
    missed: float | Mapping[str, float] = 0.05,
    false_alarms: float = 0.03,
    double_coded: float = 0.0,
    share_coded: float = 1.0,
    drift: Mapping[str, Sequence[float]] | None = None,
    fps: float = 200.0,
    seed: int | np.random.SeedSequence = 0,
) -> CodingStudy:
    """Simulate several coders over the events of subjects of several groups.

    Parameters
    ----------
    coders : mapping, optional
        Culture by coder; four coders of two cultures, A and B, by default.
    subjects : mapping, optional
        Number of subjects by group; 12 of A and 12 of B by default.
    n_events : int
        Events in all, at least one per subject; their number per subject is skewed
        (log-normal, 0.8). A video holds up to three.
    bias : mapping, optional
        Bias (ms) at onset, apex and offset by coder; drawn with the SD ``spreads.coder``
        where not given.
    effect : mapping, optional
        Error (ms) at onset, apex and offset that is planted, by (culture, group).
    spreads : Spreads, optional
        SDs of all that varies.
    spread : mapping, optional
        A factor by coder, for ``spreads.coder_event`` and ``spreads.residual``: 1 by default.
    missed : float or mapping
        Probability that a coder does not find an event; by coder, if wanted.
    false_alarms : float
        Events that a coder sees where there is none, per event there is.
    double_coded : float
        Share of videos that each coder codes a second time, after all others.
    share_coded : float
        Share of subjects whose videos a coder codes; each subject has two coders or more.
    drift : mapping, optional
        Change (ms) per 100 codings at onset, apex and offset by coder; 0 in the middle of
        the coder's work.
    fps : float
        Frames per second.
    seed : int or SeedSequence
        Of everything.

    Returns
    -------
    CodingStudy

    Raises
    ------
    OptionError
        An unknown coder, culture or group, or a number outside its range.

    Examples
    --------
    >>> study = simulate_coders(n_events=60, effect={("A", "A"): (0, 0, 20)}, seed=1)
    >>> study.annotations["coder"].nunique(), len(study.events)
    (4, 60)
    >>> study.annotations["dataset"].iloc[0]
    'SIMULATED coders'
    """
    asked = Setting(
        coders or {"a1": "A", "a2": "A", "b1": "B", "b2": "B"},
        subjects or {"A": 12, "B": 12}, n_events, fps, spreads or Spreads(),
    )  # fmt: skip
    asked.check(bias or {}, effect or {}, spread or {}, drift or {})
    _shares(missed=missed, double_coded=double_coded, share_coded=share_coded)
    rng = np.random.default_rng(seed)
    group, of_event = asked.cast(rng)
    video, true = true_times(of_event, rng)
    names = list(asked.coders)
    own_bias = asked.spreads.of("coder") * rng.standard_normal((len(names), 3))
    for name, values in (bias or {}).items():
        own_bias[names.index(name)] = values
    factor = np.array([(spread or {}).get(name, 1.0) for name in names])
    lost = np.array([missed.get(n, 0.0) if isinstance(missed, Mapping) else missed for n in names])
    errors = asked.errors(rng, group, of_event, own_bias, factor, effect or {})
    looked = looked_at(rng, len(names), video, of_event, len(group), share_coded, double_coded)
    coded = looked & (rng.random(looked.shape) >= lost[None, :, None])
    slope = np.array([(drift or {}).get(n, (0.0, 0.0, 0.0)) for n in names], dtype=float)
    rows = _written(rng, asked, video, of_event, true, errors, looked, coded, slope, false_alarms)
    return CodingStudy(
        annotations=tables.conform(rows, "codings"),
        coders=tables.conform(
            pd.DataFrame({"coder": names, "culture": list(asked.coders.values())}), "coders"
        ),
        subjects=pd.DataFrame({"subject": asked.subject_names(), "ethnicity": group}),
        events=_truth(asked, video, of_event, true),
        bias=_biases(names, own_bias, lost, slope),
        planted=_planted(asked, effect or {}),
        spreads=asked.spreads,
    )


@dataclass(frozen=True)
class Setting:
    """What a study is made of: coders with cultures, subjects with groups, events, spreads."""

    coders: Mapping[str, str]
    subjects: Mapping[str, int]
    n_events: int
    fps: float
    spreads: Spreads

    def check(self, bias: Mapping[str, Sequence[float]], effect: Mapping[tuple[str, str], object],
              spread: Mapping[str, float], drift: Mapping[str, object]) -> None:  # fmt: skip
        """Refuse what makes no study."""
        n = sum(self.subjects.values())
        if len(self.coders) < 2:
            raise OptionError(f"a study of coders has {len(self.coders)}; expected two or more.")
        if n < 2 or min(self.subjects.values()) < 1 or self.n_events < n:
            raise OptionError(
                f"{self.n_events} events of {n} subjects; expected two subjects or more, and an "
                f"event for each."
            )
        if not (np.isfinite(self.fps) and self.fps > 0):
            raise OptionError(f"fps is {self.fps}; expected a number above 0.")
        for what, given in (("bias", bias), ("spread", spread), ("drift", drift)):
            for name in given:
                if name not in self.coders:
                    raise OptionError(
                        f"{what} names the coder {name!r}: there are {listed(self.coders)}"
                        f"{suggest(str(name), self.coders)}."
                    )
        for culture, group in effect:
            if culture not in self.coders.values() or group not in self.subjects:
                raise OptionError(
                    f"effect names ({culture}, {group}); expected a culture of "
                    f"{listed(sorted(set(self.coders.values())))} and a group of "
                    f"{listed(self.subjects)}."
                )
        for part in fields(self.spreads):
            values = self.spreads.of(part.name)
            if values.shape != (3,) or not np.isfinite(values).all() or values.min() < 0:
                raise OptionError(f"spreads.{part.name} is not three numbers of 0 or more (ms).")

    def subject_names(self) -> list[str]:
        """Names of the subjects, in the order of their groups."""
        return [f"s{k + 1:03d}" for k in range(sum(self.subjects.values()))]

    def cast(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Group of each subject, and subject of each event."""
        group = np.repeat(list(self.subjects), list(self.subjects.values()))
        share = rng.lognormal(0, _SIZES, len(group))
        sizes = 1 + rng.multinomial(self.n_events - len(group), share / share.sum())
        return group, np.repeat(np.arange(len(group)), sizes)

    def errors(
        self,
        rng: np.random.Generator,
        group: np.ndarray,
        of_event: np.ndarray,
        bias: np.ndarray,
        factor: np.ndarray,
        effect: Mapping[tuple[str, str], Sequence[float]],
    ) -> np.ndarray:
        """Errors (ms) without drift, (events, coders, 2 passes, 3 keyframes)."""
        groups, cultures = list(self.subjects), sorted(set(self.coders.values()))
        of_group = np.array([groups.index(g) for g in group])[of_event]
        of_culture = np.array([cultures.index(c) for c in self.coders.values()])
        n, c, s = len(of_event), len(self.coders), self.spreads

        def drawn(name: str, *shape: int) -> np.ndarray:
            return s.of(name) * rng.standard_normal((*shape, 3))

        planted = np.zeros((len(groups), len(cultures), 3))
        for (culture, name), values in effect.items():
            planted[groups.index(name), cultures.index(culture)] = values
        fixed = bias[None] + planted[of_group][:, of_culture]
        fixed = fixed + drawn("coder_group", len(groups), c)[of_group]
        fixed += drawn("culture_subject", len(group), len(cultures))[of_event][:, of_culture]
        fixed += drawn("coder_subject", len(group), c)[of_event]
        fixed += drawn("coder_event", n, c) * factor[None, :, None]
        passes = drawn("residual", n, c, 2) * factor[None, :, None, None]
        return np.asarray(fixed[:, :, None] + passes + drawn("coder_pass", c, 2)[None])


def _shares(**given: float | Mapping[str, float]) -> None:
    for name, value in given.items():
        for number in value.values() if isinstance(value, Mapping) else (value,):
            if not 0 <= number <= 1:
                raise OptionError(f"{name} is {number}; expected a share from 0 to 1.")


def true_times(of_event: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Video of each event, numbered, and true times (ms), (events, 3)."""
    n = len(of_event)
    first = np.r_[0, np.flatnonzero(np.diff(of_event)) + 1]
    place = np.arange(n) - np.repeat(first, np.diff(np.r_[first, n]))
    video = np.cumsum((place % 3 == 0).astype(int)) - 1
    rise, fall = (
        np.maximum(mean + sd * rng.standard_normal(n), least)
        for mean, sd, least in (_RISE_MS, _FALL_MS)
    )
    onset = 700 + (place % 3) * (_GAP_MS + 1500) + rng.uniform(0, 500, n)
    return video, np.stack([onset, onset + rise, onset + rise + fall], axis=1)


def looked_at(
    rng: np.random.Generator,
    n_coders: int,
    video: np.ndarray,
    of_event: np.ndarray,
    n_subjects: int,
    share: float,
    double: float,
) -> np.ndarray:
    """Which coder looks at which event in which pass, (events, coders, 2)."""
    rank = rng.random((n_subjects, n_coders)).argsort(axis=1).argsort(axis=1)
    by_subject = (rng.random((n_subjects, n_coders)) < share) | (rank < 2)
    again = rng.random((video.max() + 1, n_coders)) < double
    first = by_subject[of_event]
    return np.stack([first, first & again[video]], axis=2)


def _written(
    rng: np.random.Generator,
    asked: Setting,
    video: np.ndarray,
    of_event: np.ndarray,
    true: np.ndarray,
    errors: np.ndarray,
    looked: np.ndarray,
    coded: np.ndarray,
    slope: np.ndarray,
    false_alarms: float,
) -> pd.DataFrame:
    """The rows that the coders write down."""
    n_videos = video.max() + 1
    event, coder, pass_ = np.nonzero(coded)
    found = true[event] + errors[event, coder, pass_]
    alarm = np.argwhere(looked & (rng.random(looked.shape) < false_alarms))
    beside = true[alarm[:, 0]] + _GAP_MS
    seen = np.zeros((n_videos, *looked.shape[1:]), dtype=bool)
    np.maximum.at(seen, video, looked)
    filled = np.zeros_like(seen)
    filled[video[event], coder, pass_] = True
    filled[video[alarm[:, 0]], alarm[:, 1], alarm[:, 2]] = True
    blank = np.argwhere(seen & ~filled)
    of_video = np.zeros(n_videos, dtype=int)
    of_video[video] = of_event
    rows = pd.DataFrame(
        {
            "video_code": np.r_[video[event], video[alarm[:, 0]], blank[:, 0]],
            "coder_code": np.r_[coder, alarm[:, 1], blank[:, 1]],
            "pass_code": np.r_[pass_, alarm[:, 2], blank[:, 2]],
        }
    )
    times = np.vstack([found, beside, np.full((len(blank), 3), np.nan)])
    turn = rng.random((n_videos, looked.shape[1], 2)) + np.array([0.0, 1.0])
    key = turn[rows["video_code"], rows["coder_code"], rows["pass_code"]]
    order = np.lexsort((np.nan_to_num(times[:, 0]), key, rows["coder_code"]))
    rows, times = rows.iloc[order].reset_index(drop=True), times[order]
    place = rows.groupby("coder_code").cumcount().to_numpy() + 1
    size = rows.groupby("coder_code")["video_code"].transform("size").to_numpy()
    times = times + slope[rows["coder_code"]] * ((place - (size + 1) / 2) / 100)[:, None]
    onset, apex, offset = (np.floor(times * asked.fps / 1000 + 0.5)).T
    onset, offset = np.minimum(onset, apex - 1), np.maximum(offset, apex + 1)
    names = np.array(list(asked.coders))
    subject = of_video[rows["video_code"]]
    return pd.DataFrame(
        {
            "dataset": NAME,
            "subject": np.array(asked.subject_names())[subject],
            "video": [f"v{code + 1:04d}" for code in rows["video_code"]],
            "coder": names[rows["coder_code"]],
            "pass": np.array(["1", "2"])[rows["pass_code"]],
            "onset": onset, "apex": apex, "offset": offset,
            **{f"{k}_ms": v * 1000 / asked.fps
               for k, v in zip(tables.KEYFRAMES, (onset, apex, offset), strict=True)},
            "fps": asked.fps,
            "order": place.astype(float),
            "row": np.arange(len(rows)) + 2.0,
        }
    )  # fmt: skip


def _truth(
    asked: Setting, video: np.ndarray, of_event: np.ndarray, true: np.ndarray
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "event": [f"e{k + 1:04d}" for k in range(len(video))],
            "subject": np.array(asked.subject_names())[of_event],
            "video": [f"v{code + 1:04d}" for code in video],
            **{f"{k}_ms": true[:, i] for i, k in enumerate(tables.KEYFRAMES)},
        }
    )


def _biases(
    names: Sequence[str], bias: np.ndarray, lost: np.ndarray, slope: np.ndarray
) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"coder": name, "keyframe": keyframe, "bias_ms": bias[i, k], "missed": lost[i],
             "drift_ms": slope[i, k]}
            for i, name in enumerate(names)
            for k, keyframe in enumerate(tables.KEYFRAMES)
        ]
    )  # fmt: skip


def _planted(asked: Setting, effect: Mapping[tuple[str, str], Sequence[float]]) -> pd.DataFrame:
    rows = [
        {"culture": culture, "ethnicity": group, "keyframe": keyframe,
         "error_ms": float(effect.get((culture, group), (0.0, 0.0, 0.0))[k])}
        for culture in sorted(set(asked.coders.values()))
        for group in asked.subjects
        for k, keyframe in enumerate(tables.KEYFRAMES)
    ]  # fmt: skip
    return pd.DataFrame(rows)
