"""The findings as a whole: options, invariance, what is written, and known traps."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from mebias import tables
from mebias.errors import OptionError
from mebias.quantification import Findings, quantify

KEYS = ["ethnicity", "keyframe", "quantity", "unit", "weighting", "stratum"]


def shifts(seed=0, n_subjects=18, **columns):
    """Three groups, unequal numbers of clips, shifts that differ by subject."""
    rng = np.random.default_rng(seed)
    rows = []
    for s in range(n_subjects):
        own = rng.normal(0, 2)
        for i in range(1 + int(rng.integers(0, 9))):
            rows += [
                {"dataset": "d", "clip": f"c{s}-{i}", "subject": f"s{s}", "keyframe": k,
                 "ethnicity": "AAB C"[s % 5].strip() or "unknown", "human": h, "fps": 100.0,
                 "selected": h + round(own + rng.normal(0, 3))}
                for k, h in (("onset", 100), ("apex", 130), ("offset", 170))
            ]  # fmt: skip
    return pd.DataFrame(rows).assign(**columns)


@pytest.fixture(scope="module")
def findings():
    return quantify(shifts(), n_permutations=199)


def same(a, b, **tolerance):
    order = ["dataset", "source", "distance", *KEYS]
    left = a.estimates.sort_values(order).reset_index(drop=True)
    right = b.estimates.sort_values(order).reset_index(drop=True)
    pd.testing.assert_frame_equal(left, right, **tolerance)
    pd.testing.assert_frame_equal(a.tests, b.tests, **tolerance)


def test_the_order_of_rows_does_not_matter(findings):
    shuffled = quantify(shifts().sample(frac=1, random_state=3), n_permutations=199)
    same(shuffled, findings, rtol=1e-9)


def test_names_of_subjects_and_clips_do_not_matter(findings):
    table = shifts()
    named = table.assign(subject="p" + table["subject"], clip="q" + table["clip"])
    renamed = quantify(named, n_permutations=199)
    same(renamed, findings, rtol=1e-9)


def test_the_same_seed_gives_the_same_findings(findings):
    again = quantify(shifts(), n_permutations=199)
    assert again.to_dict() == findings.to_dict()


def test_swapping_the_arms_flips_the_sign(findings):
    table = shifts()
    swapped = table.assign(human=table["selected"], selected=table["human"])
    flipped = quantify(swapped, n_permutations=199).estimates.set_index(KEYS)
    mean = findings.estimates.query("quantity == 'mean_shift' and unit == 'ms'").set_index(KEYS)
    other = flipped.loc[mean.index]
    np.testing.assert_allclose(other["estimate"], -mean["estimate"], atol=1e-9)
    np.testing.assert_allclose(other["conf_low"], -mean["conf_high"], atol=1e-7)


def test_twice_the_frame_rate_halves_the_ms_and_leaves_the_frames(findings):
    fast = quantify(shifts(fps=200.0), n_permutations=199).estimates.set_index(KEYS)
    slow = findings.estimates.set_index(KEYS)
    for unit, factor in (("ms", 0.5), ("frames", 1.0)):
        mean = slow.query(f"quantity == 'mean_shift' and unit == '{unit}'")
        np.testing.assert_allclose(
            fast.loc[mean.index, "conf_high"], factor * mean["conf_high"], rtol=1e-6
        )


def test_every_number_has_an_interval_or_a_reason(findings):
    bare = findings.estimates[
        findings.estimates["conf_low"].isna() & (findings.estimates["reason"] == "")
    ]
    assert bare.empty, bare[[*KEYS, "estimate"]]
    assert findings.tests["p_value"].notna().eq(findings.tests["reason"].eq("")).all()


def test_every_p_value_has_its_family_and_its_estimate(findings):
    tested = findings.tests[findings.tests["p_value"].notna()]
    assert tested["estimate"].notna().all()
    assert (tested["p_adjusted"] >= tested["p_value"]).all()
    counts = findings.tests.groupby(["dataset", "family"]).agg(
        rows=("keyframe", "size"), size=("family_size", "first")
    )
    assert (counts["rows"] == counts["size"]).all()


def test_small_groups_are_described_and_not_tested():
    table = shifts()
    few = quantify(table, n_permutations=99, min_subjects=7)
    sizes = table.groupby("ethnicity")["subject"].nunique()
    small = sizes[sizes < 7].index
    assert set(small) & {"B", "C"}
    assert set(small) <= set(few.estimates["ethnicity"])
    rest = few.tests[(few.tests["family"] == "group-vs-rest") & few.tests["p_value"].notna()]
    assert not any(name.startswith(f"{group} vs") for name in rest["ethnicity"] for group in small)


def test_immovable_clips_alone_give_reasons_and_no_test():
    table = shifts()
    still = quantify(table.assign(selected=table["human"], window_low=table["human"],
                                  window_high=table["human"]), n_permutations=99)  # fmt: skip
    assert still.tests["p_value"].isna().all()
    means = still.estimates.query("quantity == 'mean_shift' and unit == 'ms'")
    assert (means["estimate"] == 0).all()
    assert means["conf_low"].isna().all()
    assert (means["reason"] != "").all()


def test_tables_are_written_and_read_back(findings, tmp_path):
    paths = findings.to_csv(tmp_path / "made")
    assert {p.name for p in paths} == {"shifts.csv", "estimates.csv", "tests.csv", "claims.csv",
                                       "issues.csv"}  # fmt: skip
    for path in paths:
        tables.read_csv(path, path.stem)
    again = quantify(tables.read_csv(tmp_path / "made" / "shifts.csv", "shifts"),
                     n_permutations=199)  # fmt: skip
    assert again.to_dict() == findings.to_dict()


def test_as_json_nan_is_null_and_it_is_strict(findings):
    text = json.dumps(findings.to_dict(), allow_nan=False)
    back = json.loads(text)
    assert back["simulated"] is False
    assert back["datasets"] == ["d"]
    assert len(back["estimates"]) == len(findings.estimates)


def test_it_shows_itself_in_a_notebook(findings):
    assert isinstance(findings, Findings)
    html = findings._repr_html_()
    assert "Mean shift" in html
    assert "SIMULATED" not in html
    row = findings.headline().iloc[0]
    assert f"<td>{row['n_clips']:.0f}</td>" in html, "a count has no decimals"
    marked = quantify(shifts(dataset="SIMULATED d"), n_permutations=99)
    assert "SIMULATED" in marked._repr_html_()
    assert "tests" in repr(findings)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"min_subjects": 1}, "min_subjects"),
        ({"conf_level": 1.0}, "conf_level"),
        ({"conf_level": math.nan}, "conf_level"),
        ({"n_permutations": 3}, "n_permutations"),
        ({"margin_ms": 0.0}, "margin_ms"),
        ({"seed": -1}, "seed"),
    ],
)
def test_options_outside_their_range_are_refused(options, words):
    with pytest.raises(OptionError, match=words):
        quantify(shifts(), **options)


def test_pairs_are_made_before_anything_is_dropped():
    """Trap 4: 30 clips that differ by exactly 5, one value missing in each arm."""
    rows = [
        {"clip": f"c{i}", "subject": f"s{i % 10}", "keyframe": "apex", "human": 100 + 3 * i,
         "selected": 105 + 3 * i, "fps": 100.0}
        for i in range(30)
    ]  # fmt: skip
    table = pd.DataFrame(rows).astype({"human": float, "selected": float})
    table.loc[4, "human"] = table.loc[17, "selected"] = math.nan
    estimates = quantify(table).estimates.query("ethnicity == 'all' and unit == 'frames'")
    mean = estimates.query("quantity == 'mean_shift' and weighting == 'clip'").iloc[0]
    assert (mean["n_clips"], mean["estimate"]) == (28, 5)


def test_a_constant_in_one_arm_moves_the_mean_and_not_the_spread(findings):
    """Trap 7: a bias test moves with the constant, a spread does not."""
    table = shifts()
    moved = quantify(table.assign(selected=table["selected"] + 4), n_permutations=199).estimates
    before, after = (e.set_index(KEYS) for e in (findings.estimates, moved))
    mean = before.query("quantity == 'mean_shift' and unit == 'frames'")
    np.testing.assert_allclose(after.loc[mean.index, "estimate"], mean["estimate"] + 4)
    spread = before.query("quantity == 'sd_shift' and unit == 'frames'")
    np.testing.assert_allclose(after.loc[spread.index, "conf_low"], spread["conf_low"])
