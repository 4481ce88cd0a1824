"""Training: ways that agree, results that repeat, and nothing of a test clip in its training."""

import numpy as np
import pytest
import torch
from recognition.maps import make_folds, make_maps
from recognition.own_models import plain, with_batch_norm
from torch import nn

from mebias.errors import OptionError, TrainingWarning
from mebias.recognition.augment import Augment
from mebias.recognition.draws import Draws
from mebias.recognition.fold_pool import FoldPool, steady
from mebias.recognition.models import JOINT, MODELS, RELEASED, Recipe, get_model
from mebias.recognition.training import train_folds

SMALL = make_folds([4, 7, 2, 11])
EXACT = {"device": "cpu", "dtype": torch.float64, "seed": 3, "batch": 6}


@pytest.fixture(scope="module")
def pool():
    with FoldPool(1) as found:
        yield found


def trained(model="tiny", maps=None, folds=SMALL, **options):
    inputs, labels = make_maps() if maps is None else maps
    return train_folds(model, inputs, labels, folds, **{"way": "turn", **EXACT, **options})


@pytest.mark.parametrize(
    ("model", "size", "options"),
    [
        ("tiny", 28, {"epochs": 3, "falling_loss": True, "augment": JOINT}),
        ("tiny", 28, {"epochs": 3, "class_weights": False}),
        ("resnet", 20, {"epochs": 2, "falling_loss": True}),
        ("convnext", 24, {"epochs": 2}),
        (plain, 28, {"epochs": 2}),
    ],
)
def test_folds_at_once_equal_folds_in_turn(model, size, options):
    maps = make_maps(size=size)
    options = {"maps": maps, "record_epochs": True, **options}
    alone, together = (trained(model, way=way, **options) for way in ("turn", "at once"))
    assert (alone.way, together.way) == ("turn", "at once")
    np.testing.assert_allclose(together.by_epoch, alone.by_epoch, atol=1e-10, rtol=0)


@pytest.mark.parametrize("model", ["tiny", with_batch_norm])
def test_folds_in_processes_equal_folds_in_turn_to_the_bit(model, pool):
    options = {"epochs": 2, "falling_loss": True, "record_epochs": True}
    apart = trained(model, way="processes", pool=pool, **options)
    assert np.array_equal(apart.by_epoch, trained(model, **options).by_epoch)
    single = {**options, "dtype": torch.float32}
    apart = trained(model, way="processes", pool=pool, **single)
    assert np.array_equal(apart.by_epoch, trained(model, **single).by_epoch)


def test_processes_get_test_maps_of_their_own(pool):
    inputs, labels = make_maps()
    options = {"epochs": 1, "test_inputs": inputs[::-1].copy(), "maps": (inputs, labels)}
    apart = trained(way="processes", pool=pool, **options)
    assert np.array_equal(apart.probabilities, trained(**options).probabilities)


def test_training_equals_a_plain_loop():
    """Written out with torch's own loss and optimizer, for a model without dropout."""
    maps, labels = make_maps()
    recipe = Recipe(epochs=3, batch=6, rate=0.01, weight_decay=0.2, decay=0.5, decay_epochs=1)
    found = trained(plain, maps=(maps, labels), recipe=recipe, falling_loss=True)
    for fold, (train, test) in enumerate(SMALL):
        draws = Draws(3, fold)
        torch.manual_seed(draws.initial)
        model = plain(3, 3).double()
        mean = maps[train].mean((0, 3, 4), keepdims=True)
        x = torch.from_numpy((maps - mean) / maps[train].std((0, 3, 4), keepdims=True))
        y = torch.from_numpy(labels)
        share = len(train) / (3 * np.bincount(labels[train]))
        loss = nn.CrossEntropyLoss(weight=torch.from_numpy(share))
        for epoch in range(3):
            rate = 0.01 if epoch == 0 else 0.005
            if epoch == 0:
                adam = torch.optim.AdamW(model.parameters(), rate, weight_decay=0.2, foreach=False)
            adam.param_groups[0]["lr"] = rate
            for part in draws.batches(train, 4):
                adam.zero_grad()
                total = loss(model(x[part, 0]), y[part]) + loss(model(x[part, 1]), y[part])
                total.backward()
                adam.step()
        expected = model(x[test, 0]).softmax(1).detach().numpy()
        np.testing.assert_allclose(found.probabilities[test], expected, atol=1e-10)


def test_a_signal_is_learned_and_noise_is_not():
    folds = make_folds([12] * 3)
    inputs, labels = make_maps(36, signal=1.5)
    found = trained(maps=(inputs, labels), folds=folds, epochs=15, dtype=torch.float32)
    assert (found.probabilities.argmax(1) == labels).mean() > 0.9
    inputs, labels = make_maps(36, signal=0)
    found = trained(maps=(inputs, labels), folds=folds, epochs=15, dtype=torch.float32)
    assert (found.probabilities.argmax(1) == labels).mean() < 0.6


def test_probabilities_sum_to_1_and_untested_clips_have_none():
    found = trained(folds=SMALL[:2], epochs=1).probabilities
    np.testing.assert_allclose(found[:11].sum(1), 1)
    assert np.isnan(found[11:]).all()


def test_same_seed_same_result_other_seed_other_result():
    first = trained(epochs=2, augment=JOINT).probabilities
    assert np.array_equal(first, trained(epochs=2, augment=JOINT).probabilities)
    assert not np.allclose(first, trained(epochs=2, augment=JOINT, seed=4).probabilities)


def test_torchs_own_generator_is_neither_read_nor_moved():
    torch.manual_seed(0)
    first = trained(with_batch_norm, epochs=1).probabilities
    after = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(torch.rand(1), after)
    assert np.array_equal(trained(with_batch_norm, epochs=1).probabilities, first)


def test_a_test_clip_changes_only_its_own_score():
    inputs, labels = make_maps()
    other = inputs.copy()
    other[0] += 1000.0  # tested in fold 0, trained on in the others
    options = {"epochs": 2, "folds": SMALL[:1]}
    one = trained(maps=(inputs, labels), **options).probabilities
    two = trained(maps=(other, labels), **options).probabilities
    assert np.array_equal(one[1:4], two[1:4])
    assert not np.allclose(one[0], two[0])


def test_the_label_of_a_test_clip_does_not_matter_to_its_fold():
    inputs, labels = make_maps()
    other = labels.copy()
    other[:4] = (labels[:4] + 1) % 3
    options = {"epochs": 2, "folds": SMALL[:1]}
    one = trained(maps=(inputs, labels), **options).probabilities
    two = trained(maps=(inputs, other), **options).probabilities
    assert np.array_equal(one[:4], two[:4])


def test_channels_of_any_scale_give_the_same():
    inputs, labels = make_maps()
    scaled = inputs * np.array([1e-3, 1.0, 40.0])[:, None, None] + 7
    same = trained(maps=(inputs, labels), epochs=2).probabilities
    np.testing.assert_allclose(
        trained(maps=(scaled, labels), epochs=2).probabilities, same, atol=1e-9
    )


def test_whole_numbers_are_taken_as_they_are():
    inputs, labels = make_maps()
    whole = np.clip(inputs * 20 + 128, 0, 255).astype("uint8")
    both = [
        trained(maps=(maps, labels), epochs=2, augment=JOINT).probabilities
        for maps in (whole, whole.astype("float64"))
    ]
    np.testing.assert_allclose(*both, atol=1e-10)


def test_maps_may_be_read_only_or_in_another_order():
    inputs, labels = make_maps()
    expected = trained(maps=(inputs, labels), epochs=1).probabilities
    fixed = inputs.copy()
    fixed.flags.writeable = False
    for same in (fixed, np.asfortranarray(inputs), inputs[::-1].copy()[::-1]):
        assert np.array_equal(trained(maps=(same, labels), epochs=1).probabilities, expected)


def test_a_constant_channel_does_no_harm():
    inputs, labels = make_maps()
    inputs[:, :, 2] = 5.0
    assert np.isfinite(trained(maps=(inputs, labels), epochs=2).probabilities).all()


def test_the_last_recorded_epoch_is_the_result_and_each_epoch_that_of_a_shorter_run():
    found = trained(epochs=3, record_epochs=True)
    assert found.by_epoch.shape == (3, 24, 3)
    assert np.array_equal(found.by_epoch[-1], found.probabilities)
    assert np.array_equal(found.by_epoch[1], trained(epochs=2).probabilities)


def test_falling_maps_count_in_training_only():
    inputs, labels = make_maps()
    other = inputs.copy()
    other[:, 1] = np.random.default_rng(9).normal(size=other[:, 1].shape)
    alone = {"epochs": 2, "falling_loss": False}
    one, two = (trained(maps=(m, labels), **alone).probabilities for m in (inputs, other))
    assert np.array_equal(one, two)
    both = {"epochs": 2, "falling_loss": True}
    one, two = (trained(maps=(m, labels), **both).probabilities for m in (inputs, other))
    assert not np.allclose(one, two)
    tested = trained(maps=(inputs, labels), test_inputs=other, **both).probabilities
    assert np.array_equal(tested, one)


def test_a_batch_in_parts_has_the_gradient_of_the_whole(monkeypatch):
    """A GPU without memory for more than two clips."""
    whole = trained(epochs=2, falling_loss=True).probabilities
    forward = nn.Conv2d.forward

    def short_of_memory(layer, x):
        if len(x) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(layer, x)

    monkeypatch.setattr(nn.Conv2d, "forward", short_of_memory)
    with pytest.warns(TrainingWarning) as told:
        parts = trained(epochs=2, falling_loss=True).probabilities
    said = " ".join(str(warning.message) for warning in told)
    assert "computed in 2 parts" in said
    assert "computed in 4 parts" in said
    np.testing.assert_allclose(parts, whole, atol=1e-10)


def test_folds_that_do_not_fit_at_once_train_in_halves(monkeypatch):
    whole = trained(epochs=1, way="at once").probabilities
    from mebias.recognition import at_once

    inner, seen = at_once._train, []

    def short_of_memory(job, maps, folds):
        seen.append(len(folds))
        if len(folds) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return inner(job, maps, folds)

    monkeypatch.setattr(at_once, "_train", short_of_memory)
    with pytest.warns(TrainingWarning) as told:
        halves = trained(epochs=1, way="at once").probabilities
    assert "4 folds do not train at once; trying 2" in str(told[0].message)
    assert seen == [4, 2, 1, 1, 2, 1, 1]
    np.testing.assert_allclose(halves, whole, atol=1e-10)


def test_mixed_precision_is_near_full_precision_in_all_ways():
    full = trained(epochs=2, dtype=torch.float32)
    for way in ("turn", "at once"):
        mixed = trained(epochs=2, dtype=torch.float32, mixed=True, way=way)
        gap = np.abs(mixed.probabilities - full.probabilities).max()
        assert 1e-6 < gap < 0.1


def test_a_gpu_sums_in_one_order_while_it_trains():
    before = torch.backends.cudnn.deterministic
    with steady("cuda"):
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled()
        assert torch.backends.cudnn.deterministic
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.backends.cudnn.deterministic == before


def test_progress_counts_folds(capsys):
    counted = []
    trained(epochs=1, progress=counted.append)
    assert counted == [1, 2, 3, 4]
    trained(epochs=1, progress=True)
    assert "4/4" in capsys.readouterr().err


def test_auto_takes_turns_for_a_function_that_cannot_be_sent():
    assert trained(lambda c, k: plain(c, k), way="auto", epochs=1).way == "turn"
    with pytest.raises(OptionError, match="cannot be built in another process"):
        trained(lambda c, k: plain(c, k), way="processes", epochs=1)


def test_batch_norm_and_foreign_dropout_do_not_train_at_once():
    with pytest.raises(OptionError, match=r"BatchNorm2d\) keeps what it saw"):
        trained(with_batch_norm, way="at once", epochs=1)


def test_the_released_recipe_is_as_published():
    assert (RELEASED.epochs, RELEASED.batch, RELEASED.rate) == (199, 16, 8e-4)
    assert (RELEASED.weight_decay, RELEASED.falling_loss) == (0.6, True)
    rates = [RELEASED.rate_at(epoch) for epoch in (0, 1, 50, 51, 198)]
    np.testing.assert_allclose(rates, 8e-4 * 0.987 ** np.array([0, 1, 50, 50, 50]))
    assert RELEASED.augment == Augment(flip=0.5, rotation=3, padding=15 / 224)
    assert MODELS["two-branch"].recipe is RELEASED


def test_an_unknown_model_is_named_with_what_is_known():
    with pytest.raises(OptionError, match=r"no model is called 'tinny' .* did you mean tiny"):
        get_model("tinny")


@pytest.mark.parametrize("augment", [Augment(), JOINT])
def test_a_fold_with_fewer_clips_than_others_have_steps_trains_alike_in_all_ways(augment):
    maps = make_maps()
    folds = [(np.arange(6), np.arange(6, 9)), (np.arange(9, 24), np.arange(3))]
    options = {"maps": maps, "folds": folds, "epochs": 3, "batch": 2, "augment": augment}
    alone, together = (trained(way=way, **options) for way in ("turn", "at once"))
    np.testing.assert_allclose(
        together.probabilities[:9], alone.probabilities[:9], atol=1e-10, rtol=0
    )


def test_a_pool_keeps_no_maps_of_runs_that_are_done(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with FoldPool(1) as pool:
        other = make_maps(seed=1)[0]
        trained(way="processes", pool=pool, epochs=1, test_inputs=other)
        assert not list(tmp_path.rglob("*.npy"))
