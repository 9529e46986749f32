"""The classifier stands on the encoder, and a frozen encoder is left exactly as it was."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from cae.config import AutoencoderConfig, ClassifierConfig
from cae.errors import ConfigError
from cae.models.autoencoder import make_autoencoder
from cae.models.blocks import count_parameters
from cae.models.classifier import Classifier, make_classifier

SHAPES = [(32, 32, 3), (8, 16, 1), (24, 24, 3)]
POOLINGS = ["flatten", "max", "average"]


def make_small(shape: tuple[int, int, int] = (8, 8, 3), *, autoencoder=None, **keys) -> Classifier:
    return make_classifier(
        AutoencoderConfig(image_shape=shape, init_num_filters=4, **(autoencoder or {})),
        ClassifierConfig(image_shape=shape, **keys),
        num_classes=5,
    )


def draw_batch(shape: tuple[int, int, int] = (8, 8, 3), count: int = 6) -> torch.Tensor:
    height, width, channels = shape
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(0))


def copy_state(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def assert_same_state(module: nn.Module, state: dict[str, torch.Tensor]) -> None:
    for name, value in module.state_dict().items():
        assert torch.equal(value, state[name]), name


def step(model: Classifier) -> None:
    """Take one optimizer step on random labels."""
    model.train()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    labels = torch.arange(6) % 5
    nn.functional.cross_entropy(model(draw_batch()), labels).backward()
    optimizer.step()


def test_the_readmes_classifier_has_708842_parameters():
    model = make_classifier(AutoencoderConfig(), ClassifierConfig(), num_classes=10)
    assert count_parameters(model) == 708_842
    head = (9 * 128 * 128 + 128) + 4 * 128  # convolution and batch norm
    head += (4 * 4 * 128 * 128 + 128) + 4 * 128  # flattened 4x4, dense
    head += (128 * 64 + 64) + 4 * 64 + (64 * 10 + 10)  # dense of half the width, output
    assert count_parameters(model.head) == head
    assert count_parameters(model.encoder) == 708_842 - head


@pytest.mark.parametrize(
    ("keys", "layers"),
    [
        (
            {},
            "conv 16>16, norm, pool, dense 16>16, norm, dense 16>8, norm, dense 8>5",
        ),
        (
            {"dropout": True},
            "conv 16>16, norm, dropout, pool, dense 16>16, dropout, norm, dense 16>8, norm, "
            "dense 8>5",
        ),
        ({"dense": False}, "conv 16>16, norm, pool, dense 16>16, norm, dense 16>5"),
        ({"global_pooling": "max"}, "conv 16>16, norm, pool, dense 16>8, norm, dense 8>5"),
        ({"global_pooling": "average", "dense": False}, "conv 16>16, norm, pool, dense 16>5"),
        ({"batch_norm": False}, "conv 16>16, pool, dense 16>16, dense 16>8, dense 8>5"),
    ],
)
def test_the_head_has_the_layers_that_the_keys_ask_for(trace_layers, keys, layers):
    model = make_small(**keys).eval()
    encoding = model.encode(draw_batch())
    assert trace_layers(model.head, encoding) == [name.strip() for name in layers.split(",")]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("dense", [True, False])
def test_every_head_gives_logits_and_learns(shape, pooling, dense):
    model = make_small(shape, global_pooling=pooling, dense=dense, freeze_encoder=False).train()
    x = draw_batch(shape)
    logits = model(x)
    assert logits.shape == (6, 5)
    assert logits.dtype == torch.float32
    assert model.num_features == (8 if dense else 16)
    features = model.forward_features(x)
    assert features.shape == (6, model.num_features)
    torch.testing.assert_close(model.eval()(x), model.forward_head(model.forward_features(x)))
    (logits * torch.rand(6, 5, generator=torch.Generator().manual_seed(1))).sum().backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name
        if name.endswith(("conv.weight", "linear.weight", "output.weight")):
            assert weight.grad.any(), name


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_global_pooling_takes_the_maximum_or_the_mean_of_each_map(pooling):
    model = make_small((16, 24, 1), global_pooling=pooling, dense=False).eval()
    x = draw_batch((16, 24, 1))
    head: Any = model.head
    maps = head.pool(head.conv(model.encode(x))).detach().numpy()
    assert maps.shape == (6, 16, 2, 3)
    expected = maps.max(axis=(2, 3)) if pooling == "max" else maps.mean(axis=(2, 3))
    features = model.forward_features(x)
    torch.testing.assert_close(features, torch.from_numpy(expected))


def test_hidden_layers_of_the_head_end_in_relu():
    model = make_small(batch_norm=False).eval()
    x = draw_batch()
    head: Any = model.head
    assert head.conv(model.encode(x)).min() == 0
    assert model.forward_features(x).min() == 0


def test_a_frozen_encoder_takes_no_gradient_and_has_no_graph():
    model = make_small().train()
    features = model.encode(draw_batch())
    assert not features.requires_grad
    assert features.grad_fn is None
    model(draw_batch()).sum().backward()
    assert all(weight.grad is None for weight in model.encoder.parameters())
    assert not any(weight.requires_grad for weight in model.encoder.parameters())
    assert all(weight.grad is not None for weight in model.head.parameters())


@pytest.mark.parametrize("noise", [False, True])
def test_a_frozen_encoder_gives_the_same_features_in_training_and_evaluation(noise):
    model = make_small(autoencoder={"gaussian_noise_input": noise, "gaussian_noise_hidden": noise})
    evaluated = model.eval().encode(draw_batch())
    assert torch.equal(model.train().encode(draw_batch()), evaluated)
    assert model.head.training
    assert not any(layer.training for layer in model.encoder.modules())


def test_a_frozen_encoder_is_left_alone_from_the_beginning():
    model = make_small()
    before = copy_state(model.encoder)
    assert torch.equal(model.encode(draw_batch()), model.encode(draw_batch()))
    assert_same_state(model.encoder, before)


def test_training_leaves_a_frozen_encoder_and_its_running_statistics_as_they_were():
    model = make_small()
    encoder, head = copy_state(model.encoder), copy_state(model.head)
    step(model)
    assert_same_state(model.encoder, encoder)
    for name, value in model.head.state_dict().items():
        assert not torch.equal(value, head[name]), name


def test_training_moves_an_encoder_that_is_not_frozen():
    model = make_small(freeze_encoder=False)
    before = copy_state(model.encoder)
    step(model)
    for name, value in model.encoder.state_dict().items():
        assert not torch.equal(value, before[name]), name


def test_freezing_changes_no_initial_weight_and_no_prediction():
    frozen, free = make_small().eval(), make_small(freeze_encoder=False).eval()
    assert_same_state(frozen, copy_state(free))
    assert torch.equal(frozen(draw_batch()), free(draw_batch()))


def test_an_untrained_classifier_has_the_encoder_that_pretraining_starts_from():
    autoencoder = make_autoencoder(AutoencoderConfig(image_shape=(8, 8, 3), init_num_filters=4))
    assert_same_state(make_small().encoder, copy_state(autoencoder.encoder))


def test_the_encoder_of_an_autoencoder_fits_without_renaming():
    autoencoder = make_autoencoder(
        AutoencoderConfig(image_shape=(8, 8, 3), init_num_filters=4, seed=9)
    ).eval()
    model = make_small().eval()
    model.encoder.load_state_dict(autoencoder.encoder.state_dict(), strict=True)
    assert torch.equal(model.encode(draw_batch()), autoencoder.encode(draw_batch()))


def test_initial_weights_are_a_function_of_the_seeds_and_move_no_random_state():
    state = torch.get_rng_state()
    first, again, other = make_small(), make_small(), make_small(seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert_same_state(first, copy_state(again))
    assert_same_state(other.encoder, copy_state(first.encoder))
    assert not torch.equal(first.head.output.weight, other.head.output.weight)


def test_a_new_output_layer_takes_its_classes_as_equally_frequent():
    config = ClassifierConfig(posthoc_logit_adjustment=1.0)
    model = make_classifier(AutoencoderConfig(init_num_filters=2), config, num_classes=3)
    model.log_priors = torch.tensor([0.5, 0.3, 0.2]).log()
    model.reset_classifier(4, seed=1)
    logits = torch.rand(2, 4)
    assert torch.equal(model.adjust(logits), logits)


def test_a_new_output_layer_leaves_the_rest_and_the_random_state_alone():
    model = make_small().eval()
    state, before = torch.get_rng_state(), copy_state(model)
    model.reset_classifier(3, seed=1)
    assert model(draw_batch()).shape == (6, 3)
    assert torch.equal(torch.get_rng_state(), state)
    kept = {name: value for name, value in model.state_dict().items() if "output" not in name}
    assert all(torch.equal(value, before[name]) for name, value in kept.items())
    again = make_small()
    again.reset_classifier(3, seed=1)
    assert torch.equal(model.head.output.weight, again.head.output.weight)


@pytest.mark.parametrize(
    ("autoencoder", "classifier", "message"),
    [
        ((8, 8, 3), (8, 8, 1), r"classifier\.image_shape \[8, 8, 1\] differs"),
        ((4, 4, 3), (4, 4, 3), "each side must be at least 8"),
    ],
)
def test_a_classifier_that_cannot_stand_on_its_encoder_is_refused(autoencoder, classifier, message):
    with pytest.raises(ConfigError, match=message):
        make_classifier(
            AutoencoderConfig(image_shape=autoencoder),
            ClassifierConfig(image_shape=classifier),
            num_classes=5,
        )
