"""A saved model scores and classifies as it did in memory, or says why it cannot."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from cae.checkpoints.weights import load_model, read_model, write_model
from cae.config import AutoencoderConfig, ClassifierConfig
from cae.data.images import ImageSet
from cae.errors import CheckpointError, DataError
from cae.evaluation.metrics import evaluate_classification, evaluate_reconstruction
from cae.evaluation.predict import predict_probabilities, reconstruct
from cae.evaluation.saved import classify, evaluate_model, load_predictor
from cae.models.autoencoder import make_autoencoder
from cae.models.classifier import make_classifier
from cae.run_folder import ModelFiles

AUTOENCODER = AutoencoderConfig(image_shape=(8, 8, 3), init_num_filters=2)
CLASSIFIER = ClassifierConfig(image_shape=(8, 8, 3))


@pytest.fixture
def save(tmp_path, make_images):
    """Save a model of the given kind; return it with what was read back."""

    def save_kind(kind: str):
        if kind == "classifier":
            model = make_classifier(AUTOENCODER, CLASSIFIER, num_classes=3)
        else:
            model = make_autoencoder(AUTOENCODER)
        model = model.encoder if kind == "encoder" else model
        files = ModelFiles(tmp_path, kind)
        classifies = kind == "classifier"
        write_model(
            files,
            model,
            autoencoder_config=AUTOENCODER,
            classifier_config=CLASSIFIER if classifies else None,
            class_names=make_images(1).class_names if classifies else None,
            about={},
        )
        return model, read_model(files.json)

    return save_kind


def unlabel(images: ImageSet) -> ImageSet:
    return ImageSet(images.images, None, images.class_names, images.name)


def test_a_saved_classifier_has_the_scores_of_the_one_in_memory(save, make_images, float32):
    model, saved = save("classifier")
    images = make_images(9)
    probabilities = predict_probabilities(model, images, runtime=float32)
    expected = evaluate_classification(probabilities, images.labels, images.class_names)
    found = evaluate_model(saved, images, runtime=float32)
    assert found == expected
    assert json.loads(json.dumps(found)) == found
    np.testing.assert_array_equal(classify(saved, images, runtime=float32), probabilities)
    np.testing.assert_array_equal(classify(saved, unlabel(images), runtime=float32), probabilities)


def test_a_saved_model_may_be_given_by_its_path(save, make_images, float32):
    _, saved = save("classifier")
    images = make_images(4)
    assert saved.image_shape == (8, 8, 3)
    expected = classify(saved, images, runtime=float32)
    for path in (saved.path, str(saved.path)):
        np.testing.assert_array_equal(classify(path, images, runtime=float32), expected)
        assert evaluate_model(path, images, runtime=float32)["count"] == 4


def test_a_saved_autoencoder_has_the_scores_of_the_one_in_memory(save, make_images, float32):
    model, saved = save("autoencoder")
    images = make_images(9)
    expected = evaluate_reconstruction(images.images, reconstruct(model, images, runtime=float32))
    assert evaluate_model(saved, unlabel(images), runtime=float32) == expected


@pytest.fixture(params=["origin", "whitened"])
def full(request, tmp_path, make_images):
    """A saved classifier whose predictions are more than its logits."""
    below = AutoencoderConfig(
        image_shape=(16, 16, 3), encoder=request.param, conv_blocks=2, init_num_filters=2
    )
    config = ClassifierConfig(
        image_shape=(16, 16, 3),
        global_pooling="max",
        test_time_augmentation="flip_and_shift",
        posthoc_logit_adjustment=1.5,
    )
    model = make_classifier(below, config, num_classes=3)
    model.log_priors = torch.tensor([0.6, 0.3, 0.1]).log()
    files = ModelFiles(tmp_path, "full")
    names = make_images(1).class_names
    write_model(
        files,
        model,
        autoencoder_config=below,
        classifier_config=config,
        class_names=names,
        about={},
    )
    return read_model(files.json)


def test_a_predictor_answers_as_classify_does_and_the_bare_model_otherwise(
    full, make_images, float32
):
    images = make_images(9, height=16, width=16)
    x = torch.from_numpy(images.images).float() / 255
    predictor = load_predictor(full)
    expected = classify(full, images, runtime=float32)
    assert not any(module.training for module in predictor.modules())
    found = predictor(x)
    assert found.dtype == torch.float32
    assert not found.requires_grad
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)
    bare = load_model(full)(x).softmax(dim=1).detach().numpy()
    assert np.abs(bare - expected).max() > 0.1


def test_a_predictor_can_be_exported_for_any_number_of_images(full, make_images, float32):
    images = make_images(5, height=16, width=16)
    x = torch.from_numpy(images.images).float() / 255
    count = torch.export.Dim("count", min=2, max=64)
    exported = torch.export.export(
        load_predictor(full), (x[:3],), dynamic_shapes={"x": {0: count}}
    ).module()
    np.testing.assert_allclose(
        exported(x).detach().numpy(), classify(full, images, runtime=float32), atol=1e-6
    )


@pytest.mark.parametrize("kind", ["autoencoder", "encoder"])
def test_only_a_classifier_classifies(save, make_images, float32, kind):
    _, saved = save(kind)
    with pytest.raises(CheckpointError, match=f"{kind} models do not classify"):
        classify(saved, make_images(2), runtime=float32)
    with pytest.raises(CheckpointError, match=f"{kind} models do not classify"):
        load_predictor(saved)


def test_a_model_in_memory_is_no_saved_one(save, make_images, float32):
    model, _ = save("classifier")
    with pytest.raises(TypeError, match=r"a Classifier is not a saved model: give the path of a"):
        classify(model, make_images(2), runtime=float32)  # pyright: ignore[reportArgumentType]


def test_an_encoder_alone_has_nothing_to_evaluate(save, make_images, float32):
    _, saved = save("encoder")
    with pytest.raises(
        CheckpointError, match=r"encoder\.json: an encoder alone cannot be evaluated"
    ):
        evaluate_model(saved, make_images(2), runtime=float32)


@pytest.mark.parametrize("ask", [evaluate_model, classify])
def test_images_of_another_shape_are_refused(save, make_images, float32, ask):
    _, saved = save("classifier")
    with pytest.raises(DataError, match=r"shape \[16, 8, 3\].*made for \[8, 8, 3\]"):
        ask(saved, make_images(2, height=16), runtime=float32)


def test_images_without_labels_or_of_other_classes_cannot_be_scored(save, make_images, float32):
    _, saved = save("classifier")
    with pytest.raises(DataError, match="noise: a classifier cannot be scored on images without"):
        evaluate_model(saved, unlabel(make_images(4)), runtime=float32)
    images = make_images(4, classes=4)
    with pytest.raises(
        DataError, match=r"noise: classifier\.json does not know class 'dog', only \['bir"
    ):
        evaluate_model(saved, images, runtime=float32)


def test_images_of_some_of_the_classes_are_scored_by_their_names(save, make_images, float32):
    model, saved = save("classifier")
    bird, cat, deer = make_images(1).class_names
    images = make_images(12, classes=2)
    some = ImageSet(images.images, images.labels, (deer, bird), "batch")
    assert images.labels is not None
    expected = evaluate_classification(
        predict_probabilities(model, images, runtime=float32),
        np.where(images.labels == 0, 2, 0),
        (bird, cat, deer),
    )
    assert expected["per_class"][cat]["support"] == 0
    assert evaluate_model(saved, some, runtime=float32) == expected
