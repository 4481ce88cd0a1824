"""How epochs are chosen and folds are dealt: what may look at which clips."""

import numpy as np
import pandas as pd
import pytest
from recognition import own_models
from recognition.maps import make_maps

import mebias
from mebias.errors import LeakWarning, MixedDataError, OptionError, TableError
from mebias.quantification.habits import habit_rows
from mebias.recognition.arms import Arm, get_arm, get_arms
from mebias.recognition.curves import choose_epochs
from mebias.recognition.experiment import recognize_inputs
from mebias.recognition.folds import Folds, deal_folds
from mebias.recognition.inputs import Inputs
from mebias.recognition.protocols import inner_folds, run_protocols
from mebias.recognition.runs import arm_inputs, train_arms
from mebias.recognition.stored import Given

HUMAN = [Arm("human", "human", "train")]
FAST = {"seeds": 2, "epochs": 3, "jobs": 1, "device": "cpu"}


def make_inputs(labels=None, seed=0, datasets=("d",)):
    """24 clips of 6 subjects whose class is hard to see."""
    maps, found = make_maps(24, channels=1, signal=0.6, seed=seed, dtype="float32")
    labels = found if labels is None else labels
    clips = pd.DataFrame(
        {
            "dataset": [datasets[i * len(datasets) // 24] for i in range(24)],
            "clip": [f"c{i:02d}" for i in range(24)],
            "subject": [f"s{i // 4}" for i in range(24)],
            "ethnicity": "unknown",
            "label": [f"k{label}" for label in labels],
        }
    )
    arrays = Given({"human": maps, "mine": maps + np.float32(0.1)})
    return Inputs(clips, ("k0", "k1", "k2"), ("gray",), "given", pd.DataFrame(), arrays)


@pytest.fixture(scope="module")
def inputs():
    return make_inputs()


@pytest.fixture(scope="module")
def done(inputs):
    with pytest.warns(LeakWarning, match="test subject"):
        return run_protocols(inputs, HUMAN, inner=True, released=True, **FAST)


def test_the_fixed_protocol_does_not_depend_on_what_else_is_asked_for(inputs, done):
    alone = recognize_inputs(inputs, HUMAN, **FAST)
    pd.testing.assert_frame_equal(alone, done.predictions["fixed"])
    assert set(alone["protocol"]) == {"fixed"}
    assert set(alone["epoch"]) == {3.0}


def test_inner_predictions_are_those_of_a_run_of_so_many_epochs(inputs, done):
    own = done.predictions["inner"]
    for epochs in sorted(set(own["epoch"])):
        shorter = recognize_inputs(inputs, HUMAN, **(FAST | {"epochs": int(epochs)}))
        here = own["epoch"] == epochs
        columns = ["predicted", "p_k0", "p_k1", "p_k2", "fold"]
        pd.testing.assert_frame_equal(own.loc[here, columns], shorter.loc[here, columns])
    assert own.groupby("fold")["epoch"].nunique().eq(1).all()
    chosen = own.drop_duplicates("fold").set_index("fold")["epoch"]
    assert chosen.to_dict() == {f: e for f, e in done.epochs.items() if f != "all"}


def test_a_test_subject_has_no_part_in_the_epoch_of_its_fold(inputs, done):
    labels = inputs.labels.copy()
    labels[:4] = (labels[:4] + 1) % 3  # all clips of s0
    changed = run_protocols(make_inputs(labels), HUMAN, inner=True, **FAST)
    mine, other = (c[c["fold"] == "d/s0"].reset_index(drop=True)
                   for c in (done.curves, changed.curves))  # fmt: skip
    pd.testing.assert_frame_equal(mine, other)
    others = (c[c["fold"] == "d/s1"].reset_index(drop=True) for c in (done.curves, changed.curves))
    with pytest.raises(AssertionError):
        pd.testing.assert_frame_equal(*others)


def test_inner_splits_are_by_subject_and_within_the_training_clips(inputs):
    folds = deal_folds(inputs.clips)
    for seed in range(3):
        for (train, test), (inner, held) in zip(
            folds, inner_folds(folds, inputs.people, seed), strict=True
        ):
            assert sorted([*inner, *held]) == train.tolist()
            owners = [set(inputs.people[p]) for p in (inner, held, test)]
            assert not owners[0] & owners[1] | owners[1] & owners[2] | owners[0] & owners[2]


def test_curves_are_losses_and_scores_of_the_validation_clips(inputs, done):
    folds = deal_folds(inputs.clips)
    splits = inner_folds(folds, inputs.people, 1)
    options = {k: v for k, v in FAST.items() if k != "seeds"} | {"epochs": 6}
    ((_, _, trained),) = train_arms(inputs, HUMAN, splits, seeds=[1], overlap=True,
                                    record_epochs=True, **options)  # fmt: skip
    curves = done.curves[done.curves["seed"] == 1]
    assert curves.groupby("fold").size().eq(6).all()
    for name, (train, held), scored in zip(folds.names, splits, trained.by_fold, strict=True):
        own = curves[curves["fold"] == name].set_index("epoch")
        for epoch, p in enumerate(scored, start=1):
            labels = inputs.labels
            counts = np.bincount(labels[train], minlength=3)
            weight = np.array([1 / counts[labels[i]] for i in held])
            loss = [-np.log(p[k, labels[i]]) for k, i in enumerate(held)]
            assert own.loc[epoch, "loss"] == pytest.approx(np.average(loss, weights=weight))
            assert own.loc[epoch, "n_subjects"] == len(set(inputs.people[held]))


def test_the_first_of_the_least_losses_is_chosen_for_all_arms_together():
    losses = {"a": [3.0, 1.0, 1.0], "b": [1.0, 3.0, 2.0]}
    rows = [{"arm": arm, "seed": 0, "fold": "f", "epoch": e + 1, "loss": loss}
            for arm, own in losses.items() for e, loss in enumerate(own)]  # fmt: skip
    assert choose_epochs(pd.DataFrame(rows)) == {"f": 3}
    assert choose_epochs(pd.DataFrame(rows[:3])) == {"f": 2}


def test_released_predictions_have_the_epoch_with_most_hits_on_the_test_clips(inputs, done):
    runs = [recognize_inputs(inputs, HUMAN, **(FAST | {"epochs": e})) for e in (1, 2, 3)]
    own = done.predictions["released"]
    assert set(own["protocol"]) == {"released"}
    for (_, _), part in own.groupby(["seed", "fold"]):
        hits = [(r.loc[part.index, "label"] == r.loc[part.index, "predicted"]).sum() for r in runs]
        assert set(part["epoch"]) == {float(np.argmax(hits) + 1)}
        assert (part["label"] == part["predicted"]).sum() == max(hits)


def test_habits_are_worth_what_counting_by_hand_says(done):
    table = habit_rows(done.predictions)
    fixed = table[table["protocol"] == "fixed"].set_index("habit")
    clean = done.predictions["fixed"]

    def uf1(part):
        return np.mean([2 * ((part.label == k) & (part.predicted == k)).sum()
                        / ((part.label == k).sum() + (part.predicted == k).sum())
                        for k in sorted(set(part.label))])  # fmt: skip

    def of_folds(part):
        f1 = []
        for _, fold in part.groupby("fold"):
            names = sorted(set(fold.label) | set(fold.predicted))
            f1.append(np.mean([2 * ((fold.label == k) & (fold.predicted == k)).sum()
                               / ((fold.label == k).sum() + (fold.predicted == k).sum())
                               for k in names]))  # fmt: skip
        return np.mean(f1)

    def by_seed(number, part):
        return np.mean([number(own) for _, own in part.groupby("seed")])

    row = fixed.loc["mean over folds of the F1 within a fold"]
    assert row["estimate"] == pytest.approx(by_seed(of_folds, clean))
    assert row["clean"] == pytest.approx(by_seed(uf1, clean))
    assert row["leaks"]

    def difference(part):
        return by_seed(of_folds, part) - by_seed(uf1, part)

    without = np.array(
        [difference(clean[clean["subject"] != s]) for s in sorted(set(clean.subject))]
    )
    error = np.sqrt(5 / 6 * ((without - without.mean()) ** 2).sum())
    from scipy import stats

    half = stats.t.ppf(0.975, 5) * error
    assert row["conf_low"] == pytest.approx(row["difference"] - half)
    best = table[(table["protocol"] == "released") & (table["quantity"] == "accuracy")].iloc[0]
    hits = [(p.label == p.predicted).mean() for p in (done.predictions["released"], clean)]
    assert best["difference"] == pytest.approx(hits[0] - hits[1])
    assert best["difference"] >= 0
    assert best["leaks"]
    inner = table[table["protocol"] == "inner"]
    assert not inner["leaks"].any()
    plain = fixed.loc["none: epochs fixed, counts pooled over folds"]
    assert (plain["difference"] == 0).all()
    assert not plain["leaks"].any()


def test_habits_need_tables_of_one_run(done):
    fixed = done.predictions["fixed"]
    with pytest.raises(OptionError, match="fixed epochs"):
        habit_rows({"inner": done.predictions["inner"]})
    with pytest.raises(OptionError, match="other clips"):
        habit_rows({"fixed": fixed, "inner": fixed[fixed["seed"] == 0]})


def test_a_released_table_is_told_in_gain(done):
    gains = mebias.gain(done.predictions["released"])
    assert gains.issues["message"].str.contains("picked on the test").any()
    assert not mebias.gain(done.predictions["fixed"]).issues["message"].str.contains("picked").any()
    mixed = done.predictions["fixed"].copy()
    mixed.loc[0, "protocol"] = "released"
    with pytest.raises(TableError, match="protocol"):
        mebias.gain(mixed)


def test_composite_single_and_left_out_datasets():
    clips = make_inputs(datasets=("a", "b", "c")).clips
    who = clips["dataset"] + "/" + clips["subject"]
    for evaluation in ("cde", "sde"):
        folds = deal_folds(clips, evaluation)
        assert sorted(folds.names) == sorted(set(who))
        for name, (train, test) in zip(folds.names, folds, strict=True):
            assert set(who[test]) == {name}
            allowed = clips["dataset"] == name[0] if evaluation == "sde" else np.full(24, True)
            assert train.tolist() == np.flatnonzero(allowed & (who != name)).tolist()
    folds = deal_folds(clips, "lodo")
    assert folds.names == ("a", "b", "c")
    for name, (train, test) in zip(folds.names, folds, strict=True):
        assert (clips["dataset"][test] == name).all()
        assert train.tolist() == np.flatnonzero(clips["dataset"] != name).tolist()
    by_k = deal_folds(clips, "sde", 2)
    assert by_k.names == ("a/1", "a/2", "b/1", "b/2", "c/1", "c/2")
    with pytest.raises(OptionError, match="choose one"):
        deal_folds(clips, "lodo", 2)
    with pytest.raises(OptionError, match="two datasets"):
        deal_folds(clips[clips["dataset"] == "a"], "lodo")
    with pytest.raises(OptionError, match="cde"):
        deal_folds(clips, "loso")


def test_the_falling_loss_of_an_arm_is_the_option_of_training(inputs):
    arms = [*HUMAN, get_arm("human+falling")]
    found = recognize_inputs(inputs, arms, **FAST)
    falling = recognize_inputs(inputs, HUMAN, falling_loss=True, **FAST)
    columns = ["clip", "seed", "p_k0", "p_k1", "p_k2"]
    own = found[found["arm"] == "human+falling"][columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, falling[columns])
    plain = found[found["arm"] == "human"][columns].reset_index(drop=True)
    assert not own.equals(plain)
    rising = recognize_inputs(inputs, [get_arm("human+rising")], falling_loss=True, **FAST)
    pd.testing.assert_frame_equal(rising[columns], plain)


def test_names_of_arms_with_a_loss():
    arm = get_arm("jitter@both+falling")
    assert (arm.source, arm.place, arm.loss, arm.by_seed) == ("jitter", "both", "falling", True)
    assert len(get_arms(["human", "human+falling", "gamdss", "gamdss+falling"])) == 4
    with pytest.raises(OptionError, match="rising or falling"):
        get_arm("human+fallin")
    with pytest.raises(OptionError, match="twice"):
        get_arms(["human", "gamdss@train+falling", "gamdss+falling"])


def test_any_module_of_ones_own_trains(inputs):
    for build in (own_models.with_batch_norm, own_models.Odd):
        found = recognize_inputs(inputs, HUMAN, model=build, **(FAST | {"falling_loss": True}))
        assert len(found) == 48
        assert np.isfinite(found[["p_k0", "p_k1", "p_k2"]].to_numpy()).all()


def test_an_unknown_protocol_is_refused(inputs):
    with pytest.raises(OptionError, match="fixed, inner or released"):
        recognize_inputs(inputs, HUMAN, protocol="best", **FAST)


@pytest.fixture(scope="module")
def two():
    return [mebias.simulate(name, n_subjects=4, n_clips=16, size=(32, 32), seed=3)
            for name in ("samm", "casme2")]  # fmt: skip


def test_two_datasets_are_one_composite_with_scores_of_each(two):
    keyframes = pd.concat([mebias.reselect(c, rule="gamdss") for c in two])
    arms = ["human", "gamdss"]
    found = mebias.recognize(two, arms, keyframes=keyframes, labels="3-class",
                             **(FAST | {"epochs": 1}))  # fmt: skip
    assert set(found["dataset"]) == {c.name for c in two}
    assert found["fold"].nunique() == found.drop_duplicates(["dataset", "subject"]).shape[0]
    gains = mebias.gain(found, min_subjects=2).estimates
    scores = gains[(gains["quantity"] == "uf1") & (gains["ethnicity"] == "all")]
    assert set(scores["dataset"]) == {"SIMULATED composite", *(c.name for c in two)}
    left_out = mebias.recognize(two, arms, keyframes=keyframes, labels="3-class",
                                evaluation="lodo", **(FAST | {"epochs": 1}))  # fmt: skip
    assert (left_out["fold"] == left_out["dataset"]).all()
    # keyframes of one dataset alone, in a table of both
    alone, _ = arm_inputs(two[:1], arms, keyframes=keyframes, labels="3-class")
    both, _ = arm_inputs(two, arms, keyframes=keyframes, labels="3-class")
    n = len(alone)
    assert np.array_equal(alone.maps("gamdss"), both.maps("gamdss")[:n])


def test_datasets_that_cannot_be_joined(two):
    with pytest.raises(OptionError, match="class scheme"):
        mebias.recognize(two, ["human"], **FAST)
    from dataclasses import replace

    manifest = replace(two[0].manifest, id="mine", name="mine")
    clips = two[0].clips.assign(dataset="mine")
    keyframes = two[0].keyframes.assign(dataset="mine")
    real = replace(two[0], manifest=manifest, clips=clips, keyframes=keyframes)
    assert not real.simulated
    with pytest.raises(MixedDataError):
        mebias.recognize([real, two[1]], ["human"], labels="3-class", **FAST)


def test_folds_without_overlap_stay_refused(inputs):
    folds = Folds(("a", "b"), ((np.arange(8), np.arange(8, 16)), (np.arange(8), np.arange(8, 16))))
    with pytest.raises(OptionError, match="more than one fold"):
        list(train_arms(inputs, HUMAN, folds, **FAST))
