"""The recognizer's part of a report: predictions that are there, else a run of its own."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from mebias import tables
from mebias.cohort import Cohort
from mebias.errors import MebiasError, OptionError, TrainingWarning, listed, suggest
from mebias.provenance import version
from mebias.quantification.gain import gain
from mebias.quantification.measured import Measured
from mebias.recognition.arms import arm_sources, get_arms, needed_rules
from mebias.recognition.folds import k_folds, leave_one_subject_out
from mebias.recognition.inputs import Inputs, make_inputs
from mebias.recognition.predictions import read_predictions
from mebias.recognition.record import (
    OWN,
    TABLE,
    make_record,
    read_record,
    unlike,
)
from mebias.selection import reselect
from mebias.workers import Jobs

NONE = "none"
ARMS = ("human", "gamdss", "jitter")
"""Arms of both forms: human keyframes, the rule under test, random frames of its windows."""
CHECK = "recognizer"
_SIZE = 28


@dataclass(frozen=True)
class Form:
    """How a report runs the recognizer; ``folds`` None leaves one subject out."""

    folds: int | None
    seeds: int
    device: str


FORMS = {"short": Form(5, 3, "cpu"), "full": Form(None, 5, "auto")}
"""Short: minutes of work in one. Full: the protocol."""


def check_form(form: str) -> str:
    """A form of the recognizer by name.

    Raises
    ------
    OptionError
        It is none.

    Examples
    --------
    >>> check_form("short")
    'short'
    """
    known = [*FORMS, NONE]
    if form not in known:
        raise OptionError(
            f"recognizer is {form!r}; expected short, full or none{suggest(form, known)}."
        )
    return form


def measure(
    cohorts: Sequence[Cohort],
    keyframes: pd.DataFrame,
    form: str,
    folder: Path,
    *,
    seed: int = 0,
    min_subjects: int = 5,
    training_jobs: Jobs | None = 1,
    progress: bool = False,
    **selecting: Any,
) -> list[Measured]:
    """What a recognizer gains from re-selected keyframes, dataset by dataset.

    Parameters
    ----------
    cohorts : sequence of Cohort
    keyframes : DataFrame
        What was re-selected already; rules that are lacking are selected here.
    form : str
        ``short``: 5 folds by subject, 3 seeds; ``full``: one subject left out, 5 seeds;
        ``none``.
    folder : Path
        Of the report. Predictions in it or in its ``tables`` are used instead of a run, if
        they are of the same data and seed: those of the command ``recognize`` always, those
        of an earlier report if they are of the same form.
    seed : int
        Of the selection.
    min_subjects : int
        As in `mebias.gain`.
    training_jobs : int or str, optional
        Processes to train in, or the address of a Dask scheduler; None for one per core.
    progress : bool
        Say on stderr what is done.
    **selecting
        Options of `mebias.reselect`.

    Returns
    -------
    list of Measured
        What could not be measured says why; nothing about the data stops a report.

    Raises
    ------
    OptionError
        No such form.
    """
    check_form(form)
    if form == NONE:
        return [Measured(c.name, form, missing="it was asked not to run") for c in cohorts]
    found = []
    for cohort in cohorts:
        refused: list[str] = []
        known = None
        if len(cohorts) == 1:
            known = _given(cohort, folder, form, seed, min_subjects, refused)
        if known is None:
            known = _run(
                cohort, keyframes, form, folder, seed, min_subjects, training_jobs, progress,
                selecting,
            )  # fmt: skip
        if refused:
            rows = [_issue("warning", text, cohort.name) for text in refused]
            noticed = [tables.from_rows(rows, "issues"), *_listed(known.issues)]
            known = replace(known, issues=tables.conform(pd.concat(noticed), "issues"))
        _say(known, refused, progress)
        found.append(known)
    return found


def _given(
    cohort: Cohort, folder: Path, form: str, seed: int, min_subjects: int, refused: list[str]
) -> Measured | None:
    """Predictions that are there already; why others are not used is added to ``refused``."""
    for place, name in ((folder, TABLE), (folder / "tables", f"tables/{TABLE}")):
        if not (place / TABLE).is_file():
            continue
        try:
            record = read_record(place)
            why = unlike(record, cohort, seed)
            current = record.form == form and record.version == version()
            if record.form != OWN and (why or not current):
                continue  # an earlier report's own, which this one writes anew
            if not why:
                predictions = read_predictions(place / TABLE)
                gains = gain(predictions, min_subjects=min_subjects, seed=seed)
                issues = tables.from_rows([dict(row) for row in record.noticed], "issues")
                origin = name if record.form == OWN else ""
                return Measured(cohort.name, form, gains, record, origin, issues=issues)
        except MebiasError as error:
            why = str(error).rstrip(".")
        refused.append(f"predictions that are there ({name}) are not used: {why}.")
    return None


def _run(
    cohort: Cohort,
    keyframes: pd.DataFrame,
    form: str,
    folder: Path,
    seed: int,
    min_subjects: int,
    jobs: Jobs | None,
    progress: bool,
    selecting: dict[str, Any],
) -> Measured:
    """Train and score; what the data do not allow is a sentence."""
    if cohort.frames is None:
        missing = "no frames are at hand, and a recognizer looks at frames"
        return Measured(cohort.name, form, missing=missing)
    if find_spec("torch") is None:
        missing = "torch, which trains it, is not installed (pip install torch)"
        return Measured(cohort.name, form, missing=missing)
    rows: list[dict[str, object]] = []
    try:
        own = keyframes[keyframes["dataset"] == cohort.name]
        selected = _selected(cohort, own, seed, progress, selecting)
        with _as_issues(rows, cohort.name):
            inputs = _inputs(cohort, selected, form, selecting, progress)
            _refuse_few(inputs, form)
            predictions = _predictions(inputs, form, folder, jobs, progress)
        gains = gain(predictions, min_subjects=min_subjects, seed=seed)
        record = make_record(
            cohort, seed=seed, form=form, arms=ARMS, folds=FORMS[form].folds,
            seeds=FORMS[form].seeds,
        )  # fmt: skip
    except MebiasError as error:
        return Measured(cohort.name, form, missing=str(error).rstrip("."))
    issues = tables.conform(pd.concat([inputs.issues, tables.from_rows(rows, "issues")]), "issues")
    noticed = tuple({str(k): str(v) for k, v in r.items()} for r in issues.to_dict("records"))
    return Measured(cohort.name, form, gains, replace(record, noticed=noticed), issues=issues)


def _selected(
    cohort: Cohort, own: pd.DataFrame, seed: int, progress: bool, selecting: dict[str, Any]
) -> pd.DataFrame:
    """Keyframes of the arms' rules, selected where the report has not done so."""
    found = [own]
    for distance, rules in needed_rules(get_arms(ARMS)).items():
        there = set(own.loc[own["distance"] == distance, "source"])
        lacking = [rule for rule in rules if rule not in there]
        if lacking:
            found.append(
                reselect(
                    cohort, lacking, distance=distance, seed=seed, progress=progress, **selecting
                )
            )
    return pd.concat(found, ignore_index=True)


def _inputs(
    cohort: Cohort, selected: pd.DataFrame, form: str, selecting: dict[str, Any], progress: bool
) -> Inputs:
    sources = arm_sources(cohort, selected, get_arms(ARMS), seeds=range(FORMS[form].seeds))
    skip = bool(selecting.get("skip_bad_frames"))
    return make_inputs(cohort, sources, size=_SIZE, skip_bad_frames=skip, progress=progress)


def _refuse_few(inputs: Inputs, form: str) -> None:
    """Refuse data that nothing can be learned from, before torch is loaded."""
    folds = FORMS[form].folds
    if len(set(inputs.labels.tolist())) < 2:
        raise OptionError(
            f"all {len(inputs)} usable clips are of one class ({listed(inputs.classes)}), and "
            f"recognition needs two"
        )
    if folds is None:
        leave_one_subject_out(inputs.people)
    elif len(set(inputs.people)) < folds:
        raise OptionError(
            f"the clips are of {len(set(inputs.people))} subjects, and the {form} form deals them "
            f"to {folds} folds by subject"
        )
    else:
        k_folds(inputs.people, folds)


def _predictions(
    inputs: Inputs, form: str, folder: Path, jobs: Jobs | None, progress: bool
) -> pd.DataFrame:
    from mebias.recognition.experiment import recognize_inputs
    from mebias.recognition.fold_pool import FoldPool

    chosen = FORMS[form]
    options: dict[str, Any] = {
        "folds": chosen.folds,
        "seeds": chosen.seeds,
        "device": chosen.device,
        "progress": progress,
        "keep": folder / ".folds" if form == "full" else None,
    }
    if jobs == 1:
        return recognize_inputs(inputs, get_arms(ARMS), jobs=1, **options)
    with FoldPool(jobs) as pool:
        return recognize_inputs(inputs, get_arms(ARMS), pool=pool, **options)


@contextmanager
def _as_issues(rows: list[dict[str, object]], dataset: str) -> Iterator[None]:
    """What training warns of, as issues, each once; other warnings stay warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        if not issubclass(warning.category, TrainingWarning):
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    told = [str(w.message) for w in caught if issubclass(w.category, TrainingWarning)]
    rows += [_issue("warning", text, dataset) for text in dict.fromkeys(told)]


def _issue(severity: str, text: str, dataset: str) -> dict[str, object]:
    return tables.issue(severity, text, dataset=dataset, field="predictions", check=CHECK)


def _listed(issues: pd.DataFrame | None) -> list[pd.DataFrame]:
    return [] if issues is None else [issues]


def _say(found: Measured, refused: Sequence[str], progress: bool) -> None:
    for text in refused:
        print(f"mebias: {text}", file=sys.stderr)
    if not progress:
        return
    if found.missing:
        print(f"recognizer: {found.missing}", file=sys.stderr)
    elif found.record is not None:
        where = f"predictions of {found.origin}" if found.origin else f"{found.record.form} form"
        print(f"recognizer: {where}, {found.record.protocol}", file=sys.stderr)


def recognition_record(measured: Sequence[Measured]) -> dict[str, object]:
    """What was measured, for provenance: settings and hashes of each dataset."""
    found: dict[str, object] = {}
    for one in measured:
        if one.record is None:
            found[one.dataset] = {"missing": one.missing}
            continue
        made = {k: v for k, v in asdict(one.record).items() if k not in ("noticed", "version")}
        if not one.origin:
            made.pop("predictions")  # the report's own file, whose hash stands with the outputs
        found[one.dataset] = made | {"from": one.origin or "this report"}
    return found
