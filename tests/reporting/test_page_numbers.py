"""Every number in a sentence of the page stands in a table of the report; colors can be read."""

import math
import re
from html.parser import HTMLParser
from importlib import resources

import pandas as pd
import pytest

KINDS = ["real", "simulated", "versions"]
_ASIDE = {"warnings", "methods", "terms", "files", "provenance", "references"}
_NUMBER = r"[+−]?\d+(?:\.\d+)?(?:\s%)?"
_TRIPLE = re.compile(rf"({_NUMBER}) \[({_NUMBER}), ({_NUMBER})\]")
_CONSTANT = {"0"}


class Sentences(HTMLParser):
    """Paragraphs and list items of the sections, and the cells of their tables."""

    def __init__(self, html):
        super().__init__()
        self.sentences, self.cells = [], []
        self._section, self._open, self._text = "", 0, []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        if tag == "section":
            self._section = dict(attributes)["id"]
        if tag in ("p", "li", "td", "th"):
            self._open, self._text = tag, []

    def handle_endtag(self, tag):
        if tag == self._open:
            text = re.sub(r"[ \n]+", " ", "".join(self._text)).strip()
            kept = self.sentences if tag in ("p", "li") else self.cells
            if self._section and self._section not in _ASIDE:
                kept.append(text)
            self._open = 0

    def handle_data(self, data):
        if self._open:
            self._text.append(data)


def read(text):
    """Value, decimals and whether it is in per cent of a number as printed."""
    plain = text.replace("−", "-").replace("\xa0", " ")
    share = plain.endswith("%")
    plain = plain.removesuffix("%").strip()
    decimals = len(plain.partition(".")[2])
    return float(plain), decimals, share


def same(shown, value):
    """Whether a value is printed so; shares of a table are printed in per cent."""
    number, decimals, share = read(shown)
    return abs(number - (100 * value if share else value)) <= 0.5000001 * 10**-decimals


def tables_of(report):
    return {
        path.stem: pd.read_csv(path, comment="#", low_memory=False)
        for path in sorted((report.out / "tables").glob("*.csv"))
    }


def unfounded(html, tables):
    """Numbers in sentences that no table has: triples in one row, others anywhere."""
    page = Sentences(html)
    rows = []
    for table in tables.values():
        for names in (("estimate", "conf_low", "conf_high"),
                      ("found_shift_ms", "conf_low", "conf_high"),
                      ("share", "conf_low", "conf_high"),
                      ("shift_ms", "conf_low", "conf_high"),
                      ("n_subjects", "conf_low", "conf_high")):  # fmt: skip
            if set(names) <= set(table):
                rows += table[list(names)].dropna().itertuples(index=False, name=None)
    rows += [tuple(map(math.exp, row)) for row in rows if max(map(abs, row)) < 20]  # ratios
    single, words = set(), set()
    for name, table in tables.items():
        for column in table:
            if pd.api.types.is_numeric_dtype(table[column]):
                single.update(table[column].dropna().astype(float))
            elif name in ("tests", "claims", "issues", "planted", "shifts", "transitions"):
                counts = table[column].value_counts()
                if len(counts) <= 30:
                    single.update(map(float, counts))
                words.update(n for t in table[column].dropna().unique()
                             for n in re.findall(r"\d+(?:\.\d+)?", str(t)))  # fmt: skip
    words.update(n for cell in page.cells for n in re.findall(_NUMBER, cell))
    lost = []
    for sentence in page.sentences:
        sentence = re.sub(r"(?<=\d),(?=\d{3}\b)", "", sentence)  # thousands
        for triple in _TRIPLE.findall(sentence):
            if not any(all(map(same, triple, row)) for row in rows):
                lost.append((" ".join(triple), sentence))
        rest = _TRIPLE.sub("", sentence)
        for text in re.findall(rf"(?<![\w.]){_NUMBER}(?![\w.]*\w)", rest):
            known = text in words or text.lstrip("+−") in words or text in _CONSTANT
            if not known and not any(same(text, value) for value in single):
                lost.append((text, sentence))
    return lost


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_in_sentences_stand_in_tables(written, kind):
    report = written[kind]
    html = report.path.read_text(encoding="utf-8")
    page = Sentences(html)
    assert sum(len(re.findall(_NUMBER, s)) for s in page.sentences) > 20
    if kind != "versions":
        assert sum(len(_TRIPLE.findall(s)) for s in page.sentences) > 6
    assert unfounded(html, tables_of(report)) == []


def test_a_number_of_no_table_is_noticed(written):
    report = written["real"]
    html = report.path.read_text(encoding="utf-8")
    found = tables_of(report)
    row = report.findings.estimates.query(
        "quantity == 'mean_shift' and keyframe == 'apex' and ethnicity == 'all' and unit == 'ms'"
        " and weighting == 'subject'"
    ).iloc[0]
    low = f"[{row['conf_low']:.1f}, "
    assert low in html
    wrong = html.replace(low, f"[{row['conf_low'] + 0.2:.1f}, ", 1)
    assert [s for _, s in unfounded(wrong, found)]
    assert [n for n, _ in unfounded(html.replace("16 clips of", "77717 clips of", 1), found)] == [
        "77717"
    ]


# Colors


def luminance(color):
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    """WCAG 2.2's ratio of relative luminances."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_ratio_is_that_of_the_guideline():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)


def test_text_can_be_read_on_its_ground_in_light_dark_and_print():
    css = resources.files("mebias.reporting").joinpath("templates/page.css").read_text("utf-8")
    themes = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
              for block in re.findall(r":root \{(.*?)\}", css, re.DOTALL)]  # fmt: skip
    assert len(themes) == 3
    for theme in themes:
        pairs = [(ink, ground) for ink in ("text", "soft", "link", "good", "warning", "error")
                 for ground in ("ground", "raised")]  # fmt: skip
        pairs += [(name, f"{name}-ground") for name in ("mark", "error", "warning", "good")]
        pairs += [("text", f"{name}-ground") for name in ("error", "warning")]
        pairs += [("soft", f"{name}-ground") for name in ("error", "warning")]
        low = {p: round(contrast(theme[p[0]], theme[p[1]]), 2) for p in pairs}
        assert {p: ratio for p, ratio in low.items() if ratio < 4.5} == {}
