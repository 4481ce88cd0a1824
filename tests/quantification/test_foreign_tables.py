"""Tables that were made elsewhere: what is in them decides what is tested, whatever its name."""

import numpy as np
import pandas as pd
import pytest

from mebias import tables
from mebias.errors import OptionError, TableError
from mebias.quantification import quantify
from mebias.quantification.checks import checked_shifts, primary_source
from mebias.quantification.equivalence import equivalence_tests
from mebias.quantification.plan import Plan

FEW = {"n_permutations": 99}


def table(groups, seed=0, dataset="d", plant=None, clips=4, **columns):
    """Shifts of a source without windows, subjects named by group."""
    rng = np.random.default_rng(seed)
    rows = []
    for group, n in groups.items():
        for s in range(n):
            own = rng.normal(0, 1.5) + (plant or {}).get(group, 0)
            for c in range(1 + int(rng.integers(0, clips))):
                rows += [
                    {"dataset": dataset, "clip": f"{group}{s}-{c}", "subject": f"{group}{s}",
                     "ethnicity": group, "keyframe": k, "human": h, "fps": 100.0,
                     "selected": h + round(own + rng.normal(0, 2))}
                    for k, h in (("onset", 100), ("apex", 130), ("offset", 170))
                ]  # fmt: skip
    return pd.DataFrame(rows).assign(**columns)


def judged(shifts, source="motion-blind", seed=1):
    """The same clips seen by a posterior whose means lie around the labels."""
    mean = shifts["human"] + np.random.default_rng(seed).normal(0, 1.5, len(shifts))
    return shifts.assign(
        source=source, distance="", selected=mean.round(), selected_mean=mean, selected_sd=0.5,
        selected_status="selected",
    )  # fmt: skip


def families(findings):
    return set(findings.tests["family"]), set(
        findings.tests.loc[findings.tests["family"] == "primary", "source"]
    )


@pytest.mark.parametrize("seed", range(3))
def test_shifts_in_the_other_direction_have_the_same_p_values(seed):
    plain = table({"A": 11, "B": 9}, seed)
    mirrored = plain.assign(selected=2 * plain["human"] - plain["selected"])
    one, other = (quantify(t, **FEW).tests for t in (plain, mirrored))
    tested = one["p_permutation"].notna()
    assert one.loc[tested, "method"].str.contains("99 random").all()
    assert tested.sum() == 3
    np.testing.assert_array_equal(one["p_permutation"], other["p_permutation"])
    np.testing.assert_allclose(one["p_value"], other["p_value"])


def test_a_posterior_beside_the_only_rule_does_not_keep_it_from_being_tested():
    shifts = table({"A": 6, "B": 5}, selected_status="selected")
    for source in ("gamdss", "my-selector"):
        own = shifts.assign(source=source, distance="")
        found, sources = families(quantify(pd.concat([own, judged(own)]), **FEW))
        assert {"primary", "annotation-error primary", "keyframe"} <= found
        assert sources == {source}
    two = pd.concat([shifts.assign(source="one"), shifts.assign(source="two"), judged(shifts)])
    found = quantify(two, **FEW)
    assert "primary" not in families(found)[0]
    assert found.issues["message"].str.contains("name one in a plan").any()


def test_motion_by_another_definition_is_drawn_to_the_labels_too():
    shifts = table({"A": 6, "B": 5}, source="motion:onset=0.1", selected_status="selected")
    checked = checked_shifts(shifts)
    assert primary_source(checked) is None
    found = quantify(shifts, **FEW)
    assert "primary" not in families(found)[0]
    told = found.issues["message"]
    assert told.str.contains("drawn towards the human labels").any()
    assert not told.str.contains("several others").any()
    assert equivalence_tests(checked)[0]["reason"].str.contains("drawn towards the labels").all()
    with pytest.raises(OptionError, match="may judge labels"):
        Plan("d", rule="motion:onset=0.1")
    named_alike = checked_shifts(shifts.assign(source="motionless"))
    assert primary_source(named_alike) == ("motionless", "")


def test_another_version_of_the_labels_may_stand_beside_the_judge():
    shifts = table({"A": 6, "B": 5}, source="version 2", selected_status="annotated")
    found, sources = families(quantify(pd.concat([shifts, judged(shifts)]), **FEW))
    assert {"primary", "annotation-error primary"} <= found
    assert sources == {"version 2"}
    assert "error-reduction primary" not in found


def test_the_contrast_of_two_groups_is_pooled_whichever_is_the_larger():
    shapes = {"d1": {"A": 7, "B": 6}, "d2": {"A": 5, "B": 8}, "d3": {"B": 5, "A": 9}}
    several = pd.concat(
        table(groups, seed, name, {"B": 8}) for seed, (name, groups) in enumerate(shapes.items())
    )
    found = quantify(several, **FEW).estimates
    headline = found[(found["unit"] == "ms") & (found["weighting"] == "subject")]
    pooled = headline[headline["quantity"] == "pooled_mean_shift_difference"]
    assert pooled["ethnicity"].tolist() == ["A vs B"] * 3
    assert (pooled["n_subjects"] == 40).all()
    assert (pooled["estimate"] < -40).all()
    own = headline[headline["quantity"] == "mean_shift_difference"]
    assert set(own["ethnicity"]) == {"A vs others", "B vs others"}


def test_the_others_of_two_and_of_three_groups_are_not_pooled():
    shapes = {"d1": {"A": 7, "B": 6}, "d2": {"A": 8, "B": 5}, "d3": {"A": 9, "B": 5, "C": 6}}
    several = pd.concat(table(groups, s, name) for s, (name, groups) in enumerate(shapes.items()))
    found = quantify(several, **FEW).estimates
    pooled = found[(found["quantity"] == "pooled_mean_shift_difference") & (found["unit"] == "ms")]
    told = pooled[pooled["estimate"].notna()]
    assert set(told["ethnicity"]) == {"A vs B"}
    assert (told["n_subjects"] == 7 + 6 + 8 + 5 + 9 + 5).all()


@pytest.mark.parametrize("name", ["others", "B vs C"])
def test_groups_that_read_like_contrasts_are_refused(name):
    with pytest.raises(TableError, match="reads like the name of a contrast"):
        quantify(table({"A": 3, "B": 3, name: 3}), **FEW)


def test_others_may_be_one_of_two_groups():
    found = quantify(table({"A": 6, "others": 5}), **FEW).tests
    assert found.loc[found["family"] == "primary", "p_value"].notna().all()


@pytest.mark.parametrize(
    ("column", "told"),
    [("selected", "selection without a frame"), ("human", "human label without a frame")],
)
def test_what_is_missing_is_named(column, told):
    found = quantify(table({"A": 6, "B": 5}).assign(**{column: np.nan}), **FEW)
    left = found.issues.loc[found.issues["field"] == "human_status", "message"].tolist()
    n = len(found.shifts)
    assert left == [f"{n} of {n} keyframes are left out of every estimate: {n} {told}."]


def test_the_findings_say_what_the_design_can_tell():
    found = quantify(table({"A": 6, "B": 5}, clips=1), **FEW).issues
    notes = found.loc[found["severity"] == "note", "message"].tolist()
    assert "11 subjects (A 6, B 5) with 11 clips, 1 to 1 each (median 1)." in notes
    assert any(note.startswith("identifiable within this dataset: A (6") for note in notes)


def test_tests_of_all_specifications_are_written_with_the_other_tests(tmp_path):
    found = quantify(table({"A": 6, "B": 5}), **FEW)
    found.to_csv(tmp_path / "plain")
    found.to_csv(tmp_path / "robust", robustness=True)
    plain, robust = (
        tables.read_csv(tmp_path / folder / "tests.csv", "tests") for folder in ("plain", "robust")
    )
    assert "specification" not in set(plain["family"])
    own = robust[robust["family"] == "specification"]
    assert len(own) == len(found.specification_tests) == 6
    assert len(robust) == len(plain) + 6


def test_without_windows_no_claim_speaks_of_them():
    claims = quantify(table({"A": 9, "B": 8}), **FEW).claims
    inside = claims[(claims["topic"] == "groups") & (claims["estimate"].abs() < claims["margin"])]
    assert len(inside)
    assert inside["would_settle"].str.startswith("window_low and window_high").all()
    assert not claims["would_settle"].str.contains("these windows|no rate").any()
