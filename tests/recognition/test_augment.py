"""Augmentation: exact where it can be, joint over the maps of a clip, drawn from a seed."""

import numpy as np
import pytest
import torch

from mebias.errors import OptionError
from mebias.recognition.augment import Augment
from mebias.recognition.draws import Draws
from mebias.recognition.models import JOINT


def change(clips, augment=JOINT, mirror=1.0, angle=0.0, right=0.0, down=0.0):
    drawn = torch.tensor([[mirror, angle, right, down]] * len(clips), dtype=torch.double)
    return augment.apply(clips, drawn)


@pytest.fixture
def clips():
    torch.manual_seed(0)
    return torch.randn(2, 2, 3, 10, 8, dtype=torch.double)


def test_nothing_drawn_changes_nothing(clips):
    torch.testing.assert_close(change(clips), clips)


def test_mirroring_is_left_to_right(clips):
    torch.testing.assert_close(change(clips, mirror=-1.0), clips.flip(-1))


def test_mirroring_turns_the_sign_of_horizontal_flow(clips):
    found = change(clips, Augment(flip=1, mirrored=(0,)), mirror=-1.0)
    expected = clips.flip(-1)
    expected[:, :, 0] *= -1
    torch.testing.assert_close(found, expected)


def test_crop_moves_by_whole_pixels_and_fills_with_0(clips):
    found = change(clips, right=2, down=-3)
    expected = torch.zeros_like(clips)
    expected[..., :7, 2:] = clips[..., 3:, :-2]
    torch.testing.assert_close(found, expected)


def test_a_quarter_turn_is_exact_on_a_square():
    torch.manual_seed(0)
    clips = torch.randn(1, 1, 2, 6, 6, dtype=torch.double)
    found = change(clips, angle=np.pi / 2)
    turned = [torch.rot90(clips, k, (-2, -1)) for k in (1, 3)]
    assert any(torch.allclose(found, each) for each in turned)


def test_a_turn_keeps_shapes_where_height_and_width_differ():
    """A disk stays a disk."""
    rows, columns = torch.meshgrid(
        torch.arange(41, dtype=torch.double), torch.arange(21, dtype=torch.double), indexing="ij"
    )
    disk = torch.exp(-((rows - 20) ** 2 + (columns - 10) ** 2) / 32)[None, None, None]
    torch.testing.assert_close(change(disk, angle=0.7), disk, atol=0.02, rtol=0)


def test_a_mirrored_clip_is_turned_and_moved_after_mirroring(clips):
    once = change(change(clips, mirror=-1.0), right=1, down=2)
    torch.testing.assert_close(change(clips, mirror=-1.0, right=1, down=2), once)


def test_all_maps_of_a_clip_change_alike(clips):
    same = clips[:, :1, :1].expand(2, 2, 3, 10, 8).contiguous()
    drawn = Draws(0, 0).changes(JOINT, 2, (10, 8))
    found = JOINT.apply(same, drawn)
    torch.testing.assert_close(found, found[:, :1, :1].expand_as(found))


def test_changing_a_difference_is_the_difference_of_changed_frames(clips):
    drawn = Draws(1, 0).changes(JOINT, 2, (10, 8))
    onset, apex = clips[:, :1], clips[:, 1:]
    torch.testing.assert_close(
        JOINT.apply(apex - onset, drawn), JOINT.apply(apex, drawn) - JOINT.apply(onset, drawn)
    )


def test_draws_are_as_wide_as_published_and_follow_the_seed():
    drawn = JOINT.draw(4000, (224, 224), np.random.default_rng(0))
    mirror, angle, right, down = drawn.T
    assert np.mean(mirror == -1) == pytest.approx(0.5, abs=0.03)
    assert 2.9 < np.rad2deg(np.abs(angle)).max() <= 3
    assert set(right) == set(down) == set(range(-15, 16))
    again = JOINT.draw(4000, (224, 224), np.random.default_rng(0))
    assert np.array_equal(drawn, again)


def test_padding_scales_with_the_size_of_the_map():
    drawn = JOINT.draw(500, (28, 56), np.random.default_rng(0))
    assert np.abs(drawn[:, 2]).max() == 4
    assert np.abs(drawn[:, 3]).max() == 2


@pytest.mark.parametrize("bad", [{"flip": 1.5}, {"rotation": -1}, {"padding": 2}])
def test_augmentation_without_meaning_is_refused(bad):
    with pytest.raises(OptionError, match="expected a probability, degrees"):
        Augment(**bad)


def test_draws_of_folds_and_seeds_differ_and_repeat():
    def everything(seed, fold):
        draws = Draws(seed, fold)
        order = np.concatenate(draws.batches(np.arange(50), 3))
        noise = draws.uniforms(2, [(3,), (1, 1, 1)])
        return [draws.initial, order.tolist(), noise[0].tolist(), noise[1].tolist()]

    assert everything(0, 0) == everything(0, 0)
    for other in (everything(0, 1), everything(1, 0)):
        assert all(a != b for a, b in zip(everything(0, 0), other, strict=True))


def test_an_epoch_takes_every_clip_once_in_even_parts():
    parts = Draws(3, 1).batches(np.arange(100, 141), 4)
    assert sorted(np.concatenate(parts)) == list(range(100, 141))
    assert sorted(map(len, parts)) == [10, 10, 10, 11]


def test_fewer_clips_than_parts_come_round_again():
    parts = Draws(0, 0).batches(np.arange(3), 7)
    assert [len(part) for part in parts] == [1] * 7
    order = np.concatenate(parts)
    assert sorted(order[:3]) == [0, 1, 2] and np.array_equal(order[3:6], order[:3])
