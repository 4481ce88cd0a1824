"""Two branches around any backbone."""

import pytest
import torch
from torch import nn

from mebias.errors import OptionError
from mebias.recognition.layers import Dropout, given_noise, noise_shapes
from mebias.recognition.models import MODELS
from mebias.recognition.two_branch import TwoBranch, count_parameters, price, two_branch_loss


def own_module():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.LazyLinear(3))


@pytest.mark.parametrize("name", MODELS)
def test_two_branches_add_no_parameter_to_any_model(name):
    model = MODELS[name]
    backbone = model.build(model.channels, 3)
    assert count_parameters(TwoBranch(backbone)) == count_parameters(backbone) > 0


def test_two_branches_add_no_parameter_to_a_module_of_ones_own():
    backbone = own_module()
    backbone(torch.zeros(2, 3, 8, 8))
    found = price(backbone, (3, 8, 8), batch=2, repeats=2)
    assert found.added == 0
    assert found.parameters == count_parameters(backbone)
    assert found.gflops[1] == pytest.approx(2 * found.gflops[0])
    # 4 x 6 x 6 outputs of 3 x 3 x 3 products, then 144 x 3 products; two operations each
    assert found.gflops[0] == pytest.approx(2 * (144 * 27 + 144 * 3) / 1e9)
    assert min(found.ms) > 0
    assert "0 added by the falling branch" in str(found)


def test_price_refuses_a_shape_that_is_no_map():
    with pytest.raises(OptionError, match="channels, height and width"):
        price(nn.Flatten(), (8, 8))


def test_class_scores_come_from_the_rising_map():
    torch.manual_seed(0)
    model = TwoBranch(MODELS["tiny"].build(3, 3)).eval()
    clips = torch.randn(4, 2, 3, 28, 28)
    rising, falling = model(clips)
    torch.testing.assert_close(rising, model.backbone(clips[:, 0]))
    torch.testing.assert_close(falling, model.backbone(clips[:, 1]))
    alone, none = model(clips[:, :1])
    assert none is None
    torch.testing.assert_close(alone, rising)


def test_falling_branch_has_a_cross_entropy_of_its_own_with_weight_1():
    torch.manual_seed(0)
    rising, falling = torch.randn(6, 3), torch.randn(6, 3)
    labels = torch.tensor([0, 1, 2, 0, 0, 1])
    of_class = torch.tensor([1.0, 2.0, 5.0])
    weights = of_class[labels] / of_class[labels].sum()
    expected = nn.CrossEntropyLoss(weight=of_class)
    alone = two_branch_loss((rising, None), labels, weights)
    torch.testing.assert_close(alone, expected(rising, labels))
    both = two_branch_loss((rising, falling), labels, weights)
    torch.testing.assert_close(both, expected(rising, labels) + expected(falling, labels))


def test_dropout_keeps_the_mean_and_takes_given_numbers():
    layer = Dropout(0.25)
    torch.manual_seed(0)
    assert float(layer(torch.ones(100_000)).mean()) == pytest.approx(1, abs=0.01)
    noise = torch.tensor([[0.1, 0.3], [0.9, 0.2]])
    with given_noise(layer, [noise]):
        out = layer(torch.ones(2, 2))
    torch.testing.assert_close(out, torch.tensor([[0, 4 / 3], [4 / 3, 0]]))
    layer.eval()
    assert torch.equal(layer(noise), noise)


def test_stochastic_depth_drops_whole_samples():
    torch.manual_seed(0)
    out = Dropout(0.5, whole_samples=True)(torch.ones(200, 3, 2, 2))
    per_sample = out.flatten(1)
    assert set(per_sample.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(per_sample.min(1).values, per_sample.max(1).values)


def test_shapes_of_noise_are_those_in_order_of_use():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.late, self.early = Dropout(0.5), Dropout(0.5, whole_samples=True)

        def forward(self, x):
            return self.late(self.early(x).flatten(1))

    model = Twice()
    assert noise_shapes(model, lambda: model(torch.zeros(4, 3, 2, 2))) == [(1, 1, 1), (12,)]
