"""A packet of clips for a second look, and the key that stays behind."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import Cohort
from mebias.errors import OptionError, TableError
from mebias.quantification.blind import JUDGE
from mebias.quantification.checks import USABLE_HUMAN, checked_shifts
from mebias.quantification.compare import compare
from mebias.quantification.flags import (
    TOLERANCE_FRAMES,
    TOLERANCE_MS,
    flag_clips,
    withheld_flags,
)
from mebias.relabel.choose import choose
from mebias.relabel.compared import SecondLook, second_look
from mebias.relabel.publish import Written, write_packet
from mebias.relabel.shown import numbers_of, runs, shown_frames
from mebias.selection import reselect
from mebias.workers import Jobs

_LABEL = ["dataset", "clip", "subject", "coder", "pass", "keyframe"]
_SHOWN = 3
"""Frames that a clip needs to be coded at all."""


@dataclass(frozen=True)
class Packet:
    """Clips for a second look.

    Attributes
    ----------
    cohort : Cohort
        Whose clips they are.
    key : DataFrame
        A table ``relabel_key``: which clip each item is, its labels, what was flagged and
        suggested. Coders must not see it.
    flags : DataFrame
        All flags of the cohort.
    settings : mapping
        How it was made, for provenance.
    """

    cohort: Cohort
    key: pd.DataFrame
    flags: pd.DataFrame
    settings: Mapping[str, object]

    @property
    def id(self) -> str:
        """The packet's name, the same for the same clips, frames and seed."""
        return str(self.key["packet"].iloc[0])

    @property
    def items(self) -> pd.DataFrame:
        """One row per clip, in the order of the packet: item, clip, fps, frames, role."""
        columns = ["item", "clip", "fps", "frames", "role"]
        return self.key.drop_duplicates("item")[columns].reset_index(drop=True)

    def write(
        self,
        out: str | Path,
        *,
        max_mb: float = 60.0,
        side: int = 640,
        elan: bool = False,
        progress: bool = False,
    ) -> Written:
        """Write the page for coders, and beside it the key and the flags.

        Parameters
        ----------
        out : path
            ``packet/`` in it is for the coders; all else stays with whoever asks them.
        max_mb : float
            Size (MB) above which frames are files beside the page instead of inside.
        side : int
            Larger frames are scaled down to so many pixels at their longer side.
        elan : bool
            Also write ``relabel.eaf`` and its video for ELAN.

        Raises
        ------
        OutputError
            The folder holds another packet, or cannot be written.
        FrameError
            A frame cannot be read.
        """
        about = {"command": "relabel", **self.settings}
        return write_packet(
            self.cohort, self.key, self.flags, Path(out), about=about, max_mb=max_mb, side=side,
            elan=elan, progress=progress,
        )  # fmt: skip

    def read(
        self, files: str | Path | Sequence[str | Path], *, partial: bool = False
    ) -> SecondLook:
        """Read what coders saved and compare it with the labels; see `second_look`."""
        return second_look(self.cohort, self.key, files, partial=partial)


def relabel(
    cohort: Cohort,
    shifts: pd.DataFrame | None = None,
    *,
    budget: int = 60,
    controls: int = 60,
    fdr: float = 0.05,
    tolerance_ms: float | None = None,
    seed: int = 0,
    jobs: Jobs = 1,
    cache: str | Path | None = None,
    progress: bool = False,
) -> Packet:
    """The clips whose labels are worth a second look, among controls, for a blind second look.

    Parameters
    ----------
    cohort : Cohort
        With frames.
    shifts : DataFrame, optional
        Shifts of the cohort with rows of ``motion-blind``; selected here by default.
    budget, controls : int
        Flagged clips, and clips without a flag; see `mebias.relabel.choose.choose`.
    fdr, tolerance_ms : float
        As in `mebias.quantification.flags.flag_clips`.
    seed : int
        Of the draw, of the order, and of what frames are left out.
    jobs, cache, progress
        As in `mebias.reselect`.

    Returns
    -------
    Packet
        ``.write(out)`` writes it, ``.read(files)`` compares what comes back.

    Raises
    ------
    OptionError
        The cohort has no frames, nothing is flagged, or an option is out of its range.
    TableError
        The shifts are of another cohort or have no rows of ``motion-blind``.

    Examples
    --------
    >>> import mebias
    >>> from mebias.simulation.labels import Coder, relabeled
    >>> cohort = mebias.simulate("4dme", n_subjects=6, n_clips=30, size=(48, 48))
    >>> cohort = relabeled(cohort, Coder("careless", (12.0, 12.0, 22.0), gross=0.1))
    >>> packet = mebias.relabel(cohort, controls=5)
    >>> packet.items["item"].tolist()[:2]
    ['c01', 'c02']
    """
    if cohort.frames is None:
        raise OptionError(
            f"{cohort.name} was read without frames, and a second look needs them; give --root a "
            f"folder with the frames."
        )
    if shifts is None:
        selected = reselect(
            cohort, JUDGE, seed=seed, jobs=jobs, cache=cache, progress=progress
        )  # fmt: skip
        shifts = compare(cohort, selected)
    rows = _of_cohort(cohort, checked_shifts(shifts))
    flags = flag_clips(rows, fdr=fdr, tolerance_ms=tolerance_ms)
    _refuse_unflagged(rows, flags)
    labels = labels_of(rows, flags, tolerance_ms)
    numbers = {clip: cohort.frames.numbers(clip) for clip in labels["clip"].unique()}
    labels = labels[labels["clip"].map(lambda clip: len(numbers[clip]) >= _SHOWN)]
    if labels.empty:
        raise OptionError(
            f"no clip of {cohort.name} has {_SHOWN} frames on disk, and a second look needs them; "
            f"give --root a folder with the frames."
        )
    chosen = choose(labels, budget=budget, controls=controls, seed=seed)
    own = labels[labels["clip"].isin(chosen["clip"])]
    key = _key(own, chosen, {c: numbers[c] for c in chosen["clip"]}, seed)
    settings = {
        "budget": budget,
        "controls": controls,
        "fdr": fdr,
        "tolerance_ms": tolerance_ms,
        "seed": seed,
    }
    return Packet(cohort, key, flags, settings)


def _of_cohort(cohort: Cohort, shifts: pd.DataFrame) -> pd.DataFrame:
    """The rows of the blind posterior, which must be about the labels of this cohort."""
    rows = shifts[shifts["source"] == JUDGE].reset_index(drop=True)
    if rows.empty:
        raise TableError(
            f"the shifts table has no rows of the source {JUDGE}; re-select with the rule {JUDGE}."
        )
    human = cohort.keyframes[cohort.keyframes["source"] == "human"]
    by = ["dataset", "clip", "coder", "pass", "keyframe"]
    found = rows[[*by, "human"]].merge(human[[*by, "frame"]], on=by, how="left")
    foreign = ~(found["frame"].eq(found["human"]) | (found["frame"].isna() & found["human"].isna()))
    if foreign.any():
        row = found[foreign].iloc[0]
        says = "no such label" if pd.isna(row["frame"]) else f"{row['frame']:g}"
        raise TableError(
            f"the shifts table, the {row['keyframe']} of clip {row['clip']}: human is "
            f"{row['human']:g}, but {cohort.name} has {says}; compare the same labels that are "
            f"to be looked at."
        )
    return rows


def labels_of(rows: pd.DataFrame, flags: pd.DataFrame, tolerance_ms: float | None) -> pd.DataFrame:
    """All labels that a human set, with what is known of each."""
    own = rows[rows["human_status"].isin(USABLE_HUMAN) & rows["human"].notna()]
    found = own.merge(
        flags[[*_LABEL, "human", "rank", "p_outside_tolerance"]], on=[*_LABEL, "human"], how="left"
    )
    default = np.maximum(TOLERANCE_MS, TOLERANCE_FRAMES * 1000.0 / found["fps"])
    mean = found["selected_mean"].where(found["selected_mean"].notna(), found["selected"])
    return found.assign(
        flagged=found["rank"].notna(),
        tolerance_ms=default if tolerance_ms is None else float(tolerance_ms),
        suggested=mean,
        suggested_sd=found["selected_sd"],
        old=found["human"],
        old_low=found["human_low"],
        old_high=found["human_high"],
    )


def _key(
    labels: pd.DataFrame, chosen: pd.DataFrame, numbers: dict[str, np.ndarray], seed: int
) -> pd.DataFrame:
    ends = labels.groupby("clip")["old"].agg(["min", "max"])
    spans = {str(c): (float(low), float(high)) for c, low, high in ends.itertuples()}
    rates = labels.groupby("clip")["fps"].first()
    fps = {str(clip): float(rate) for clip, rate in rates.items()}
    shown = shown_frames(numbers, spans, fps, seed=seed)
    about = chosen.assign(frames=[runs(shown[clip]) for clip in chosen["clip"]])
    packet = _packet_id(str(labels["dataset"].iloc[0]), about, seed)
    rows = labels.merge(about, on="clip").assign(packet=packet)
    rows["cut"] = [
        _is_cut(keyframe, old, shown[clip])
        for keyframe, old, clip in rows[["keyframe", "old", "clip"]].itertuples(index=False)
    ]
    place = {name: i for i, name in enumerate(tables.KEYFRAMES)}
    rows = rows.assign(place=rows["keyframe"].map(place))
    rows = rows.sort_values(["item", "coder", "pass", "place"], kind="stable")
    columns = list(tables.SCHEMAS["relabel_key"])
    return tables.conform(rows[columns], "relabel_key")


def _refuse_unflagged(rows: pd.DataFrame, flags: pd.DataFrame) -> None:
    """With clips cut at their labels there may be nothing that can be flagged: say so."""
    withheld = withheld_flags(rows)["message"]
    if flags.empty and not withheld.empty:
        raise OptionError(
            f"no label is flagged, so that there is nothing to look at again; {withheld.iloc[0]}"
        )


def _is_cut(keyframe: str, old: float, shown: np.ndarray) -> bool:
    """Whether no frame lies before an onset, or after an offset."""
    if keyframe == "onset":
        return bool(old <= shown[0])
    return bool(keyframe == "offset" and old >= shown[-1])


def _packet_id(dataset: str, about: pd.DataFrame, seed: int) -> str:
    """A name that hangs on what is shown alone, never on labels or on why clips were taken."""
    items = about[["item", "clip", "frames"]].to_numpy().tolist()
    text = json.dumps([dataset, seed, items])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def shown_of(key: pd.DataFrame) -> dict[str, np.ndarray]:
    """Numbers of the frames shown, by item, in the order of the packet."""
    items = key.drop_duplicates("item")
    return {str(i): numbers_of(f) for i, f in items[["item", "frames"]].itertuples(index=False)}
