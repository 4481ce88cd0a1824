"""The whole way: from a dataset's name to its report."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mebias import provenance, tables
from mebias.cohort import Cohort
from mebias.datasets import load, resolve_root
from mebias.errors import (
    DataRootError,
    MixedDataError,
    OptionError,
    SimulatedDataWarning,
    listed,
)
from mebias.judging import with_nulls
from mebias.locking import hold, releasing, scratch
from mebias.manifests import get_manifest
from mebias.measuring import check_form, measure, recognition_record
from mebias.quantification import (
    Findings,
    compare,
    planted_vs_found,
    quantify,
)
from mebias.quantification.design import recording_issues
from mebias.quantification.following import follow, quantify_planned, with_planned
from mebias.quantification.identification import undefined_keyframes
from mebias.quantification.measured import with_recognition
from mebias.quantification.plan import Plan
from mebias.selection import reselect
from mebias.selection.rules import Rule, get_rules
from mebias.selection.traces import Traces
from mebias.simulation import simulate
from mebias.workers import Jobs

if TYPE_CHECKING:
    from mebias.reporting import Report

DEFAULT_RULES: tuple[str, ...] = ("gamdss", "gamdss-released", "motion-blind")
DEFAULT_DISTANCES: tuple[str, ...] = ("signed", "uint8")

Roots = str | Path | Mapping[str, str | Path] | None
Data = str | Path | Cohort


def get_cohort(
    data: Data,
    *,
    root: str | Path | None = None,
    seed: int = 0,
    trimmed: bool = False,
    plant: Mapping[str, Sequence[float]] | None = None,
    fps: float | None = None,
    **reading: Any,
) -> Cohort:
    """A cohort from a dataset's name: from its root, else simulated in its shape.

    Parameters
    ----------
    data : str, Path or Cohort
        A dataset id, a manifest file, or a cohort, which is returned as it is.
    root : path, optional
        The dataset's folder; else ``$MEBIAS_DATA/<dataset>``; else a simulated cohort.
    seed, trimmed, plant
        Of the simulation; the last two are refused where real data are read.
    fps
        As in `mebias.load`.
    **reading
        Further options of `mebias.load`; refused where nothing is read.

    Raises
    ------
    OptionError
        An option that has nothing to do here, such as any but ``seed`` beside a cohort.

    Warns
    -----
    SimulatedDataWarning
        No root is set, so that the cohort is simulated.
    """
    reading = {name: value for name, value in reading.items() if value is not None}
    if isinstance(data, Cohort):
        given = {"root": root, "trimmed": trimmed, "plant": plant, "fps": fps, **reading}
        _refuse_options([name for name, value in given.items() if value], data.name)
        return data
    manifest = get_manifest(data)
    found = resolve_root(data, root)
    if found is not None:
        if trimmed or plant:
            raise OptionError(
                f"trimmed and plant shape simulated cohorts, but {manifest.id} is read from "
                f"{found.name}; leave them out."
            )
        return load(data, found, fps=fps, **reading)
    if manifest.simulation is None:
        raise DataRootError(
            f"{manifest.id} needs a data root: give --root DIR (expected there: {manifest.request})"
        )
    if reading:
        raise OptionError(
            f"--{listed(reading).replace('version', 'labels')} is about real data, but no root is "
            f"set for {manifest.id}; give --root DIR too."
        )
    warnings.warn(
        f"{tables.SIMULATED}: no data root is set for {manifest.name}, so a cohort of its "
        f"published shape is simulated; nothing in the results is about {manifest.name}.",
        SimulatedDataWarning,
        stacklevel=2,
    )
    return simulate(str(data), seed=seed, trimmed=trimmed, plant=plant, fps=fps)


def _refuse_options(names: Sequence[str], cohort: str) -> None:
    if names:
        raise OptionError(
            f"{listed(names)} would read or simulate data, or is no option at all, but {cohort} is "
            f"there already; leave out {'it' if len(names) == 1 else 'them'}."
        )


@releasing
def report(
    data: Data | Sequence[Data],
    *,
    root: Roots = None,
    out: str | Path | None = None,
    rule: str | Rule | Sequence[str | Rule] | None = None,
    distance: str | Sequence[str] | None = None,
    seed: int | None = None,
    trimmed: bool = False,
    plant: Mapping[str, Sequence[float]] | None = None,
    fps: float | None = None,
    min_subjects: int | None = None,
    merge_small: bool = False,
    plan: str | Path | None = None,
    since: str | Path | None = None,
    shareable: bool = False,
    skip_bad_frames: bool = False,
    recognizer: str = "short",
    jobs: Jobs = 1,
    training_jobs: Jobs | None = 1,
    cache: str | Path | None = None,
    progress: bool = False,
    **reading: Any,
) -> Report:
    """From a dataset to its report: select, compare, quantify, recognize, write.

    Parameters
    ----------
    data : str, Path, Cohort or sequence of them
        Dataset ids, manifest files or cohorts; real and simulated ones do not mix.
    root : path or mapping, optional
        The dataset's folder; for several datasets a mapping from id to folder.
    out : path, optional
        Where to write; ``reports/<dataset>`` by default.
    rule, distance : str or sequence of str, optional
        As in `mebias.reselect`; tests rest on ``gamdss`` with ``signed``. Where the blind
        posterior ``motion-blind`` is among the rules, as it is by default, it judges the
        labels, and the nulls of the tested rule are drawn.
    seed : int, optional
        Seed of the simulation and of the permutations; 0, or the plan's.
    min_subjects : int, optional
        Groups with fewer subjects are described, not tested; 5, or the plan's.
    merge_small : bool
        As in `mebias.quantify`; a plan says itself whether groups are merged.
    plan : path, optional
        An analysis plan to follow; options given beside it that contradict it are used, and
        reported as deviations.
    since : path, optional
        The ``findings.json`` of an earlier report, or its folder: what changed is told.
    shareable : bool
        A report to pass on: pseudonyms for subjects and clips, no table with rows of single
        clips, groups of fewer than ``min_subjects`` merged with others.
    skip_bad_frames : bool
        As in `mebias.reselect`.
    recognizer : str
        ``short`` (5 folds by subject, 3 seeds), ``full`` (one subject left out, 5 seeds) or
        ``none``; see `mebias.measuring.measure`, also for predictions that are there already.
    jobs, training_jobs : int or str
        Worker processes for the selection, and for the recognizer (None: one per core; a
        script that starts them needs the usual ``if __name__ == "__main__":``), or the address
        of a Dask scheduler. Results do not depend on it.
    cache : path, optional
        As in `mebias.reselect`.
    progress : bool
        Show progress on stderr.
    **reading
        Options of `mebias.load`: ethnicity, version, errata, context, crops, boxes, crop,
        mask.

    Returns
    -------
    Report
        ``.path`` is the HTML file.

    Raises
    ------
    MixedDataError
        Real and simulated data in one call.
    OptionError
        The plan cannot be read, or there are several datasets to one plan.

    Examples
    --------
    >>> import mebias, tempfile
    >>> cohort = mebias.simulate("4dme", n_subjects=12, n_clips=30, size=(32, 32))
    >>> report = mebias.report(cohort, out=tempfile.mkdtemp(), recognizer="none")
    >>> report.path.name
    'report.html'
    """
    from mebias.reporting import prepare_output, read_earlier, with_large_groups, write_report

    earlier = None if since is None else read_earlier(since)
    followed = follow(plan, {"seed": seed, "min_subjects": min_subjects}) if plan else None
    planned = followed.plan if followed else Plan("none")
    rule = with_planned(rule, DEFAULT_RULES, planned.rule)
    distance = with_planned(distance, DEFAULT_DISTANCES, planned.distance)
    seed = planned.seed if followed or seed is None else seed
    min_subjects = planned.min_subjects if followed or min_subjects is None else min_subjects
    get_rules(rule)
    check_form(recognizer)
    cohorts = get_cohorts(
        data, root=root, seed=seed, trimmed=trimmed, plant=plant, fps=fps, **reading
    )
    if followed and len(cohorts) > 1:
        raise OptionError("a plan is for one dataset; report each dataset with its own plan.")
    if shareable:
        cohorts = [with_large_groups(cohort, min_subjects) for cohort in cohorts]
    folder = Path(out) if out is not None else default_out(cohorts)
    prepare_output(folder)
    hold(folder)
    if earlier is not None:
        earlier.refuse_other_kind(simulated=any(c.simulated for c in cohorts))
        earlier.refuse_other_datasets(c.name for c in cohorts)
    selecting: dict[str, Any] = {"skip_bad_frames": skip_bad_frames, "jobs": jobs, "cache": cache}
    traces = Traces(scratch(folder))
    chosen = [
        reselect(c, rule, distance=distance, seed=seed, traces=traces, progress=progress,
                 **selecting)
        for c in cohorts
    ]  # fmt: skip
    keyframes = pd.concat(chosen, ignore_index=True)
    parts = [(c, keyframes[keyframes["dataset"] == c.name]) for c in cohorts]
    shifts = pd.concat([compare(c, k) for c, k in parts], ignore_index=True)
    if followed:
        findings = quantify_planned(shifts, followed)
    else:
        findings = quantify(shifts, seed=seed, min_subjects=min_subjects, merge_small=merge_small)
    measured = measure(
        cohorts, keyframes, recognizer, folder, seed=seed, min_subjects=min_subjects,
        training_jobs=training_jobs, progress=progress, **selecting,
    )  # fmt: skip
    findings, drawn = with_nulls(
        findings, cohorts, seed=seed, jobs=jobs, traces=traces, progress=progress
    )
    findings = with_recognition(with_cohorts(findings, cohorts), measured)
    arguments = {
        "rule": [r.name for r in get_rules(rule)],
        "distance": [distance] if isinstance(distance, str) else list(distance),
        "seed": seed,
        "min_subjects": min_subjects,
        "merge_small": merge_small,
        "skip_bad_frames": skip_bad_frames,
        "recognizer": recognizer,
        **({"shareable": True} if shareable else {}),
        **({"since": earlier.name} if earlier else {}),
        **(followed.record(findings) if followed else {}),
    }
    return write_report(
        folder,
        title=", ".join(c.manifest.name for c in cohorts),
        cohorts=cohorts,
        findings=findings,
        keyframes=keyframes,
        extra_tables=_extra_tables(cohorts) | ({"nulls": drawn} if len(drawn) else {}),
        measured=measured,
        earlier=earlier,
        share=shareable,
        provenance=provenance.record("report", arguments, {c.name: c.settings for c in cohorts})
        | {"recognition": recognition_record(measured)},
        progress=_show if progress else None,
    )


def _extra_tables(cohorts: Sequence[Cohort]) -> dict[str, pd.DataFrame]:
    """The clips and, where frames were cut, the boxes of all cohorts."""
    found = {"clips": pd.concat([c.clips for c in cohorts], ignore_index=True)}
    boxes = [c.boxes.assign(dataset=c.name) for c in cohorts if c.boxes is not None]
    return found | ({"boxes": pd.concat(boxes, ignore_index=True)} if boxes else {})


def _show(piece: str) -> None:
    print(f"drawing {piece}", file=sys.stderr)


def get_cohorts(
    data: Data | Sequence[Data], *, root: Roots = None, **options: object
) -> list[Cohort]:
    """One cohort per dataset, refusing real beside simulated ones before anything runs."""
    several = [data] if isinstance(data, str | Path | Cohort) else list(data)
    cohorts = []
    for one in several:
        own = root.get(dataset_id(one)) if isinstance(root, Mapping) else root
        cohorts.append(get_cohort(one, root=own, **options))  # type: ignore[arg-type]
    if isinstance(root, Mapping):
        unknown = set(root) - {dataset_id(one) for one in several}
        if unknown:
            raise OptionError(f"--root names {listed(sorted(unknown))}, which is not in this call.")
    elif root is not None and len(several) > 1:
        raise OptionError("several datasets need a root each: --root samm=DIR --root 4dme=DIR.")
    names = [cohort.name for cohort in cohorts]
    if len(set(names)) < len(names):
        raise OptionError(f"the same dataset stands twice in one call: {listed(names)}.")
    real = [c.name for c in cohorts if not c.simulated]
    made = [c.name for c in cohorts if c.simulated]
    if real and made:
        raise MixedDataError(
            f"real and simulated data do not mix: {listed(real)} is read, {listed(made)} would be "
            f"simulated; give a root for each, or report them apart."
        )
    return cohorts


def example() -> pd.DataFrame:
    """A small SIMULATED shifts table, for trying things out.

    Returns
    -------
    DataFrame
        12 subjects in three groups, 36 clips, the rule ``gamdss``; the coders of group B
        were made to place the offset 40 ms late.

    Examples
    --------
    >>> import mebias
    >>> mebias.example()["dataset"].unique().tolist()
    ['SIMULATED 4dme']
    """
    cohort = simulate(
        "4dme", n_subjects=12, n_clips=36, fps=120, size=(48, 48), plant={"B": (0, 0, 40)}
    )
    return compare(cohort, reselect(cohort))


def with_cohorts(findings: Findings, cohorts: Sequence[Cohort]) -> Findings:
    """Findings with the cohorts' own issues first and, if simulated, planted against found."""
    noticed = [
        table
        for c in cohorts
        for table in (c.issues, recording_issues(c.clips), _definitions(c))
        if len(table)
    ]
    # What the clips tables say of cuts, the shifts have said of their clips.
    own = findings.issues[~findings.issues["field"].isin(["lead_frames", "tail_frames"])]
    issues = tables.conform(pd.concat([*noticed, own]), "issues")
    planted = [
        planted_vs_found(findings.shifts, findings, c.truth, c.planted)
        for c in cohorts
        if c.truth is not None and c.planted is not None
    ]
    if not planted:
        return replace(findings, issues=issues)
    return replace(findings, issues=issues, planted=tables.conform(pd.concat(planted), "planted"))


def _definitions(cohort: Cohort) -> pd.DataFrame:
    """Keyframes that nobody says how they were defined; simulated coders have one definition."""
    if cohort.simulated:
        return tables.empty("issues")
    rows = undefined_keyframes(cohort.manifest.definitions, cohort.name)
    return tables.from_rows(rows, "issues")


def dataset_id(data: Data) -> str:
    """The manifest id of a dataset name, manifest file or cohort."""
    return data.manifest.id if isinstance(data, Cohort) else get_manifest(data).id


def default_out(cohorts: Sequence[Cohort]) -> Path:
    """``reports/<dataset>``, several joined by ``+``."""
    return Path("reports") / "+".join(c.manifest.id for c in cohorts)
