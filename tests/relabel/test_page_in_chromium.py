"""The page as a coder uses it: in headless Chromium, by keyboard."""

import pandas as pd
import pytest
from relabel.chromium import BROWSER, Chromium

from mebias.relabel import second_look
from mebias.relabel.packet import shown_of

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no Chromium on this machine: the labeling page is not driven"
)


@pytest.fixture(params=["inside", "beside"])
def page(request, packet, tmp_path):
    size = {"max_mb": 0.1} if request.param == "beside" else {}
    return packet.write(tmp_path / "out", **size).page


def go_and_mark(browser, places):
    """Mark a clip as a coder does, with arrows, shifted arrows and letters."""
    browser.press("Home")
    at = 1
    for key, place in places:
        while place - at >= 10:
            browser.press("ArrowRight", shift=True)
            at += 10
        while at < place:
            browser.press("ArrowRight")
            at += 1
        while at > place:
            browser.press("ArrowLeft")
            at -= 1
        browser.press(key)


def saved_csv(browser, folder):
    for old in folder.glob("*.csv"):
        old.unlink()
    browser.press("s")
    browser.wait("document.getElementById('kept').textContent.startsWith('Saved as')")
    for _ in range(200):
        found = [p for p in folder.glob("*.csv") if p.stat().st_size]
        if found:
            return found[0]
        browser.js("new Promise((done) => setTimeout(done, 50))")
    raise AssertionError("no file was saved")


def test_a_clip_marked_by_keyboard_outlives_the_page_and_is_read_back(page, packet, tmp_path):
    profile, downloads = tmp_path / "profile", tmp_path / "downloads"
    downloads.mkdir()
    shown = shown_of(packet.key)
    places = {"onset": 12, "apex": 23, "offset": 31}
    with Chromium(profile, downloads) as browser:
        browser.open(page)
        browser.press("s")
        assert "initials" in browser.text("problem")
        browser.type("AB")
        browser.press("Enter")
        go_and_mark(browser, [("a", 5), ("o", 12), ("f", 31)])
        assert "apex" not in browser.text("kept")
        assert "The apex lies before the onset" in browser.text("problem")
        go_and_mark(browser, [("a", 23)])
        assert browser.text("problem") == ""
        assert browser.text("progress").startswith("1 of")
        browser.press("n")
        assert "c02" in browser.text("which")
        browser.press("x")
        browser.press("c")
        browser.type('head turned, "twice", o a f')
        browser.press("Escape")
        browser.press("n")
        go_and_mark(browser, [("o", 4)])
        assert browser.errors == []
    with Chromium(profile, downloads) as browser:
        browser.open(page)
        assert "Your marks are back" in browser.text("kept")
        assert "c03" in browser.text("which")
        assert browser.text("onset-at") == "frame 4"
        browser.press("o", shift=True)
        assert browser.text("onset-at") == "–"
        browser.press("p")
        assert browser.js("document.getElementById('none').checked")
        browser.press("p")
        assert browser.text("apex-at") == "frame 23"
        browser.press("3")
        assert browser.text("place").startswith("frame 31 of")
        path = saved_csv(browser, downloads)
        assert browser.errors == []
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert len(table) == len(shown) and set(table["packet"]) == {packet.id}
    first, second = table.iloc[0], table.iloc[1]
    assert {k: int(first[k]) for k in places} == places
    assert second["no_expression"] == "true" and second["onset"] == ""
    assert second["comment"] == 'head turned, "twice", o a f'
    found = second_look(packet.cohort, packet.key, path, partial=True)
    own = found.labels[found.labels["item"] == "c01"].set_index("keyframe")["new"]
    assert own.to_dict() == {k: float(shown["c01"][p - 1]) for k, p in places.items()}


def test_no_expression_that_is_taken_back_gives_the_marks_back(packet, tmp_path):
    with Chromium(tmp_path / "profile") as browser:
        browser.open(packet.write(tmp_path / "out").page)
        go_and_mark(browser, [("o", 4), ("a", 9)])
        browser.press("x")
        assert [browser.text(f"{k}-at") for k in ("onset", "apex")] == ["–", "–"]
        browser.press("x")
        assert [browser.text(f"{k}-at") for k in ("onset", "apex")] == ["frame 4", "frame 9"]
        browser.press("x")
        browser.js("(b => { b.value = 'CD'; b.dispatchEvent(new Event('change')); })"
                   "(document.getElementById('coder'))")  # fmt: skip
        assert browser.js("document.getElementById('none').checked")
        browser.press("x")
        assert browser.text("onset-at") == "–"  # another coder's marks are not given


def test_a_high_frame_number_does_not_move_the_buttons(packet, tmp_path):
    with Chromium(tmp_path / "profile") as browser:
        browser.open(packet.write(tmp_path / "out").page)
        height = "document.getElementById('onset-at').offsetHeight"
        before = browser.js(height)
        browser.js("document.getElementById('onset-at').textContent = 'frame 1000'")
        assert browser.js(height) == before
        inside = "(b => b.scrollWidth <= b.clientWidth)(document.getElementById('onset-at'))"
        assert browser.js(inside)


def test_playing_speed_and_another_coder(packet, tmp_path):
    page = packet.write(tmp_path / "out").page
    with Chromium(tmp_path / "profile", tmp_path) as browser:
        browser.open(page)
        browser.press("o")
        speed = browser.text("speed")
        browser.press("+")
        assert browser.text("speed") != speed
        browser.press("0")
        assert browser.text("speed") == "as recorded"
        browser.press(" ")
        browser.wait("document.getElementById('slider').value !== '1'")
        browser.press(" ")
        browser.press("End")
        n = len(shown_of(packet.key)["c01"])
        assert browser.text("place").startswith(f"frame {n} of {n}")
        browser.js("document.getElementById('coder').focus()")
        browser.type("AB")
        browser.press("Enter")
        assert browser.text("onset-at") == "frame 1"  # marks made before the name was typed
        browser.js("document.getElementById('coder').value = ''")
        browser.js("document.getElementById('coder').focus()")
        browser.type("CD")
        browser.press("Enter")
        assert browser.text("onset-at") == "–"  # nobody sees another coder's marks
        assert browser.errors == []


def test_a_saved_csv_goes_on_in_another_browser(packet, tmp_path):
    page = packet.write(tmp_path / "out").page
    row = {"packet": packet.id, "item": "c02", "coder": "ZZ", "onset": 3, "apex": 4, "offset": 9,
           "no_expression": "false", "comment": "a, \"b\"", "frames": 70}  # fmt: skip
    good, other, wrong = (tmp_path / f"{n}.csv" for n in ("good", "other", "wrong"))
    pd.DataFrame([row]).to_csv(good, index=False)
    pd.DataFrame([row | {"packet": "zzz"}]).to_csv(other, index=False)
    pd.DataFrame([row | {"apex": 9999}]).to_csv(wrong, index=False)
    with Chromium(tmp_path / "profile") as browser:
        browser.open(page)
        for path, told in ((other, "another packet"), (wrong, "no frame"), (good, "1 clip")):
            document = browser.send("DOM.getDocument")["root"]["nodeId"]
            node = browser.send("DOM.querySelector", nodeId=document, selector="#open")["nodeId"]
            browser.send("DOM.setFileInputFiles", files=[str(path)], nodeId=node)
            browser.wait(f"document.getElementById('kept').textContent.includes('{told}')")
        browser.press("n")
        assert browser.text("offset-at") == "frame 9"
        assert browser.js("document.getElementById('comment').value") == 'a, "b"'
        assert browser.js("document.getElementById('coder').value") == "ZZ"
        assert browser.errors == []


def test_nothing_leaves_the_page_and_it_fits_a_phone(packet, tmp_path):
    page = packet.write(tmp_path / "out").page
    with Chromium(tmp_path / "profile") as browser:
        browser.open(page, width=360, height=780, mobile=True)
        assert browser.js("document.documentElement.scrollWidth") <= 360
        tried = "fetch('https://example.org/').then(() => 'sent', () => 'refused')"
        assert browser.js(tried) == "refused"
        nameless = (
            "[...document.querySelectorAll('button, input, textarea')].filter((e) => "
            "!(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.length)).length"
        )
        assert browser.js(nameless) == 0
