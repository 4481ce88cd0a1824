"""What the numbers on agreement leave out or cannot say, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import listed
from mebias.quantification.blind import JUDGE
from mebias.quantification.cells import PLACE, Row
from mebias.quantification.coefficients import BY_CONSTRUCTION, PHASES
from mebias.quantification.intervals_overlap import ENDS, lengths
from mebias.quantification.keys import Keys, first_rows

WINDOWED = "windowed"
"""The shape of differences that windows bound."""
CHECK = "agreement"


def agreement_issues(pairs: pd.DataFrame, shapes: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Issues of the agreement of two arms.

    Parameters
    ----------
    pairs : DataFrame
        `mebias.quantification.intervals_overlap.paired_keyframes`.
    shapes : sequence of dict
        Per dataset, source, distance, stratum, ethnicity and keyframe: ``shape``, which is
        `WINDOWED`, words on skewness and tails, or empty.

    Returns
    -------
    DataFrame
        An issues table.

    Examples
    --------
    >>> import mebias
    >>> from mebias.quantification.intervals_overlap import paired_keyframes
    >>> agreement_issues(paired_keyframes(mebias.example()), [])["field"].tolist()
    ['ccc, icc_a1, icc_c1']
    """
    rows: list[Row] = []
    keys = Keys(pairs)
    place = keys.of(*PLACE)
    phases = {phase: lengths(pairs, phase) for phase in PHASES}
    for number, first in enumerate(first_rows(place)):
        dataset, source, distance = (str(pairs[column].iloc[first]) for column in PLACE)
        own = [s for s in shapes if tuple(s[c] for c in PLACE) == (dataset, source, distance)]
        against = f"{source} ({distance})" if distance else source
        rows += _of_limits(dataset, against, own)
        rows += _of_clips(dataset, against, pairs["clip"], phases, place == number)
    for name in keys.column("dataset")[1]:
        rows.append(
            tables.issue(
                "note",
                f"Agreement coefficients are given for the lengths of phases only: for keyframes "
                f"they would be {BY_CONSTRUCTION}; look at limits and shares within.",
                dataset=str(name),
                field="ccc, icc_a1, icc_c1",
                found="frame numbers",
                expected="a length, which has an origin",
                check=CHECK,
                consequence="ccc, icc_a1 and icc_c1 of keyframes are left out",
            )
        )
    return tables.from_rows(rows, "issues")


def _of_limits(dataset: str, against: str, shapes: Sequence[Mapping[str, object]]) -> Iterator[Row]:
    windowed = [s for s in shapes if s["shape"] == WINDOWED]
    if windowed:
        keyframes = _distinct(windowed, "keyframe")
        yield tables.issue(
            "note",
            f"{against}: windows bound the shifts of {listed(keyframes)}, so no normal limits of "
            f"agreement are given; read the 5 and 95 % quantiles and the windows' reach instead.",
            dataset=dataset,
            field=", ".join(keyframes),
            found="windowed shifts",
            expected="unbounded, roughly symmetric differences",
            check=CHECK,
            consequence="limits are left out; quantile_05 and quantile_95 are given",
        )
    for keyframe in tables.KEYFRAMES:
        far = [s for s in shapes if s["keyframe"] == keyframe and s["shape"] not in ("", WINDOWED)]
        if far:
            where = [f"{_words(s)} ({s['shape']})" for s in far]
            yield tables.issue(
                "note" if against == JUDGE else "warning",
                f"{against}: differences of {keyframe} are far from normal in {listed(where)}, so "
                f"the limits of agreement need not hold 95 % of them; read the 5 and 95 % "
                f"quantiles beside them.",
                dataset=dataset,
                field=keyframe,
                found=far[0]["shape"],
                expected="roughly normal differences",
                check=CHECK,
                consequence="limits have jackknife bounds; quantile_05 and quantile_95 are given",
            )


def _words(shape: Mapping[str, object]) -> str:
    group, stratum = str(shape["ethnicity"]), str(shape["stratum"])
    return group if stratum == tables.ALL else f"{group}, {stratum}"


def _distinct(shapes: Sequence[Mapping[str, object]], column: str) -> list[str]:
    return list(dict.fromkeys(str(s[column]) for s in shapes))


def _of_clips(
    dataset: str,
    against: str,
    clips: pd.Series,
    phases: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    here: np.ndarray,
) -> Iterator[Row]:
    """What is left out of the lengths of phases of one source: here, among all pairs."""
    n = int(np.count_nonzero(here))
    for phase, (human, _, out_of_order) in phases.items():
        first, last = ENDS[phase]
        disorder = here & out_of_order
        lacking = int(np.count_nonzero(here & np.isnan(human) & ~out_of_order))
        if disorder.any():
            yield tables.issue(
                "warning",
                f"{against}: {int(disorder.sum())} of {n} clips have the {last} before "
                f"the {first} in one of the arms and are left out of their {phase}s; mend them.",
                dataset=dataset,
                clip=str(clips.iloc[int(np.flatnonzero(disorder)[0])]),
                field=phase,
                found=f"{int(disorder.sum())} out of order",
                expected=f"{first} <= {last}",
                check=CHECK,
                consequence=f"not counted in the agreement of {phase}s",
            )
        if lacking:
            yield tables.issue(
                "note",
                f"{against}: {lacking} of {n} clips lack {first} or {last} in one of the "
                f"arms; they are left out of both arms' {phase}s.",
                dataset=dataset,
                field=phase,
                found=f"{lacking} incomplete",
                expected="both keyframes in both arms",
                check=CHECK,
                consequence=f"not counted in the agreement of {phase}s",
            )
