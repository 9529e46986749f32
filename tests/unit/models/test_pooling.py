"""The 2x2 max pool: PyTorch's numbers, with and without gradient, whatever it remembers."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from cae.models import pooling
from cae.models.blocks import DiracConv2d
from cae.models.pooling import MaxPool, convolve_and_pool

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


class Operations(TorchDispatchMode):
    """Remembers which operations there are, and the largest floating-point tensor's elements."""

    def __init__(self):
        super().__init__()
        self.elements, self.names, self.masks = 0, [], []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        self.names.append(func.overloadpacket.__name__)
        if self.names[-1] == "convolution_backward":
            self.masks.append(tuple(args[-1]))
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if isinstance(tensor, torch.Tensor) and tensor.is_floating_point():
                self.elements = max(self.elements, tensor.numel())
        return result


def make_conv(channels_in, filters):
    """Return a convolution of whole numbers: sums of them are exact in any order."""
    conv = DiracConv2d(channels_in, filters)
    torch.nn.init.constant_(conv.weight, 1)
    with torch.no_grad():
        conv.weight += draw(*conv.weight.shape, seed=2).round()
    return conv


def learn(function, x, conv, gradient):
    """Return output, gradient at `x` and that at the convolution's weights."""
    x = x.detach().requires_grad_()
    y = function(x)
    return y.detach(), *torch.autograd.grad(y, (x, conv.weight), gradient)


@pytest.fixture
def in_parts(monkeypatch, of_bytes):
    """Let features of any size be convolved two images of [4, 6, 7] at a time."""
    monkeypatch.setattr(pooling, "_PART", 2 * 4 * 6 * 7)


@pytest.mark.usefixtures("in_parts")
@pytest.mark.parametrize("layout", [NHWC, torch.contiguous_format])
@pytest.mark.parametrize("images", [1, 2, 5])
def test_a_convolution_pooled_in_parts_has_the_numbers_of_the_whole(images, layout):
    conv, pool = make_conv(3, 4), MaxPool()
    x = draw(images, 3, 6, 7).round().contiguous(memory_format=layout)
    gradient = draw(images, 4, 3, 3, seed=1).round()
    parts = learn(lambda x: convolve_and_pool(conv, pool, x), x, conv, gradient)
    whole = learn(lambda x: F.max_pool2d(conv(x), 2), x, conv, gradient)
    assert all(torch.equal(*pair) for pair in zip(parts, whole, strict=True))


@pytest.mark.usefixtures("in_parts")
def test_in_bfloat16_its_weights_are_float32_and_have_a_gradient_as_exact_as_ever():
    conv, pool = make_conv(3, 4), MaxPool()
    x, gradient = draw(40, 3, 6, 7), draw(40, 4, 3, 3, seed=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        parts = learn(lambda x: convolve_and_pool(conv, pool, x), x, conv, gradient.bfloat16())
        whole = learn(lambda x: pool(conv(x)), x, conv, gradient.bfloat16())
    assert torch.equal(parts[0], whole[0])
    assert parts[0].dtype == torch.bfloat16
    for mine, other in zip(parts[1:], whole[1:], strict=True):
        assert mine.dtype == torch.float32
        torch.testing.assert_close(mine, other, rtol=0.01, atol=0.1)


@pytest.mark.usefixtures("in_parts")
def test_what_lies_between_is_never_whole():
    conv, pool = make_conv(3, 4), MaxPool()
    x, gradient = draw(20, 3, 6, 7), draw(20, 4, 3, 3, seed=1)
    with Operations() as parts:
        learn(lambda x: convolve_and_pool(conv, pool, x), x, conv, gradient)
    with Operations() as whole:
        learn(lambda x: pool(conv(x)), x, conv, gradient)
    assert parts.elements == x.numel()
    assert whole.elements == 20 * 4 * 6 * 7


@pytest.mark.usefixtures("in_parts")
def test_float64_stays_so():
    conv = make_conv(3, 4).double()
    x, gradient = draw(5, 3, 6, 7).double(), draw(5, 4, 3, 3, seed=1).double()
    parts = learn(lambda x: convolve_and_pool(conv, MaxPool(), x), x, conv, gradient)
    whole = learn(lambda x: F.max_pool2d(conv(x), 2), x, conv, gradient)
    for mine, other in zip(parts, whole, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-12)


@pytest.mark.usefixtures("in_parts")
@pytest.mark.parametrize("of_x", [True, False])
def test_a_gradient_is_computed_only_where_it_is_wanted(of_x):
    conv = make_conv(3, 4).requires_grad_(not of_x)
    x = draw(5, 3, 6, 7).requires_grad_(of_x)
    with Operations() as operations:
        convolve_and_pool(conv, MaxPool(), x).sum().backward()
    assert operations.masks == [(of_x, not of_x, False)] * 3
    assert (x.grad is not None) is of_x
    assert (conv.weight.grad is None) is of_x


@pytest.mark.usefixtures("in_parts")
def test_without_a_gradient_the_convolution_is_computed_as_ever():
    conv, x = make_conv(3, 4), draw(5, 3, 6, 7)
    with torch.no_grad(), Operations() as operations:
        y = convolve_and_pool(conv, MaxPool(), x)
    assert torch.equal(y, F.max_pool2d(conv(x), 2))
    assert operations.names.count("convolution") == 1


@pytest.mark.usefixtures("of_bytes")
def test_images_too_low_to_pool_have_pytorchs_error():
    with pytest.raises(RuntimeError, match="Output size is too small"):
        convolve_and_pool(make_conv(3, 4), MaxPool(), draw(2, 3, 1, 8))
