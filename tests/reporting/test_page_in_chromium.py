"""The page as a reader meets it: in headless Chromium, wide and narrow, light and dark."""

import importlib.util
import json
from itertools import pairwise
from pathlib import Path

import pytest
from chromium import BROWSER, Chromium

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no Chromium on this machine: the report is not opened"
)
KINDS = ["real", "simulated", "versions"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


def axe():
    found = importlib.util.find_spec("axe_core_python")
    if found is None:
        pytest.skip("axe-core-python is not installed: accessibility is checked by hand only")
    return (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")


def opened(browser, report, **options):
    browser.errors.clear()
    browser.requests.clear()
    browser.open(report.path, **options)
    return browser


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_loaded_and_nothing_is_complained_of(browser, written, kind):
    opened(browser, written[kind])
    browser.js("window.scrollTo(0, document.body.scrollHeight)")
    browser.js("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    asked = [url for url in browser.requests if not url.startswith("data:")]
    assert asked == [written[kind].path.resolve().as_uri()]
    assert browser.errors == []


@pytest.mark.parametrize("kind", KINDS)
def test_it_fits_a_phone(browser, written, kind):
    opened(browser, written[kind], width=360, height=780, mobile=True)
    browser.js("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert browser.js("document.documentElement.scrollWidth") == 360
    assert browser.js("document.querySelector('meta[name=viewport]') !== null")


@pytest.mark.parametrize("kind", KINDS)
def test_tables_fit_a_laptop_without_scrolling_sideways(browser, written, kind):
    opened(browser, written[kind], width=1280, height=800)
    browser.js("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    tables = browser.js("""[...document.querySelectorAll('.scroll')].map((s) =>
      [s.getAttribute('aria-label'), s.scrollWidth - s.clientWidth])""")
    assert len(tables) > 5
    assert [name for name, beyond in tables if beyond > 0] == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_nothing(browser, written, kind, dark):
    code = axe()
    opened(browser, written[kind], dark=dark)
    browser.js("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    browser.js(code + "; true")
    checked = set()
    for rules in ("{runOnly: ['color-contrast']}", "{rules: {'color-contrast': {enabled: false}}}"):
        found = json.loads(browser.js(f"axe.run({rules}).then((r) => JSON.stringify(r))"))
        wrong = [(v["id"], [n["html"][:120] for n in v["nodes"][:2]]) for v in found["violations"]]
        assert wrong == []
        checked |= {rule["id"] for rule in found["passes"]}
    assert {
        "color-contrast",
        "heading-order",
        "region",
        "svg-img-alt",
        "landmark-one-main",
    } <= checked


@pytest.mark.parametrize("kind", KINDS)
def test_headings_follow_each_other_and_pictures_are_told(browser, written, kind):
    opened(browser, written[kind])
    levels = browser.js(
        "[...document.querySelectorAll('h1,h2,h3,h4,h5')].map((h) => Number(h.tagName[1]))"
    )
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    told = browser.js(
        "[...document.querySelectorAll('svg')].map((s) => [s.getAttribute('role'), "
        "s.getAttribute('aria-label')])"
    )
    assert told and all(role == "img" and label.strip() for role, label in told)
    for landmark in ("main", "nav[aria-label]", "footer"):
        assert browser.js(f"document.querySelectorAll('{landmark}').length") == 1


COLUMN = """[...document.querySelectorAll('#shifts table tbody tr')]
  .filter((r) => r.closest('table') === document.querySelector('#shifts table'))
  .map((r) => r.cells[AT].textContent)"""


def column(browser, at):
    return browser.js(COLUMN.replace("AT", str(at)))


def numbers(cells):
    return [float(cell.split(" ")[0].replace("−", "-")) for cell in cells]


def test_tables_are_sorted_by_keyboard(browser, written):
    opened(browser, written["real"])
    first = "document.querySelector('#shifts table')"
    at = browser.js(
        f"[...{first}.tHead.rows[0].cells].findIndex((c) => c.textContent.startsWith('Mean shift'))"
    )
    before = column(browser, at)
    head = f"{first}.tHead.rows[0].cells[{at}]"
    assert browser.js(f"{head}.querySelector('button').getAttribute('aria-label')").startswith(
        "Sort by Mean shift"
    )
    browser.js(f"{head}.querySelector('button').focus()")
    for state, expected in (
        ("ascending", sorted(numbers(before))),
        ("descending", sorted(numbers(before), reverse=True)),
        (None, numbers(before)),
    ):
        browser.press("Enter")
        assert browser.js(f"{head}.getAttribute('aria-sort')") == state
        assert numbers(column(browser, at)) == expected
    assert column(browser, at) == before
    browser.js(f"{first}.tHead.rows[0].cells[1].querySelector('button').focus()")
    browser.press(" ")
    assert column(browser, 1) == sorted(column(browser, 1), key=str.casefold)
    assert browser.errors == []


def test_undefined_numbers_are_sorted_last_both_ways(browser, written):
    opened(browser, written["real"])
    browser.js("""
      document.querySelectorAll('#shifts table')[0].tBodies[0].rows[0].cells[3].firstChild
        .textContent = '–'""")
    for _ in range(2):
        browser.js("document.querySelector('#shifts table').tHead.rows[0].cells[3]"
                   ".querySelector('button').click()")  # fmt: skip
        assert column(browser, 3)[-1] == "–"


def test_a_term_says_what_it_means_by_pointer_and_by_keyboard(browser, written):
    opened(browser, written["real"])
    term = "document.querySelector('#in-short a.term')"
    browser.js(f"{term}.scrollIntoView({{block: 'center'}})")
    meaning = browser.js(
        f"document.getElementById({term}.getAttribute('aria-describedby')).textContent"
    )
    assert browser.js("document.querySelector('.tip').hidden")
    browser.js(f"{term}.focus()")
    assert browser.js("document.querySelector('.tip').textContent") == meaning
    assert not browser.js("document.querySelector('.tip').hidden")
    browser.press("Escape")
    assert browser.js("document.querySelector('.tip').hidden")
    box = browser.js(f"(({{x, y}}) => [x, y])({term}.getBoundingClientRect())")
    browser.send("Input.dispatchMouseEvent", type="mouseMoved", x=box[0] + 3, y=box[1] + 5)
    browser.wait("!document.querySelector('.tip').hidden")
    inside = browser.js(
        "((r) => r.left >= 0 && r.right <= innerWidth && r.top >= 0 && r.bottom <= innerHeight)"
        "(document.querySelector('.tip').getBoundingClientRect())"
    )
    assert inside


@pytest.mark.parametrize("width", [1280, 360])
def test_the_contents_follow(browser, written, width):
    opened(browser, written["real"], width=width, height=900, mobile=width < 400)
    assert browser.js("document.querySelector('nav details').open") is (width > 400)
    for section in ("groups", "methods"):
        browser.js(f"document.getElementById('{section}').scrollIntoView()")
        browser.wait(f"document.querySelector('nav a[aria-current]').hash === '#{section}'")
        assert browser.js("document.querySelectorAll('nav a[aria-current]').length") == 1
        top = browser.js("document.querySelector('nav').getBoundingClientRect().top")
        assert 0 <= top < 100
    title = browser.js("document.querySelector('#methods h2').textContent")
    assert browser.js("document.querySelector('nav .here').textContent") == title


def test_the_page_is_whole_without_scripts(browser, written):
    opened(browser, written["simulated"], scripts=False)
    root = browser.send("DOM.getDocument", depth=-1)["root"]["nodeId"]

    def found(selector):
        return browser.send("DOM.querySelectorAll", nodeId=root, selector=selector)["nodeIds"]

    assert found("nav details[open] a") and found("table") and found("a.term[href^='#term-']")
    assert not found(".sort") and not found(".tip")
    assert browser.errors == []


def test_it_prints_with_all_that_is_folded_away(browser, written, tmp_path):
    pdfium = pytest.importorskip("pypdfium2", reason="pypdfium2 is not installed: no page is read")
    import base64

    opened(browser, written["simulated"])
    data = browser.send("Page.printToPDF", preferCSSPageSize=True)["data"]
    (tmp_path / "a.pdf").write_bytes(base64.b64decode(data))
    pages = pdfium.PdfDocument(tmp_path / "a.pdf")
    text = [page.get_textpage().get_text_range() for page in pages]
    assert all("SIMULATED data" in page for page in text)
    assert any("mean shift by weighting and unit" in page for page in text)
