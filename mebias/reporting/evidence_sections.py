"""Sections beside the shifts: the three keyframes, nulls, the posterior's view, second looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from mebias import tables
from mebias.quantification.blind import JUDGE
from mebias.reporting import evidence_grids as grids
from mebias.reporting.blocks import Block, Fold, Picture, Section, Text
from mebias.reporting.content import Content
from mebias.reporting.drawing import Drawing, words
from mebias.reporting.evidence_grids import Quantity
from mebias.reporting.formats import count, is_missing, joined, with_interval
from mebias.reporting.lookup import Estimates, Part, Value
from mebias.reporting.parts import heading, pictures_of
from mebias.reporting.text import PLURAL

_NO_JUDGE = (
    "No label was judged: the rule motion-blind, which locates keyframes from the movement alone, "
    "is not among the rules of this run."
)
_AGREEMENT = (
    Quantity("mean_iou", "Overlap of the two", "share", sign=False),
    Quantity("share_iou_half", "Overlap of a half or more", "share", sign=False),
    Quantity("mean_difference_rise", "Rise, ms"),
    Quantity("mean_difference_fall", "Fall, ms"),
    Quantity("mean_difference_duration", "Duration, ms"),
)
_COEFFICIENTS = (
    Quantity("ccc_duration", "CCC of durations", "coefficient", sign=False),
    Quantity("icc_a1_duration", "ICC(A,1) of durations", "coefficient", sign=False),
    Quantity("share_status_changed", "Micro or macro changed", "share", sign=False),
)
_LIMITS = (
    Quantity("quantile_05", "5 % quantile, ms"),
    Quantity("median_shift", "Median, ms"),
    Quantity("quantile_95", "95 % quantile, ms"),
    Quantity("share_within_1_frames", "Within a frame", "share", sign=False),
)


def drawings(content: Content, dataset: str) -> Iterator[Drawing]:
    """The three keyframes side by side."""
    from mebias.reporting import figures

    part = content.part(dataset)
    if part is None:
        return
    estimates = content.findings.estimates
    own = estimates[estimates["dataset"] == dataset]
    means = part.select(own)
    means = means[
        means["quantity"].eq("mean_shift") & means["unit"].eq("ms")
        & means["weighting"].eq("subject") & means["ethnicity"].eq(tables.ALL)
        & means["estimate"].notna()
    ]  # fmt: skip
    if means.empty:
        return
    yield Drawing(
        content.slug("uncertainty", dataset),
        f"{dataset}, {part.label}. Left: mean shifts with intervals, and what the rule would do by "
        f"chance. Right: how far shifts spread and, where a posterior judged the labels, how far "
        f"the coders do.",
        words(
            means,
            lambda r: (
                f"{r['keyframe']}: mean shift "
                f"{with_interval(r['estimate'], r['conf_low'], r['conf_high'], 'ms')} ms"
            ),
        ),
        lambda: figures.uncertainty_plot(own, source=part.source, distance=part.distance),
    )


def sections(content: Content, pictures: Mapping[str, Picture]) -> Iterator[Section]:
    """Uncertainty, nulls, posterior."""
    yield Section(
        "uncertainty", "Are offsets less certain?", tuple(_uncertainty(content, pictures))
    )
    yield Section("nulls", "What chance alone would do", tuple(_nulls(content)))
    yield Section("posterior", "What the movement says of the labels", tuple(_posterior(content)))


def label_sections(content: Content, pictures: Mapping[str, Picture]) -> Iterator[Section]:
    """Agreement and missing labels, and clips worth a second look."""
    yield Section(
        "agreement", "Agreement, durations, missing labels", tuple(_agreement(content, pictures))
    )
    yield Section("second-look", "Clips worth a second look", tuple(_second_look(content)))


def judge(content: Content, dataset: str) -> Part | None:
    """The blind posterior's part of the estimates."""
    return next(
        (p for p in content.estimates.parts(dataset)
         if p.source == JUDGE and p.stratum == tables.ALL),
        None,
    )  # fmt: skip


def _uncertainty(content: Content, pictures: Mapping[str, Picture]) -> Iterator[Block]:
    for dataset in content.datasets:
        yield from heading(content, dataset, "uncertainty")
        part, judged = content.part(dataset), judge(content, dataset)
        yield Text(spread_sentence(content.estimates, judged))
        yield from pictures_of(content, pictures, dataset, "uncertainty")
        if judged is None or part is None:
            continue
        own = grids.quantity_grid(
            content.estimates, judged, [
                Quantity("coder_sd", "Coders' SD, ms", sign=False),
                Quantity("blind_sd", "The posterior's own SD, ms", sign=False),
                Quantity("sd_shift", "SD of the rule's shifts, ms", sign=False, part=part),
            ],
            f"{dataset}: how uncertain each keyframe is",
            legend="Coders' SD: spread of the annotation error, after the posterior's own "
            "uncertainty is taken out; relative to the model's definition of the keyframe.",
        )  # fmt: skip
        ratios = grids.ratio_grid(
            content.estimates, judged, f"{dataset}: offsets against the other keyframes"
        )
        yield from (grid for grid in (own, ratios) if grid.rows)


def spread_sentence(estimates: Estimates, judged: Part | None) -> str:
    """The coders' spread per keyframe and how offsets compare; else why that is not known."""
    if judged is None:
        return (
            f"{_NO_JUDGE} The spread of a windowed rule's shifts is bounded by its windows, which "
            f"differ in length between keyframes, so it cannot tell which keyframe coders are "
            f"less certain of."
        )
    found = {
        k: v for k in tables.KEYFRAMES
        if (v := estimates.get(judged, k, "coder_sd", unit="ms")) and not is_missing(v.estimate)
    }  # fmt: skip
    if not found:
        return "How far coders spread can't be told: too few labels could be judged."
    told = [f"{k} {_interval(v, 'ms', sign=False)}" for k, v in found.items()]
    text = f"The coders' SD, relative to the model: {joined(told)} ms."
    ratios, unsaid = [], []
    for other in ("onset", "apex"):
        value = estimates.get(judged, "offset", f"log_sd_offset_{other}", unit="log")
        if value is None or is_missing(value.estimate):
            unsaid.append(PLURAL[other])
            continue
        both = not is_missing(value.low) and value.low <= 0 <= value.high
        alike = ", an interval that holds 1," if both else ""
        ratios.append(f"{grids.ratio_text(value)} times{alike} as uncertain as {PLURAL[other]}")
    if not ratios:
        return f"Whether offsets are less certain than the others can't be told. {text}"
    lacking = f"; against {joined(unsaid)} it can't be told" if unsaid else ""
    return f"Offsets are {joined(ratios)}{lacking}. {text}"


def _nulls(content: Content) -> Iterator[Block]:
    for dataset in content.datasets:
        yield from heading(content, dataset, "nulls")
        part = content.part(dataset)
        if part is None:
            yield Text("Nothing was re-selected, so there is nothing to compare with chance.")
            continue
        yield Text(excess_sentence(content.estimates, part))
        if has_nulls(content.estimates, part):
            yield Text(
                "Only this rest speaks for a bias, and where clips are cut at their labels not "
                "even this."
            )
        grid = grids.quantity_grid(
            content.estimates, part, [
                Quantity("mean_shift", "Mean shift, ms"),
                Quantity("accurate_null_mean", "Labels without error, ms"),
                Quantity("unbiased_null_mean", "Noisy labels, ms"),
                Quantity("mean_excess_unbiased", "Beyond noisy labels, ms"),
            ],
            f"{dataset}, {part.label}: mean shifts beside their nulls",
            legend="What the rule would give: labels without error, and noisy labels without "
            "bias, whose errors have the coders' spread and mean 0. Clips: those in which "
            "anything moves, rebuilt from their own movement and noise; the mean shift is of all "
            "clips. Each mean weights subjects by its own spread, so that columns need not add up.",
            sizes_of="mean_excess_unbiased",
        )  # fmt: skip
        if grid.rows:
            yield grid


def has_nulls(estimates: Estimates, part: Part) -> bool:
    """Whether anything is known of what a rule does to noisy labels without bias."""
    values = [
        estimates.get(part, k, "mean_excess_unbiased", unit="ms") for k in estimates.keyframes(part)
    ]
    return any(v is not None and not is_missing(v.estimate) for v in values)


def excess_sentence(estimates: Estimates, part: Part) -> str:
    """What is left of the mean shifts beyond noisy labels without bias."""
    found = {
        k: v for k in estimates.keyframes(part)
        if (v := estimates.get(part, k, "mean_excess_unbiased", unit="ms"))
        and not is_missing(v.estimate)
    }  # fmt: skip
    if not found:
        return (
            f"A mean shift holds what the windows alone do. Only the random frame of the windows "
            f"stands beside it here; what noisy labels without bias would give is drawn where the "
            f"rule motion-blind judges the labels ({part.label})."
        )
    told = joined([f"{k} {_interval(v, 'ms')}" for k, v in found.items()])
    apart = [k for k, v in found.items() if not is_missing(v.low) and (v.low > 0 or v.high < 0)]
    known = [k for k, v in found.items() if not is_missing(v.low)]
    of = "" if len(known) == len(found) else f" of {joined(known)}"
    says = (
        f"Of {joined(apart)} more is left than chance explains"
        if apart
        else f"Nothing that is left{of} can be told from chance"
        if known
        else "Whether anything is left beyond chance can't be told"
    )
    return (
        f"{says}: beyond what {part.label} would do to noisy labels without bias, mean shifts are "
        f"{told} ms."
    )


def _posterior(content: Content) -> Iterator[Block]:
    for dataset in content.datasets:
        yield from heading(content, dataset, "posterior")
        judged = judge(content, dataset)
        if judged is None:
            yield Text(_NO_JUDGE)
            continue
        yield Text(error_sentence(content.estimates, judged))
        grid = grids.quantity_grid(
            content.estimates, judged, [
                Quantity("annotation_error", "Mean error, ms"),
                Quantity("coder_sd", "Coders' SD, ms", sign=False),
                Quantity("share_usable", "Labels that could be judged", "share", sign=False),
            ],
            f"{dataset}: human labels relative to the movement",
            legend="Error: human minus posterior mean, positive = label too late, relative to the "
            "model's definition of the keyframe. The constant part is that definition against the "
            "coders', so it is no bias; contrasts between groups are free of it.",
        )  # fmt: skip
        if grid.rows:
            yield grid
        tests = content.tests(dataset)
        for start, summary in (
            ("annotation-error", "Contrasts of the annotation error between groups"),
            ("error-reduction", "Does the rule bring labels closer to the movement?"),
            ("keyframe", "Tests between keyframes"),
        ):
            own = tests[tests["family"].str.startswith(start)]
            if len(own):
                yield Fold(summary, (grids.hypothesis_grid(own, f"{dataset}: {summary.lower()}"),))


def error_sentence(estimates: Estimates, judged: Part) -> str:
    """Mean errors of the labels relative to the model, and how many could be judged."""
    found = {
        k: v for k in tables.KEYFRAMES
        if (v := estimates.get(judged, k, "annotation_error", unit="ms"))
        and not is_missing(v.estimate)
    }  # fmt: skip
    if not found:
        return "No label could be judged: in no clip does anything move detectably."
    told = joined([f"{k} {_interval(v, 'ms')}" for k, v in found.items()])
    usable = {
        k: _interval(v, "share") for k in found
        if (v := estimates.get(judged, k, "share_usable")) and not is_missing(v.estimate)
    }  # fmt: skip
    could = joined([f"{text} of {PLURAL[k]}" for k, text in usable.items()])
    return (
        f"Labels lie off from where the movement alone puts them by {told} ms on average (positive "
        f"= label later). None of these is a bias by itself: a model's definition of a keyframe "
        f"is not the coders'. Judged could be {could}."
    )


def _agreement(content: Content, pictures: Mapping[str, Picture]) -> Iterator[Block]:
    for dataset in content.datasets:
        yield from heading(content, dataset, "agreement")
        part = content.part(dataset)
        if part is None:
            yield Text("Nothing was re-selected, so there is no agreement to speak of.")
            continue
        where = f"{dataset}, {part.label}"
        found = [
            grids.quantity_grid(content.estimates, part, _AGREEMENT,
                                f"{where}: overlap, and how durations differ", keyframes=("",),
                                legend="Rise, fall, duration: selected - human."),
            grids.quantity_grid(content.estimates, part, _COEFFICIENTS,
                                f"{where}: agreement of durations", keyframes=("",)),
            grids.quantity_grid(
                content.estimates, part, _LIMITS, f"{where}: where most differences lie",
                legend="Windows bound the shifts of their rule, so that quantiles are read here, "
                "not normal limits of agreement; where those hold, they stand in estimates.csv.",
            ),
            grids.quantity_grid(
                content.estimates, part, [
                    Quantity("share_missing", "Missing labels or selections", "share", sign=False),
                    Quantity("mean_shift_difference_lowest", "Least contrast, ms"),
                    Quantity("mean_shift_difference_highest", "Greatest contrast, ms"),
                ],
                f"{where}: what is missing, and what it could change",
            ),
        ]  # fmt: skip
        yield Text(agreement_sentence(content.estimates, part))
        yield from pictures_of(content, pictures, dataset, "agreement")
        yield from (grid for grid in found[:3] if grid.rows)
        others = tuple(grid for grid in found[3:] if grid.rows)
        tests = content.tests(dataset)
        missing = tests[tests["family"] == "missingness"]
        told = (grids.hypothesis_grid(missing, f"{dataset}: is it missing alike in all groups?"),)
        lacking = (*others, *(told if len(missing) else ()))
        if lacking:
            yield Fold("Missing labels", lacking)


def agreement_sentence(estimates: Estimates, part: Part) -> str:
    """Overlap and durations of the whole dataset."""
    overlap = estimates.get(part, "", "mean_iou")
    if overlap is None or is_missing(overlap.estimate):
        return "No clip has all keyframes of both, so overlap and durations can't be told."
    text = (
        f"From onset to offset, human and selected labels overlap by "
        f"{_interval(overlap, 'share')} on average"
    )
    longer = estimates.get(part, "", "mean_difference_duration", unit="ms")
    if longer is None or is_missing(longer.estimate):
        return f"{text}."
    return (
        f"{text}; durations differ by {_interval(longer, 'ms')} ms (selected - human), to which "
        f"windows that reach inward alone contribute."
    )


def _second_look(content: Content) -> Iterator[Block]:
    flags = content.findings.flags
    for dataset in content.datasets:
        yield from heading(content, dataset, "second-look")
        own = flags[flags["dataset"] == dataset]
        if judge(content, dataset) is None:
            yield Text(_NO_JUDGE)
            continue
        if content.shareable:
            yield Text("Single clips, and so those worth a second look, are not told in this form.")
            continue
        if own.empty:
            yield Text("No label is so far from the movement that it is worth a second look.")
            continue
        yield Text(
            f"{count(own['clip'].nunique(), 'clip')} with {count(len(own), 'keyframe')} "
            f"{'is' if len(own) == 1 else 'are'} worth a second look: the label is "
            f"probably further from the movement than the tolerance. Look at them; "
            f"do not replace them by the posterior."
        )
        cut = _cut(content, dataset, own)
        if cut:
            yield Text(cut, "Mind.")
        yield grids.flags_grid(own, f"{dataset}: labels to look at again")


def _cut(content: Content, dataset: str, flags: pd.DataFrame) -> str:
    clips = content.clips(dataset)
    if clips is None:
        return ""
    ends = clips[clips["clip"].isin(flags["clip"])]
    cut = int(((ends["lead_frames"] == 0) | (ends["tail_frames"] == 0)).sum())
    if not cut:
        return ""
    return (
        f"{count(cut, 'flagged clip')} {'is' if cut == 1 else 'are'} cut at the labels, where "
        f"flags are false more often: the movement cannot be seen beyond the label."
    )


def _interval(value: Value, unit: str, *, sign: bool = True) -> str:
    return with_interval(value.estimate, value.low, value.high, unit, sign=sign)
