"""Small pictures and cards: what is drawn is where the numbers say."""

import math
import re

import pytest

from mebias import tables
from mebias.reporting.answers import claim_cards, planted_cards
from mebias.reporting.linking import Linker
from mebias.reporting.spark import HEIGHT, WIDTH, interval_svg
from mebias.reporting.text import planted_sentence

NONE = math.nan


def places(svg):
    """The drawn places: estimate, low, high, band, target, zero."""
    found = {}
    if dot := re.search(r'cx="([\d.]+)"', svg):
        found["estimate"] = float(dot[1])
    if bar := re.search(r'class="bar" d="M([\d.]+) [\d.]+v8M([\d.]+) ', svg):
        found["low"], found["high"] = map(float, bar.groups())
    if band := re.search(r'class="band" x="([\d.]+)" y="3" width="([\d.]+)"', svg):
        found["band"] = (float(band[1]), float(band[1]) + float(band[2]))
    if target := re.search(r'class="target" d="M([\d.]+) ', svg):
        found["target"] = float(target[1])
    found["zero"] = float(re.search(r'class="zero" d="M([\d.]+) ', svg)[1])
    return found


def test_places_are_proportional_and_zero_is_in_the_middle():
    found = places(interval_svg("x", 2.0, -1.0, 4.0, margin=3.0, target=-4.0))
    unit = (found["high"] - found["zero"]) / 4
    assert found["zero"] == WIDTH / 2
    for name, value in (("estimate", 2), ("low", -1), ("target", -4)):
        assert found[name] - found["zero"] == pytest.approx(unit * value, abs=0.15)
    assert found["band"][0] - found["zero"] == pytest.approx(-3 * unit, abs=0.15)
    assert found["band"][1] - found["zero"] == pytest.approx(3 * unit, abs=0.15)
    assert f'height="{HEIGHT}"' in interval_svg("x", 1.0, 0.0, 2.0)


@pytest.mark.parametrize("values", [(NONE, NONE, NONE), (1.0, NONE, NONE), (0.0, 0.0, 0.0)])
def test_what_is_undefined_is_not_drawn_and_nothing_is_nan(values):
    svg = interval_svg("x", *values)
    assert "nan" not in svg
    assert ("estimate" in places(svg)) is not math.isnan(values[0])
    assert ("low" in places(svg)) is not math.isnan(values[1])


def test_what_lies_beyond_the_scale_stays_inside():
    found = places(interval_svg("x", 50.0, -90.0, 90.0, scale=10.0))
    assert 0 < found["low"] < found["zero"] < found["estimate"] == found["high"] < WIDTH


def test_labels_are_escaped():
    assert '"A &lt; &quot;B&quot;"' in interval_svg('A < "B"', 1.0, 0.0, 2.0)


def test_supported_claims_come_first_and_share_is_in_per_cent():
    claim = {"dataset": "d", "topic": "curve", "claim": "It moves", "unit": "share",
             "estimate": 0.5, "conf_low": 0.4, "conf_high": 0.6, "margin": 0.05}  # fmt: skip
    rows = [claim | {"grade": g} for g in ("can't be told", "not supported", "supported")]
    rows.append(claim | {"grade": "can't be told", "estimate": NONE, "conf_low": NONE,
                         "conf_high": NONE})  # fmt: skip
    items = claim_cards(tables.from_rows(rows, "claims")).items
    assert [card.grade for card in items] == [
        "supported", "not supported", "can't be told", "can't be told"
    ]  # fmt: skip
    assert items[0].number == "50\xa0%\xa0[40\xa0%, 60\xa0%]; margin 5.0\xa0%"
    assert items[0].text == "It moves." and items[0].alt.startswith("supported: 50")
    assert items[-1].svg == "" and items[-1].number.startswith("no estimate")


def test_planted_comes_first_and_all_have_one_scale():
    row = {"dataset": "d", "contrast": "A vs others", "source": "gamdss", "distance": "signed",
           "keyframe": "onset", "planted_error_ms": 0.0, "drawn_error_ms": 1.0,
           "expected_shift_ms": 2.0, "found_shift_ms": 1.0, "conf_low": -5.0, "conf_high": 7.0,
           "outcome": "quiet"}  # fmt: skip
    large = row | {"keyframe": "apex", "planted_error_ms": 20.0, "expected_shift_ms": -20.0,
                   "found_shift_ms": -15.0, "conf_low": -21.0, "conf_high": -9.0,
                   "outcome": "found"}  # fmt: skip
    first, second = planted_cards(tables.from_rows([row, large], "planted")).items
    assert first.topic == "A vs others, apex" and "Planted +20.0 ms" in first.text
    assert second.text == "Nothing was planted."
    one, other = places(first.svg), places(second.svg)
    unit = (one["zero"] - one["target"]) / 20
    assert (other["target"] - other["zero"]) / 2 == pytest.approx(unit, abs=0.1)


def test_what_is_not_known_is_not_called_nothing():
    row = {"dataset": "d", "contrast": "A vs others", "source": "gamdss", "distance": "signed",
           "keyframe": "onset", "planted_error_ms": NONE, "drawn_error_ms": NONE,
           "expected_shift_ms": NONE, "found_shift_ms": 1.0, "conf_low": -5.0, "conf_high": 7.0,
           "outcome": "can't be told"}  # fmt: skip
    known = row | {"keyframe": "apex", "planted_error_ms": 20.0}
    first, second = planted_cards(tables.from_rows([row, known], "planted")).items
    assert first.topic == "A vs others, apex"
    assert second.text == "What was planted is not known."
    assert "perfect selector" not in second.number + second.alt
    told = planted_sentence(tables.from_rows([row], "planted"))
    assert told == "Nothing is known about what was planted."


def test_terms_are_linked_once_and_text_stays_text():
    link = Linker((("window", "w"), ("unknown", "u")), {"window": "windows?"})
    text = link("<b>Windows</b> and windows, windowed, sub-window")
    assert text.count("<a ") == 1 and "&lt;b&gt;<a " in text and ">Windows</a>&lt;/b&gt;" in text
    assert link("a window") == "a window"
    link.fresh()
    assert link("a window").count("<a ") == 1
    assert link("the windowed one") == "the windowed one"
    assert Linker((), {})("A & B") == "A &amp; B"
