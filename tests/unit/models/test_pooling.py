"""The 2x2 max pool: PyTorch's numbers, with and without gradient, whatever it remembers."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from cae.models import pooling
from cae.models.pooling import MaxPool

NHWC = torch.channels_last


@pytest.fixture
def of_bytes(monkeypatch):
    """Let features of any size be worth bytes, five maxima at a time: less than an image has."""
    monkeypatch.setattr(pooling, "_WORTH_BYTES", 0)
    monkeypatch.setattr(pooling, "_CHUNK", 5)


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def differentiate(pool, x, gradient):
    """Return what the pool makes of `x` and the gradient at `x`."""
    x = x.detach().requires_grad_()
    y = pool(x)
    return y.detach(), *torch.autograd.grad(y, x, gradient)


@pytest.mark.parametrize("size", [(8, 8), (6, 10), (7, 5), (2, 3)])
@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize("layout", [NHWC, torch.contiguous_format])
def test_it_takes_the_largest_of_each_square_with_and_without_gradient(size, wanted, layout):
    x = draw(2, 3, *size)
    y = MaxPool()(x.contiguous(memory_format=layout).requires_grad_(wanted))
    assert y.requires_grad is wanted
    height, width = (side // 2 for side in size)
    expected = x[:, :, : 2 * height, : 2 * width].reshape(2, 3, height, 2, width, 2)
    assert torch.equal(y, expected.amax(dim=(3, 5)))
    assert y.is_contiguous(memory_format=layout)


@pytest.mark.usefixtures("of_bytes")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [(8, 8), (7, 5), (2, 3), (4, 254), (4, 255), (2, 600)])
def test_with_bytes_output_and_gradient_are_pytorchs_to_the_last_bit(size, dtype):
    # Whole numbers, for squares in which several are the largest.
    x = (2 * draw(3, 2, *size)).round().to(dtype).contiguous(memory_format=NHWC)
    gradient = draw(3, 2, size[0] // 2, size[1] // 2, seed=1).to(dtype)
    ours = differentiate(MaxPool(), x, gradient)
    theirs = differentiate(lambda x: F.max_pool2d(x, 2), x, gradient)
    for mine, other in zip(ours, theirs, strict=True):
        assert torch.equal(mine, other)
        assert mine.dtype == dtype
        assert mine.is_contiguous(memory_format=NHWC)


@pytest.mark.usefixtures("of_bytes")
def test_with_bytes_grey_images_have_pytorchs_gradient_and_lines_pytorchs_error():
    x = draw(5, 1, 6, 4)
    ours = differentiate(MaxPool(), x, torch.ones(5, 1, 3, 2))
    theirs = differentiate(lambda x: F.max_pool2d(x, 2), x, torch.ones(5, 1, 3, 2))
    assert all(torch.equal(*pair) for pair in zip(ours, theirs, strict=True))
    with pytest.raises(RuntimeError, match="Output size is too small"):
        MaxPool()(draw(2, 3, 1, 8).requires_grad_())


@pytest.mark.usefixtures("of_bytes")
def test_with_bytes_what_is_not_a_number_stays_so():
    x = draw(1, 2, 4, 4).contiguous(memory_format=NHWC)
    x[0, 1, 2, 3] = float("nan")
    ours = differentiate(MaxPool(), x, torch.ones(1, 2, 2, 2))
    theirs = differentiate(lambda x: F.max_pool2d(x, 2), x, torch.ones(1, 2, 2, 2))
    assert ours[0][0, 1, 1, 1].isnan()
    assert torch.equal(ours[1], theirs[1])


@pytest.mark.parametrize(
    ("images", "layout", "bytes_each"),
    [(8, NHWC, 1), (8, torch.contiguous_format, 8 + 4 * 4), (1, NHWC, 8 + 4 * 4)],
)
def test_large_features_are_remembered_by_a_byte_a_maximum(monkeypatch, images, layout, bytes_each):
    """Where they lie NHWC; PyTorch's own keeps the input and eight bytes."""
    monkeypatch.setattr(pooling, "_WORTH_BYTES", 8 * 4 * 6 * 6)
    x = draw(images, 4, 6, 6).contiguous(memory_format=layout).requires_grad_()
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor
    ):
        y = MaxPool()(x)
    size = sum(tensor.untyped_storage().nbytes() for tensor in kept)
    assert size == bytes_each * y.numel()
