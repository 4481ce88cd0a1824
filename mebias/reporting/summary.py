"""In short: what a busy reader has to know, and what to do next."""

from __future__ import annotations

import pandas as pd

from mebias import tables
from mebias.reporting import evidence_sections, recognition_section, text
from mebias.reporting.blocks import Block, Cell, Grid, Heading, Text, bullets
from mebias.reporting.content import Content
from mebias.reporting.formats import joined, whole
from mebias.reporting.issue_list import tally
from mebias.reporting.lookup import Part


def blocks(content: Content) -> tuple[Block, ...]:
    """Sentences per dataset, next steps, and what the report rests on."""
    found: list[Block] = []
    for dataset in content.datasets:
        if len(content.datasets) > 1:
            found.append(Heading(dataset, content.slug("short", dataset)))
        lines = _of_versions(content, dataset) if content.of_versions else _of(content, dataset)
        found.append(bullets(lines, "short"))
    found.append(Heading("What to do next", "next"))
    found.append(bullets(next_steps(content), "next"))
    found.append(rests_on(content))
    return tuple(found)


def _of(content: Content, dataset: str) -> list[Text]:
    sizes, part = content.sizes(dataset), content.part(dataset)
    lines = [Text(text.data_sentence(content.n_clips(dataset), sizes), "Data.")]
    if part is None or not text.shift_sentence(content.estimates, part):
        lines.append(Text(_nothing_selected(content, dataset), "Missing."))
    if part is not None:
        told = text.shift_sentence(content.estimates, part)
        told = told or text.moved_sentence(content.estimates, part)
        if told:
            lines.append(Text(told, "Shifts."))
        if evidence_sections.has_nulls(content.estimates, part):
            excess = evidence_sections.excess_sentence(content.estimates, part)
            lines.append(Text(excess, "Beyond chance."))
    sentence = text.contrast_sentence(content.tests(dataset), sizes, content.min_subjects)
    lines.append(Text(sentence, "Groups."))
    judged = evidence_sections.judge(content, dataset)
    if judged is not None:
        lines.append(Text(evidence_sections.spread_sentence(content.estimates, judged), "Offsets."))
    measured = content.recognition(dataset)
    if measured is not None and measured.gains is not None:
        lines.append(Text(recognition_section.in_short(measured), "Recognition."))
    if content.simulated:
        planted = planted_of(content, dataset)
        lines.append(Text(text.planted_sentence(planted), "Planted against found."))
    else:
        claims = content.findings.claims
        claims = claims[claims["dataset"] == dataset]
        lines.append(Text(text.claims_sentence(claims), "Claims."))
    return lines


def _of_versions(content: Content, dataset: str) -> list[Text]:
    estimates, parts = content.estimates, content.estimates.parts(dataset)
    whole_part = content.part(dataset)
    lines = [Text(text.data_sentence(content.n_clips(dataset), content.sizes(dataset)), "Data.")]
    if whole_part is not None:
        told = [text.revised_sentence(estimates, whole_part),
                text.direction_sentence(estimates, whole_part)]  # fmt: skip
        lines.append(Text(" ".join(t for t in told if t) or "Nothing could be compared.",
                          "Revisions."))  # fmt: skip
    apart = [text.revised_sentence(estimates, p) for p in parts if p.stratum != tables.ALL]
    apart = [t[0].upper() + t[1:] for t in apart if t]
    if apart:
        lines.append(Text(" ".join(apart), "Micro and macro."))
    if whole_part is not None and (uneven := text.unevenness_sentence(estimates, whole_part)):
        lines.append(Text(uneven, "Subjects."))
    transitions = content.extra_tables["transitions"]
    changed = text.transition_sentence(transitions[transitions["dataset"] == dataset])
    lines.append(Text(changed or "No expression changed its type.", "Types."))
    return lines


def next_steps(content: Content) -> list[Text]:
    """What a reader should do, or not do, with this report."""
    if content.of_versions:
        return [
            Text("A row that was not revised may never have been looked at again; do not count "
                 "it as agreement between versions.", "Do not read unrevised as agreed."),
            Text("Use the newer version, and repeat analyses that rest on the expression type "
                 "with both versions.", "State which version you use."),
        ]  # fmt: skip
    steps = [
        Text("The windows of a rule alone shift keyframes; set each mean shift beside that of a "
             "random frame, and read contrasts between groups.",
             "Do not read a mean shift as an error of the labels."),
    ]  # fmt: skip
    steps += [step for step in (_cut(content), _groups(content), _frames(content)) if step]
    problems = content.issues
    problems = problems[problems["severity"].isin(["error", "warning"])]
    if len(problems):
        there = "There is" if len(problems) == 1 else "There are"
        steps.append(Text(f"{there} {tally(problems)}.", "Read the design warnings first."))
    if content.simulated:
        names = joined([c.manifest.id for c in content.cohorts])
        steps.append(Text(f"Run the same report with --root DIR on your copy of {names or 'it'}.",
                          "Learn about the real dataset."))  # fmt: skip
    return steps


def rests_on(content: Content) -> Grid:
    """A small table of the data behind the report."""
    head = (
        ("Dataset", False), ("Clips", True), ("Subjects", True), ("Subjects per group", False),
        ("Frames per second", True), ("Cut at the onset", True), ("Cut at the offset", True),
    )  # fmt: skip
    rows = tuple(_data_row(content, dataset) for dataset in content.datasets)
    kept = [i for i in range(len(head)) if any(row[i].text for row in rows)]
    return Grid(
        "What this report rests on",
        tuple(head[i] for i in kept),
        tuple(tuple(row[i] for i in kept) for row in rows),
        source="clips",
    )


def _data_row(content: Content, dataset: str) -> tuple[Cell, ...]:
    sizes, clips = content.sizes(dataset), content.clips(dataset)
    rates = sorted(content.shifts(dataset)["fps"].dropna().unique())
    rate = f"{rates[0]:g}" if len(rates) == 1 else f"{rates[0]:g} to {rates[-1]:g}" if rates else ""
    stated = {g: n for g, n in sizes.items() if g != tables.ALL}
    inside = ", ".join(f"{g} {n}" for g, n in stated.items() if set(stated) != {tables.UNKNOWN})
    return (
        Cell(dataset, head=True),
        Cell(whole(content.n_clips(dataset)), numeric=True),
        Cell(whole(sum(sizes.values())), numeric=True),
        Cell(inside or "not stated"),
        Cell(rate, numeric=True),
        Cell(_cut_count(clips, "lead_frames"), numeric=True),
        Cell(_cut_count(clips, "tail_frames"), numeric=True),
    )


def _cut_count(clips: pd.DataFrame | None, column: str) -> str:
    if clips is None or clips[column].isna().all():
        return ""
    return f"{int((clips[column] == 0).sum())} of {int(clips[column].notna().sum())}"


def _cut(content: Content) -> Text | None:
    """Lead and tail frames, where clips begin and end at the labels."""
    told = []
    for dataset in content.datasets:
        clips = content.clips(dataset)
        if clips is None:
            continue
        onset, offset = (_cut_count(clips, c) for c in ("lead_frames", "tail_frames"))
        parts = []
        if onset and not onset.startswith("0 "):
            parts.append(f"{onset} clips begin at the human onset")
        if offset and not offset.startswith("0 "):
            parts.append(f"{offset} end at the human offset")
        if parts:
            told.append(f"{dataset}: {joined(parts)}")
    if not told:
        return None
    return Text(
        f"{'; '.join(told)}. An earlier onset or a later offset cannot show there; use the uncut "
        f"recordings.",
        "Collect lead and tail frames.",
    )


def _groups(content: Content) -> Text | None:
    """An ethnicity table, or more subjects."""
    small, unstated = [], []
    for dataset in content.datasets:
        sizes = content.sizes(dataset)
        if set(sizes) <= {tables.ALL, tables.UNKNOWN}:
            unstated.append(dataset)
        small += [f"{g} ({sizes[g]})" for g in text.small_groups(sizes, content.min_subjects)]
    if unstated:
        return Text(
            f"For {joined(unstated)} nobody has stated groups; --ethnicity FILE.csv with the "
            f"columns subject, ethnicity adds them.",
            "Give an ethnicity table.",
        )
    if small:
        return Text(
            f"Groups under {content.min_subjects} subjects are described, not tested: "
            f"{joined(small)}.",
            "Collect more subjects.",
        )
    return None


def _frames(content: Content) -> Text | None:
    without = [c.name for c in content.cohorts if c.frames is None]
    if not without:
        return None
    return Text(
        f"Only annotations were at hand for {joined(without)}, so no keyframe was re-selected; "
        f"with the frames under --root the rest of this report fills itself.",
        "Add the frames.",
    )


def _nothing_selected(content: Content, dataset: str) -> str:
    lacking = any(c.frames is None for c in content.cohorts if c.name == dataset)
    why = "no frames are on disk" if lacking else "no clip could be re-selected"
    return (
        f"No shift can be told, because {why}; windows and the room they leave follow from the "
        f"labels alone."
    )


def planted_of(content: Content, dataset: str) -> pd.DataFrame:
    """What was planted, as the rule that the report leads with found it."""
    planted = content.findings.planted
    planted = planted[planted["dataset"] == dataset]
    part: Part | None = content.part(dataset)
    if part is None:
        return planted
    own = planted[(planted["source"] == part.source) & (planted["distance"] == part.distance)]
    return own if len(own) else planted
