"""Sentences of the report, from tables whose answer is known."""

import re
from pathlib import Path

from mebias import reporting, tables
from mebias.reporting.text import contrast_sentence


def test_what_differs_is_named_by_its_contrast_not_by_the_hypothesis_that_was_refused():
    rows = [
        {
            "dataset": "d", "source": "gamdss", "family": "primary", "family_size": 3,
            "keyframe": keyframe, "ethnicity": "A vs others", "unit": "ms", "estimate": -4.2,
            "conf_low": -6.2, "conf_high": -2.1, "p_value": p, "p_adjusted": p,
            "hypothesis": f"the mean {keyframe} shift is the same in A as in all others",
        }
        for keyframe, p in (("onset", 0.6), ("apex", 0.6), ("offset", 0.003))
    ]  # fmt: skip
    said = contrast_sentence(tables.from_rows(rows, "tests"), {"A": 9, "B": 9}, 5)
    assert said.startswith("1 of the 3 primary contrasts between groups differs from 0")
    assert said.endswith("offset, A vs others −4.2 [−6.2, −2.1] ms, adjusted p = 0.003.")
    assert "the same" not in said


def test_what_was_planted_and_found_is_laid_out_like_all_other_answers():
    style = (Path(reporting.__file__).parent / "templates" / "page.css").read_text(encoding="utf-8")
    tones = set(re.findall(r"\.tone\.([a-z]+)", style))
    assert "found" in tones
    bare = {s for s in re.findall(r"^\.([a-z]+) \{[^}]*display: block", style, re.MULTILINE)}
    assert not tones & bare
