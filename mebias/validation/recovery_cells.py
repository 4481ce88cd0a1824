"""What recovery is measured on: cells of clips, each under several coders.

A cell has one frame rate and one amplitude, the six profiles of the reference cell and small
frames. Its subjects are a bank that cohorts are drawn from (`mebias.validation.draws`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from mebias import provenance, tables
from mebias.quantification.annotation_error import error_estimates
from mebias.quantification.compare import compare
from mebias.quantification.excess import excess_estimates
from mebias.selection import reselect
from mebias.simulation.coders import Errors
from mebias.simulation.labels import Coder
from mebias.simulation.motion import HELD_BACK
from mebias.simulation.reference import SEEN
from mebias.simulation.simulate import simulate
from mebias.validation.draws import Draws, Pair
from mebias.validation.recordings import (
    JUDGE,
    Labeled,
    Recordings,
    labeled,
    nulls_of,
    record,
    shifts_of,
    with_truth,
)
from mebias.workers import Jobs

SD_MS: Errors = (12.0, 12.0, 22.0)
PLANTED_MS = 20.0
"""Mean error planted at every keyframe of group B."""
SIZE = (64, 64)
N_SUBJECTS = 24
"""Subjects of a cohort, with four clips each on average."""
GROSS = (0.03, 0.10)
WINDOWED = ("gamdss", "gamdss-released", "gamdss-symmetric")
CONTROLS = ("jitter", "least")
_CLIPS_PER_SUBJECT = 4
_DRAWS = 4
_MOST_ESTIMATED = 40
EXACT = Coder("accurate", (0.0, 0.0, 0.0))
_NO_NULLS = tables.empty("nulls")


@dataclass(frozen=True)
class Cell:
    """One frame rate and amplitude (pixels of a frame 128 wide), in a dataset's shape."""

    dataset: str
    fps: float
    amplitude: float

    @property
    def name(self) -> str:
        """Such as ``4dme 60 fps 1.6 px``."""
        return f"{self.dataset} {self.fps:g} fps {self.amplitude:g} px"


CELLS = tuple(
    Cell(dataset, fps, amplitude)
    for dataset, fps in (("4dme", 60.0), ("samm", 200.0))
    for amplitude in (1.0, 1.6, 2.5)
)


@dataclass(frozen=True)
class Tables:
    """What a cell holds.

    Attributes
    ----------
    shifts, nulls : DataFrame
        Of all clips under all coders; ``labels`` (the coder), ``draw`` (each coder drew several
        times) and ``cut`` tell the labels apart.
    estimated : DataFrame
        Of cohorts drawn from the cell, whose coders' SD was estimated: estimates of the excess
        over ``unbiased``, told apart by ``cohort``.
    """

    shifts: pd.DataFrame
    nulls: pd.DataFrame
    estimated: pd.DataFrame


def cell_tables(
    cell: Cell,
    *,
    n_clips: int,
    n_cohorts: int,
    seed: int,
    jobs: Jobs = 1,
    folder: Path | None = None,
) -> Tables:
    """Film, locate and label the clips of one cell, or read what an earlier run has kept.

    Parameters
    ----------
    cell : Cell
        What kind of clips.
    n_clips : int
        How many, four to a subject.
    n_cohorts : int
        Cohorts with an estimated SD, 40 at most.
    seed : int
        Of the cell's cohort; cells differ in it.
    jobs : int or str
        Worker processes, or the address of a Dask scheduler.
    folder : Path, optional
        Where tables are kept.
    """
    n_cohorts = min(n_cohorts, _MOST_ESTIMATED)
    about = f"{cell.name} {n_clips} {n_cohorts} {seed} {provenance.version()}"
    stem = hashlib.sha256(about.encode()).hexdigest()[:16]
    names = ("shifts", "nulls", "estimated")
    if folder is not None:
        paths = [folder / f"recovery-{stem}-{name}.csv" for name in names]
        if all(path.exists() for path in paths):
            return Tables(*(_kept(p, n) for p, n in zip(paths, names, strict=True)))
    made = _made(cell, n_clips, n_cohorts, seed, jobs)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for path, name in zip(paths, names, strict=True):
            tables.write_csv(getattr(made, name), path)
    return made


def _kept(path: Path, name: str) -> pd.DataFrame:
    schema = "estimates" if name == "estimated" else name
    return tables.conform(pd.read_csv(path, keep_default_na=False, na_values=[""]), schema)


def _made(cell: Cell, n_clips: int, n_cohorts: int, seed: int, jobs: Jobs) -> Tables:
    cohort = simulate(
        cell.dataset,
        seed=seed,
        n_subjects=max(2, n_clips // _CLIPS_PER_SUBJECT),
        n_clips=n_clips,
        fps=cell.fps,
        amplitude=cell.amplitude,
        size=SIZE,
        profiles=(*SEEN, *HELD_BACK),
    )
    groups = cohort.clips["ethnicity"].replace("C", "B")
    cohort = replace(cohort, clips=cohort.clips.assign(ethnicity=groups))
    filmed = record(cohort, jobs=jobs)
    parts = [*_uncut(filmed, seed, jobs), *_cut(filmed, seed, jobs)]
    shifts = pd.concat([shifts for shifts, _ in parts], ignore_index=True)
    nulls = pd.concat([nulls for _, nulls in parts if len(nulls)], ignore_index=True)
    estimated = _with_estimated_sd(filmed, n_cohorts, seed)
    found = (_named(table, cell) for table in (shifts, nulls, estimated))
    return Tables(*found)


def _named(table: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    """Subjects and clips of several cells are not the same."""
    names = {c: f"{cell.amplitude:g} " + table[c] for c in ("subject", "clip") if c in table}
    return table.assign(amplitude=cell.amplitude, **names)


_Part = tuple[pd.DataFrame, pd.DataFrame]


def _coders(name: str, draws: int, gross: float = 0.0) -> list[Coder]:
    return [Coder(f"{name} {i}", SD_MS, gross=gross) for i in range(draws)]


def _uncut(filmed: Recordings, seed: int, jobs: Jobs) -> Iterator[_Part]:
    """All coders but those of `_cut`, whose clips are as they were filmed."""
    yield _exact(filmed, seed, jobs)
    for i, coder in enumerate(_coders("unbiased", _DRAWS)):
        found = labeled(filmed, coder, seed=seed, jobs=jobs)
        shifts = shifts_of(found, ("gamdss", *CONTROLS), seed=i)
        yield _told(shifts, nulls_of(found, "unbiased", SD_MS), "unbiased", i, cut=False)
    for i in range(_DRAWS):
        yield _told(_planted(filmed, i, seed, jobs), _NO_NULLS, "planted", i, cut=False)
    for share in GROSS:
        name = f"gross {share:g}"
        for i, coder in enumerate(_coders(name, 2, gross=share)):
            found = labeled(filmed, coder, seed=seed, jobs=jobs)
            yield _told(shifts_of(found), _NO_NULLS, name, i, cut=False)


def _exact(filmed: Recordings, seed: int, jobs: Jobs) -> _Part:
    """Labels without error; the rule motion, as slow as all else together, for half of them."""
    found = labeled(filmed, EXACT, seed=seed, jobs=jobs)
    clips = found.cohort.clips["clip"].tolist()
    half = clips[: (len(clips) + 1) // 2]
    selected = reselect(found.cohort, "motion", clips=half, jobs=jobs)
    motion = with_truth(found.cohort, compare(found.cohort, selected))
    shifts = pd.concat([shifts_of(found, WINDOWED), motion], ignore_index=True)
    return _told(shifts, nulls_of(found, "accurate", SD_MS), "accurate", 0, cut=False)


def _planted(filmed: Recordings, draw: int, seed: int, jobs: Jobs) -> pd.DataFrame:
    """Labels that are late in group B.

    By turns either group has the late labels and is then called B: a bank has few subjects, and
    what its groups differ by chance would else be a part of every cohort's contrast.
    """
    late, names = ("A", {"A": "B", "B": "A"}) if draw % 2 else ("B", {"A": "A", "B": "B"})
    coder = Coder(f"planted {draw}", SD_MS, {late: (PLANTED_MS,) * 3})
    shifts = shifts_of(labeled(filmed, coder, seed=seed, jobs=jobs))
    return shifts.assign(ethnicity=shifts["ethnicity"].map(names))


def _cut(filmed: Recordings, seed: int, jobs: Jobs) -> Iterator[_Part]:
    """Clips cut at their labels: each coder leaves other frames, which are located anew."""
    kinds: dict[str, tuple[Coder, str]] = {
        "accurate": (EXACT, "accurate"),
        "unbiased": (_coders("unbiased", 1)[0], "unbiased"),
        "planted": (Coder("planted", SD_MS, {"B": (PLANTED_MS,) * 3}), ""),
        "gross 0.1": (_coders("gross 0.1", 1, gross=0.1)[0], ""),
    }
    for name, (coder, null) in kinds.items():
        found = labeled(filmed, coder, seed=seed, trimmed=True, jobs=jobs)
        nulls = nulls_of(found, null, SD_MS) if null else _NO_NULLS
        yield _told(shifts_of(found, ("gamdss",) if null else ()), nulls, name, 0, cut=True)


def _told(shifts: pd.DataFrame, nulls: pd.DataFrame, labels: str, draw: int, *, cut: bool) -> _Part:
    subjects = shifts.drop_duplicates("clip").set_index("clip")["subject"]
    nulls = nulls.assign(subject=nulls["clip"].map(subjects))
    first, second = (
        table.assign(labels=labels, draw=float(draw), cut=cut) for table in (shifts, nulls)
    )
    return first, second


def _with_estimated_sd(filmed: Recordings, n_cohorts: int, seed: int) -> pd.DataFrame:
    """The excess over ``unbiased`` as a user finds it: by an SD estimated from the same cohort."""
    found = [labeled(filmed, coder, seed=seed) for coder in _coders("unbiased", _DRAWS)]
    shifts = pd.concat(
        [_told(shifts_of(f, ("gamdss",)), _NO_NULLS, "", i, cut=False)[0]
         for i, f in enumerate(found)], ignore_index=True
    )  # fmt: skip
    draws = Draws(shifts)
    rng = np.random.default_rng([seed, 1])
    rows = []
    for cohort in range(n_cohorts):
        pairs = draws.pairs(rng, N_SUBJECTS)
        own = draws.rows(pairs).assign(ethnicity=tables.ALL)
        spread = error_estimates(own)
        nulls = pd.concat(
            [nulls_of(_of_subjects(found[d], names), "unbiased", spread)
             for d, names in _by_draw(pairs).items()], ignore_index=True
        )  # fmt: skip
        gamdss = own[own["source"] != JUDGE]
        rows.append(excess_estimates(gamdss, nulls).assign(cohort=float(cohort)))
    return pd.concat(rows, ignore_index=True) if rows else tables.empty("estimates")


def _by_draw(pairs: list[Pair]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for subject, draw in pairs:
        found.setdefault(int(draw), []).append(subject)
    return found


def _of_subjects(found: Labeled, subjects: list[str]) -> Labeled:
    clips = found.cohort.clips[found.cohort.clips["subject"].isin(subjects)]
    keyframes = found.cohort.keyframes
    keyframes = keyframes[keyframes["clip"].isin(clips["clip"])]
    return replace(found, cohort=replace(found.cohort, clips=clips, keyframes=keyframes))
