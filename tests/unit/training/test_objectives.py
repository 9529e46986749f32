"""Losses, penalties and metrics equal their definitions, computed in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from cae.config import AutoencoderConfig, ClassifierConfig
from cae.data.batches import Batch
from cae.models.autoencoder import make_autoencoder
from cae.models.classifier import make_classifier
from cae.training.objectives import (
    ClassificationObjective,
    EncoderPenalties,
    Measured,
    Penalty,
    ReconstructionObjective,
    compute_balanced_weights,
)

SHAPE = (8, 8, 3)
CLASSES = 7
LABELS = torch.tensor([0, 1, 2, 3, 4, 5, 6, 0, 0, 1])
WEIGHTS = torch.tensor([0.5, 1.0, 2.0, 0.0, 1.5, 3.0, 0.25])

LOSSES = {
    "mean_squared_error": lambda x, t: ((x - t) ** 2).mean(),
    "mean_absolute_error": lambda x, t: abs(x - t).mean(),
    "binary_crossentropy": lambda x, t: -(t * np.log(x) + (1 - t) * np.log(1 - x)).mean(),
    # Pixels differ by at most 1, where Huber's loss of threshold 1 is half the square.
    "huber": lambda x, t: ((x - t) ** 2 / 2).mean(),
}
PENALTIES = {
    "l1": lambda x: abs(x).sum(),
    "l2": lambda x: (x**2).sum(),
    "l1_l2": lambda x: abs(x).sum() + (x**2).sum(),
}


def make_config(**keys) -> AutoencoderConfig:
    return AutoencoderConfig(image_shape=SHAPE, init_num_filters=2, dropout=False, **keys)


def draw_batch(count: int = 10) -> Batch:
    height, width, channels = SHAPE
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(count, channels, height, width, generator=generator)
    return Batch(images, LABELS[:count])


def make_small_classifier(**keys):
    config = ClassifierConfig(image_shape=SHAPE, **keys)
    return make_classifier(make_config(), config, num_classes=CLASSES)


def to_numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().double().numpy()


def average(*measured: Measured) -> np.ndarray:
    """Return the metrics over several batches, as their definition says."""
    totals, weights = (
        sum(to_numpy(getattr(part, name)) for part in measured) for name in ("totals", "weights")
    )
    return np.asarray(totals) / np.asarray(weights)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("kind", PENALTIES)
@pytest.mark.parametrize("value", [0.0, 0.001, 2.0])
def test_a_penalty_is_as_keras_defines_it(kind, value):
    x = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))
    expected = value * PENALTIES[kind](to_numpy(x))
    assert Penalty(kind, value)(x).item() == pytest.approx(expected, rel=1e-5)


def test_a_penalty_of_bfloat16_features_adds_up_in_float32():
    x = torch.ones(100_000, dtype=torch.bfloat16)
    penalty = Penalty("l1", 1.0)(x)
    assert penalty.dtype == torch.float32
    assert penalty.item() == 100_000


@pytest.mark.parametrize("kind", PENALTIES)
def test_the_kernel_penalty_is_the_sum_over_the_encoders_convolutions(kind):
    config = make_config(
        kernel_regularizer=True, kernel_regularizer_type=kind, kernel_regularizer_value=0.3
    )
    model = make_autoencoder(config)
    penalty = EncoderPenalties(config).measure(model.encoder, None)
    assert penalty is not None
    weights = [
        to_numpy(value)
        for name, value in model.named_parameters()
        if name.startswith("encoder.") and value.dim() == 4
    ]
    assert len(weights) == 6
    expected = 0.3 * sum(PENALTIES[kind](weight) for weight in weights)
    assert penalty.item() == pytest.approx(expected, rel=1e-5)
    penalty.backward()
    for name, value in model.named_parameters():
        penalised = name.startswith("encoder.") and value.dim() == 4
        assert (value.grad is not None) == penalised, name


@pytest.mark.parametrize("kind", PENALTIES)
def test_the_activity_penalty_is_divided_by_the_batch_size(kind):
    config = make_config(
        activity_regularizer=True, activity_regularizer_type=kind, activity_regularizer_value=0.3
    )
    model = make_autoencoder(config).eval()
    penalties = EncoderPenalties(config)
    activities = penalties.make_record()
    assert activities == []
    model.encode(draw_batch().images, activities)
    penalty = penalties.measure(model.encoder, activities)
    assert penalty is not None
    assert activities is not None
    assert len(activities) == 6
    expected = 0.3 * sum(PENALTIES[kind](to_numpy(each)) for each in activities) / 10
    assert penalty.item() == pytest.approx(expected, rel=1e-5)


def test_without_regularisers_there_is_nothing_to_record_or_to_add():
    config = make_config()
    penalties = EncoderPenalties(config)
    assert penalties.make_record() is None
    assert penalties.measure(make_autoencoder(config).encoder, None) is None


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("training", [True, False])
def test_a_reconstruction_loss_equals_its_definition(name, training):
    config = make_config(loss=name, batch_norm=False)
    model = make_autoencoder(config).train(training)
    batch = draw_batch()
    measured = ReconstructionObjective(config).measure(model, batch)
    x, target = to_numpy(model(batch.images)), to_numpy(batch.images)
    loss, mse = average(measured)
    assert measured.loss.item() == pytest.approx(LOSSES[name](x, target), rel=1e-5)
    assert loss == pytest.approx(measured.loss.item(), rel=1e-6)
    assert mse == pytest.approx(((x - target) ** 2).mean(), rel=1e-5)


@pytest.mark.parametrize("name", ["mean_squared_error", "mean_absolute_error", "huber"])
def test_the_loss_of_a_masked_autoencoder_is_the_mean_over_what_is_hidden(name):
    config = make_config(loss=name, mask_ratio=0.6, mask_patch_size=4)
    model = make_autoencoder(config).eval()
    batch = draw_batch()
    measured = ReconstructionObjective(config).measure(model, batch)
    visible = model.draw_fixed_mask(batch.images)
    hidden = to_numpy(visible.expand_as(batch.images)) == 0
    assert 0 < hidden.mean() < 1
    x = to_numpy(model.predict_hidden(batch.images, visible))[hidden]
    target = to_numpy(batch.images)[hidden]
    loss, mse = average(measured)
    assert measured.loss.item() == pytest.approx(LOSSES[name](x, target), rel=1e-5)
    assert loss == pytest.approx(measured.loss.item(), rel=1e-6)
    assert mse == pytest.approx(((x - target) ** 2).mean(), rel=1e-5)


@pytest.mark.parametrize(("pixel", "bias"), [(1.0, -1e4), (0.0, 1e4)])
def test_binary_crossentropy_is_clipped_where_keras_clips_it(pixel, bias):
    """A sigmoid that has reached the wrong end costs -log(1e-7), not infinity."""
    config = make_config(loss="binary_crossentropy")
    model = make_autoencoder(config)
    output: Any = model.decoder.output
    torch.nn.init.zeros_(output.weight)
    torch.nn.init.constant_(output.bias, bias)
    images = torch.full((2, 3, 8, 8), pixel)
    loss = ReconstructionObjective(config).measure(model, Batch(images, None)).loss
    assert loss.item() == pytest.approx(-np.log(1e-7), rel=0.02)  # float32 has 1.2e-7 below 1


def test_the_loss_is_the_reconstruction_plus_both_penalties():
    config = make_config(
        kernel_regularizer=True,
        kernel_regularizer_value=0.01,
        activity_regularizer=True,
        activity_regularizer_value=0.02,
    )
    model = make_autoencoder(config).eval()
    batch = draw_batch()
    activities: list[torch.Tensor] = []
    x = to_numpy(model.decode(model.encode(batch.images, activities)))
    expected = LOSSES["mean_squared_error"](x, to_numpy(batch.images))
    kernels = [to_numpy(convolution.weight) for convolution in model.encoder.convolutions()]
    penalty = 0.01 * sum((kernel**2).sum() for kernel in kernels)
    penalty += 0.02 * sum(abs(to_numpy(activity)).sum() for activity in activities) / 10
    measured = ReconstructionObjective(config).measure(model, batch)
    assert measured.loss.item() == pytest.approx(expected + penalty, rel=1e-5)
    loss, mse = average(measured)
    assert loss == pytest.approx(expected + penalty, rel=1e-5)
    assert mse == pytest.approx(expected, rel=1e-5)


def test_noise_goes_in_and_the_clean_image_is_the_target():
    config = make_config(gaussian_noise_input=True, gaussian_noise_stddev=50.0, batch_norm=False)
    model = make_autoencoder(config).train()
    batch = draw_batch()
    torch.manual_seed(1)
    measured = ReconstructionObjective(config).measure(model, batch)
    torch.manual_seed(1)
    x = to_numpy(model(batch.images))
    clean = LOSSES["mean_squared_error"](x, to_numpy(batch.images))
    assert measured.loss.item() == pytest.approx(clean, rel=1e-5)


def test_metrics_of_batches_of_different_sizes_are_means_over_images():
    config = make_config()
    model = make_autoencoder(config).eval()
    objective, whole = ReconstructionObjective(config), draw_batch()
    parts = [Batch(whole.images[:7], None), Batch(whole.images[7:], None)]
    together = average(objective.measure(model, whole))
    apart = average(*(objective.measure(model, part) for part in parts))
    np.testing.assert_allclose(apart, together, rtol=1e-5)


@pytest.mark.parametrize("counts", [(1, 2, 3), (5, 5, 5), (1, 1000, 30)])
def test_balanced_weights_are_scikit_learns(counts):
    labels = np.repeat(np.arange(3), counts)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    found = compute_balanced_weights(torch.from_numpy(labels), num_classes=3)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


def test_a_class_without_images_has_no_weight_and_the_others_are_balanced():
    labels = np.array([0, 0, 0, 2])
    expected = compute_class_weight("balanced", classes=np.array([0, 2]), y=labels)
    found = compute_balanced_weights(torch.from_numpy(labels), num_classes=4)
    np.testing.assert_allclose(found.numpy(), [expected[0], 0, expected[1], 0], rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_class_weights_scale_the_training_loss_of_each_image(weighted, training):
    model = make_small_classifier(batch_norm=False).train(training)
    batch = draw_batch()
    objective = ClassificationObjective(make_config(), class_weights=WEIGHTS if weighted else None)
    measured = objective.measure(model, batch)
    probabilities = softmax(to_numpy(model(batch.images)))
    losses = -np.log(probabilities[np.arange(10), LABELS.numpy()])
    if weighted and training:
        losses = losses * to_numpy(WEIGHTS)[LABELS.numpy()]
    assert measured.loss.item() == pytest.approx(losses.mean(), rel=1e-5)
    loss, accuracy = average(measured)
    assert loss == pytest.approx(losses.mean(), rel=1e-5)
    assert accuracy == np.mean(probabilities.argmax(axis=1) == LABELS.numpy())


def test_weighted_metrics_are_means_weighted_by_class_over_all_batches():
    model = make_small_classifier().eval()
    names = ("accuracy", "categorical_crossentropy", "top_5_accuracy")
    objective = ClassificationObjective(
        make_config(), weighted_metrics=names, metric_weights=WEIGHTS
    )
    assert objective.metrics == ("loss", "accuracy", *(f"weighted_{name}" for name in names))
    whole = draw_batch()
    parts = [Batch(whole.images[:4], LABELS[:4]), Batch(whole.images[4:], LABELS[4:])]
    loss, accuracy, *found = average(*(objective.measure(model, part) for part in parts))

    labels, each = LABELS.numpy(), to_numpy(WEIGHTS)[LABELS.numpy()]
    probabilities = softmax(to_numpy(model(whole.images)))
    losses = -np.log(probabilities[np.arange(10), labels])
    hit = probabilities.argmax(axis=1) == labels
    top = (np.argsort(-probabilities, axis=1)[:, :5] == labels[:, None]).any(axis=1)
    assert 0 < top.mean() < 1
    expected = [(values * each).sum() / each.sum() for values in (hit, losses, top)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert loss == pytest.approx(losses.mean(), rel=1e-5)
    assert accuracy == pytest.approx(hit.mean())


def test_the_top_five_of_fewer_classes_are_all_of_them():
    model = make_classifier(
        make_config(), ClassifierConfig(image_shape=SHAPE), num_classes=3
    ).eval()
    objective = ClassificationObjective(
        make_config(), weighted_metrics=("top_5_accuracy",), metric_weights=WEIGHTS[:3]
    )
    batch = Batch(draw_batch(3).images, torch.tensor([0, 1, 2]))
    assert average(objective.measure(model, batch))[2] == 1


@pytest.mark.parametrize("freeze", [True, False])
def test_the_encoders_penalties_count_only_while_it_is_trained(freeze):
    penalised = make_config(
        kernel_regularizer=True, activity_regularizer=True, activity_regularizer_type="l2"
    )
    model = make_small_classifier(freeze_encoder=freeze, batch_norm=False).eval()
    batch = draw_batch()
    plain = ClassificationObjective(make_config()).measure(model, batch)
    found = ClassificationObjective(penalised).measure(model, batch)
    activities: list[torch.Tensor] = []
    model.encode(batch.images, activities)
    kernels = [to_numpy(convolution.weight) for convolution in model.encoder.convolutions()]
    penalty = 0.001 * sum((kernel**2).sum() for kernel in kernels)
    penalty += 0.001 * sum((to_numpy(each) ** 2).sum() for each in activities) / 10
    expected = plain.loss.item() + (0 if freeze else penalty)
    assert found.loss.item() == pytest.approx(expected, rel=1e-5)
