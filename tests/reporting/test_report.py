"""The report as written: what is in it, and what must not be."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from mebias import tables
from mebias.provenance import file_hash
from mebias.reporting import write_report

HOSTILE = "<script>alert('x')</script> & \"co\""


def text_of(folder):
    """All text files of a report by name."""
    return {
        p.relative_to(folder).as_posix(): p.read_text(encoding="utf-8")
        for p in folder.rglob("*")
        if p.suffix in (".html", ".md", ".json", ".csv", ".svg")
    }


def bytes_of(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


class Page(HTMLParser):
    """Tags, attributes, and the visible words of a page."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.ids, self.links, self.words, self._skip = [], [], [], [], 0
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.append(tag)
        self._skip += tag in ("style", "script")
        if "id" in found:
            self.ids.append(found["id"])
        for name in ("src", "href", "xlink:href", "action", "data", "srcset", "poster"):
            if name in found:
                self.links.append((tag, name, found[name]))

    def handle_endtag(self, tag):
        self._skip -= tag in ("style", "script")

    def handle_data(self, data):
        if not self._skip:
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.mark.parametrize("kind", ["real", "simulated", "versions"])
def test_everything_is_written_and_named_in_the_provenance_with_its_hash(written, kind):
    out = written[kind].out
    outputs = json.loads((out / "provenance.json").read_text(encoding="utf-8"))["outputs"]
    files = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert files == {*outputs, "provenance.json"}
    assert {"report.html", "findings.json", "methods.md", "tables/estimates.csv"} <= files
    assert {f"figures/{n}" for n in _pictures(out)} <= files
    assert all(file_hash(out / name) == digest for name, digest in outputs.items())
    assert written[kind].path == out / "report.html"


def _pictures(out):
    stems = {p.stem for p in (out / "figures").iterdir()}
    assert stems
    return {f"{stem}.{kind}" for stem in stems for kind in ("svg", "pdf", "png")}


@pytest.mark.parametrize("kind", ["cohort", "versions"])
def test_the_same_input_gives_the_same_bytes_wherever_it_is_written(tmp_path, inputs, kind):
    make = getattr(inputs, kind)
    first = write_report(tmp_path / "a", **make())
    second = write_report(tmp_path / "elsewhere" / "b", **make())
    assert bytes_of(first.out) == bytes_of(second.out)


@pytest.mark.parametrize("kind", ["real", "simulated", "versions"])
def test_the_page_loads_nothing_and_its_links_lead_somewhere(written, kind):
    html = written[kind].path.read_text(encoding="utf-8")
    page = Page(html)
    assert not {"img", "link", "iframe", "object"} & set(page.tags)
    assert page.tags.count("script") == 1  # its own, inline: see the links below
    assert len(page.ids) == len(set(page.ids))
    assert "@import" not in html
    assert not re.findall(r"url\((?!['\"]?#)", html)
    for tag, name, target in page.links:
        if target.startswith("#"):
            assert target[1:] in page.ids
        elif target.startswith("http"):
            assert (tag, name) == ("a", "href")
            assert re.match(r"https://(doi|arxiv)\.org/", target)
        elif tag == "image":
            assert target.startswith("data:image/png;base64,")
        else:
            assert (written[kind].out / target).is_file()
    outside = re.sub(r"<a href=\"https://[^<]*</a>", "", html)
    assert "http:" not in outside
    assert "https:" not in outside


@pytest.mark.parametrize("kind", ["real", "simulated", "versions"])
def test_nothing_tells_where_it_was_written(written, kind):
    for name, text in text_of(written[kind].out).items():
        assert str(written[kind].out.parent) not in text, name
        assert "/tmp" not in text, name
        assert ".mebias-partial" not in text, name


def test_simulated_stands_everywhere_when_it_is(written):
    out = written["simulated"].out
    files = text_of(out)
    html = files["report.html"]
    assert "<title>SIMULATED" in html
    captions = re.findall(r"<(?:caption|figcaption)>(.*?)</", html, re.DOTALL)
    assert captions
    assert all("SIMULATED" in caption for caption in captions)
    assert all("SIMULATED" in t for name, t in files.items() if name.endswith((".csv", ".svg"))
               and "\n" in t.strip() and len(t.splitlines()) > 1)  # fmt: skip
    assert json.loads(files["findings.json"])["simulated"] is True
    assert json.loads(files["provenance.json"])["simulated"] is True
    assert "SIMULATED" in files["methods.md"].splitlines()[0]
    assert "Planted against found" in html
    assert "What can be claimed" not in html
    assert html.count('class="simulated"') == 1


@pytest.mark.parametrize("kind", ["real", "versions"])
def test_simulated_stands_nowhere_when_it_is_not(written, kind):
    files = text_of(written[kind].out)
    assert not [name for name, text in files.items() if "SIMULATED" in text]
    assert json.loads(files["findings.json"])["simulated"] is False


def test_undefined_numbers_are_null_in_json(written):
    text = (written["real"].out / "findings.json").read_text(encoding="utf-8")
    assert "NaN" not in text
    found = json.loads(text)
    table = written["real"].findings.estimates
    assert found["gains"] == []
    assert len(found["estimates"]) == len(table)
    undefined = [r for r in found["estimates"] if r["conf_low"] is None]
    assert len(undefined) == int(table["conf_low"].isna().sum()) > 0
    assert all(r["reason"] for r in undefined)


def test_csv_tables_read_back_as_they_were(written):
    report = written["real"]
    back = tables.read_csv(report.out / "tables" / "estimates.csv", "estimates")
    pd.testing.assert_frame_equal(back, report.findings.estimates, rtol=1e-9)


@pytest.mark.usefixtures("svg_only")
@pytest.mark.parametrize("kind", ["cohort", "versions"])
def test_names_of_users_are_text_not_markup(tmp_path, inputs, kind):
    if kind == "cohort":
        given = inputs.cohort(HOSTILE, groups=(f"A{HOSTILE}", "B"), title=HOSTILE)
    else:
        given = inputs.versions(HOSTILE, first=HOSTILE) | {"title": HOSTILE}
    report = write_report(tmp_path / "r", **given)
    html = report.path.read_text(encoding="utf-8")
    page = Page(html)
    assert page.tags.count("script") == 1
    told = re.search(r"script-src 'sha256-([^']+)'", html)[1]
    own = re.search(r"<script>(.*?)</script>", html, re.DOTALL)[1]
    assert base64.b64encode(hashlib.sha256(own.encode()).digest()).decode() == told
    assert HOSTILE in page.text
    assert "&amp;lt;" not in html
    assert "<script" not in (report.out / "methods.md").read_text(encoding="utf-8")
    assert "<script" not in report._repr_html_()


def test_the_answer_comes_first_then_the_warnings(written):
    page = Page(written["real"].path.read_text(encoding="utf-8"))
    titles = [i for i in page.ids if i in ("in-short", "warnings", "shifts", "groups", "claims",
                                           "methods", "files", "provenance")]  # fmt: skip
    assert titles == ["claims", "in-short", "warnings", "shifts", "groups", "methods", "files",
                      "provenance"]  # fmt: skip


@pytest.mark.parametrize("kind", ["real", "simulated", "versions"])
def test_each_table_leads_to_its_csv_and_its_latex(written, kind):
    html = written[kind].path.read_text(encoding="utf-8")
    figures = re.findall(
        r'<figure class="table">\s*<figcaption>(.*?)</figcaption>', html, re.DOTALL
    )
    without = []
    for caption in figures:
        links = re.findall(r'href="([^"]+)"', caption)
        assert all((written[kind].out / link).is_file() for link in links)
        endings = {link.rsplit(".", 1)[1] for link in links}
        if not endings >= {"csv", "tex"} and "json" not in endings:
            without.append(caption)
    rests = [c for c in without if "What this report rests on" not in c]
    assert [c for c in rests if "Methods as run" not in c] == []
    tex = re.search(r'([^>]*): mean shifts <.*?href="(tables/shifts[^"]*tex)"', html)
    if kind != "versions":
        text = (written[kind].out / tex[2]).read_text(encoding="utf-8")
        assert f"{tex[1]}: mean shifts" in text


def test_each_claim_has_grade_sentence_and_picture(written):
    report = written["real"]
    html = report.path.read_text(encoding="utf-8")
    cards = re.findall(r'<li class="answer.*?</li>', html, re.DOTALL)
    claims = report.findings.claims
    assert len(cards) == len(claims)
    grades = [
        re.search(r'class="grade[^>]*>([^<]+)<', card)[1].replace("&#39;", "'") for card in cards
    ]
    order = ["supported", "not supported", "can't be told"]
    assert sorted(grades) == sorted(claims["grade"])
    assert grades == sorted(grades, key=order.index)
    known = claims["estimate"].notna().sum()
    assert 0 < known == sum("<svg" in card for card in cards)


def test_a_simulated_report_begins_with_planted_against_found(written):
    report = written["simulated"]
    html = report.path.read_text(encoding="utf-8")
    ids = [i for i in Page(html).ids if i in ("planted", "in-short", "warnings")]
    planted = len(report.findings.planted)
    assert html.count('<li class="answer') == planted
    assert ids == (["planted", "in-short", "warnings"] if planted else
                   ["in-short", "planted", "warnings"])  # fmt: skip


def test_the_mean_shift_in_the_summary_is_that_of_the_table(written):
    report = written["real"]
    rows = report.findings.headline()
    row = rows[(rows["ethnicity"] == "all") & (rows["keyframe"] == "apex")].iloc[0]
    shown = f"apexes by {row['estimate']:+.1f} [{row['conf_low']:.1f}, {row['conf_high']:.1f}]"
    page = Page(report.path.read_text(encoding="utf-8"))
    assert shown.replace("-", "−") in page.text


def test_every_issue_stands_on_the_page(written):
    page = Page(written["real"].path.read_text(encoding="utf-8"))
    messages = written["real"].findings.issues["message"]
    assert len(messages)
    assert all(message[1:] in page.text for message in messages)


def test_two_versions_tell_what_was_revised_apart_for_micro_and_macro(written):
    report = written["versions"]
    page = Page(report.path.read_text(encoding="utf-8"))
    for words in ("Revised", "Moved later", "Moved earlier", "Mean shift of revised labels",
                  "Intraclass correlation of being revised", "Share of the old type",
                  "not revised, not agreed"):  # fmt: skip
        assert words in page.text
    moved = report.findings.estimates.query("quantity == 'share_moved' and keyframe == 'apex'")
    assert set(moved["stratum"]) == {"all", "micro", "macro"}
    for share in moved["estimate"]:
        assert f"{100 * share:.0f}\xa0%" in "".join(page.words)
    revised = report.findings.shifts.query("shift_frames != 0 and keyframe == 'apex'")
    cells = re.findall(
        r"<tr[^>]*><th[^>]*>all</th><th[^>]*>apex</th>(.*?)</tr>", report.path.read_text()
    )
    assert f'<td class="number">{len(revised)}</td>' in cells[0]
    assert "5 expressions that were micro are macro now" in page.text
    found = {p.name for p in (report.out / "tables").iterdir()}
    assert {"transitions.csv", "subjects.csv"} <= found
    assert len(json.loads((report.out / "findings.json").read_text())["transitions"]) == 4


@pytest.mark.usefixtures("svg_only")
def test_quantities_that_are_not_there_are_left_out(tmp_path, inputs):
    given = inputs.cohort()
    findings = given["findings"]
    kept = findings.estimates[findings.estimates["quantity"] == "mean_shift"]
    thin = type(findings)(findings.shifts, kept, tables.empty("tests"), findings.claims.head(0),
                          tables.empty("issues"))  # fmt: skip
    page = Page(write_report(tmp_path / "a", **given | {"findings": thin}).path.read_text("utf-8"))
    assert "Immovable" not in page.text
    bare = type(findings)(findings.shifts, tables.empty("estimates"), tables.empty("tests"),
                          findings.claims.head(0), tables.empty("issues"))  # fmt: skip
    write_report(tmp_path / "b", **given | {"findings": bare})
    versions = inputs.versions()
    of = versions["findings"]
    bare = type(of)(of.shifts, tables.empty("estimates"), tables.empty("tests"),
                    tables.empty("claims"), tables.empty("issues"))  # fmt: skip
    write_report(tmp_path / "c", **versions | {"findings": bare})


@pytest.mark.usefixtures("svg_only")
def test_several_datasets_have_figures_and_headings_of_their_own(tmp_path, inputs):
    first, second = inputs.cohort("d one")["findings"], inputs.cohort("d-one")["findings"]
    both = type(first)(**{
        name: pd.concat([getattr(first, name), getattr(second, name)], ignore_index=True)
        for name in ("shifts", "estimates", "tests", "claims", "issues")
    })  # fmt: skip
    report = write_report(tmp_path, **inputs.cohort() | {"findings": both})
    names = {p.stem for p in (report.out / "figures").iterdir()}
    assert {"shifts-d-one-1", "shifts-d-one-2"} <= names
    page = Page(report.path.read_text(encoding="utf-8"))
    assert len(page.ids) == len(set(page.ids))


@pytest.mark.usefixtures("svg_only")
def test_progress_names_the_pieces(tmp_path, inputs):
    told = []
    write_report(tmp_path, **inputs.cohort(), progress=told.append)
    assert told[0] == "shifts"
    assert told[-3:] == ["tables", "report.pdf", "page"]


def test_a_report_shows_itself_as_a_card(written):
    card = written["simulated"]._repr_html_()
    assert "SIMULATED" in card
    assert "report.html" in card
    assert "apex" in card
    assert "findings" not in repr(written["simulated"])
