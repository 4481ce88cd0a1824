"""The methods in quotable words, with references, versions and seeds: ``methods.md``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from mebias import tables
from mebias.cohort import Cohort
from mebias.quantification.blind import JUDGE
from mebias.quantification.measured import Measured
from mebias.reporting import evidence_methods, references
from mebias.reporting.formats import count, joined
from mebias.reporting.references import Reference

_FORMULA = {
    "gamdss": "With human onset O, apex A and offset F (frames), rise r = A - O, fall q = F - A, "
    "w_r = floor(0.1 r) and w_f = floor(0.1 q), the candidates of gamdss were [O, O + w_r] for the "
    "onset, [A - w_r, A + w_r] for the apex and [F - w_f, F] for the offset.",
    "gamdss-released": "The rule gamdss-released, after the published program, lets the apex move "
    "earlier only: [A - w_r, A].",
}
_RESULTS = re.compile(
    r"^\d+ of \d+ shifts missing; |; the \d+% interval is .*$|; [\d.]+ clips only .*$"
)
"""Parts of a method that are results, which stand in their own tables."""


@dataclass(frozen=True)
class Run:
    """What the methods rest on."""

    cohorts: Sequence[Cohort]
    shifts: pd.DataFrame
    estimates: pd.DataFrame
    tests: pd.DataFrame
    provenance: Mapping[str, object]
    versions_of_labels: bool
    measured: Sequence[Measured] = ()
    nulls: pd.DataFrame = field(default_factory=lambda: tables.empty("nulls"))
    specifications: pd.DataFrame = field(default_factory=lambda: tables.empty("specifications"))
    influence: pd.DataFrame = field(default_factory=lambda: tables.empty("influence"))
    power: pd.DataFrame = field(default_factory=lambda: tables.empty("power"))

    @property
    def arguments(self) -> Mapping[str, object]:
        """Options of the run."""
        found = self.provenance.get("arguments")
        return found if isinstance(found, Mapping) else {}

    @property
    def software(self) -> Mapping[str, object]:
        """Versions of the software."""
        found = self.provenance.get("versions")
        return found if isinstance(found, Mapping) else {}

    @property
    def min_subjects(self) -> int:
        """Groups with fewer subjects are described only."""
        found = self.arguments.get("min_subjects", 5)
        return found if isinstance(found, int) else 5

    @property
    def simulated(self) -> bool:
        """Whether the data were made."""
        return any(tables.is_simulated(str(d)) for d in self.shifts["dataset"].unique())


def paragraphs(run: Run) -> list[tuple[str, str]]:
    """The methods as (head, paragraph), in the order of the work."""
    found = [("Data", _data(run))]
    if run.versions_of_labels:
        found.append(("Pairing", _pairing(run)))
    else:
        found.append(("Selection", _selection(run)))
        found.append(("Posterior and nulls", evidence_methods.posterior(run.estimates, run.nulls)))
    found.append(("Shifts", _shifts(run)))
    found.append(("Estimates", _estimates(run)))
    found.append(("Tests", _tests(run)))
    robust = evidence_methods.robustness(run.specifications, run.influence, run.power)
    found.append(("Robustness", robust))
    found.append(("Recognition", evidence_methods.recognition(run.measured)))
    found.append(("Software", _software(run)))
    return [(head, text) for head, text in found if text]


def as_run(run: Run) -> list[tuple[str, str]]:
    """Each method that was run, and the quantities and families of tests it was run for."""
    found = []
    for table, of in ((run.estimates, "quantity"), (run.tests, "family")):
        used = table[~table["method"].isin(["", "none"])]
        used = used.assign(method=used["method"].str.replace(_RESULTS, "", regex=True))
        for way, names in used.groupby("method", sort=True)[of].unique().items():
            word = "tests: " if of == "family" else ""
            found.append((str(way), word + joined(sorted(str(name) for name in names))))
    return found


def used_references(run: Run) -> list[Reference]:
    """Works that the paragraphs name, and the citations of the datasets that were read."""
    words = [*(text for _, text in paragraphs(run)), *(way for way, _ in as_run(run))]
    told = references.named_in(" ".join(words))
    read = [cohort.manifest for cohort in run.cohorts if not tables.is_simulated(cohort.name)]
    cited = [references.of_dataset(manifest) for manifest in read if manifest.citation]
    return [*told, *{work.key: work for work in cited}.values()]


def markdown(title: str, run: Run) -> str:
    """The file ``methods.md``."""
    mark = f"**{tables.SIMULATED}**: the data were made, not recorded.\n\n" if run.simulated else ""
    body = "\n\n".join(f"**{head}.** {_plain(text)}" for head, text in paragraphs(run))
    cited = "\n".join(
        f"- {_plain(work.text)}{f' <{work.url}>' if work.url else ''}"
        for work in used_references(run)
    )
    ways = "\n".join(f"- {_plain(way)}: {_plain(names)}" for way, names in as_run(run))
    run_as = f"\n\n## Methods as run, and for what\n\n{ways}" if ways else ""
    return f"{mark}# Methods: {_plain(title)}\n\n{body}{run_as}\n\n## References\n\n{cited}\n"


def _plain(text: str) -> str:
    """Text on one line in which nothing is markup; an ampersand between blanks stays.

    >>> _plain("A & B <script> &lt;")
    'A & B &lt;script> &amp;lt;'
    """
    flat = " ".join(text.split()) if "\n" in text else text
    return re.sub(r"&(?=#?\w+;)", "&amp;", flat).replace("<", "&lt;")


def _data(run: Run) -> str:
    told = []
    for dataset, part in run.shifts.groupby("dataset", sort=False):
        clips = part.drop_duplicates(["subject", "clip"])
        told.append(
            f"{dataset}: {count(len(clips), 'clip')} of "
            f"{count(clips['subject'].nunique(), 'subject')} at {_rate(clips['fps'])}"
        )
    text = f"{'; '.join(told)}."
    if run.simulated:
        text += (
            f" The cohorts were simulated in the published shape of the datasets named "
            f"(seed {run.arguments.get('seed', 0)}): true keyframes are known, groups are called "
            f"A, B, C, and nothing in the results is about the named datasets."
        )
    elif not run.versions_of_labels:
        text += (
            " Human keyframes are the authors' labels; ethnicity is what they or the user state."
        )
        text += "".join(_reading(cohort) for cohort in run.cohorts)
    return text


def _rate(fps: pd.Series) -> str:
    """Frame rates in words.

    >>> _rate(pd.Series([200.0, 30.0])), _rate(pd.Series([float("nan")]))
    ('30 to 200 frames per second', 'an unknown frame rate')
    """
    rates = sorted(fps.dropna().unique())
    if not rates:
        return "an unknown frame rate"
    rate = f"{rates[0]:g}" if len(rates) == 1 else f"{rates[0]:g} to {rates[-1]:g}"
    return f"{rate} frames per second"


def _reading(cohort: Cohort) -> str:
    """Which labels were read, what was corrected in them, and what was done to the frames."""
    settings = cohort.settings
    text = f" {cohort.name}: labels of version {settings.get('version', 'unknown')}"
    errata = settings.get("errata")
    if isinstance(errata, Mapping) and errata:
        file = joined([str(name) for name in errata["file"]])
        text += f", {count(int(errata['applied']), 'correction')} from {file} applied"
    else:
        text += ", no corrections applied"
    frames = settings.get("frames")
    if isinstance(frames, Mapping) and cohort.frames is not None:
        parts = [str(frames[name]) for name in ("context", "prepared") if frames.get(name)]
        text += f"; frames {'from crops' if frames.get('from') == 'crops' else 'as stored'}"
        text += "".join(f", {part}" for part in parts)
    return f"{text}."


def _selection(run: Run) -> str:
    rules = [str(s) for s in run.shifts["source"].unique() if s != JUDGE]
    distances = [str(d) for d in run.shifts["distance"].unique() if d]
    known = [_FORMULA[rule] for rule in rules if rule in _FORMULA]
    if not rules:
        return ""
    text = f"Keyframes were re-selected with the {'rules' if len(rules) > 1 else 'rule'} "
    text += joined(rules)
    if distances:
        many = "distances" if len(distances) > 1 else "distance"
        text += f" on the {many} {joined(distances)} between frames"
    if known:
        text += " (GAMDSS; Liu et al. 2026, arXiv:2603.04766). " + " ".join(known)
        text += (
            " The pair of onset and apex with the largest Euclidean distance between frames was "
            "taken, then the offset farthest from that apex; ties went to the human frame, then "
            "to the smallest move."
        )
    else:
        text += "."
    if "signed" in distances and known:
        text += " The distance signed takes differences of gray levels as they are"
        text += (
            "; uint8 wraps them modulo 256, as the published program does."
            if "uint8" in distances
            else "."
        )
    return text


def _pairing(run: Run) -> str:
    sources = joined([str(s) for s in run.shifts["source"].unique()])
    return (
        f"Two human versions of the same labels were paired expression by expression; the newer "
        f"one is {sources}. Strata (micro, macro) are those of the old version, so that they do "
        f"not depend on the revision. A label that stands unchanged is called not revised: it may "
        f"never have been looked at again."
    )


def _shifts(run: Run) -> str:
    pair = "new - old" if run.versions_of_labels else "selected - human"
    text = (
        f"A shift is {pair} frame, in frames and in ms at the clip's frame rate; positive values "
        f"are later."
    )
    if (run.estimates["quantity"] == "uniform_null_mean").any():
        text += (
            " Each mean shift was set beside that of a frame drawn uniformly from the same windows."
        )
    return text


def _estimates(run: Run) -> str:
    text = (
        "The sampling unit is the subject, not the clip. Mean shifts are given in three "
        "weightings: subject (random-intercept weights), clip, and subject-mean (plain mean of "
        "subjects' means), with CR2 standard errors and Satterthwaite degrees of freedom "
        "(Pustejovsky & Tipton 2018) for the first two. "
    )
    quantities = set(run.estimates["quantity"])
    if any(q.startswith("share") for q in quantities):
        text += "Shares have Korn-Graubard intervals (Korn & Graubard 1998). "
    if "sd_shift" in quantities:
        text += "Standard deviations have delete-one-subject jackknife intervals on the log scale. "
    if "quantile_05" in quantities:
        text += (
            "Medians and quantiles have BCa bootstrap intervals from resamples of whole subjects "
            "(Efron 1987). "
        )
    levels = sorted({float(level) for level in run.estimates["conf_level"].dropna()})
    if levels:
        text += (
            f"The nominal level of the intervals is {joined([f'{100 * x:g} %' for x in levels])}."
        )
    return text.strip()


def _tests(run: Run) -> str:
    if run.tests.empty:
        return "No hypothesis was tested."
    families = run.tests.groupby("family", sort=False)["family_size"].max()
    told = joined([f"{name} ({size:.0f})" for name, size in families.items()])
    ways = " ".join(run.tests["method"].unique())
    drawn = re.search(r"studentized permutation of subjects, ([\d,]+) random", ways)
    text = (
        f"Hypotheses were tested in families fixed in advance (how many in brackets): {told}; "
        f"p-values are adjusted within a family (Holm 1979)."
    )
    if run.tests["p_permutation"].notna().any():
        number = f"{drawn[1]} random assignments and the observed one, " if drawn else ""
        text += (
            f" Contrasts between groups were tested by permutation of whole subjects, studentized "
            f"by the cluster-robust error ({number}seed {run.arguments.get('seed', 0)}), and by a "
            f"CR2 Wald test; both p-values are given."
        )
    margins = run.tests.loc[run.tests["unit"] == "ms", "margin"].dropna().unique()
    if len(margins) == 1:
        text += f" The margin of practical relevance was {margins[0]:.1f} ms"
        text += (
            ", for which equivalence was tested by two one-sided tests (Schuirmann 1987)."
            if "two one-sided" in ways
            else "."
        )
    text += f" Groups with fewer than {run.min_subjects} subjects were described, not tested."
    return text


def _software(run: Run) -> str:
    named = [f"{name} {version}" for name, version in run.software.items()]
    return f"Computed with {joined(named)}." if named else ""
