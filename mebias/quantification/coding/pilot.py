"""What a planned study rests on: components of a pilot, or SIMULATED ones, and what is assumed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mebias import tables
from mebias.datasets.codings import checked_codings, read_codings
from mebias.errors import OptionError, TableError
from mebias.quantification.coding.components import (
    ACROSS,
    RESIDUAL,
    Components,
    chi_squared_bounds,
    variance_components,
)
from mebias.quantification.coding.study import Study, matched
from mebias.quantification.coding.tolerance import Spread, shared_rounding
from mebias.simulation.coding import Errors, Spreads

ASSUMED_GROUP: Errors = (3.0, 3.0, 4.0)
"""SD (ms) of what a coder does to one group: no pilot of few coders tells it."""
ASSUMED_CULTURE: Errors = (3.0, 3.0, 4.0)
ASSUMED_SELECTOR: Errors = (20.0, 15.0, 25.0)
"""SD (ms) of the re-selected frame's error; 1.25 x the mean absolute error of `motion-blind`
at 200 fps in SIMULATED cohorts (reports/validation/selection.csv), rounded."""
ASSUMED_SUBJECT: Errors = (5.0, 5.0, 5.0)
SIMULATED_COMPONENTS = f"{tables.SIMULATED} components"
_INSIDE = ("coder x subject", "coder x event", RESIDUAL)


@dataclass(frozen=True)
class Basis:
    """Components of one keyframe with what they leave open.

    Attributes
    ----------
    spread : Spread
    coder, inside : tuple of two floats
        What the coder's SD, and those within subjects, are to be multiplied by at their lower
        and upper bounds; NaN where unknown.
    origin : mapping
        Where each SD is from.
    """

    spread: Spread
    coder: tuple[float, float]
    inside: tuple[float, float]
    origin: Mapping[str, str]

    @property
    def known(self) -> bool:
        """Whether bounds are known."""
        return math.isfinite(self.inside[0] + self.coder[0])

    def bound(self, k: int) -> Spread:
        """All components at their lower (0) or upper (1) bounds."""
        return self.spread.scaled(self.coder[k], self.inside[k])


@dataclass(frozen=True)
class Pilot:
    """Name, number of coders, subjects and events, and the basis of each keyframe."""

    name: str
    size: str
    bases: Mapping[str, Basis]
    notes: Sequence[str]


def simulated_basis(assumed: Mapping[str, Errors]) -> Pilot:
    """The components of `mebias.simulate_coders`, which are not from real coders."""
    spreads = Spreads()
    bases = {}
    for k, keyframe in enumerate(tables.KEYFRAMES):
        given = {n: float(v[k]) for n, v in assumed.items()}
        spread = Spread(
            coder=spreads.coder[k], coder_subject=spreads.coder_subject[k],
            coder_event=spreads.coder_event[k], residual=spreads.residual[k], **given,
        )  # fmt: skip
        origin = {name: "assumed" if name in given else tables.SIMULATED for name in asdict(spread)}
        bases[keyframe] = Basis(spread, (math.nan, math.nan), (math.nan, math.nan), origin)
    note = (
        "there is no pilot: the components are SIMULATED, not those of real coders; code some 60 "
        "clips twice and plan again"
    )
    return Pilot(SIMULATED_COMPONENTS, "", bases, [note])


def pilot_basis(
    pilot: str | Path | pd.DataFrame,
    assumed: Mapping[str, Errors],
    *,
    fps: float | None = None,
    conf_level: float = 0.95,
) -> Pilot:
    """Components of a pilot (REML) with the bounds that its size leaves.

    Raises
    ------
    TableError, AnnotationError
        The table cannot be read, or holds one coder, or no event of two.
    """
    given = isinstance(pilot, pd.DataFrame)
    origin = "the pilot" if given else Path(str(pilot)).name
    codings = (
        checked_codings(pilot, fps=fps) if isinstance(pilot, pd.DataFrame)
        else read_codings(pilot, fps=fps)
    )  # fmt: skip
    names = sorted(codings["coder"].unique())
    study = matched(codings)
    bases, notes = {}, []
    for k, keyframe in enumerate(tables.KEYFRAMES):
        own = {n: float(v[k]) for n, v in assumed.items()}
        bases[keyframe], told = _of_keyframe(study, keyframe, own, origin, conf_level)
        notes += told
    both = study.codings.groupby("event").filter(lambda rows: len(set(rows["coder"])) > 1)
    events, subjects = (both[c].nunique() for c in ("event", "subject"))
    size = f"{len(names)} coders, {subjects} subjects, {events} events of two coders or more"
    if len(names) < 4:
        notes.append(
            f"{len(names)} coders tell little about how coders differ: the upper bounds of the "
            f"tolerance are wide for that reason; about 6 coders of 30 clips would narrow them"
        )
    assumed_ms = ", ".join(f"{v:g}" for v in assumed["coder_group"])
    notes.append(
        f"what a coder does to one group ({assumed_ms} ms) is assumed, and bounds leave it out: "
        f"vary it (--coder-group) before trusting the power for coder cultures"
    )
    return Pilot(study.dataset, size, bases, notes)


def _of_keyframe(
    study: Study, keyframe: str, assumed: Mapping[str, float], origin: str, conf_level: float
) -> tuple[Basis, list[str]]:
    values = study.values(keyframe)
    try:
        if len(np.unique(values.codes.subject)) < 2:
            raise ValueError("fewer than two subjects")
        fit = variance_components(values.y, values.codes, within_events=True)
    except (ValueError, np.linalg.LinAlgError) as error:
        raise TableError(
            f"{origin} tells no components of the {keyframe} ({error}); a pilot needs events of "
            f"two subjects or more that two coders coded."
        ) from None
    frames = values.frame_ms[np.isfinite(values.frame_ms)]
    frame = float(np.median(frames)) if len(frames) else 0.0
    squares = {n: fit.of(n) for n in fit.names}
    squares[RESIDUAL] = unrounded(squares, frame)
    coder = sum(squares.get(n, 0.0) for n in ACROSS)
    # What a culture does to a subject is in the pilot's coder x subject already.
    own = dict(assumed) | {"culture_subject": 0.0}
    spread = Spread(
        coder=math.sqrt(coder), coder_subject=math.sqrt(squares.get("coder x subject", 0.0)),
        coder_event=math.sqrt(squares.get("coder x event", 0.0)),
        residual=math.sqrt(squares[RESIDUAL]), **own,
    )  # fmt: skip
    told = [] if fit.converged else [f"{keyframe}: the components did NOT converge"]
    if "coder" not in fit.names:
        told.append(f"{keyframe}: the pilot tells nothing about the bias of coders, taken as 0")
    source = {n: "assumed" if n in assumed else "pilot" for n in assumed}
    source |= {n: "pilot" for n in ("coder", "coder_subject", "coder_event", "residual")}
    source["culture_subject"] = "in coder x subject"
    return Basis(spread, *_factors(fit, conf_level), source), told


def unrounded(squares: Mapping[str, float], frame_ms: float) -> float:
    """The residual variance less what the rounding to the pilot's frames put into it.

    >>> round(unrounded({"residual": 100 + 25 / 12}, 5.0), 2)
    100.0
    """
    residual = squares[RESIDUAL]
    others = sum(squares.values()) - residual
    if not frame_ms:
        return residual
    found = residual
    for _ in range(50):  # what coders round alike depends on how much they differ
        shared = shared_rounding(math.sqrt(others + max(found, 0.0)), frame_ms)
        found = residual - frame_ms**2 / 12 * (1 - shared)
    return max(found, 0.0)


def _factors(fit: Components, conf_level: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Bounds over estimate of the coder's SD, and of the SDs within subjects together."""
    coder = (1.0, 1.0)
    if "coder" in fit.names and fit.of("coder") > 0:
        low, high = fit.interval("coder", conf_level)
        coder = (math.sqrt(low / fit.of("coder")), math.sqrt(high / fit.of("coder")))
    total, error = fit.total(_INSIDE)
    if not (total > 0 and error > 0):
        return coder, (math.nan, math.nan)
    low, high = chi_squared_bounds(total, 2 * (total / error) ** 2, conf_level)
    return coder, (math.sqrt(low / total), math.sqrt(high / total))


def component_rows(pilot: Pilot) -> list[dict[str, object]]:
    """One row per keyframe and component, as the table ``study_components`` has them."""
    rows = []
    for keyframe, basis in pilot.bases.items():
        for name, sd in asdict(basis.spread).items():
            factor = (math.nan, math.nan)
            if basis.origin[name] == "pilot":
                factor = basis.coder if name == "coder" else basis.inside
            rows.append({
                "dataset": pilot.name, "keyframe": keyframe, "component": name.replace("_", " x "),
                "sd_ms": sd, "conf_low": sd * factor[0], "conf_high": sd * factor[1],
                "origin": basis.origin[name],
            })  # fmt: skip
    return [r | {"component": _NAMES.get(str(r["component"]), r["component"])} for r in rows]


_NAMES = {"selector": "re-selected frame", "subject": "subject (not of coders)"}


def checked_errors(name: str, values: Sequence[float]) -> Errors:
    """Three numbers of 0 or more.

    Raises
    ------
    OptionError
    """
    found = tuple(float(v) for v in values)
    if len(found) == 1:
        found = found * 3
    if len(found) != 3 or not all(math.isfinite(v) and v >= 0 for v in found):
        raise OptionError(
            f"{name} is {', '.join(f'{v:g}' for v in found)}; expected one number of ms, or three "
            f"for onset, apex, offset, of 0 or more."
        )
    return found[0], found[1], found[2]
