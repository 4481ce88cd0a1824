"""The section on recognition: what re-selected training clips gain, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from mebias import tables
from mebias.quantification.gain import GAMDSS, HUMAN, JITTER
from mebias.quantification.measured import Measured
from mebias.recognition.record import OWN
from mebias.reporting import evidence_grids as evidence
from mebias.reporting.blocks import Block, Cell, Fold, Grid, Notes, Picture, Section, Text
from mebias.reporting.content import Content
from mebias.reporting.drawing import Drawing, words
from mebias.reporting.evidence_methods import swapped_in
from mebias.reporting.formats import (
    NONE,
    is_missing,
    joined,
    number,
    p_cell,
    share,
    whole,
    with_interval,
)
from mebias.reporting.grids import column_level, group_label, value_cell, without_empty
from mebias.reporting.lookup import Value, records
from mebias.reporting.parts import heading, pictures_of

SCORES = {"uf1": "UF1", "uar": "UAR", "accuracy": "accuracy"}
MARK = "SHORT FORM"
_HELP = {
    "helps": "{} helps in {}",
    "harms": "{} harms in {}",
    "equivalent": "{} makes no difference that matters in {}",
    "can't be told": "whether {} helps in {} can't be told",
}


def drawings(content: Content, dataset: str) -> Iterator[Drawing]:
    """Gains and confusion matrices."""
    from mebias.reporting import figures

    measured = content.recognition(dataset)
    if measured is None or measured.gains is None:
        return
    estimates, mark = measured.gains.estimates, _mark(measured)
    gains = estimates[
        estimates["quantity"].isin([f"{q}_gain" for q in SCORES]) & estimates["estimate"].notna()
    ]
    if len(gains):
        margins = {
            f"{row['quantity']}_gain": float(row["margin"]) for row in records(measured.conclusions)
        }
        yield Drawing(
            content.slug("gains", dataset),
            f"{mark}{dataset}. What arms gain in recognition, with intervals clustered by subject; "
            f"gray: smaller than what matters. Squares: single groups.",
            words(
                gains[gains["ethnicity"] == tables.ALL],
                lambda r: (
                    f"{r['arm']}, {SCORES[str(r['quantity']).removesuffix('_gain')]}: "
                    f"{_gain(r['estimate'], r['conf_low'], r['conf_high'])}"
                ),
            ),
            lambda: figures.gain_plot(estimates, margins=margins),
        )
    confusion = content.confusion(dataset)
    right = confusion[confusion["label"] == confusion["predicted"]]
    yield Drawing(
        content.slug("confusion", dataset),
        f"{mark}{dataset}. Confusion matrices: true classes in rows, the class given in columns; "
        f"numbers are clips, mean over seeds, darker is a larger share of the true class.",
        words(right, lambda r: f"{r['arm']}, {r['label']}: {share(r['share'])} recognized"),
        lambda: figures.confusion_plot(confusion.assign(dataset=dataset)),
    )


def sections(content: Content, pictures: Mapping[str, Picture]) -> Iterator[Section]:
    """The section, where a report was asked about recognition."""
    if content.measured:
        title = "Does re-selection help recognition?"
        yield Section("recognition", title, tuple(_blocks(content, pictures)))


def _blocks(content: Content, pictures: Mapping[str, Picture]) -> Iterator[Block]:
    for dataset in content.datasets:
        yield from heading(content, dataset, "recognition")
        measured = content.recognition(dataset)
        if measured is None or measured.gains is None:
            yield Text(missing_sentence(measured))
            continue
        conclusions = measured.conclusions
        yield Text(gain_sentence(conclusions, measured.gains.estimates), "Gain.")
        if _mark(measured):
            yield Text(short_sentence(), f"{MARK}.")
        told = jitter_sentence(conclusions, measured.gains.estimates)
        yield Text(told, "More than augmentation.")
        yield Text(power_sentence(conclusions), "Power.")
        yield Text(made_sentence(measured), "How it was measured.")
        yield from pictures_of(content, pictures, dataset, "gains")
        caption = f"{_mark(measured)}{dataset}"
        yield conclusion_grid(conclusions, measured.tests, f"{caption}: gains, and what follows")
        yield score_grid(measured.gains.estimates, f"{caption}: scores of the arms")
        groups = group_grid(measured.gains.estimates, f"{caption}: gains per group")
        if groups.rows:
            yield groups
        yield from pictures_of(content, pictures, dataset, "confusion")
        others = measured.tests[
            ~measured.tests["family"].str.startswith(("gain-uf1", "gain-uar", "gain-accuracy"))
        ]
        if len(others):
            grid = evidence.hypothesis_grid(others, f"{caption}: the other families of tests")
            yield Fold("Random frames, groups and McNemar's statistic", (grid,))
        yield Fold("Classes, and what the second branch costs", tuple(_details(measured, caption)))


def in_short(measured: Measured) -> str:
    """The gain in a sentence, labeled where it is of the short form."""
    if measured.gains is None:
        return missing_sentence(measured)
    short = measured.record is not None and measured.record.short
    told = gain_sentence(measured.conclusions, measured.gains.estimates)
    return f"{MARK}: no claim is graded on it. {told}" if short else told


def missing_sentence(measured: Measured | None) -> str:
    """Why nothing was measured, and what would.

    >>> missing_sentence(Measured("d", "short", missing="no frames are at hand"))
    'The recognizer was not run: no frames are at hand.'
    """
    why = "nobody asked" if measured is None else measured.missing
    return f"The recognizer was not run: {why}."


def short_sentence() -> str:
    """What the short form is, and what it is not."""
    return (
        "Enough to see large gains, not the protocol to publish: fewer folds train on fewer "
        "subjects, and with fewer seeds another run may give another gain, so no claim is graded "
        "on it. --recognizer full leaves one subject out and takes 5 seeds."
    )


def made_sentence(measured: Measured) -> str:
    """Which predictions these are."""
    record = measured.record
    if record is None or measured.gains is None:
        return ""
    where = (
        f"Predictions that were there already were used ({measured.origin}): "
        if measured.origin
        else ""
    )
    counts = measured.gains.conclusions
    sizes = (
        ""
        if counts.empty
        else (
            f", {whole(counts['n_clips'].iloc[0])} clips of {whole(counts['n_subjects'].iloc[0])} "
            f"subjects"
        )
    )
    own = "" if record.form != OWN else " A run of the command recognize, with its own settings."
    return (
        f"{where}{record.protocol[0].upper() if not where else record.protocol[0]}"
        f"{record.protocol[1:]}; classes: {record.labels}; maps: {record.maps}{sizes}. Keyframes "
        f"are re-selected {swapped_in(record.arms)}; every arm has the same clips, folds, batches "
        f"and initial weights. Intervals and tests take the trained models as given; how far "
        f"seeds differ stands apart.{own}"
    )


def gain_sentence(conclusions: pd.DataFrame, estimates: pd.DataFrame) -> str:
    """What gamdss, or else the first arm, gains over the human keyframes, in each score."""
    own = _over_human(conclusions)
    if own.empty:
        return "There is a single arm, so nothing can be gained over another."
    arm = str(own["arm"].iloc[0])
    told = [
        f"{_gain(r['estimate'], r['conf_low'], r['conf_high'])} in {SCORES[r['quantity']]}"
        for r in records(own)
    ]
    first = own.iloc[0]
    plain = not set(arm) & {"@", "+"}  # which say where, or with which loss
    who = "re-selection" if plain else f"the arm {arm}"
    how = f"training on keyframes of {arm} instead of human ones" if plain else "beside human, it"
    says = _HELP[str(first["conclusion"])].format(who, SCORES[str(first["quantity"])])
    text = f"{says[0].upper()}{says[1:]}: {how} gains {joined(told)}"
    human, re_selected = (_score(estimates, name, "uf1") for name in (HUMAN, arm))
    if human and re_selected:
        text += f" (UF1 {human} with human keyframes, {re_selected} with {arm})"
    return f"{text}."


def _over_human(conclusions: pd.DataFrame) -> pd.DataFrame:
    """What gamdss, or else the first arm, gains over human."""
    own = conclusions[conclusions["against"] == HUMAN]
    arm = GAMDSS if (own["arm"] == GAMDSS).any() else "".join(own["arm"].head(1))
    return own[own["arm"] == arm]


def jitter_sentence(conclusions: pd.DataFrame, estimates: pd.DataFrame) -> str:
    """Whether gamdss gains more than random frames of the same windows do; else why not told."""
    own = conclusions[(conclusions["arm"] == GAMDSS) & (conclusions["against"] == JITTER)]
    if own.empty:
        if (conclusions[["arm", "against"]] == JITTER).to_numpy().any():
            return f"There is no arm {GAMDSS} to set beside {JITTER}, random frames of its windows."
        return (
            f"There is no arm {JITTER}, random frames of the same windows: a gain cannot be told "
            f"from plain augmentation."
        )
    row = records(own[own["quantity"] == "uf1"] if (own["quantity"] == "uf1").any() else own)[0]
    gained = _gain(row["estimate"], row["conf_low"], row["conf_high"])
    over = _headline(estimates, f"{JITTER} vs {HUMAN}", "uf1_gain")
    beside = "" if over is None else f" Random frames themselves gain {over} over human keyframes."
    word = str(row["conclusion"])
    says = {
        "helps": "the choice of frames does more than moving them at random",
        "harms": "moving frames at random does more than the choice",
        "equivalent": "the choice of frames makes no difference that matters",
    }.get(word, "whether the choice of frames does more than moving them at random can't be told")
    return (
        f"Against frames drawn at random from the same windows, {GAMDSS} gains {gained} in "
        f"{SCORES[row['quantity']]}: {says}.{beside}"
    )


def power_sentence(conclusions: pd.DataFrame) -> str:
    """What gain the design could find."""
    own = _over_human(conclusions)
    known = own[own["quantity"].eq("uf1") & own["smallest_gain"].notna()]
    if known.empty:
        return "What gain this design could find can't be told."
    row = records(known)[0]
    text = (
        f"With these {whole(row['n_subjects'])} subjects a gain of "
        f"{number(row['smallest_gain'], 3)} in UF1 is found with 80\u00a0% power, one of "
        f"{number(row['margin'], 2)}, the smallest that matters, with {share(row['power'])}"
    )
    settle = str(row["would_settle"])
    return f"{text}. It would be settled by {settle}." if settle else f"{text}."


def conclusion_grid(conclusions: pd.DataFrame, tests: pd.DataFrame, caption: str) -> Grid:
    """Gains with their interval, adjusted p, power and what may be concluded."""
    notes, rows = Notes(), []
    pairs = conclusions["arm"] + " vs " + conclusions["against"]
    ordered = conclusions.assign(pair=pairs).sort_values("pair", kind="stable", key=lambda c: (
        c.map({name: i for i, name in enumerate(pairs.unique())})
    ))  # fmt: skip
    for row in records(ordered):
        rows.append((
            Cell(row["pair"].replace(" ", "\u00a0"), head=True),
            Cell(SCORES[row["quantity"]], head=True),
            Cell(row["conclusion"], tone=_TONES.get(row["conclusion"], ""),
                 mark=notes.mark(row["would_settle"])),
            Cell(_gain(row["estimate"], row["conf_low"], row["conf_high"]), numeric=True),
            Cell(number(row["margin"], 2), numeric=True),
            Cell(p_cell(row["p_adjusted"]), numeric=True),
            Cell(p_cell(row["p_equivalence"]), numeric=True),
            Cell(share(row["power"]), numeric=True),
            Cell(number(row["smallest_gain"], 3), numeric=True),
            Cell(whole(row["subjects_needed"]), numeric=True),
        ))  # fmt: skip
    head = (
        ("Arms", False), ("Score", False), ("Concluded", False), ("Gain [interval]", True),
        ("Margin", True), ("p, adjusted", True), ("p, equivalence", True),
        ("Power for the margin", True), ("Found with 80 % power", True),
        ("Subjects for the margin", True),
    )  # fmt: skip
    methods = tuple(f"Method: {m}" for m in conclusions["method"].unique() if m)[:2]
    return without_empty(
        Grid(caption, head, tuple(rows), (*notes.lines(), *methods), source="conclusions")
    )


_TONES = {"helps": "supported", "harms": "missed", "can't be told": "cant"}


def score_grid(estimates: pd.DataFrame, caption: str) -> Grid:
    """UF1, UAR and accuracy of each arm, and how far seeds differ, apart."""
    whole_rows = estimates[estimates["ethnicity"] == tables.ALL]
    whole_rows = whole_rows[whole_rows["dataset"] == estimates["dataset"].iloc[0]]
    notes, rows, shown = Notes(), [], []
    arms = [a for a in whole_rows.loc[whole_rows["quantity"] == "uf1", "arm"].unique()]
    for arm in arms:
        values = [_value(whole_rows, str(arm), q) for q in SCORES]
        spreads = [_value(whole_rows, str(arm), f"{q}_seed_sd") for q in SCORES]
        shown.append(values)
        rows.append((
            Cell(str(arm), head=True),
            *(value_cell(v, notes, sign=False) for v in values),
            *(Cell(NONE if s is None else number(s.estimate, 3), numeric=True) for s in spreads),
        ))  # fmt: skip
    levels = [column_level(values) for values in zip(*shown, strict=True)] or [""] * 3
    head = (
        ("Arm", False),
        *((f"{name[0].upper()}{name[1:]} [{level}]", True)
          for name, level in zip(SCORES.values(), levels, strict=True)),
        *((f"SD over seeds, {name}", True) for name in SCORES.values()),
    )  # fmt: skip
    legend = (
        "Scores from counts pooled over folds, mean over seeds. UAR is the mean recall of the "
        "classes. The SD over seeds is not in the intervals."
    )
    return without_empty(Grid(caption, head, tuple(rows), (legend, *notes.lines())))


def group_grid(estimates: pd.DataFrame, caption: str) -> Grid:
    """Gains of every pair of arms per ethnicity."""
    gains = estimates[
        estimates["quantity"].isin([f"{q}_gain" for q in SCORES])
        & estimates["ethnicity"].ne(tables.ALL)
    ]
    notes, rows = Notes(), []
    for (arm, group), own in gains.groupby(["arm", "ethnicity"], sort=False):
        values = [_value(own, str(arm), f"{q}_gain") for q in SCORES]
        sizes = next(v for v in values if v is not None)
        rows.append((
            Cell(str(arm), head=True),
            Cell(group_label(str(group)), head=True),
            Cell(f"{whole(sizes.n_clips)} / {whole(sizes.n_subjects)}", numeric=True),
            *(value_cell(v, notes) for v in values),
        ))  # fmt: skip
    arms = list(dict.fromkeys(estimates.loc[estimates["ethnicity"] == tables.ALL, "arm"]))
    rows.sort(key=lambda row: arms.index(row[0].text) if row[0].text in arms else len(arms))
    head = (
        ("Arms", False), ("Group", False), ("Clips / subjects", True),
        *((f"Gain in {name} [interval]", True) for name in SCORES.values()),
    )  # fmt: skip
    legend = "Gains per group describe; whether they differ is tested in accuracy, below."
    return without_empty(Grid(caption, head, tuple(rows), (legend, *notes.lines())))


def _details(measured: Measured, caption: str) -> Iterator[Block]:
    """F1 and recall per class; parameters and work of the model."""
    estimates = measured.estimates
    rows = []
    found = estimates[
        estimates["quantity"].str.startswith(("f1_", "recall_"))
        & ~estimates["quantity"].str.endswith("_seed_sd")
    ]
    notes = Notes()
    for name in dict.fromkeys(q.split("_", 1)[1] for q in found["quantity"]):
        for arm in found["arm"].unique():
            values = [_value(found, str(arm), f"{m}_{name}") for m in ("f1", "recall")]
            sizes = next((v for v in values if v is not None), None)
            rows.append((
                Cell(name, head=True), Cell(str(arm), head=True),
                Cell("" if sizes is None else whole(sizes.n_clips), numeric=True),
                *(value_cell(v, notes, sign=False) for v in values),
            ))  # fmt: skip
    head = (("Class", False), ("Arm", False), ("Clips", True), ("F1 [interval]", True),
            ("Recall [interval]", True))  # fmt: skip
    if rows:
        yield Grid(f"{caption}: classes", head, tuple(rows), notes.lines())
    made = {str(row["quantity"]): row["estimate"] for row in records(estimates)}
    if "added_parameters" in made:
        yield Text(
            f"The model learns {made['model_parameters']:,.0f} parameters; the falling phase "
            f"through the same weights, as a second branch, adds {made['added_parameters']:.0f}, "
            f"and the work of scoring a clip becomes {made['compute_ratio']:.2f} times as large "
            f"(counted)."
        )


def _mark(measured: Measured) -> str:
    short = measured.record is not None and measured.record.short
    return f"{MARK}. " if short else ""


def _value(rows: pd.DataFrame, arm: str, quantity: str) -> Value | None:
    own = rows[(rows["arm"] == arm) & (rows["quantity"] == quantity)]
    if own.empty:
        return None
    row = records(own)[0]
    return Value(
        row["estimate"], row["conf_low"], row["conf_high"], _unit(row["unit"]), row["conf_level"],
        row["n_clips"], row["n_subjects"], row["method"], row["coverage_note"], row["reason"],
    )  # fmt: skip


def _unit(unit: str) -> str:
    """Scores and shares alike are printed as numbers from 0 to 1, with three decimals."""
    return "score" if unit in ("score", "share") else unit


def _score(estimates: pd.DataFrame, arm: str, quantity: str) -> str:
    return _headline(estimates, arm, quantity, sign=False) or ""


def _headline(estimates: pd.DataFrame, arm: str, quantity: str, *, sign: bool = True) -> str | None:
    rows = estimates[estimates["ethnicity"] == tables.ALL]
    value = _value(rows, arm, quantity)
    if value is None or is_missing(value.estimate):
        return None
    return with_interval(value.estimate, value.low, value.high, "score", sign=sign)


def _gain(value: float, low: float, high: float) -> str:
    return with_interval(value, low, high, "score")
