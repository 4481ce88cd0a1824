"""Backbones: sizes, work and attention against what is published and against brute force."""

import math

import pytest
import torch
import torch.nn.functional as F

from mebias.recognition.backbones import ConvNeXt, ResNet, Retentive, Tiny
from mebias.recognition.backbones.retentive import Retention, rotate
from mebias.recognition.two_branch import TwoBranch, count_parameters, gflops, two_branch_loss


@pytest.mark.parametrize(
    ("classes", "published"), [(3, 12_787_363), (4, 12_788_388), (5, 12_789_413), (7, 12_791_463)]
)
def test_two_branch_model_has_the_published_number_of_parameters(classes, published):
    assert count_parameters(TwoBranch(Retentive(6, classes))) == published


def test_each_part_of_the_two_branch_model_has_its_published_number_of_parameters():
    model = Retentive(6, 5)
    assert count_parameters(model.stem) == 65_952
    stages = [count_parameters(stage) for stage in model.stages]
    merged = [count_parameters(merging) for merging in model.mergings]
    assert [a + b for a, b in zip(stages, [*merged, 0], strict=True)] == [
        120_064,
        469_504,
        2_531_840,
        2_661_376,
    ]
    assert count_parameters(model.fusion) == 525_312
    assert count_parameters(model.norm) == 2_048
    assert count_parameters(model.classifier) == 1_025 * 5
    assert count_parameters(model.spatial) == 6_408_192


def test_two_branch_model_does_the_published_work_per_clip():
    model = TwoBranch(Retentive(6, 5))
    both = gflops(model, torch.zeros(1, 2, 6, 224, 224))
    assert both == pytest.approx(26.9, rel=0.03)
    assert gflops(model, torch.zeros(1, 1, 6, 224, 224)) == pytest.approx(both / 2, rel=1e-6)


def naive_decay_attention(q, k, v, gamma, places):
    """One query and one key at a time."""
    out = torch.zeros_like(v)
    for i, here in enumerate(places):
        logits = [
            float(q[i] @ k[j]) / math.sqrt(q.shape[1])
            + (abs(here[0] - there[0]) + abs(here[1] - there[1])) * math.log(gamma)
            for j, there in enumerate(places)
        ]
        out[i] = torch.softmax(torch.tensor(logits, dtype=v.dtype), 0) @ v
    return out


@torch.no_grad()
def taken_apart(layer, x):
    """Rotated queries and keys, values, and the local part (height x width x heads x width)."""
    _, h, w, c = x.shape
    q, k, v = layer.project(x).chunk(3, dim=-1)
    local = layer.local(v.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)[0]
    shape = (h, w, layer.heads, c // layer.heads)
    return (
        rotate(q.view(shape), layer.turns),
        rotate(k.view(shape), layer.turns),
        v[0].reshape(shape),
        local,
    )


def test_retention_in_the_plane_is_attention_with_manhattan_decay():
    torch.manual_seed(0)
    layer = Retention(8, 4, (0.75, 0.96875), along_lines=False).double()
    x = torch.randn(1, 4, 4, 8, dtype=torch.double)
    q, k, v, local = taken_apart(layer, x)
    places = [(i, j) for i in range(4) for j in range(4)]
    heads = [
        naive_decay_attention(
            *(t[:, :, head].reshape(16, 4) for t in (q, k, v)), gamma, places
        ).view(4, 4, 4)
        for head, gamma in enumerate((0.75, 0.96875))
    ]
    expected = layer.out(torch.cat(heads, -1) + local)
    torch.testing.assert_close(layer(x)[0], expected)


def test_retention_along_lines_goes_along_rows_then_columns():
    torch.manual_seed(1)
    layer = Retention(8, 3, (0.75, 0.9375), along_lines=True).double()
    x = torch.randn(1, 3, 3, 8, dtype=torch.double)
    q, k, v, local = taken_apart(layer, x)
    line = [(0, j) for j in range(3)]
    heads = []
    for head, gamma in enumerate((0.75, 0.9375)):
        own_q, own_k, own = q[:, :, head], k[:, :, head], v[:, :, head]
        rows = torch.stack(
            [naive_decay_attention(own_q[i], own_k[i], own[i], gamma, line) for i in range(3)]
        )
        columns = [
            naive_decay_attention(own_q[:, j], own_k[:, j], rows[:, j], gamma, line)
            for j in range(3)
        ]
        heads.append(torch.stack(columns, 1))
    torch.testing.assert_close(layer(x)[0], layer.out(torch.cat(heads, -1) + local))


def test_decays_are_those_of_the_stages():
    model = Retentive(6, 3)
    for blocks, gammas in zip(
        model.stages, [(0.75, 0.9375)] * 2 + [(0.75, 0.96875)] * 2, strict=True
    ):
        for block in blocks:
            torch.testing.assert_close(block.retention.decay[:, 0, 1].exp(), torch.tensor(gammas))


def test_rotated_products_depend_on_the_distance_of_places_only():
    layer = Retention(8, 6, (0.75, 0.9375), along_lines=False)
    turns = layer.turns.view(2, 36, 4 // 2)
    q, k = torch.randn(4), torch.randn(4)
    products = [float(rotate(q, turns[:, i]) @ rotate(k, turns[:, i + 5])) for i in (0, 7, 30)]
    assert products == pytest.approx([products[0]] * 3, abs=1e-4)
    assert float(rotate(q, turns[:, 0]) @ rotate(k, turns[:, 9])) != pytest.approx(products[0])


def test_difference_and_frame_take_their_own_paths():
    torch.manual_seed(0)
    model = Retentive(6, 3).eval()
    x = torch.randn(1, 6, 224, 224)
    other = x.clone()
    other[:, 3:] = F.avg_pool2d(x[:, 3:], 16).repeat_interleave(16, 2).repeat_interleave(16, 3)
    with torch.no_grad():
        same = model(other)
        torch.testing.assert_close(same, model(x), atol=1e-4, rtol=1e-4)
        other[:, 3:] = 0
        assert not torch.allclose(model(other), same, atol=1e-4)


def test_retentive_refuses_maps_without_a_frame():
    with pytest.raises(ValueError, match="3 channels; expected 6"):
        Retentive(3, 3)


@pytest.mark.parametrize(
    ("build", "size", "low", "high"),
    [(Tiny, 28, 1e4, 1e5), (ResNet, 56, 1e5, 1e6), (ConvNeXt, 56, 1e5, 1e6)],
)
def test_small_backbones_score_each_clip_by_itself(build, size, low, high):
    torch.manual_seed(0)
    model = build(3, 4).eval()
    x = torch.randn(3, 3, size, size)
    with torch.no_grad():
        together = model(x)
        apart = torch.cat([model(one[None]) for one in x])
    assert together.shape == (3, 4)
    torch.testing.assert_close(together, apart, atol=1e-5, rtol=1e-4)
    assert low * 0.9 <= count_parameters(model) <= high


def test_tiny_takes_maps_of_any_number_of_channels():
    assert Tiny(2, 5).eval()(torch.zeros(1, 2, 28, 28)).shape == (1, 5)


@pytest.mark.parametrize("size", [(4, 4), (5, 9), (28, 28), (40, 31), (64, 64)])
def test_tiny_takes_maps_of_any_size(size):
    assert Tiny(3, 4).eval()(torch.zeros(2, 3, *size)).shape == (2, 4)


def test_members_of_tiny_share_nothing_and_their_probabilities_are_averaged():
    torch.manual_seed(0)
    model, x = Tiny(3, 3, dropout=0.0), torch.randn(6, 3, 28, 28)
    each, averaged = model.train()(x), model.eval()(x)
    torch.testing.assert_close(averaged.softmax(1), each.softmax(2).mean(1))
    assert each.std(dim=1).min() > 0
    each[:, 0].sum().backward()
    gradients = [model.weight.grad, *(p.grad for p in model.layers.parameters())]
    for gradient in gradients:
        own = gradient.unflatten(0, (model.members, -1))
        assert own[0].abs().sum() > 0
        assert own[1:].abs().sum() == 0


def test_the_loss_of_members_is_the_mean_of_their_own():
    scores, labels = torch.randn(5, 4, 3), torch.tensor([0, 2, 1, 1, 0])
    weights = torch.rand(5)
    each = [two_branch_loss((scores[:, m], None), labels, weights) for m in range(4)]
    torch.testing.assert_close(
        two_branch_loss((scores, None), labels, weights), torch.stack(each).mean()
    )
