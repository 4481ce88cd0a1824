"""A coding protocol to fix before coding begins, with the numbers of a planned design."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mebias import tables
from mebias.errors import per_cent
from mebias.quantification.coding.plan_words import bounds, culture, design

if TYPE_CHECKING:
    from mebias.quantification.coding.planning import StudyPlan

_Row = dict[object, float]


def protocol(plan: StudyPlan) -> str:
    """The protocol of the recommended design, in Markdown.

    Parameters
    ----------
    plan : StudyPlan

    Examples
    --------
    >>> import mebias
    >>> plan = mebias.plan_study(coders=[2], double_coded=[1.0], fps=[200], subjects=[40])
    >>> print(protocol(plan).splitlines()[0])
    # Coding protocol (draft; from SIMULATED components)
    """
    rows = plan.recommended.to_dict("records")
    parts = [
        _head(plan), _numbers(plan, rows), _definitions(rows[0]), _training(plan, rows),
        _double(rows), _arbitration(rows), _release(), _limits(plan),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _head(plan: StudyPlan) -> str:
    source = (
        f"from {tables.SIMULATED} components"
        if plan.simulated
        else "from the components of a pilot"
    )
    lines = [f"# Coding protocol (draft; {source})", ""]
    if plan.simulated:
        lines += [
            f"**{tables.SIMULATED}: the numbers below are not those of real coders. Run a pilot "
            "(two coders or more, some 60 clips coded by each) and plan again.**", "",
        ]  # fmt: skip
    lines += [
        "Fix what stands in brackets, date the file, and change nothing once coding has begun; "
        "changes after that are listed with their reason.",
        "",
        f"Basis: {plan.basis}.",
    ]
    return "\n".join(lines)


def _numbers(plan: StudyPlan, rows: list[_Row]) -> str:
    goals = plan.goals
    verdict = (
        "reaches what was asked for" if plan.reached
        else "does NOT reach what was asked for; no design of the grid does"
    )  # fmt: skip
    lines = [
        "## 1. Design", "",
        f"{design(plan.recommended.iloc[0])} ({goals.minutes:g} minutes a coding and "
        f"{goals.training_hours:g} hours of training a coder, both assumed). It {verdict}: 95 % of "
        f"published labels within {goals.tolerance_ms:.0f} ms, and a contrast of "
        f"{goals.shift_ms:g} ms found with {per_cent(goals.power)} power "
        f"({' and '.join(goals.contrasts) or 'none'}; each keyframe at {goals.level:.4f}).", "",
        "| keyframe | 95 % of labels within | coded by all | coded once | power, groups | "
        "power, coder culture x groups |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in rows:
        width = f"{row['tolerance_ms']:.0f} ms{bounds(row, 'tolerance', ' ms')}"
        lines.append(
            f"| {row['keyframe']} | {width} | "
            f"{row['several_tolerance_ms']:.0f} ms | {row['single_tolerance_ms']:.0f} ms | "
            f"{per_cent(row['ethnicity_power'])}{bounds(row, 'ethnicity_power')} | {culture(row)} |"
        )
    lines += ["", "In brackets: bounds from the size of the pilot."] if _told(rows) else []
    return "\n".join(lines)


def _told(rows: list[_Row]) -> bool:
    return any(math.isfinite(row["tolerance_low"]) for row in rows)


def _definitions(row: _Row) -> str:
    frame = 1000 / row["fps"]
    return f"""## 2. Definitions to fix

- **Onset**: the first frame in which the face departs from its neutral state by [an action unit
  visible against the frame before; FACS intensity A or more], not the frame before it.
- **Apex**: the frame of the largest change from onset; of a plateau [its middle frame], and the
  first and last frame of the plateau are noted.
- **Offset**: the first frame in which the face is back at neutral, or at the level it then keeps;
  say which of the two [return to neutral / end of change]. An expression that runs into another one
  has the status *truncated*.
- **Neutral**: [the mean of the lead frames of the same recording].
- Frames are numbered from [0 / 1] of the untrimmed recording at {row["fps"]:g} fps ({frame:.1f}
  ms a frame; rounding alone has a standard deviation of {frame / math.sqrt(12):.1f} ms). Dropped
  frames are found by time stamps first.
- **Micro-expression**: [duration up to 500 ms, or rise up to 260 ms]; decided after the keyframes,
  by rule, not by the coder.
- Action units by FACS, coded after and apart from the keyframes. Coders step frame by frame, at
  any speed, on the same screen size, blind to the stimulus, the self-report, the subject's group
  and any suggestion of an algorithm."""


def _training(plan: StudyPlan, rows: list[_Row]) -> str:
    lines = [
        "## 3. Training threshold", "",
        "Before real clips each coder codes the same [40] training clips of subjects that are not "
        "in the study. A coder is admitted when the root mean square difference from the mean of "
        "the others, bias included, is not above this; by these components nearly all coders like "
        "those behind them stay within:", "",
    ]  # fmt: skip
    parts = plan.components.set_index(["keyframe", "component"])["sd_ms"]
    for row in rows:
        k = row["coders"]
        # A label less the mean of k - 1 others: k / (k - 1) of its variance, with a bias that
        # 19 of 20 coders keep.
        bias = parts[row["keyframe"], "coder"] ** 2 * (1.96**2 - 1)
        limit = math.sqrt((row["single_sd_ms"] ** 2 + bias) * k / (k - 1))
        lines.append(f"- {row['keyframe']}: {limit:.0f} ms")
    lines += [
        "",
        "Detection is trained first: F1 of events (overlap of half of their union) of [0.8] or "
        "more. Nobody is trained on the real clips, and a coder who is dropped stays in the "
        "report.",
    ]
    return "\n".join(lines)


def _double(rows: list[_Row]) -> str:
    row = rows[0]
    k, share = row["coders"], row["double_coded"]
    once = (
        "" if share == 1 else
        f" The other {per_cent(1 - share)} are coded by one coder each, dealt in turn within every "
        "subject, so that each coder codes all groups alike."
    )  # fmt: skip
    own, other = int(k) - int(k) // 2, int(k) // 2
    return f"""## 4. Double-coding rule

- {per_cent(share)} of the clips of *every* subject, drawn at random before coding, are coded by all
  {k:.0f} coders independently: no talk, no sight of others' codings.{once}
- Teams of two cultures: {own} and {other} coders. With fewer than two of each, culture cannot be
  told from the coder, and no statement about cultures is made.
- Clips come in a random order, another for each coder, with the order kept (drift is looked at).
- [10 %] of the clips come again after [two weeks] under another name: intra-coder error.
- The published label is the mean of the coders' times, unrounded; a second rounding to frames would
  add to the error."""


def _arbitration(rows: list[_Row]) -> str:
    lines = [
        "## 5. Arbitration", "",
        "Two coders differ by more than this in 5 % of the clips, by these components; beyond it a "
        "clip goes to arbitration:", "",
    ]  # fmt: skip
    for row in rows:
        lines.append(f"- {row['keyframe']}: {1.96 * math.sqrt(2) * row['single_sd_ms']:.0f} ms")
    lines += [
        "",
        "The arbiter is blind to who coded what, first looks for mistakes (another event, a slip "
        "of the key, a dropped frame), which the coder corrects; a true disagreement stays, and "
        "the mean of all coders is published with both frames. Averages are not replaced by the "
        "arbiter's view: talk until agreement hides the error that this design measures.",
    ]
    return "\n".join(lines)


def _release() -> str:
    return """## 6. What to release

- **Each coder's frames**, of each pass, before arbitration, with coder, working order and date;
  beside them the published label, its status and its number of codings.
- **Lead and tail frames**: [0.5 s] or more before the onset and after the offset. Clips that are
  cut at their labels make errors at the ends invisible for good.
- **Time stamps**, frame rate as recorded, frames dropped, camera, compression.
- **Demographics**: subject id, ethnicity as the subject states it, age, gender; culture, training
  and years of practice of each coder; group sizes below [5] are protected.
- **The protocol** as fixed, with its date and all later changes; the training clips' results.
- Consent and license that cover all of it, raw recordings included."""


def _limits(plan: StudyPlan) -> str:
    hidden = max(plan.recommended["coders_own_ms"])
    lines = [
        "## 7. What this design does not tell", "",
        "- What all coders have in common, such as being late at every onset: no number of coders "
        "shows it. A tolerance is about what endlessly many such coders would publish.",
        f"- The contrast of groups is one of labels by *these* coders. What they do to one group "
        f"and not to others (assumed) adds up to {hidden:.1f} ms (standard deviation) to it that "
        f"its interval does not show; only coders of two cultures show that.",
        "- Events that no coder finds, and clips that are lost: plan [10 %] more.",
        "- Subjects are not free; hours are those of coders alone.",
    ]  # fmt: skip
    lines += [f"- {note[0].upper()}{note[1:]}." for note in plan.notes]
    return "\n".join(lines)
