"""Each stage trains on what it is given, and nothing it should not see changes what it learns."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from cae.checkpoints.state import StateFiles
from cae.config import AutoencoderConfig, ClassifierConfig, DataConfig, RunConfig
from cae.data.batches import Batch
from cae.data.images import ImageSet
from cae.data.splits import make_splits
from cae.errors import CheckpointError, ConfigError, DataError, StoppedError
from cae.models.classifier import make_classifier
from cae.models.encoder import Encoder
from cae.pipeline import stages
from cae.presets import load_preset, override
from cae.run_folder import RunFolder
from cae.runtime.device import Runtime
from cae.training.progress import SilentProgress
from cae.training.saving import Trained
from cae.training.trainer import Checkpoints

SHAPE = (8, 8, 3)
AUTOENCODER = AutoencoderConfig(image_shape=SHAPE, init_num_filters=2, batch_size=8, epochs=2)
CLASSIFIER = ClassifierConfig(image_shape=SHAPE, batch_size=8, epochs=2)
CONFIG = RunConfig(autoencoder=AUTOENCODER, classifier=CLASSIFIER)


def hash_model(model: torch.nn.Module) -> str:
    state = model.state_dict()
    return hashlib.sha256(b"".join(state[name].numpy().tobytes() for name in state)).hexdigest()


def rearrange(images: ImageSet, *, seed: int) -> ImageSet:
    return images.select(np.random.default_rng(seed).permutation(len(images)).astype(np.int64))


def test_the_order_of_the_validation_images_changes_no_weight(dataset, float32):
    splits = make_splits(dataset, CONFIG.data)
    found = {
        hash_model(stages.pretrain(splits.train, val, AUTOENCODER, runtime=float32).model)
        for val in (splits.validation, rearrange(splits.validation, seed=1), splits.train)
    }
    assert len(found) == 1


def test_pretraining_does_not_look_at_labels(dataset, float32):
    images = dataset.train
    found = set()
    for labels in (images.labels, None, images.labels[::-1]):
        each = ImageSet(images.images, labels, images.class_names, images.name)
        found.add(hash_model(stages.pretrain(each, each, AUTOENCODER, runtime=float32).model))
    assert len(found) == 1


def test_the_seeds_of_the_stages_are_their_own(dataset, float32):
    other = CLASSIFIER.model_copy(update={"seed": 7})
    images = dataset.train
    first, second = (
        stages.finetune(
            images, images, AUTOENCODER, config, encoder_weights=None, runtime=float32
        ).model
        for config in (CLASSIFIER, other)
    )
    assert hash_model(first.encoder) == hash_model(second.encoder)
    assert hash_model(first.head) != hash_model(second.head)


def test_without_pretrained_weights_the_encoder_starts_from_its_seed(dataset, float32):
    trained = stages.finetune(
        dataset.train,
        dataset.train,
        AUTOENCODER,
        CLASSIFIER,
        encoder_weights=None,
        runtime=float32,
    )
    untrained = make_classifier(AUTOENCODER, CLASSIFIER, num_classes=4)
    assert hash_model(trained.model.encoder) == hash_model(untrained.encoder)


def test_class_weights_are_scikit_learns_of_the_training_labels(dataset, float32):
    """One batch, one step, no augmentation: the first loss is the hand-weighted cross-entropy."""
    labels = np.repeat(np.arange(3), (18, 9, 3))
    train = ImageSet(dataset.train.images[:30], labels, ("bird", "cat", "deer"), "uneven")
    config = CLASSIFIER.model_copy(
        update={"class_weights": True, "data_augmentation": False, "epochs": 1, "batch_size": 64}
    )
    trained = stages.finetune(
        train, train, AUTOENCODER, config, encoder_weights=None, runtime=float32
    )
    model = make_classifier(AUTOENCODER, config, num_classes=3).train()
    pixels = torch.from_numpy(train.images.astype(np.float32) / np.float32(255))
    with torch.no_grad():
        logits = model(pixels).double().numpy()
    powers = np.exp(logits)
    losses = -np.log((powers / powers.sum(axis=1, keepdims=True))[np.arange(30), labels])
    weights = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    expected = (losses * weights[labels]).mean()
    assert expected != pytest.approx(losses.mean(), rel=0.01)
    assert trained.fit.history.metrics["loss"] == [pytest.approx(expected, rel=1e-4)]


class EncodedImages:
    """Counts the images that go through encoders."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        forward = Encoder.forward

        def count_and_forward(encoder, x, activities=None):
            self.count += len(x)
            return forward(encoder, x, activities)

        monkeypatch.setattr(Encoder, "forward", count_and_forward)


@pytest.mark.parametrize(
    ("keys", "times_train", "times_val"),
    [
        ({"data_augmentation": False}, 1, 1),  # the same features in every epoch
        ({}, 3, 1),  # augmented images have new features in every epoch
        ({"freeze_encoder": False, "data_augmentation": False}, 3, 3),
    ],
)
def test_a_frozen_encoder_sees_images_that_do_not_change_once(
    dataset, float32, monkeypatch, keys, times_train, times_val
):
    splits = make_splits(dataset, DataConfig())
    config = CLASSIFIER.model_copy(update={"epochs": 3, **keys})
    encoded = EncodedImages(monkeypatch)
    stages.finetune(
        splits.train, splits.validation, AUTOENCODER, config, encoder_weights=None, runtime=float32
    )
    assert encoded.count == times_train * len(splits.train) + times_val * len(splits.validation)


def test_features_computed_ahead_train_the_same_classifier(dataset, float32, monkeypatch):
    splits = make_splits(dataset, DataConfig())
    config = CLASSIFIER.model_copy(update={"data_augmentation": False})

    def train():
        return stages.finetune(
            splits.train,
            splits.validation,
            AUTOENCODER,
            config,
            encoder_weights=None,
            runtime=float32,
        )

    ahead = train()
    monkeypatch.setattr(stages, "_MOST_FEATURE_BYTES", 0)
    encoded = EncodedImages(monkeypatch)
    each_time = train()
    assert encoded.count == 2 * (len(splits.train) + len(splits.validation))
    for name, value in ahead.model.state_dict().items():
        torch.testing.assert_close(value, each_time.model.state_dict()[name], rtol=1e-4, atol=1e-5)


def test_images_of_another_shape_are_refused_before_training(make_images, float32):
    images = make_images(8, height=16)
    with pytest.raises(ConfigError, match=r"autoencoder\.image_shape is \[8, 8, 3\], but"):
        stages.pretrain(images, images, AUTOENCODER, runtime=float32)
    with pytest.raises(ConfigError, match=r"classifier\.image_shape .* set image_shape=\[16, 8, 3"):
        stages.finetune(
            images, images, AUTOENCODER, CLASSIFIER, encoder_weights=None, runtime=float32
        )


def test_a_single_image_cannot_be_normalised_over_and_is_refused(make_images, float32):
    one, few = make_images(1, classes=1), make_images(4, classes=1)
    message = "noise: 1 image to train on; batch_norm needs at least 2"
    with pytest.raises(DataError, match=message):
        stages.pretrain(one, few, AUTOENCODER, runtime=float32)
    with pytest.raises(DataError, match=message):
        stages.finetune(one, few, AUTOENCODER, CLASSIFIER, encoder_weights=None, runtime=float32)


def test_a_classifier_needs_labels_and_an_encoder_that_fits(make_images, float32):
    images = make_images(8)
    unlabelled = ImageSet(images.images, None, images.class_names, images.name)
    with pytest.raises(DataError, match="noise: training a classifier needs labels"):
        stages.finetune(
            unlabelled, images, AUTOENCODER, CLASSIFIER, encoder_weights=None, runtime=float32
        )
    names = tuple(f"new {name}" for name in images.class_names)
    renamed = ImageSet(images.images, images.labels, names, images.name)
    with pytest.raises(DataError, match=r"its classes \['new .* are not those of"):
        stages.finetune(
            images, renamed, AUTOENCODER, CLASSIFIER, encoder_weights=None, runtime=float32
        )
    with pytest.raises(CheckpointError, match=r"encoder weights: .* do not fit"):
        stages.finetune(
            images,
            images,
            AUTOENCODER,
            CLASSIFIER,
            encoder_weights={"other": torch.zeros(1)},
            runtime=float32,
        )


def test_a_key_without_effect_is_told(make_images, float32, caplog):
    images = make_images(8)
    config = AUTOENCODER.model_copy(update={"early_stopping": True})
    with caplog.at_level(logging.WARNING):
        stages.pretrain(images, images, config, runtime=float32)
    assert "autoencoder: early_stopping has no effect while callbacks is off" in caplog.text


def test_without_validation_images_the_last_weights_are_taken(dataset, float32):
    trained = stages.pretrain(dataset.train, None, AUTOENCODER, runtime=float32)
    history = trained.fit.history
    assert not any(name.startswith("val_") for name in history.metrics)
    assert history.best_epoch == history.epochs == 2
    watched = stages.pretrain(dataset.train, dataset.train, AUTOENCODER, runtime=float32)
    assert hash_model(trained.model) == hash_model(watched.model)
    watching = AUTOENCODER.model_copy(update={"callbacks": True})
    with pytest.raises(ConfigError, match="there are none"):
        stages.pretrain(dataset.train, None, watching, runtime=float32)


@pytest.mark.parametrize("callbacks", [False, True])
@pytest.mark.parametrize(
    "change", [{"mask_ratio": 0.5}, {"low_resolution_epochs": 2, "low_resolution_side": 4}]
)
def test_statistics_of_an_encoder_are_those_of_whole_images(dataset, float32, change, callbacks):
    config = AUTOENCODER.model_copy(update={"dropout": True, "callbacks": callbacks, **change})
    images = dataset.train
    trained = stages.pretrain(images, images if callbacks else None, config, runtime=float32)
    encoder: Any = trained.model.encoder.eval()
    first = encoder.blocks[0].units[0]
    with torch.no_grad():
        pixels = torch.from_numpy(images.images).float() / 255
        activity = first.conv(pixels).relu()
    torch.testing.assert_close(first.norm.running_mean, activity.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(
        first.norm.running_var, activity.var(dim=(0, 2, 3)), rtol=1e-3, atol=1e-6
    )
    assert first.norm.momentum == 0.01
    # Without validation images the last epoch is the best one too.
    chosen = [trained.fit.best_weights, *([] if callbacks else [trained.fit.last_weights])]
    for weights in chosen:
        held = weights["encoder.blocks.0.units.0.norm.running_mean"]
        assert torch.equal(held, first.norm.running_mean)


def test_a_whitened_encoder_begins_from_the_training_images_alone(dataset, float32):
    below = AutoencoderConfig(
        image_shape=SHAPE, encoder="whitened", conv_blocks=2, init_num_filters=2, batch_size=8
    )
    config = CLASSIFIER.model_copy(update={"head": "linear"})
    stems: list[torch.Tensor] = []
    for val in (dataset.train, None):
        trained = stages.finetune(
            dataset.train, val, below, config, encoder_weights=None, runtime=float32
        )
        encoder: Any = trained.model.encoder
        stems.append(encoder.stem.weight)
    assert torch.equal(*stems)
    assert stems[0].abs().max() > 0


def test_what_the_encoder_does_not_train_stays_untrained_in_the_classifier():
    below = AutoencoderConfig(encoder="whitened", init_num_filters=2)
    free = make_classifier(
        below, ClassifierConfig(head="linear", freeze_encoder=False), num_classes=3
    )
    trained = {name for name, value in free.named_parameters() if value.requires_grad}
    assert "encoder.blocks.0.norms.0.bias" in trained
    assert "encoder.blocks.0.norms.0.weight" not in trained
    frozen = make_classifier(below, ClassifierConfig(head="linear"), num_classes=3)
    assert not any(value.requires_grad for value in frozen.encoder.parameters())


def test_label_smoothing_and_logit_adjustment_change_the_training_loss_as_published(float32):
    labels = torch.tensor([0, 0, 0, 1])
    objective = stages.make_classification_objective(
        AUTOENCODER,
        CLASSIFIER.model_copy(update={"label_smoothing": 0.2, "class_balance": "logit_adjustment"}),
        labels,
        num_classes=2,
    )
    model = make_classifier(AUTOENCODER, CLASSIFIER, num_classes=2)
    images = torch.rand(4, *SHAPE[2:], *SHAPE[:2], generator=torch.Generator().manual_seed(0))
    batch = Batch(images, labels)
    found = objective.measure(model.train(), batch).loss.item()
    logits = model(images).double() + torch.tensor([0.75, 0.25]).log()
    targets = torch.nn.functional.one_hot(labels, 2) * 0.8 + 0.1
    expected = -(targets * logits.log_softmax(dim=1)).sum(dim=1).mean().item()
    assert found == pytest.approx(expected, rel=1e-5)
    plain = objective.measure(model.eval(), batch).loss.item()
    expected = torch.nn.functional.cross_entropy(model(images), labels).item()
    assert plain == pytest.approx(expected, rel=1e-5)


def finetune_unequal(dataset, runtime, *, rare: int, **changes: Any) -> None:
    """Train on the first images of one class, 40 of them at most, and `rare` of another."""
    config = CLASSIFIER.model_copy(update=changes)
    labels = dataset.train.labels
    places = [*np.flatnonzero(labels == 0)[:40], *np.flatnonzero(labels == 1)[:rare]]
    images = dataset.train.select(np.array(places))
    stages.finetune(
        images, dataset.train, AUTOENCODER, config, encoder_weights=None, runtime=runtime
    )


@pytest.mark.parametrize(
    ("changes", "rare", "is_told"),
    [
        ({"class_balance": "sampling", "posthoc_logit_adjustment": 1.0}, 4, True),
        ({"class_weights": True, "posthoc_logit_adjustment": 1.0}, 4, True),
        # Thinned to a half, as CIFAR-10's classes are.
        ({"class_balance": "sampling", "posthoc_logit_adjustment": 1.0}, 20, False),
        ({"class_balance": "sampling"}, 4, False),
        ({"posthoc_logit_adjustment": 1.0}, 4, False),
    ],
)
def test_classes_that_are_balanced_twice_are_told(
    dataset, float32, caplog, changes, rare: int, *, is_told: bool
):
    finetune_unequal(dataset, float32, rare=rare, **changes)
    told = [text for text in caplog.messages if "both make up for scarce classes" in text]
    assert bool(told) is is_told
    assert not told or "times as many training images as another: it will hardly" in told[0]


@pytest.mark.parametrize(
    ("changes", "rare", "is_told"),
    [
        ({}, 4, True),
        ({}, 20, False),
        ({"class_balance": "sampling"}, 4, False),
        ({"posthoc_logit_adjustment": 1.0}, 4, False),
    ],
)
def test_a_rare_class_that_nothing_makes_up_for_is_told(
    dataset, float32, caplog, changes, rare: int, *, is_told: bool
):
    finetune_unequal(dataset, float32, rare=rare, **changes)
    told = any("class_balance=sampling draws all" in text for text in caplog.messages)
    assert told is is_told


def test_predictions_are_adjusted_by_the_training_images_classes(dataset, float32):
    config = CLASSIFIER.model_copy(update={"posthoc_logit_adjustment": 0.5})
    images = dataset.train.select(np.flatnonzero(dataset.train.labels <= 1)[:40])
    trained = stages.finetune(
        images, dataset.train, AUTOENCODER, config, encoder_weights=None, runtime=float32
    )
    counts = np.bincount(images.labels, minlength=len(images.class_names)).clip(min=1)
    expected = torch.from_numpy(np.log(counts / len(images))).float()
    priors = trained.model.log_priors
    assert priors is not None
    torch.testing.assert_close(priors, expected)
    # They are kept and loaded with the weights, and change neither the weights nor the loss.
    plain = stages.finetune(
        images, dataset.train, AUTOENCODER, CLASSIFIER, encoder_weights=None, runtime=float32
    )
    kept = dict(trained.fit.last_weights)
    assert torch.equal(kept.pop("log_priors"), priors)
    assert kept.keys() == plain.fit.last_weights.keys()
    assert all(torch.equal(kept[name], plain.fit.last_weights[name]) for name in kept)


class Steps(SilentProgress):
    """Counts the steps that are taken."""

    def __init__(self) -> None:
        self.taken = 0

    def images_done(self, count: int) -> None:
        """Count a step."""
        self.taken += 1


def train_in_two_sittings(
    train: Callable[..., Trained[Any]], files: StateFiles, *, steps: int
) -> Trained[Any]:
    """Stop a training of so many steps after a third of them, resume it and return it."""
    first, second = Steps(), Steps()
    stop = Checkpoints(files, None, 1e9, lambda: first.taken == steps // 3)
    with pytest.raises(StoppedError, match="and saved"):
        train(progress=first, checkpoints=stop)
    trained = train(
        progress=second, checkpoints=Checkpoints(files, files.read(), 1e9, lambda: False)
    )
    assert first.taken == steps // 3
    assert first.taken + second.taken == steps
    return trained


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_gpu)])
def test_both_stages_of_the_usual_recipe_are_trained_stopped_and_resumed_on_every_device(
    make_images, tmp_path, device, precision
):
    # The preset's rates are for large batches of wide layers.
    small = ["batch_size=8", "epochs=2", "low_resolution_epochs=1", "lr=0.01"]
    narrow = "autoencoder.filters_per_block=[4, 8, 8]"
    config = override(load_preset("quick"), [narrow, *small])
    images = make_images(48, height=32, width=32, classes=4)
    runtime = Runtime(torch.device(device), precision)
    folder, below, above = RunFolder(tmp_path, "t"), config.autoencoder, config.classifier

    def pretrain(**watched):
        return stages.pretrain(images, images, below, runtime=runtime, **watched)

    files = StateFiles(folder, "autoencoder_t", {}, {})
    pretrained = train_in_two_sittings(pretrain, files, steps=2 * 48 // 8)
    weights = pretrained.model.encoder.state_dict()

    def finetune(**watched):
        return stages.finetune(
            images, images, below, above, encoder_weights=weights, runtime=runtime, **watched
        )

    files = StateFiles(folder, "classifier_t", {}, {})
    finetuned = train_in_two_sittings(finetune, files, steps=2 * 48 // 8)
    for trained in (pretrained, finetuned):
        for name in ("loss", "val_loss"):
            values = trained.fit.history.metrics[name]
            assert len(values) == 2
            assert np.isfinite(values).all()
        assert next(trained.model.parameters()).device.type == device
