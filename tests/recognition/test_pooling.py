"""Quick pooling against torch's own: values, gradients, folds side by side."""

import pytest
import torch
import torch.nn.functional as F
from torch.func import grad, vmap

from mebias.recognition.pooling import MaxPool


@pytest.mark.parametrize("size", [(28, 28), (7, 9), (2, 2)])
def test_values_and_gradients_are_those_of_torch(size):
    x = torch.randn(3, 4, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weights = torch.randn(3, 4, size[0] // 2, size[1] // 2, dtype=torch.float64)
    found, expected = (
        torch.autograd.grad((pool(y) * weights).sum(), y)[0]
        for pool, y in ((MaxPool(), x.clone().requires_grad_()),
                        (lambda z: F.max_pool2d(z, 2), x.clone().requires_grad_()))
    )  # fmt: skip
    assert torch.equal(MaxPool()(x), F.max_pool2d(x, 2))
    assert torch.allclose(found, expected, rtol=1e-14, atol=1e-15)


def test_gradient_of_equal_pixels_goes_to_one_of_them():
    x = torch.zeros(1, 1, 4, 4, requires_grad=True)
    (found,) = torch.autograd.grad(MaxPool()(x).sum(), x)
    assert found.sum() == 4
    assert sorted(found.unique().tolist()) == [0.0, 1.0]


def test_gradient_is_right_by_finite_differences():
    x = torch.randn(2, 1, 4, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(MaxPool(), x)


def test_samples_side_by_side_have_the_gradients_that_each_has_alone():
    x, weights = torch.randn(5, 2, 3, 6, 6), torch.randn(5, 2, 3, 3, 3)
    of = grad(lambda y, w: (MaxPool()(y) * w).sum())
    together = vmap(of)(x, weights)
    alone = torch.stack([of(y, w) for y, w in zip(x, weights, strict=True)])
    assert torch.equal(together, alone)
    assert torch.equal(vmap(MaxPool(), in_dims=1)(x.movedim(0, 1)), MaxPool()(x))
