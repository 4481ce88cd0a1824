"""How far the contrasts carry: equivalence, power, other choices, single subjects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from mebias import tables
from mebias.reporting import evidence_grids as grids
from mebias.reporting.blocks import Block, Fold, Grid, Picture, Section, Text
from mebias.reporting.content import Content
from mebias.reporting.drawing import Drawing, words
from mebias.reporting.formats import (
    amount,
    count,
    is_missing,
    joined,
    p_value,
    share,
    whole,
    with_interval,
)
from mebias.reporting.lookup import records
from mebias.reporting.parts import heading, pictures_of
from mebias.reporting.text import ALPHA

FAMILIES = ("equivalence", "adjusted", "missingness", "annotation-error", "error-reduction",
            "keyframe")  # fmt: skip
"""Families of tests that have a place of their own, outside of the section on groups."""


def drawings(content: Content, dataset: str) -> Iterator[Drawing]:
    """Specification curve, subjects left out, power."""
    from mebias.reporting import figures

    curve = content.robustness("specifications", dataset)
    drawn = curve[curve["unit"].eq("ms") & curve["estimate"].notna()]
    tests = content.specification_tests
    tests = tests[tests["dataset"] == dataset]
    if len(drawn):
        yield Drawing(
            content.slug("specifications", dataset),
            f"{dataset}. The contrast between groups under every defensible choice, in ms, in "
            f"ascending order with its intervals; below, the choices. Those in shares of the "
            f"window or in frames are in the table only.",
            curve_sentence(curve, tests),
            lambda: figures.specification_plot(curve),
        )
    influence = content.robustness("influence", dataset)
    out = influence[influence["left_out_kind"].eq("subject") & influence["estimate"].notna()]
    if len(out):
        yield Drawing(
            content.slug("influence", dataset),
            f"{dataset}. The contrast between groups with each subject left out in turn; the band "
            f"is the interval from all of them.",
            influence_sentence(influence),
            lambda: figures.influence_plot(influence),
        )
    power = content.robustness("power", dataset)
    if (power["quantity"].eq("power") & power["power"].notna()).any():
        yield Drawing(
            content.slug("power", dataset),
            f"{dataset}. The probability that this design finds a contrast between groups, by its "
            f"size; gray: as the spread, which is estimated, may be.",
            words(
                power[power["quantity"] == "smallest_shift"],
                lambda r: (
                    f"{r['keyframe']}: {amount(r['shift_ms'], 'ms', sign=False)} ms are found "
                    f"with {share(r['power'])} power"
                ),
            ),
            lambda: figures.power_plot(power),
        )


def sections(content: Content, pictures: Mapping[str, Picture]) -> Iterator[Section]:
    """The section on robustness."""
    yield Section("robustness", "How far this carries", tuple(_blocks(content, pictures)))


def _blocks(content: Content, pictures: Mapping[str, Picture]) -> Iterator[Block]:
    for dataset in content.datasets:
        yield from heading(content, dataset, "robustness")
        curve = content.robustness("specifications", dataset)
        tests = content.specification_tests
        tests = tests[tests["dataset"] == dataset]
        yield Text(curve_sentence(curve, tests), "Other choices.")
        yield from pictures_of(content, pictures, dataset, "specifications")
        if len(tests):
            grid = grids.hypothesis_grid(tests, f"{dataset}: all choices together")
            yield Fold("Tests of all choices together", (grid,))
        influence = content.robustness("influence", dataset)
        yield Text(influence_sentence(influence), "Single subjects.")
        yield from pictures_of(content, pictures, dataset, "influence")
        grid = grids.influence_grid(influence, f"{dataset}: whose absence matters most")
        if grid.rows:
            yield Fold("Subjects and clips that matter most", (grid,))
        power = content.robustness("power", dataset)
        yield Text(power_sentence(power), "Power.")
        yield from pictures_of(content, pictures, dataset, "power")
        yield from _kept(grids.power_grid(power, f"{dataset}: what this design could find"))
        own = content.tests(dataset)
        for family, summary in (
            ("equivalence", "Are shifts smaller than what matters?"),
            ("adjusted", "Contrasts with emotion and phase being equal"),
        ):
            rows = own[own["family"] == family]
            if len(rows):
                yield Fold(summary, (grids.hypothesis_grid(rows, f"{dataset}: {summary.lower()}"),))


def _kept(grid: Grid) -> Iterator[Grid]:
    if grid.rows:
        yield grid


def curve_sentence(curve: pd.DataFrame, tests: pd.DataFrame) -> str:
    """How the contrast fares under other choices: all of them together, then keyframe by keyframe.

    >>> curve_sentence(tables.empty("specifications"), tables.empty("tests"))
    'There is no contrast whose choices could be varied.'
    """
    if curve.empty or curve["estimate"].isna().all():
        return "There is no contrast whose choices could be varied."
    known = curve[curve["estimate"].notna()]
    contrast = bool((known["ethnicity"] != tables.ALL).any())
    ranges, counts = [], []
    for keyframe in tables.KEYFRAMES:
        own = known[known["keyframe"] == keyframe]
        in_ms = own.loc[own["unit"] == "ms", "estimate"]
        tested = own["p_cr2"].dropna()
        if len(in_ms):
            low, high = (amount(float(v), "ms") for v in (in_ms.min(), in_ms.max()))
            ranges.append(f"{low} to {high} ms ({keyframe})")
        if len(tested):
            counts.append(f"{int((tested < ALPHA).sum())} of {len(tested)}")
    text = _together(tests)
    if ranges:
        what = "contrast between groups" if contrast else "mean shift"
        text += f"From choice to choice the {what} goes from {joined(ranges)}. "
    if counts:
        text += (
            f"An unadjusted p below {ALPHA:g} have {joined(counts)} specifications, those in other "
            f"units than ms among them; all are of the same clips, so how many of them agree "
            f"counts for nothing by itself."
        )
    return text.strip()


def _together(tests: pd.DataFrame) -> str:
    """What the tests of all choices together say; nothing without them."""
    known = tests[tests["p_adjusted"].notna()]
    if known.empty:
        return ""
    least = p_value(float(known["p_adjusted"].min()))
    low = list(dict.fromkeys(known.loc[known["p_adjusted"] < ALPHA, "keyframe"]))
    if not low:
        return (
            f"All choices taken together, no contrast between groups is distinguishable from 0 "
            f"(smallest adjusted {least}). "
        )
    return (
        f"All choices taken together, groups differ at the {joined(low)} (smallest adjusted "
        f"{least}). "
    )


def influence_sentence(influence: pd.DataFrame) -> str:
    """Whether a conclusion hangs on one subject or clip.

    >>> influence_sentence(tables.empty("influence"))
    'Nobody could be left out.'
    """
    known = influence[influence["estimate"].notna()]
    if known.empty:
        return "Nobody could be left out."
    contrast = known[known["ethnicity"] != tables.ALL]
    known = contrast if len(contrast) else known
    what = "contrast between groups" if len(contrast) else "mean shift"
    hanging = known[known["changes_conclusion"]]
    if hanging.empty:
        n = known.loc[known["left_out_kind"] == "subject", "left_out"].nunique()
        return (
            f"No conclusion about a {what} hangs on one of the {count(n, 'subject')} or on a "
            f"single clip."
        )
    told = [
        f"{row['keyframe']}: without {row['left_out_kind']} {row['left_out']} "
        f"{row['full_conclusion']} becomes {row['conclusion']}"
        for row in records(hanging.head(3))
    ]
    more = f", and {len(hanging) - 3} more" if len(hanging) > 3 else ""
    return f"Conclusions about a {what} that hang on one subject or clip: {'; '.join(told)}{more}."


def power_sentence(power: pd.DataFrame) -> str:
    """What contrast the design finds.

    >>> power_sentence(tables.empty("power"))
    'There is no contrast between groups to find.'
    """
    found = power[power["quantity"] == "smallest_shift"]
    known = found[found["shift_ms"].notna()]
    if known.empty:
        reasons = [str(r) for r in found["reason"].unique() if r]
        if not reasons:
            return "There is no contrast between groups to find."
        return f"What this design could find can't be told: {'; '.join(reasons)}."
    told = [
        f"{row['keyframe']} "
        f"{with_interval(row['shift_ms'], row['conf_low'], row['conf_high'], 'ms', sign=False)}"
        for row in records(known)
    ]
    first = known.iloc[0]
    beyond = known[known["shift_ms"] > known["margin"]]
    says = "" if is_missing(first["margin"]) else (
        f" What matters is {amount(first['margin'], 'ms', sign=False)} ms"
        + ("." if beyond.empty else
           f": for {joined([str(k) for k in beyond['keyframe']])} a contrast of that size would "
           f"often be missed, and that nothing was found says little.")
    )  # fmt: skip
    return (
        f"With these {whole(first['n_subjects'])} subjects ({first['group_sizes']}) a contrast is "
        f"found with {share(first['power'])} power from: {joined(told)} ms.{says} A windowed rule "
        f"can only show contrasts that fit into its windows."
    )
