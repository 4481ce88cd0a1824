"""What a second look says of flags, where the truth is known: SIMULATED packets.

Labels and posteriors are drawn without images (`mebias.validation.trajectories`) or filmed and
located, whole or cut at their labels; a simulated coder with a small error plays the second
look. Each cell is one large bank of subjects, whose labels are flagged once and together;
cohorts are drawn from its subjects, and packets are chosen from them and judged by the code that
users run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import OptionError
from mebias.quantification.blind import cut_at_labels
from mebias.quantification.checks import checked_shifts
from mebias.quantification.flags import MISSED, flag_clips
from mebias.quantification.interval import Interval
from mebias.quantification.means import mean_interval
from mebias.relabel.choose import CONTROL, choose
from mebias.relabel.compared import judged_labels
from mebias.relabel.found import flag_rates
from mebias.relabel.packet import labels_of
from mebias.simulation.labels import Coder, Trimmed
from mebias.simulation.motion import HELD_BACK
from mebias.simulation.reference import SEEN
from mebias.simulation.simulate import simulate
from mebias.validation.draws import Draws
from mebias.validation.recordings import labeled, record, shifts_of
from mebias.validation.recovery_rows import clopper_pearson
from mebias.validation.trajectories import blind_shifts
from mebias.workers import Jobs, check_jobs, in_order

SECOND_SD_MS = (6.0, 6.0, 11.0)
"""SD of the second coder's errors at onset, apex, offset: half of the first one's."""
SECOND_MEAN_MS = 8.0
"""What the second coder is later by, everywhere: another definition, which is no error."""
MORE_MISSED = (0.14, 57.0)
"""Share and SD of posteriors that miss at every keyframe: at the offset as many as allowed."""
OLD_SD_MS = (12.0, 12.0, 22.0)
GROSS = 0.10
BAND = (0.93, 0.97)
N_PACKETS = 1000
FEWEST = 10
_SIZE = (64, 64)
_DRAWS = 4
_CLIPS_PER_SUBJECT = 4
_FILMED = (40, 160)
"""Subjects and clips of a cohort that is drawn from filmed ones."""
_ENDS = ["lead_frames", "tail_frames"]
Row = dict[str, object]


@dataclass(frozen=True)
class Cell:
    """One kind of packets.

    Attributes
    ----------
    name : str
        In words.
    n_subjects, n_clips : int
        Of each cohort; of filmed ones with four clips a subject.
    fdr : float
        Of the flags: the larger, the less precise.
    missed : str
        How many posteriors miss: ``none``, as many as flags are ``allowed``, or ``more``.
    fps : float
        Of filmed cohorts; 0 for cohorts without images.
    cut : str
        Where filmed clips are cut: nowhere (""), at the ``tail`` (the offset), or at ``both``
        labels. Of clips cut at both, flags are looked at that users never see.
    budget : int
        Flagged clips of a packet, and controls.
    """

    name: str
    n_subjects: int = 42
    n_clips: int = 267
    fdr: float = 0.05
    missed: str = "allowed"
    fps: float = 0.0
    cut: str = ""
    budget: int = 60


CELLS = (
    Cell("without images, posteriors as wide as they say", missed="none"),
    Cell("without images, as many posteriors miss as allowed"),
    Cell("without images, as many posteriors miss as allowed, FDR 30 %", fdr=0.3),
    Cell("without images, more posteriors miss than allowed, FDR 20 %", fdr=0.2, missed="more"),
    Cell("the same, more flags than budget", fdr=0.2, missed="more", budget=24),
    Cell("the same, 29 subjects", 29, 159, fdr=0.2, missed="more"),
    Cell("60 fps, uncut", *_FILMED, fps=60.0),
    Cell("200 fps, uncut", *_FILMED, fps=200.0),
    Cell("60 fps, cut at the offset, lead kept", *_FILMED, fps=60.0, cut="tail"),
    Cell("200 fps, cut at the offset, lead kept", *_FILMED, fps=200.0, cut="tail"),
    Cell("60 fps, cut at the labels: flags that are withheld", *_FILMED, fps=60.0, cut="both"),
    Cell("200 fps, cut at the labels: flags that are withheld", *_FILMED, fps=200.0, cut="both"),
)
SHOWN = "of flags that are shown"
"""Added to what clips cut at both labels give to users: nothing."""


def validate_relabeling(
    *,
    n_packets: int = N_PACKETS,
    n_clips: int = 240,
    n_bank: int = 4000,
    seed: int = 0,
    jobs: Jobs = 1,
    cells: Sequence[Cell] = CELLS,
    progress: bool = False,
) -> pd.DataFrame:
    """Precision and recall of flags against truth, and coverage of what a second look says.

    Parameters
    ----------
    n_packets : int
        Packets of each cell.
    n_clips : int
        Clips that are filmed per frame rate; cohorts are drawn from their subjects.
    n_bank : int
        Subjects of each cell without images.
    seed : int
    jobs : int or str
        Worker processes, or the address of a Dask scheduler.
    cells : sequence of Cell
    progress : bool

    Returns
    -------
    DataFrame
        One row per cell, keyframe and quantity. ``value``: over all packets together, what the
        second look finds; ``truth``: the same by the true errors; ``coverage``: share of
        the intervals that hold the value that the second look would find in endless packets (of
        recall, in all clips of the packet's own cohort), and ``coverage_of_truth``, that hold the
        true one. ``band_low``, ``band_high``, ``met`` (within 3 Monte Carlo errors) where a band
        was stated: cohorts without images, all keyframes together.

    Raises
    ------
    OptionError
        Too few packets or clips.
    """
    if n_packets < FEWEST:
        raise OptionError(f"--packets is {n_packets}; expected {FEWEST} or more.")
    if n_clips < 40:
        raise OptionError(f"--clips is {n_clips}; expected 40 or more.")
    filmed: dict[tuple[float, str], pd.DataFrame] = {}
    for fps in dict.fromkeys(cell.fps for cell in cells if cell.fps):
        filmed |= _filmed(fps, n_clips, seed, jobs)
    work = [(i, cell, filmed.get((cell.fps, cell.cut))) for i, cell in enumerate(cells)]
    found = in_order(_of_cell, work, check_jobs(jobs), (n_packets, n_bank, seed))
    return pd.DataFrame([row for rows in _bar(found, len(work), progress) for row in rows])


def _of_cell(
    size: tuple[int, int, int], numbered: tuple[int, Cell, pd.DataFrame | None]
) -> list[Row]:
    """Rows of one cell, whose clips are filmed or drawn."""
    n_packets, n_bank, seed = size
    i, cell, filmed = numbered
    rows: list[Row] = []
    rng = np.random.default_rng([seed, 77, i])
    shifts = _drawn(cell, n_bank, rng) if filmed is None else filmed
    labels = _flagged(shifts, cell, rng)
    if cell.cut:
        rows += _withheld(cell, shifts, labels)
    if not labels["flagged"].any():
        return [*rows, *_nothing_flagged(cell, labels, (tables.ALL, *tables.KEYFRAMES))]
    none = [k for k in tables.KEYFRAMES if not _of(labels, k)["flagged"].any()]
    rows += _nothing_flagged(cell, labels, none)
    draws, packets = Draws(labels), []
    for _ in range(n_packets):
        pairs = draws.pairs(rng, cell.n_subjects)
        packets.append(_packet(draws.rows(pairs).reset_index(drop=True), cell, rng))
    return [*rows, *_summary(cell, packets)]


@dataclass(frozen=True)
class _Found:
    """One packet at one keyframe: intervals by quantity, and what is true, as two sums."""

    intervals: dict[str, Interval]
    sums: dict[str, tuple[float, float]]
    true: dict[str, tuple[float, float]]


def _flagged(shifts: pd.DataFrame, cell: Cell, rng: np.random.Generator) -> pd.DataFrame:
    """All labels of a bank: flagged or not, with the second look at them.

    Of clips cut at both labels those that would be flagged if nobody knew that they are cut:
    users never see these flags, and how false they are is why.
    """
    unknown = {"lead_frames": math.nan, "tail_frames": math.nan}
    flags = flag_clips(shifts.assign(**unknown) if cell.cut == "both" else shifts, fdr=cell.fdr)
    labels = labels_of(shifts, flags, None)
    looked = _looked_at(labels, cell, rng)
    truth = {c: looked[c].to_numpy() for c in ("wrong", "draw", "rank")}
    return judged_labels(looked).assign(**truth)


def _packet(labels: pd.DataFrame, cell: Cell, rng: np.random.Generator) -> dict[str, _Found]:
    """Choose clips of one cohort, judge them, and say what all its clips would have said."""
    if not labels["flagged"].any():
        return {}
    order = int(rng.integers(2**31))
    chosen = choose(labels, budget=cell.budget, controls=cell.budget, seed=order)
    kept = labels.drop(columns=["item", "role", "stratum", "weight"])
    known = judged_labels(kept.merge(chosen, on="clip"))
    found = {}
    for keyframe in (tables.ALL, *tables.KEYFRAMES):
        of_all, own = _of(labels, keyframe), _of(known, keyframe)
        if of_all["flagged"].any():
            found[keyframe] = _Found(_intervals(own), *_sums(of_all))
    return found


def _looked_at(labels: pd.DataFrame, cell: Cell, rng: np.random.Generator) -> pd.DataFrame:
    """The second look at every label of a cohort: truth and a small error, within the frames."""
    sd = labels["keyframe"].map(dict(zip(tables.KEYFRAMES, SECOND_SD_MS, strict=True)))
    error = SECOND_MEAN_MS + sd.to_numpy(float) * rng.standard_normal(len(labels))
    frame = labels["old"] + (error - labels["true_error_ms"]) * labels["fps"] / 1000
    new = frame.round()
    cut = pd.Series(False, index=labels.index)
    if cell.cut:
        ends = labels.groupby("clip")["old"]
        first = ends.transform("min") if cell.cut == "both" else None
        new = new.clip(first, ends.transform("max"))
        cut = labels["keyframe"].isin(["onset", "offset"] if cell.cut == "both" else ["offset"])
    by = ["keyframe", "ethnicity"]
    away = labels["true_error_ms"] - labels.groupby(by)["true_error_ms"].transform("mean")
    return labels.assign(
        new=new, cut=cut, wrong=away.abs() > labels["tolerance_ms"], packet="SIMULATED",
        n_coders=1.0, coders_sd_ms=math.nan, no_expression=0.0, comment="", item=labels["clip"],
        role=np.where(labels.groupby("clip")["flagged"].transform("any"), "flagged", CONTROL),
        stratum="", weight=1.0,
    )  # fmt: skip


def _of(rows: pd.DataFrame, keyframe: str) -> pd.DataFrame:
    return rows if keyframe == tables.ALL else rows[rows["keyframe"] == keyframe]


def _intervals(own: pd.DataFrame) -> dict[str, Interval]:
    found = flag_rates(own)
    controls = own[(own["role"] == CONTROL) & ~own["cut"]]
    if len(controls):
        values, whose = controls["move_ms"].to_numpy(float), controls["subject"].to_numpy(object)
        found["mean_move of controls"] = mean_interval(values, whose, "clip")
    return found


def _sums(everything: pd.DataFrame) -> tuple[dict[str, tuple[float, float]], ...]:
    """Numerator and denominator of each quantity in a whole cohort: second look, truth."""
    flagged, seen = everything["flagged"].to_numpy(), ~everything["cut"].to_numpy()
    control = (everything["role"] == CONTROL).to_numpy()
    found = []
    for hit in ((everything["outside"] == "yes").to_numpy(), everything["wrong"].to_numpy(bool)):
        found.append({
            "flag_precision": (float(hit[flagged].sum()), float(flagged.sum())),
            "control_outside": (float(hit[control].sum()), float(control.sum())),
            "flag_recall": (float((hit & flagged & seen).sum()), float((hit & seen).sum())),
        })  # fmt: skip
    controls = everything[control & seen]
    move = float(controls["move_ms"].sum())
    found[0]["mean_move of controls"] = (move, float(len(controls)))
    return tuple(found)


def _summary(cell: Cell, packets: Sequence[dict[str, _Found]]) -> Iterator[Row]:
    for keyframe in (tables.ALL, *tables.KEYFRAMES):
        own = [packet[keyframe] for packet in packets if keyframe in packet]
        if len(own) < 2:
            continue
        values = {q: _ratio([one.sums[q] for one in own]) for q in own[0].sums}
        truths = {q: _ratio([one.true[q] for one in own]) for q in own[0].true}
        for of in (values, truths):
            of["flag_excess"] = of["flag_precision"] - of["control_outside"]
        for quantity in values:
            told = [one.intervals[quantity] for one in own if quantity in one.intervals]
            of_each = None
            if quantity == "flag_recall":
                of_each = [
                    (_ratio([one.sums[quantity]]), _ratio([one.true[quantity]])) for one in own
                ]
            truth = truths.get(quantity, math.nan)
            yield _place(cell, keyframe, quantity, len(packets)) | _coverage(
                told, values[quantity], truth, of_each,
                banded=keyframe == tables.ALL and not cell.fps,
            )  # fmt: skip


def _nothing_flagged(cell: Cell, labels: pd.DataFrame, keyframes: Sequence[str]) -> Iterator[Row]:
    """Rows of keyframes of which no label is flagged: all that are wrong go unseen."""
    for keyframe in keyframes:
        wrong = _of(labels, keyframe)["wrong"].to_numpy(bool)
        value = 0.0 if wrong.any() else math.nan
        yield _place(cell, keyframe, "flag_recall", 0) | _coverage((), value, value, None,
                                                                   banded=False)  # fmt: skip


def _withheld(cell: Cell, shifts: pd.DataFrame, labels: pd.DataFrame) -> Iterator[Row]:
    """Labels not flagged because clips are cut, and what users are shown of wrong ones."""
    by = ["dataset", "clip", "keyframe", "coder"]
    flags = flag_clips(shifts, fdr=cell.fdr)[by].assign(shown=True)
    seen = labels[[*by, "wrong"]].merge(flags, on=by, how="left")["shown"].notna().to_numpy()
    cut = cut_at_labels(labels.merge(shifts[[*by, *_ENDS]], on=by)).to_numpy()
    wrong = labels["wrong"].to_numpy(bool)
    for keyframe in (tables.ALL, *tables.KEYFRAMES):
        here = np.ones(len(labels), bool) if keyframe == tables.ALL else (
            labels["keyframe"] == keyframe).to_numpy()  # fmt: skip
        values = {"share_withheld": float(cut[here].mean())}
        if cell.cut == "both" and (wrong & here).any():
            values[f"flag_recall {SHOWN}"] = float(seen[wrong & here].mean())
        for quantity, value in values.items():
            place = _place(cell, keyframe, quantity, 0)
            yield place | _coverage((), value, value, None, banded=False)


def _place(cell: Cell, keyframe: str, quantity: str, n_packets: int) -> Row:
    return {
        "dataset": tables.SIMULATED,
        "cell": cell.name,
        "fps": cell.fps or 200.0,
        "cut": cell.cut or "no",
        "keyframe": keyframe,
        "quantity": quantity,
        "unit": "ms" if quantity.startswith("mean") else "share",
        "n_packets": n_packets,
    }


def _coverage(
    told: Sequence[Interval],
    value: float,
    truth: float,
    of_each: Sequence[tuple[float, float]] | None,
    *,
    banded: bool,
) -> Row:
    """Coverage of one value by all intervals, or of each packet's own."""
    there = np.array([not one.reason for one in told], dtype=bool)
    bounds = np.array([(one.conf_low, one.conf_high) for one in told]).reshape(-1, 2)[there]
    both = np.array(of_each if of_each is not None else [(value, truth)] * len(told))[there]
    n = len(bounds)
    covered = _covered(bounds, both[:, 0]) if n else math.nan
    row: Row = {
        "n_told": n,
        "value": value,
        "truth": truth,
        "mean_estimate": float(np.mean([one.estimate for one in told if not one.reason]))
        if n
        else math.nan,
        "mean_width": float(np.mean(bounds[:, 1] - bounds[:, 0])) if n else math.nan,
        "labels": float(np.mean([one.n_clips for one in told])) if told else math.nan,
        "coverage": covered,
        "coverage_of_truth": _covered(bounds, both[:, 1]) if n else math.nan,
        "mc_error": math.sqrt(covered * (1 - covered) / n) if n else math.nan,
        "low": math.nan,
        "high": math.nan,
        "band_low": math.nan,
        "band_high": math.nan,
        "met": "",
    }
    if n:
        row["low"], row["high"] = clopper_pearson(round(covered * n), n)
    if banded and n:
        nearest = min(max(covered, BAND[0]), BAND[1])
        error = math.sqrt(nearest * (1 - nearest) / n)
        met = "yes" if abs(covered - nearest) <= 3 * error else "no"
        row |= {"band_low": BAND[0], "band_high": BAND[1], "met": met}
    return row


def _covered(bounds: np.ndarray, values: np.ndarray) -> float:
    if np.isnan(values).any():
        return math.nan
    return float(((bounds[:, 0] <= values) & (values <= bounds[:, 1])).mean())


def _ratio(pairs: Sequence[tuple[float, float]]) -> float:
    above, below = np.sum(pairs, axis=0)
    return float(above / below) if below else math.nan


def _drawn(cell: Cell, n_bank: int, rng: np.random.Generator) -> pd.DataFrame:
    """A bank without images, of whose posteriors as many miss as the cell says."""
    shifts = blind_shifts(
        int(rng.integers(2**31)),
        n_subjects=n_bank,
        n_clips=round(n_bank * cell.n_clips / cell.n_subjects),
        gross=GROSS,
        missed=MORE_MISSED if cell.missed == "more" else (0.0, 0.0),
    )
    shifts = shifts.assign(draw=0.0)
    if cell.missed != "allowed":
        return shifts
    off = np.zeros(len(shifts))
    for keyframe, (share, sd) in MISSED.items():
        own = (shifts["keyframe"] == keyframe).to_numpy()
        off += own * (rng.random(len(off)) < share) * rng.normal(0.0, sd, len(off))
    mean = shifts["selected_mean"] + off * shifts["fps"] / 1000
    return shifts.assign(selected_mean=mean, selected=mean.round())


def _filmed(
    fps: float, n_clips: int, seed: int, jobs: Jobs
) -> dict[tuple[float, str], pd.DataFrame]:
    """Clips filmed once, labeled several times by careless coders, whole and cut."""
    dataset = "4dme" if fps < 100 else "samm"
    cohort = simulate(
        dataset, seed=seed, n_subjects=n_clips // _CLIPS_PER_SUBJECT, n_clips=n_clips, fps=fps,
        size=_SIZE, profiles=(*SEEN, *HELD_BACK),
    )  # fmt: skip
    filmed = record(cohort, jobs=jobs)
    found = {}
    trims: dict[str, Trimmed] = {"": False, "tail": "tail", "both": True}
    for cut, trimmed in trims.items():
        parts = []
        for draw in range(1 if cut else _DRAWS):
            coder = Coder(f"careless {draw}", OLD_SD_MS, gross=GROSS)
            own = labeled(filmed, coder, seed=seed, trimmed=trimmed, jobs=jobs)
            shifts = shifts_of(own)
            parts.append(shifts.assign(draw=float(draw), clip=shifts["clip"] + f" {draw}"))
        bank = pd.concat(parts, ignore_index=True)
        extra = {c: bank[c] for c in ("draw", "true_error_ms")}
        found[fps, cut] = checked_shifts(bank).assign(**extra)
    return found


def _bar(found: Iterable[list[Row]], total: int, progress: bool) -> Iterable[list[Row]]:
    if not progress:
        return found
    from tqdm.auto import tqdm

    bar: Iterable[list[Row]] = tqdm(found, total=total, desc="packets", unit="cell")
    return bar
