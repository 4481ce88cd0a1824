"""What was found about coders, as one offline page: tables and figures, no script."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence

from mebias import tables
from mebias.errors import counted
from mebias.quantification.coding import CoderFindings
from mebias.quantification.coding.culture import FAMILY, QUANTITY
from mebias.quantification.coding.detection import EVERYONE
from mebias.quantification.coding.words import (
    SPREADS,
    brackets,
    keyframe_rows,
    number,
    share,
)
from mebias.reporting.drawing import inline_svg

LABELS = {
    "coder_bias": "Bias of each coder against the coders' mean (ms), with intervals",
    "coder_culture": "Difference of two coder cultures by group (ms), and their contrast",
}
"""Figures by name, with what they show."""
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#1c1f22;max-width:60rem;
margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin:2rem 0 .4rem}p{max-width:44rem}
figure{margin:1rem 0}figcaption,.note{color:#4b5157;font-size:.9rem}
svg *{stroke-linejoin:round;stroke-linecap:butt}svg{max-width:100%;height:auto}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem}
td,th{padding:.25rem .9rem .25rem 0;text-align:left;vertical-align:top;border-top:1px solid #d5d8db}
td{font-variant-numeric:tabular-nums}td.n{white-space:nowrap}
.mark{background:#ffd54a;padding:.3rem .6rem;font-weight:600}
"""


def coders_page(found: CoderFindings, pictures: Mapping[str, str]) -> str:
    """The page.

    Parameters
    ----------
    found : CoderFindings
    pictures : mapping of str to str
        SVG of the figures that could be drawn, by name (`LABELS`).

    Returns
    -------
    str
        HTML without scripts or links; the same findings give the same text.
    """
    body = "".join(_body(found, pictures))
    return (
        "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>Coders</title>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<style>{_STYLE}</style></head><body><h1>Coders of the same events</h1>{body}"
        "</body></html>\n"
    )


def _body(found: CoderFindings, pictures: Mapping[str, str]) -> Iterator[str]:
    if found.simulated:
        yield f"<p class='mark'>{tables.SIMULATED} data: it says nothing about real coders.</p>"
    codings = found.codings
    n_events, n_subjects = (codings[c].nunique() for c in ("event", "subject"))
    shared = int(codings.groupby("event")["coder"].nunique().ge(2).sum())
    yield _paragraph(
        f"{found.study.dataset}: {len(found.study.coders)} coders, {counted(n_events, 'event')} of "
        f"{counted(n_subjects, 'subject')}, {shared} of them found by two coders or more, "
        f"{counted(len(codings), 'coding')}. In brackets: {brackets(found)}."
    )
    yield "<h2>Do they see the same events?</h2>"
    e = found.estimates
    f1 = e[e["quantity"] == "detection_f1"].to_dict("records")
    yield _table(["coders", "F1: share of both coders' codings that the other has too"],
                 [[str(row["source"]), share(row)] for row in f1])  # fmt: skip
    yield "<h2>How do they time them?</h2>"
    yield _paragraph("Bias in ms; positive: later than the mean of the coders.", "note")
    yield _figure("coder_bias", pictures)
    yield _by_keyframe(
        found, "coder", [(c, keyframe_rows(found, "coder_bias", c)) for c in found.study.coders]
    )
    yield "<h2>How far do single labels spread?</h2>"
    yield _paragraph("Standard deviation of a single label in ms.", "note")
    spreads = [(name, keyframe_rows(found, q, EVERYONE)) for q, name in SPREADS.items()]
    yield _by_keyframe(found, "spread", [pair for pair in spreads if pair[1]])
    yield from _culture(found, pictures)
    yield "<h2>All tests</h2>"
    yield _tests(found)
    yield "<h2>What this design cannot show</h2>"
    yield "<ul>" + "".join(f"<li>{html.escape(m)}</li>" for m in found.issues["message"]) + "</ul>"


def _culture(found: CoderFindings, pictures: Mapping[str, str]) -> Iterator[str]:
    design = found.design
    yield "<h2>Coder culture and ethnicity of subjects</h2>"
    if design.reason:
        yield _paragraph(f"Not tested: {design.reason}.")
        return
    yield _paragraph(f"{design.contrast}, within events (ms).")
    if design.confounded:
        yield _paragraph(f"{design.confounded}.")
    yield _figure("coder_culture", pictures)
    e, tests = found.estimates, found.tests
    rows = []
    for keyframe in tables.KEYFRAMES:
        own = {q: e[(e["keyframe"] == keyframe) & (e["quantity"] == q)].to_dict("records")
               for q in (QUANTITY, f"{QUANTITY}_these_coders")}  # fmt: skip
        test = tests[(tests["family"] == FAMILY) & (tests["keyframe"] == keyframe)]
        power = found.power
        least = power[(power["keyframe"] == keyframe) & (power["quantity"] == "smallest_shift")]
        finds = least["shift_ms"].dropna()
        rows.append([
            keyframe, *(number(r[0]) if r else "–" for r in own.values()),
            _p(test["p_adjusted"].iloc[0]) if len(test) else "–",
            f"{finds.iloc[0]:.0f} ms" if len(finds) else "–",
        ])  # fmt: skip
    yield _table(["keyframe", "new coders, new subjects", "these coders, new subjects",
                  "p (Holm)", "found with 80 % power"], rows)  # fmt: skip


def _tests(found: CoderFindings) -> str:
    rows = [
        [str(t["hypothesis"]), _value(t["estimate"]), _p(t["p_value"]), _p(t["p_adjusted"]),
         f"{t['n_clips']:.0f}", f"{t['n_subjects']:.0f}", str(t["reason"])]
        for t in found.tests.to_dict("records")
    ]  # fmt: skip
    return _table(["hypothesis", "found (ms)", "p", "p (Holm)", "events", "subjects", ""], rows)


def _by_keyframe(
    found: CoderFindings, first: str, rows: Sequence[tuple[str, Sequence[Mapping[object, object]]]]
) -> str:
    told = {name: {str(r["keyframe"]): number(r) for r in own} for name, own in rows}
    return _table(
        [first, *tables.KEYFRAMES],
        [[name, *(own.get(k, "–") for k in tables.KEYFRAMES)] for name, own in told.items()],
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th scope='col'>{html.escape(h)}</th>" for h in head)
    body = "".join(
        "<tr>" + "".join(f"<td{_short(cell)}>{html.escape(cell)}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return (
        f"<div class='wide'><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _short(cell: str) -> str:
    return " class='n'" if len(cell) < 30 else ""


def _paragraph(text: str, kind: str = "") -> str:
    return f"<p{f' class={kind}' if kind else ''}>{html.escape(text)}</p>"


def _figure(name: str, pictures: Mapping[str, str]) -> str:
    if name not in pictures:
        return ""
    label = LABELS[name]
    return (
        f"<figure>{inline_svg(pictures[name], name, label)}"
        f"<figcaption>{html.escape(label)}</figcaption></figure>"
    )


def _value(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.1f}"


def _p(value: float) -> str:
    if math.isnan(value):
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
