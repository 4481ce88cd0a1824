"""Analysis plans: written from labels alone, read with clear errors, followed to the letter."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest

from mebias import tables
from mebias.cli import main
from mebias.errors import OptionError, TableError
from mebias.quantification import quantify
from mebias.quantification.checks import checked_shifts
from mebias.quantification.following import (
    CHECK,
    Followed,
    deviations,
    excluded,
    follow,
    quantify_planned,
)
from mebias.quantification.merging import OTHERS
from mebias.quantification.plan import FAMILIES, Exclusions, Plan, make_plan
from mebias.quantification.plan_file import plan_text, read_plan, write_plan

SMALL = ["--subjects", "12", "--clips", "30", "--size", "40x40"]


def run(capsys, *arguments):
    code = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def clips(groups, fps=200.0, dataset="d"):
    names = [g for g, n in groups.items() for _ in range(n)]
    return tables.from_rows(
        [{"dataset": dataset, "clip": f"c{s}-{i}", "subject": f"s{s}", "ethnicity": g, "fps": fps}
         for s, g in enumerate(names) for i in range(3)],
        "clips",
    )  # fmt: skip


def shifts(groups, rules=("gamdss",), seed=0):
    rng = np.random.default_rng(seed)
    rows = [
        {"dataset": "d", "clip": row.clip, "subject": row.subject, "ethnicity": row.ethnicity,
         "fps": row.fps, "keyframe": k, "human": h, "selected": h + int(rng.integers(-5, 6)),
         "source": rule, "distance": "signed",
         "expression_type": "macro" if row.clip.endswith("-2") else "micro",
         "selected_status": ("selected", "truncated")[row.clip.endswith("-1") and k == "offset"]}
        for row in clips(groups).itertuples() for rule in rules
        for k, h in (("onset", 100), ("apex", 130), ("offset", 170))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def planned(table, plan):
    return quantify_planned(table, Followed(plan))


def said(findings):
    return findings.issues.loc[findings.issues["check"] == CHECK, "message"].tolist()


def test_a_plan_is_made_from_clips_alone():
    plan = make_plan(clips({"B": 5, "A": 9, "C": 3, "unknown": 20}))
    assert plan == Plan("d", primary="A vs others")
    assert make_plan(clips({"A": 9}, fps=30.0)) == Plan("d", margin_ms=1000 / 30)
    assert make_plan(clips({"unknown": 9})).primary == ""


def test_the_planned_contrast_is_the_one_that_is_tested():
    for groups in ({"A": 9, "B": 9}, {"A": 6, "B": 7, "C": 5}):
        plan = make_plan(clips(groups))
        assert said(planned(shifts(groups), plan)) == []


def test_small_groups_merged_may_be_the_largest():
    groups = {"A": 9, "B": 4, "C": 4, "D": 3}
    plan = make_plan(clips(groups), merge_small=True)
    assert plan.primary == f"{OTHERS} vs others"
    findings = planned(shifts(groups), plan)
    assert said(findings) == []
    assert findings.issues["message"].str.contains("3 groups with fewer than 5").any()
    of_groups = findings.tests["ethnicity"] != tables.ALL
    assert set(findings.tests.loc[of_groups, "ethnicity"]) == {f"{OTHERS} vs others"}


def test_a_plan_survives_its_file(tmp_path):
    plan = Plan(
        'a "b" \\ é', rule="gamdss:0.2", distance="", primary="Ä vs others", margin_ms=1000 / 30,
        families=("primary",), min_subjects=3, merge_small=True, conf_level=0.9, seed=7,
        n_permutations=99,
        exclude=Exclusions(("s1",), ("c#2", 'c"3'), ("macro",), True),
    )  # fmt: skip
    write_plan(plan, tmp_path / "plan.toml", clips({"A": 2, 'x"\n[y]': 1}))
    assert read_plan(tmp_path / "plan.toml") == plan


def test_each_line_of_a_plan_is_explained():
    text = plan_text(make_plan(clips({"A": 9, "unknown": 2})), clips({"A": 9, "unknown": 2}))
    assert '# "A": 9 subjects, 27 clips' in text
    assert "# group not stated: 2 subjects, 6 clips" in text
    for line in text.splitlines():
        assert not line or line.startswith(("#", "[exclude]")) or "  # " in line
    assert "SIMULATED" not in text
    assert "SIMULATED" in plan_text(Plan("SIMULATED d")).splitlines()[1]


def test_what_a_plan_leaves_out_has_its_default(tmp_path):
    (tmp_path / "p.toml").write_text('dataset = "d"\nmargin_ms = 5\n')
    assert read_plan(tmp_path / "p.toml") == Plan("d", margin_ms=5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('dataset = "d"\nmargin = 3\n', "p.toml, line 2: unknown key margin; did you mean margin"),
        ('dataset = "d"\nxyzzy = 3\n', "line 2: unknown key xyzzy; known: dataset, rule"),
        ('dataset = "d"\n[exclude]\nsubject = []\n', "line 3: unknown key exclude.subject; did"),
        ('dataset = "d"\nseed = "1"\n', "line 2: seed is '1'; expected a whole number"),
        ('dataset = "d"\nseed = true\n', "seed is True; expected a whole number"),
        ('dataset = "d"\nmin_subjects = 4.5\n', "min_subjects is 4.5; expected a whole number"),
        ('dataset = "d"\nmerge_small = 1\n', "merge_small is 1; expected true or false"),
        ('dataset = "d"\nfamilies = "primary"\n', "families is 'primary'; expected a list"),
        ('dataset = "d"\n[exclude]\nclips = [1]\n', "line 3: exclude.clips is [1]; expected"),
        ('dataset = "d"\nexclude = 3\n', "exclude is 3; expected a table [exclude]"),
        ('dataset = "d"\n\nmin_subjects = 1\n', "line 3: min_subjects is 1; expected 2 or more"),
        ('dataset = "d"\nmargin_ms = nan\n', "margin_ms is nan"),
        ('dataset = "d"\nmargin_ms = inf\n', "margin_ms is inf"),
        ('dataset = "d"\nconf_level = 95\n', "conf_level is 95"),
        ('dataset = "d"\nseed = -1\n', "seed is -1"),
        ('dataset = "d"\nn_permutations = 3\n', "n_permutations is 3"),
        ('dataset = "d"\nrule = "motion"\n', "rule is 'motion'; expected a rule whose frames"),
        ('dataset = "d"\nfamilies = []\n', "families is []; expected primary among them"),
        ('dataset = "d"\nfamilies = ["primary", "pairz"]\n', "families has 'pairz'; known:"),
        ("rule = 'gamdss'\n", "p.toml does not say its dataset"),
        ('dataset = "d"\nseed = \n', "p.toml is not TOML"),
    ],
)  # fmt: skip
def test_a_plan_that_cannot_be_read_says_where(tmp_path, text, words):
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(OptionError) as error:
        read_plan(tmp_path / "p.toml")
    assert words in str(error.value)
    assert str(tmp_path) not in str(error.value)


def test_files_that_are_none(tmp_path):
    with pytest.raises(OptionError, match=r"no\.toml was not found"):
        read_plan(tmp_path / "no.toml")
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(OptionError, match="not UTF-8"):
        read_plan(tmp_path / "b.toml")
    with pytest.raises(OptionError, match="cannot be read"):
        read_plan(tmp_path)


def test_no_plan_for_no_clips_or_two_datasets_or_no_frame_rate():
    with pytest.raises(OptionError, match="has 0"):
        make_plan(tables.empty("clips"))
    with pytest.raises(OptionError, match="has 2: d, e"):
        make_plan(pd.concat([clips({"A": 2}), clips({"A": 2}, dataset="e")]))
    with pytest.raises(OptionError, match="--fps"):
        make_plan(clips({"A": 2}, fps=np.nan))


def test_options_are_those_of_the_plan():
    table = shifts({"A": 9, "B": 7, "C": 5})
    plan = Plan("d", primary="A vs others", margin_ms=4, families=("primary",), seed=3,
                n_permutations=99, conf_level=0.9)  # fmt: skip
    findings = planned(table, plan)
    plain = quantify(table, seed=3, n_permutations=99, conf_level=0.9, margin_ms=4)
    expected = plain.tests[plain.tests["family"] == "primary"]
    pd.testing.assert_frame_equal(findings.tests, expected.reset_index(drop=True))
    pd.testing.assert_frame_equal(findings.estimates, plain.estimates)
    assert (findings.tests["margin"] == 4).all()
    assert set(findings.estimates["conf_level"]) == {0.9}


def test_tests_rest_on_the_planned_rule():
    table = shifts({"A": 9, "B": 7}, rules=("gamdss", "gamdss-wide"))
    plan = make_plan(clips({"A": 9, "B": 7}), rule="gamdss-wide")
    findings = planned(table, plan)
    assert set(findings.tests["source"]) == {"gamdss-wide"}
    assert said(findings) == []
    alone = quantify(table[table["source"] == "gamdss-wide"].reset_index(drop=True), margin_ms=10)
    pd.testing.assert_frame_equal(findings.tests, alone.tests)
    assert set(findings.estimates["source"]) == {"gamdss", "gamdss-wide"}
    with pytest.raises(OptionError, match="does not have"):
        quantify(table, primary=("gamdss-narrow", "signed"))


def test_deviations_name_option_found_and_planned():
    plan = Plan("d", seed=1)
    assert deviations(plan, {"seed": 1, "min_subjects": 5}) == []
    (row,) = deviations(plan, {"seed": 2, "min_subjects": 5})
    assert row["message"] == "deviation from the plan: seed is 2, planned was 1."
    assert (row["severity"], row["check"], row["field"]) == ("warning", CHECK, "seed")
    with pytest.raises(ValueError, match="speed"):
        deviations(plan, {"speed": 2})


def test_data_that_are_not_as_planned_are_told():
    groups = {"A": 9, "B": 7}
    plan = make_plan(clips(groups))
    other = said(planned(shifts(groups).assign(dataset="e"), plan))
    assert other == ["deviation from the plan: dataset is 'e', planned was 'd'."]
    rule = said(planned(shifts(groups, rules=("gamdss-wide",)), plan))
    assert rule == [
        "deviation from the plan: rule is 'gamdss-wide signed', planned was 'gamdss signed'."
    ]
    contrast = said(planned(shifts({"A": 7, "B": 9}), plan))
    assert contrast == [
        "deviation from the plan: primary is 'B vs others', planned was 'A vs others'."
    ]
    none = said(planned(shifts({"A": 9}), plan))
    assert none == ["deviation from the plan: primary is '', planned was 'A vs others'."]


def test_exclusions_are_applied_counted_and_checked():
    table = checked_shifts(shifts({"A": 9, "B": 7}))
    exclude = Exclusions(("s0", "nobody"), ("c1-0",), ("macro",), True)
    kept, rows = excluded(table, Plan("d", exclude=exclude))
    assert "s0" not in set(kept["subject"])
    assert "c1-0" not in set(kept["clip"])
    assert set(kept["expression_type"]) == {"micro"}
    assert "truncated" not in set(kept["selected_status"])
    assert len(kept) == 15 * 6 - 3 - 15
    text = " | ".join(row["message"] for row in rows)
    assert "(subject s0, nobody): 9 rows of 3 clips" in text
    assert "leaves out subject nobody, which the table does not have" in text
    assert "(clip c1-0): 3 rows of 1 clip" in text
    assert "(truncated selections): 16 rows" in text
    with pytest.raises(TableError, match="no rows"):
        planned(shifts({"A": 9, "B": 7}),
                Plan("d", exclude=Exclusions(expression_types=("micro", "macro"))))  # fmt: skip


@pytest.mark.parametrize("groups", [{"A": 1}, {"A": 9}, {"unknown": 3}, {"A": 3, "B": 2}])
def test_designs_without_a_test_can_be_planned_and_followed(groups):
    findings = planned(shifts(groups), make_plan(clips(groups)))
    assert findings.tests["p_value"].isna().all()
    assert said(findings) == []


def test_constant_missing_and_infinite_shifts():
    table, plan = shifts({"A": 9, "B": 7}), make_plan(clips({"A": 9, "B": 7}))
    assert planned(table.assign(selected=table["human"]), plan).tests["p_value"].isna().all()
    failed = table.assign(selected=np.nan, selected_status="failed")
    assert planned(failed, plan).tests["p_value"].isna().all()
    with pytest.raises(TableError, match="finite"):
        planned(table.assign(selected=np.inf), plan)


def test_the_hash_is_that_of_the_bytes(tmp_path):
    path = tmp_path / "p.toml"
    path.write_bytes(b'dataset = "d"\r\n# a comment\r\n')
    followed = follow(path, {"seed": None, "min_subjects": 4})
    assert followed.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert followed.plan == Plan("d", min_subjects=4)
    assert len(followed.issues) == 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small cohort of one's own, frames and all."""
    root = tmp_path_factory.mktemp("plan") / "own"
    assert main(["simulate", "4dme", *SMALL, "--frames", "--out", str(root), "--quiet"]) == 0
    (root / "SIMULATED.json").unlink()  # from here on it plays a real dataset
    return root


def test_plan_prints_a_plan_from_labels_alone(capsys, tmp_path, folder):
    code, out, err = run(capsys, "plan", "folder", "--root", folder, "--min-subjects", "3",
                         "--margin", "7.5", "--seed", "4")  # fmt: skip
    assert (code, err) == (0, "")
    assert "SIMULATED" not in out
    (tmp_path / "plan.toml").write_text(out)
    plan = read_plan(tmp_path / "plan.toml")
    assert (plan.dataset, plan.margin_ms, plan.min_subjects, plan.seed) == ("folder", 7.5, 3, 4)
    assert plan.primary.endswith(" vs others")


def test_plan_of_a_simulated_cohort_says_so(capsys, monkeypatch):
    monkeypatch.delenv("MEBIAS_DATA", raising=False)
    code, out, err = run(capsys, "plan", "4dme")
    assert code == 0
    assert "SIMULATED" in err
    assert "# SIMULATED: the cohort was made" in out
    assert 'dataset = "SIMULATED 4dme"' in out


def test_a_rule_without_frames_compared_has_no_distance(capsys, folder):
    _, out, _ = run(capsys, "plan", "folder", "--root", folder, "--rule", "motion-blind")
    assert 'distance = ""' in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--rule", "gamds"], "did you mean gamdss"),
        (["--rule", "motion"], "may judge labels"),
        (["--distance", "sigend"], "signed"),
        (["--margin", "-1"], "margin_ms is -1.0"),
        (["--min-subjects", "1"], "min_subjects is 1"),
    ],
)
def test_mistakes_in_a_plan_are_one_sentence(capsys, folder, arguments, words):
    code, _, err = run(capsys, "plan", "folder", "--root", folder, *arguments)
    assert code == 2
    assert err.startswith("mebias: error: ")
    assert len(err.strip().splitlines()) == 1
    assert words in err


def test_quantify_follows_a_plan_and_records_it(capsys, tmp_path):
    groups = {"A": 9, "B": 7}
    shifts(groups).to_csv(tmp_path / "s.csv", index=False)
    path = tmp_path / "plan.toml"
    write_plan(make_plan(clips(groups), margin_ms=6, min_subjects=4), path)
    follow_it = ["quantify", tmp_path / "s.csv", "--plan", path, "--quiet"]
    code, _, err = run(capsys, *follow_it, "--out", tmp_path / "a")
    assert (code, err) == (0, "")
    tests = tables.read_csv(tmp_path / "a" / "tests.csv", "tests")
    assert (tests.loc[~tests["family"].isin(["missingness", "specification"]), "margin"] == 6).all()
    record = json.loads((tmp_path / "a" / "provenance.json").read_text())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert record["arguments"] == {
        "seed": 0, "min_subjects": 4, "plan_sha256": digest, "plan_deviations": 0,
    }  # fmt: skip
    assert str(tmp_path) not in json.dumps(record)
    code, _, err = run(capsys, *follow_it, "--min-subjects", "3", "--out", tmp_path / "b")
    assert code == 0
    assert err == "mebias: deviation from the plan: min_subjects is 3, planned was 4.\n"
    issues = tables.read_csv(tmp_path / "b" / "issues.csv", "issues")
    assert issues["message"].iloc[0].startswith("deviation from the plan")
    record = json.loads((tmp_path / "b" / "provenance.json").read_text())
    assert (record["arguments"]["min_subjects"], record["arguments"]["plan_deviations"]) == (3, 1)


def test_a_plan_as_printed_keeps_every_family_of_tests():
    groups = {"A": 9, "B": 8}
    own = shifts(groups)
    own["emotion"] = np.where(own["clip"].str.endswith("-0"), "joy", "fear")
    mean = own["selected"] * 0.3 + own["human"] * 0.7
    blind = own.assign(source="motion-blind", distance="", selected=mean.round(),
                       selected_mean=mean, selected_sd=0.5, selected_status="selected")  # fmt: skip
    table = pd.concat([own, blind])
    found = planned(table, make_plan(clips(groups))).tests
    assert set(found["family"]) == set(quantify(table).tests["family"])
    assert {"adjusted", "error-reduction primary", "keyframe"} <= set(found["family"])


def test_provenance_counts_what_the_data_deviate_in_and_names_them(capsys, tmp_path):
    groups = {"A": 9, "B": 7}
    shifts(groups, rules=("gamdss-wide",)).to_csv(tmp_path / "s.csv", index=False)
    planned = make_plan(clips(groups, dataset="SIMULATED other"))
    write_plan(planned, tmp_path / "plan.toml")
    _, _, err = run(capsys, "quantify", tmp_path / "s.csv", "--plan", tmp_path / "plan.toml",
                    "--seed", "3", "--out", tmp_path / "o")  # fmt: skip
    assert [line.split(" is ")[0] for line in err.splitlines()] == [
        f"mebias: deviation from the plan: {what}" for what in ("seed", "dataset", "rule")
    ]
    record = json.loads((tmp_path / "o" / "provenance.json").read_text())
    assert record["arguments"]["plan_deviations"] == 3
    assert list(record["cohorts"]) == ["d"]


def test_an_option_that_repeats_the_plan_is_no_deviation(capsys, tmp_path):
    groups = {"A": 9, "B": 7}
    shifts(groups).to_csv(tmp_path / "s.csv", index=False)
    write_plan(make_plan(clips(groups)), tmp_path / "plan.toml")
    _, _, err = run(capsys, "quantify", tmp_path / "s.csv", "--plan", tmp_path / "plan.toml",
                    "--seed", "0", "--min-subjects", "5", "--out", tmp_path / "o")  # fmt: skip
    assert err == ""


@pytest.mark.usefixtures("svg_only")
def test_report_follows_a_plan_and_puts_it_into_provenance(capsys, tmp_path, folder):
    _, text, _ = run(capsys, "plan", "folder", "--root", folder, "--rule", "gamdss-wide",
                     "--min-subjects", "3", "--seed", "2")  # fmt: skip
    path = tmp_path / "plan.toml"
    path.write_text(text)
    code, _, err = run(capsys, "report", "folder", "--root", folder, "--plan", path,
                       "--distance", "signed", "--min-subjects", "4", "--quiet",
                       "--recognizer", "none", "--out", tmp_path / "r")  # fmt: skip
    assert code == 0
    assert err == "mebias: deviation from the plan: min_subjects is 4, planned was 3.\n"
    record = json.loads((tmp_path / "r" / "provenance.json").read_text())
    arguments = record["arguments"]
    assert arguments["plan_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (arguments["seed"], arguments["min_subjects"]) == (2, 4)
    assert arguments["rule"][0] == "gamdss-wide"
    found = json.loads((tmp_path / "r" / "findings.json").read_text())
    tested = {f: {r["source"] for r in found["tests"] if r["family"] == f} for f in FAMILIES}
    assert tested["primary"] == tested["missingness"] == {"gamdss-wide"}
    assert tested["annotation-error primary"] == {"motion-blind"}
    page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert "Deviation from the plan: min_subjects is 4" in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["quantify", "s.csv", "--plan", "no.toml"], "no.toml was not found"),
        (["quantify", "a", "b", "--plan", "no.toml"], "not with two versions"),
        (["report", "4dme", "samm", "--plan", "no.toml"], "one dataset"),
        (["report", "4dme", "--versions", "a", "b", "--plan", "no.toml"], "versions"),
        (["report", "4dme", "--plan", "no.toml"], "no.toml was not found"),
    ],
)
def test_plans_that_cannot_be_followed(capsys, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert words in err
    assert not list(tmp_path.iterdir())
