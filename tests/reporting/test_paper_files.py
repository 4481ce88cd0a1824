"""LaTeX tables, the PDF and the bibliography: the same content, and no text taken for a command."""

import re
import shutil
import subprocess

import pypdfium2
import pytest

from mebias.reporting import latex, pdf, references, write_report
from mebias.reporting.blocks import Cell, Fold, Grid, Section, Text

HOSTILE = r"\input{/etc/passwd} 50% & $x$ #1 ~ ^ _a {b} <i> | \"q\" #read(\"x\") é ± −1"


def words_of(path):
    """All words of a PDF, page by page."""
    document = pypdfium2.PdfDocument(path)
    return " ".join(page.get_textpage().get_text_range() for page in document)


def test_the_pdf_has_every_heading_caption_and_number_of_the_page(written):
    html = written["simulated"].path.read_text(encoding="utf-8")
    told = re.sub(r"\s+", " ", words_of(written["simulated"].out / "report.pdf"))
    squeezed = re.sub(r"[\s\u00ad-]+", "", told)
    for head in re.findall(r"<h2[^>]*>([^<]+)</h2>", html):
        assert re.sub(r"[\s-]+", "", head) in squeezed, head
    numbers = re.findall(r'<td class="number">([^<]+)<', html)
    assert len(numbers) > 50
    missing = [n for n in numbers if re.sub(r"[\s-]+", "", unescaped(n)) not in squeezed]
    assert not missing


def unescaped(text):
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&#39;", "'")


@pytest.mark.parametrize("kind", ["real", "simulated", "versions"])
def test_every_page_of_a_simulated_report_says_so_and_no_other_does(written, kind):
    document = pypdfium2.PdfDocument(written[kind].out / "report.pdf")
    marked = ["SIMULATED" in page.get_textpage().get_text_range() for page in document]
    assert all(marked) if kind == "simulated" else not any(marked)


def test_the_pdf_is_the_same_twice_and_nothing_lies_beside_it(tmp_path, inputs):
    made = [write_report(tmp_path / name, **inputs.cohort()).out for name in "ab"]
    first, second = ((out / "report.pdf").read_bytes() for out in made)
    assert first == second
    assert b"CreationDate" not in first
    assert not list(made[0].glob(".*"))


def test_without_typst_the_report_lacks_the_pdf_alone(tmp_path, inputs, monkeypatch):
    monkeypatch.setattr(pdf, "installed", lambda: False)
    out = write_report(tmp_path / "r", **inputs.cohort()).out
    assert not (out / "report.pdf").exists()
    assert "report.pdf" not in (out / "report.html").read_text(encoding="utf-8")
    assert list((out / "tables").glob("*.tex"))


def hostile_sections():
    grid = Grid(
        HOSTILE,
        (("Group " + HOSTILE, False), ("ms", True)),
        ((Cell(HOSTILE, head=True, mark="a"), Cell("[1, 2]")), (Cell("*"), Cell("−1.0"))),
        (f"a: {HOSTILE}", HOSTILE),
    )
    return [Section("s", HOSTILE, (Text(HOSTILE, HOSTILE), Fold(HOSTILE, (grid,))))]


def test_no_text_is_a_latex_command():
    (text,) = latex.page_tables(hostile_sections()).values()
    ours = {
        "begin", "end", "centering", "footnotesize", "caption", "label", "toprule", "midrule",
        "bottomrule", "raggedright", "arraybackslash", "linewidth", "par", "smallskip",
        "scriptsize", "textsuperscript", "textbackslash", "textasciitilde", "textasciicircum",
        "textless", "textgreater", "textbar", "textquotedbl", "pm", "usepackage", "resizebox",
        "ifdim", "else", "fi", "width", "setlength", "tabcolsep",
    }  # fmt: skip
    assert set(re.findall(r"\\([A-Za-z]+)", text)) <= ours
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    body = body.replace("{!}{%\n", "{!}{\n")  # ours: no space inside the box
    assert not re.search(r"(?<!\\)[#%]", body)
    assert body.count("{") - body.count(r"\{") == body.count("}") - body.count(r"\}")


def test_no_text_is_a_typst_command(tmp_path):
    class Content:
        title, simulated, datasets = HOSTILE, False, ()

    path = pdf.write_pdf(pdf.source(Content(), hostile_sections()), tmp_path)
    told = words_of(path)
    assert r"\input{/etc/passwd}" in told
    assert "#read(" in told


def long_grid(n_groups, hypothesis="mean shift"):
    heads = (("Keyframe", False), ("Hypothesis", False), ("ms", True))
    rows = [(Cell(k, head=True), Cell(f"{hypothesis} {i}"), Cell(f"+{i}.0", numeric=True))
            for k in ("onset", "apex", "offset") for i in range(n_groups)]  # fmt: skip
    return Grid("Many groups", heads, tuple(rows), ("a: a note",))


@pytest.mark.parametrize(
    ("grid", "on_each"),
    [(long_grid(14), [42]), (long_grid(20), [40, 20]), (long_grid(40), [40] * 3),
     (long_grid(60), [45] * 4)],
    ids=[14, 20, 40, 60],
)  # fmt: skip
def test_a_table_longer_than_a_page_goes_on_in_further_ones(grid, on_each):
    pages = latex.table(grid, "many").split("\\begin{table}\n")[1:]
    drawn = [re.findall(r"^(\w+) & mean shift (\d+)", page, flags=re.MULTILINE) for page in pages]
    assert [len(rows) for rows in drawn] == on_each
    told = [row for rows in drawn for row in rows]
    assert told == [(k.text, h.text.split()[-1]) for k, h, _ in grid.rows]
    for place, page in enumerate(pages):
        assert "Keyframe & Hypothesis & ms" in page
        assert (r"\label{tab:many}" in page) == (place == 0)
        assert (r"\addtocounter{table}{-1}\caption{Many groups (continued)}" in page) == (place > 0)
        assert ("a note" in page) == (place == len(pages) - 1)


def test_lines_of_long_texts_count_where_a_table_is_cut():
    assert latex.table(long_grid(14, "a long text " * 9), "m").count(r"\begin{table*}") == 3


def _has_latex():
    if not (shutil.which("pdflatex") and shutil.which("kpsewhich")):
        return False
    asked = ["kpsewhich", "booktabs.sty"]
    return bool(subprocess.run(asked, capture_output=True, check=False).stdout.strip())


def test_tables_compile(tmp_path, written):
    if not _has_latex():
        pytest.skip("no pdflatex with booktabs on this machine: LaTeX tables are not compiled")
    tex = [
        p.read_text(encoding="utf-8") for p in (written["simulated"].out / "tables").glob("*.tex")
    ]
    tex += latex.page_tables(hostile_sections()).values()
    tex += [latex.table(long_grid(60), "x"), latex.table(long_grid(60, "one long text " * 6), "y")]
    assert len(tex) > 3
    packages = "".join(
        f"\\usepackage{{{p}}}\n" for p in ("booktabs", "array", "graphicx", "textcomp")
    )
    document = (
        "\\documentclass{article}\n\\usepackage[T1]{fontenc}\n" + packages
        + "\\begin{document}\n" + "\\clearpage\n".join(tex) + "\\end{document}\n"
    )  # fmt: skip
    (tmp_path / "all.tex").write_text(document, encoding="utf-8")
    run = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-2000:]
    assert "Float too large" not in run.stdout
    assert "Overfull" not in run.stdout


def test_the_bibliography_holds_what_the_methods_cite(written):
    out = written["simulated"].out
    keys = re.findall(r"@\w+\{(\w+),", (out / "references.bib").read_text(encoding="utf-8"))
    assert {"gamdss", "pustejovsky2018", "korn1998", "holm1979"} <= set(keys)
    told = (out / "methods.md").read_text(encoding="utf-8")
    for work in references.WORKS:
        named = work.url or work.field("title")
        assert (work.key in keys) == (named in told.split("## References")[1])


def test_a_dataset_that_was_read_is_cited():
    from mebias.manifests import get_manifest

    cited = references.of_dataset(get_manifest("samm"))
    assert "Davison" in references.bibtex([cited])
    assert cited.url == "https://doi.org/10.1109/TAFFC.2016.2573832"


def test_the_paper_under_test_is_cited_by_its_authors():
    (work,) = references.named_in("the rule gamdss")
    assert work.text == (
        "Liu, F., Nan, B., Qian, X. & Fu, X. (2026). Evaluating and correcting human annotation "
        "bias in dynamic micro-expression recognition. arXiv:2603.04766."
    )
    assert work.url == "https://arxiv.org/abs/2603.04766"
    assert "year = {2026}" in references.bibtex([work])


def test_a_column_of_sentences_or_a_long_head_gets_the_room_that_is_left():
    heads = (("Hypothesis", False), ("Outcome", False), ("Shift a perfect one shows, ms", True),
             *((f"number {i} of many", True) for i in range(8)))  # fmt: skip
    cells = ("the mean onset shift is the same in A as in all the others", "found", *["1.0"] * 9)
    widths = [float(w.removesuffix("fr")) for w in
              pdf._columns(Grid("c", heads, (tuple(map(Cell, cells)),)))]  # fmt: skip
    assert sum(widths) == pytest.approx(118, abs=1)
    assert widths[0] == max(widths) > 24
    assert widths[2] > widths[1]
