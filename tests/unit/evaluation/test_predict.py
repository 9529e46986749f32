"""Predictions are the model's own, in the images' order, whatever the batch size and mode."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cae.config import AutoencoderConfig, ClassifierConfig
from cae.evaluation.predict import encode, predict_probabilities, reconstruct
from cae.models.autoencoder import make_autoencoder
from cae.models.classifier import make_classifier
from cae.runtime.device import Runtime

AUTOENCODER = AutoencoderConfig(image_shape=(8, 8, 3), init_num_filters=2)


@pytest.fixture
def classifier():
    return make_classifier(AUTOENCODER, ClassifierConfig(image_shape=(8, 8, 3)), num_classes=3)


def to_pixels(images) -> torch.Tensor:
    return torch.from_numpy(images.images.astype(np.float32) / np.float32(255))


@pytest.mark.parametrize("batch_size", [1, 4, 10, 250])
def test_probabilities_are_the_softmax_of_the_logits(classifier, make_images, float32, batch_size):
    images = make_images(11)
    found = predict_probabilities(classifier, images, runtime=float32, batch_size=batch_size)
    with torch.no_grad():
        logits = classifier.eval()(to_pixels(images)).double().numpy()
    powers = np.exp(logits)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, powers / powers.sum(axis=1, keepdims=True), atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 4, 10, 250])
def test_reconstructions_are_the_models_output(make_images, float32, batch_size):
    model, images = make_autoencoder(AUTOENCODER), make_images(11)
    found = reconstruct(model, images, runtime=float32, batch_size=batch_size)
    with torch.no_grad():
        expected = model.eval()(to_pixels(images)).numpy()
    assert found.shape == images.images.shape
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert 0 <= found.min() <= found.max() <= 1


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("batch_size", [4, 250])
def test_encodings_are_the_encoders_output(make_images, precision, batch_size):
    encoder, images = make_autoencoder(AUTOENCODER).encoder, make_images(11)
    runtime = Runtime(torch.device("cpu"), precision)
    found = encode(encoder, images, runtime=runtime, batch_size=batch_size)
    with torch.no_grad():
        expected = encoder.eval()(to_pixels(images))
    assert found.dtype == getattr(torch, precision)
    assert not found.requires_grad
    tolerance = 1e-6 if precision == "float32" else 0.02
    torch.testing.assert_close(found.float(), expected, rtol=tolerance, atol=tolerance)


def test_predicting_evaluates_a_model_left_in_training_mode(classifier, make_images, float32):
    images = make_images(6)
    classifier.train()
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    first = predict_probabilities(classifier, images, runtime=float32)
    assert (predict_probabilities(classifier, images, runtime=float32) == first).all()
    for name, value in classifier.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_bfloat16_predicts_the_same_up_to_its_precision(classifier, make_images, float32):
    images, runtime = make_images(20), Runtime(torch.device("cpu"), "bfloat16")
    exact = predict_probabilities(classifier, images, runtime=float32)
    rounded = predict_probabilities(classifier, images, runtime=runtime)
    assert rounded.dtype == np.float32
    np.testing.assert_allclose(rounded, exact, atol=0.02)
    np.testing.assert_allclose(rounded.sum(axis=1), 1, atol=1e-6)


def test_labels_are_not_looked_at(classifier, make_images, float32):
    images = make_images(5)
    unlabelled = type(images)(images.images, None, images.class_names, images.name)
    first, second = (
        predict_probabilities(classifier, each, runtime=float32) for each in (images, unlabelled)
    )
    assert (first == second).all()


@pytest.mark.parametrize("kind", ["flip", "flip_and_shift"])
def test_views_are_averaged_before_the_softmax(make_images, float32, kind):
    config = ClassifierConfig.model_validate(
        {"image_shape": (8, 8, 3), "test_time_augmentation": kind}
    )
    model, images = make_classifier(AUTOENCODER, config, num_classes=3), make_images(7)
    found = predict_probabilities(model, images, runtime=float32)
    pixels = to_pixels(images)

    def both(x: torch.Tensor) -> torch.Tensor:
        return (model.eval()(x) + model(x.flip(3))) / 2

    with torch.no_grad():
        logits = both(pixels)
        if kind == "flip_and_shift":
            wide = np.pad(pixels.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
            corners = (wide[:, :, :8, :8], wide[:, :, 2:, 2:])
            shifted = [both(torch.from_numpy(each.copy())) for each in corners]
            logits = logits / 2 + shifted[0] / 4 + shifted[1] / 4
    np.testing.assert_allclose(found, logits.softmax(dim=1).numpy(), atol=1e-6)


def test_predictions_are_adjusted_by_the_classes_shares_as_published(make_images, float32):
    config = ClassifierConfig.model_validate(
        {"image_shape": (8, 8, 3), "posthoc_logit_adjustment": 1.5}
    )
    model, images = make_classifier(AUTOENCODER, config, num_classes=3), make_images(7)
    shares = np.array([0.6, 0.3, 0.1], np.float32)
    model.log_priors = torch.from_numpy(np.log(shares))
    found = predict_probabilities(model, images, runtime=float32)
    with torch.no_grad():
        plain = model.eval()(to_pixels(images)).softmax(dim=1).numpy()
    expected = plain / shares**1.5
    np.testing.assert_allclose(found, expected / expected.sum(1, keepdims=True), atol=1e-6)
