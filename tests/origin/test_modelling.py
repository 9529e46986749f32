"""The origin's model functions: configure, train, save and load again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import cae
import dataset
import modelling
from _arrays import to_image_set
from _models import Model, choose_runtime
from cae.errors import CheckpointError, ConfigError, DataError
from cae.evaluation.predict import encode
from cae.models.classifier import Classifier
from cae.training.history import read_history

# The dictionaries of the origin's README, as it prints them.
AUTOENCODER_BASE = {
    "activity_regularizer": False,
    "activity_regularizer_type": "l1",
    "activity_regularizer_value": 0.001,
    "batch_norm": True,
    "batch_size": 64,
    "callbacks": False,
    "conv_blocks": 3,
    "dropout": True,
    "dropout_value": 0.2,
    "early_stopping": False,
    "early_stopping_delta": 0.1,
    "early_stopping_patience": 10,
    "epochs": 50,
    "gaussian_noise_hidden": False,
    "gaussian_noise_input": False,
    "gaussian_noise_stddev": 0.1,
    "image_shape": [32, 32, 3],
    "init_num_filters": 32,
    "kernel_regularizer": False,
    "kernel_regularizer_type": "l2",
    "kernel_regularizer_value": 0.001,
    "layers_per_block": 2,
    "loss": "mean_squared_error",
    "lr": 0.001,
    "optimizer": "adam",
}
CLASSIFIER_BASE = {
    "batch_norm": True,
    "batch_size": 64,
    "callbacks": False,
    "class_weights": False,
    "data_augmentation": True,
    "dense": True,
    "dropout": False,
    "dropout_value": 0.2,
    "early_stopping": False,
    "early_stopping_delta": 0.1,
    "early_stopping_patience": 10,
    "epochs": 100,
    "global_pooling": "flatten",
    "image_shape": [32, 32, 3],
    "loss": "categorical_crossentropy",
    "lr": 0.001,
    "optimizer": "adam",
    "weighted_metrics": None,
}


def read_weights(model: Model) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.network.state_dict().items()}


def are_equal(some: dict[str, torch.Tensor], others: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(some[name], others[name]) for name in some.keys() | others.keys())


def test_the_shipped_base_configurations_are_the_readmes():
    assert modelling.load_config("autoencoder_config_base.json") == AUTOENCODER_BASE
    assert modelling.load_config("classifier_config_base.json") == CLASSIFIER_BASE


def test_a_file_in_the_working_directory_comes_before_a_shipped_one(working_folder: Path):
    path = working_folder / "autoencoder_config_base.json"
    path.write_text('{"epochs": 3}', encoding="utf-8")
    assert modelling.load_config("autoencoder_config_base.json") == {"epochs": 3}


@pytest.mark.parametrize("preset", cae.preset_names())
def test_every_preset_of_the_package_can_be_loaded_and_changed(preset: str):
    config = cae.load_preset(preset)
    for section, parse, expected in (
        ("autoencoder", cae.parse_autoencoder_config, config.autoencoder),
        ("classifier", cae.parse_classifier_config, config.classifier),
    ):
        loaded = modelling.load_config(f"{section}_config_{preset}.json")
        assert parse(loaded) == expected
        loaded["epochs"] = 7
        assert parse(loaded).epochs == 7


def test_a_saved_configuration_is_loaded_as_it_was():
    modelling.save_config(AUTOENCODER_BASE, "mine.json")
    assert modelling.load_config("mine.json") == AUTOENCODER_BASE


def test_numpy_s_numbers_are_taken_in_configurations(images: tuple[Any, ...]):
    config = AUTOENCODER_BASE | {
        "epochs": np.int64(1),
        "lr": np.float64(0.001),
        "dropout": np.bool_(0),
        "init_num_filters": np.int32(2),
        "loss": "mse",
    }
    modelling.save_config(config, "mine.json")
    plain = modelling.load_config("mine.json")
    assert (plain["epochs"], plain["dropout"]) == (1, False)
    modelling.train_autoencoder(images[0], images[1], config, "a", "e")
    saved = cae.read_model(Path("models/a.json")).autoencoder_config
    assert saved == cae.parse_autoencoder_config(plain)
    assert saved.loss == "mean_squared_error"


def test_a_configuration_that_json_cannot_hold_is_refused_and_nothing_written():
    with pytest.raises(ConfigError, match=r"mine\.json.*cannot be saved"):
        modelling.save_config({"epochs": {3}}, "mine.json")
    assert not Path("mine.json").exists()


@pytest.mark.parametrize(
    ("filename", "words"),
    [
        ("autoencoder_config_bsae.json", "did you mean 'autoencoder_config_base.json'"),
        ("mine.json", "mine.json: cannot be read"),
        ("elsewhere/classifier_config_base.json", "elsewhere"),
    ],
)
def test_a_missing_configuration_is_named(filename: str, words: str):
    with pytest.raises(ConfigError, match=words):
        modelling.load_config(filename)


def test_a_trained_model_equals_the_packages_own(
    digits: tuple[Any, ...], autoencoder_config: dict[str, Any]
):
    splits = cae.make_splits(cae.load_dataset("digits"), cae.DataConfig())
    few = np.arange(64)
    expected = cae.pretrain(
        splits.train.select(few),
        splits.validation.select(few),
        cae.parse_autoencoder_config(autoencoder_config),
        runtime=cae.choose_runtime(),
    )
    model = modelling.train_autoencoder(
        digits[0][:64], digits[1][:64], autoencoder_config, "a", "e"
    )
    assert are_equal(read_weights(model), expected.model.state_dict())


def test_the_dictionary_decides_what_is_trained(images: tuple[Any, ...]):
    x_train, x_val, *_ = images
    config = modelling.load_config("autoencoder_config_base.json")
    config["epochs"] = 2
    config["init_num_filters"] = 2
    model = modelling.train_autoencoder(x_train, x_val, config, "a", "e")
    assert len(modelling.load_history("a")["loss"]) == 2
    first_convolution = read_weights(model)["encoder.blocks.0.units.0.conv.weight"]
    assert first_convolution.shape == (2, 3, 3, 3)


def test_training_follows_the_seed_and_a_seed_in_the_dictionary_wins(
    images: tuple[Any, ...], autoencoder_config: dict[str, Any]
):
    x_train, x_val, *_ = images

    def train(**more: Any) -> dict[str, torch.Tensor]:
        return read_weights(
            modelling.train_autoencoder(x_train, x_val, autoencoder_config | more, "a", "e")
        )

    modelling.set_random_seeds(1)
    first = train()
    assert are_equal(first, train())
    modelling.set_random_seeds(2)
    assert not are_equal(first, train())
    assert are_equal(first, train(seed=1))
    assert read_history(Path("history/a.json"))["seed"] == 1


def test_the_answers_are_pictures_and_probabilities(trained: tuple[Any, Any, np.ndarray]):
    autoencoder, classifier, x_val = trained
    x_pred, y_pred = autoencoder.predict(x_val), classifier.predict(x_val)
    assert x_pred.shape == x_val.shape
    assert x_pred.dtype == y_pred.dtype == np.float32
    assert x_pred.min() >= 0
    assert x_pred.max() <= 1
    assert y_pred.shape == (40, 10)
    np.testing.assert_allclose(y_pred.sum(axis=1), 1, atol=1e-5)


def test_keras_s_arguments_of_predict_are_taken_and_change_nothing(trained: Any):
    _, classifier, x_val = trained
    assert (classifier.predict(x_val, 7, verbose=1) == classifier.predict(x_val)).all()


def test_a_saved_model_answers_as_the_trained_one_did(trained: tuple[Any, Any, np.ndarray]):
    autoencoder, classifier, x_val = trained
    for name, model in (("a", autoencoder), ("c", classifier)):
        loaded = modelling.load_saved_model(name)
        assert (loaded.predict(x_val) == model.predict(x_val)).all()


def test_a_saved_encoder_returns_encodings(trained: tuple[Any, Any, np.ndarray]):
    autoencoder, _, x_val = trained
    encodings = modelling.load_saved_model("e").predict(x_val)
    network, images = autoencoder.network.encoder.eval(), to_image_set(x_val, name="x")
    expected = encode(network, images, runtime=choose_runtime()).float().permute(0, 2, 3, 1)
    assert encodings.dtype == np.float32
    assert encodings.shape[:3] == (len(x_val), 8, 8)
    assert (encodings == expected.numpy()).all()


def test_what_cannot_be_written_is_refused_before_training(
    images: tuple[Any, ...],
    autoencoder_config: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    working_folder: Path,
):
    x_train, x_val, y_train, y_val = images
    (working_folder / "models").write_text("no folder")
    monkeypatch.setattr(cae, "pretrain", pytest.fail)
    monkeypatch.setattr(cae, "finetune", pytest.fail)
    with pytest.raises(ConfigError, match="models"):
        modelling.train_autoencoder(x_train, x_val, autoencoder_config, "a", "e")
    with pytest.raises(ConfigError, match="models"):
        modelling.train_classifier(x_train, x_val, y_train, y_val, {}, {}, None, "c")
    assert [path.name for path in working_folder.iterdir()] == ["models"]


def test_the_classifier_stands_on_the_saved_encoder(trained: tuple[Any, Any, np.ndarray]):
    autoencoder, classifier, _ = trained
    expected = autoencoder.network.encoder.state_dict()
    assert are_equal(expected, classifier.network.encoder.state_dict())
    saved = cae.load_model(cae.read_model(Path("models/e.json")))
    assert are_equal(expected, saved.state_dict())


def test_the_saved_classifier_knows_its_classes_and_its_data(
    trained: tuple[Any, Any, np.ndarray],
):
    saved = cae.read_model(Path("models/c.json"))
    assert saved.class_names == tuple("0123456789")
    assert saved.about["data"] == "digits"
    assert saved.about["images"] == {"train": 64, "validation": 40}


def test_arrays_of_ones_own_train_with_class_names_of_ones_own(
    autoencoder_config: dict[str, Any], classifier_config: dict[str, Any]
):
    generator = np.random.Generator(np.random.PCG64(1))
    x = generator.integers(0, 256, (12, 16, 16, 3)).astype(np.float32) / np.float32(255)
    y = np.eye(3)[np.arange(12) % 3]
    shape = {"image_shape": [16, 16, 3]}
    autoencoder, classifier = autoencoder_config | shape, classifier_config | shape
    modelling.train_classifier(
        x, x, y, y, autoencoder, classifier, None, "mine", class_names=["a", "b", "c"]
    )
    with pytest.warns(UserWarning, match="names of the classes are not known.*class_names="):
        modelling.train_classifier(x, x, y, y, autoencoder, classifier, None, "unnamed")
    assert cae.read_model(Path("models/mine.json")).class_names == ("a", "b", "c")
    assert cae.read_model(Path("models/unnamed.json")).class_names == ("0", "1", "2")
    assert read_history(Path("history/mine.json"))["data"] == "arrays"


def test_what_was_shuffled_has_the_names_and_the_data_of_what_was_not(
    images: tuple[Any, ...], autoencoder_config: Any, classifier_config: Any
):
    x_train, x_val, y_train, y_val = images
    order = np.arange(len(x_train))[::-1].copy()
    shuffled = x_train[order], x_val, y_train[order], y_val
    modelling.train_classifier(*shuffled, autoencoder_config, classifier_config, None, "c")
    saved = cae.read_model(Path("models/c.json"))
    assert saved.class_names == tuple("0123456789")
    assert saved.about["data"] == "digits"


def test_without_validation_images_the_models_are_those_of_a_run_without_them(
    autoencoder_config: Any, classifier_config: Any
):
    x, no_x, _, y, no_y, *_ = dataset.load_and_norm(0, source="digits")
    x, y = x[:64], y[:64]
    autoencoder = modelling.train_autoencoder(x, no_x, autoencoder_config, "a", "e")
    classifier = modelling.train_classifier(
        x, no_x, y, no_y, autoencoder_config, classifier_config, "e", "c"
    )
    splits = cae.make_splits(cae.load_dataset("digits"), cae.DataConfig(val_size=0))
    train = splits.train.select(np.arange(64))
    below = cae.parse_autoencoder_config(autoencoder_config)
    runtime = cae.choose_runtime()
    pretrained = cae.pretrain(train, None, below, runtime=runtime).model
    finetuned = cae.finetune(
        train,
        None,
        below,
        cae.parse_classifier_config(classifier_config),
        encoder_weights=pretrained.encoder.state_dict(),
        runtime=runtime,
    ).model
    assert are_equal(read_weights(autoencoder), pretrained.state_dict())
    assert are_equal(read_weights(classifier), finetuned.state_dict())
    for name in ("a", "c"):
        assert not any(key.startswith("val_") for key in modelling.load_history(name))
        saved = cae.read_model(Path(f"models/{name}.json"))
        assert saved.about["images"] == {"train": 64, "validation": 0}


def test_the_base_classifier_has_as_many_parameters_as_the_origins(capsys: Any):
    classifier = modelling.create_classifier(AUTOENCODER_BASE, CLASSIFIER_BASE, None, "mine")
    assert repr(classifier) == "<classifier 'mine' of 708,842 parameters>"
    classifier.summary()
    *layers, total = capsys.readouterr().out.splitlines()
    assert total.split() == ["parameters", "708,842"]
    assert sum(int(line.split()[-1].replace(",", "")) for line in layers) == 708_842


def test_untrained_models_answer_in_the_same_shapes(
    images: tuple[Any, ...], trained: Any, autoencoder_config: dict[str, Any]
):
    x = images[0][:3]
    assert modelling.create_autoencoder(autoencoder_config).predict(x).shape == x.shape
    classifier = modelling.create_classifier(autoencoder_config, {}, "e", num_classes=4)
    assert classifier.predict(x).shape == (3, 4)
    saved = cae.load_model(cae.read_model(Path("models/e.json")))
    assert isinstance(classifier.network, Classifier)
    assert are_equal(classifier.network.encoder.state_dict(), saved.state_dict())


Call = Callable[[tuple[Any, ...]], object]

WRONG_CALLS: dict[str, tuple[Call, type[Exception], str]] = {
    "a typo in the autoencoder's keys": (
        lambda i: modelling.train_autoencoder(i[0], i[1], {"epoch": 1}, "a", "e"),
        ConfigError,
        "autoencoder_config: unknown key 'epoch'; did you mean 'epochs'",
    ),
    "a typo in the classifier's keys": (
        lambda i: modelling.train_classifier(i[0], i[1], i[2], i[3], {}, {"dens": True}, None, "c"),
        ConfigError,
        "classifier_config: unknown key 'dens'; did you mean 'dense'",
    ),
    "an encoder that is not there": (
        lambda i: modelling.train_classifier(i[0], i[1], i[2], i[3], {}, {}, "nowhere", "c"),
        CheckpointError,
        r"models/nowhere\.json: no such file",
    ),
    "images of another shape": (
        lambda i: modelling.train_autoencoder(i[0], i[1], {"image_shape": [16, 16, 3]}, "a", "e"),
        ConfigError,
        r"images of x_train are \[32, 32, 3\]",
    ),
    "bytes": (
        lambda i: modelling.train_autoencoder((i[0] * 255).astype(np.uint8), i[1], {}, "a", "e"),
        DataError,
        "x_train.*divide bytes by 255",
    ),
    "label numbers": (
        lambda i: modelling.train_classifier(i[0], i[1], i[2].argmax(1), i[3], {}, {}, None, "c"),
        DataError,
        "labels of x_train.*one-hot",
    ),
    "labels of another length": (
        lambda i: modelling.train_classifier(i[0], i[1], i[2][:-1], i[3], {}, {}, None, "c"),
        DataError,
        "63 labels for 64 images",
    ),
    "validation images without labels": (
        lambda i: modelling.train_classifier(i[0], i[1], i[2], None, {}, {}, None, "c"),
        DataError,
        "x_val and y_val: expected both",
    ),
    "callbacks without validation images": (
        lambda i: modelling.train_autoencoder(i[0], None, {"callbacks": True}, "a", "e"),
        ConfigError,
        "callbacks: watch the loss on validation images",
    ),
    "pixels up to 255": (
        lambda i: modelling.train_autoencoder(i[0] * 255, i[1], {}, "a", "e"),
        DataError,
        "x_train: pixels .*divide them by 255",
    ),
    "a name that leaves the folder": (
        lambda i: modelling.train_autoencoder(i[0], i[1], {}, "../a", "e"),
        ConfigError,
        "cannot name a file",
    ),
    "a name of another model's weights": (
        lambda i: modelling.train_autoencoder(i[0], i[1], {}, "a", "a_best"),
        ConfigError,
        "the weights of another epoch; choose another name",
    ),
    "a classifier named like its own weights": (
        lambda i: modelling.train_classifier(i[0], i[1], i[2], i[3], {}, {}, None, "c_last"),
        ConfigError,
        "the weights of another epoch; choose another name",
    ),
    "one name for two models": (
        lambda i: modelling.train_autoencoder(i[0], i[1], {}, "a", "a"),
        ConfigError,
        "cannot name two models",
    ),
    "a classifier named as its encoder": (
        lambda i: modelling.train_classifier(i[0], i[1], i[2], i[3], {}, {}, "e", "e"),
        ConfigError,
        "cannot name two models",
    ),
    "a model that is not there": (
        lambda i: modelling.load_saved_model("nowhere"),
        CheckpointError,
        r"models/nowhere\.json: no such file",
    ),
}


@pytest.mark.parametrize(("call", "error", "words"), WRONG_CALLS.values(), ids=WRONG_CALLS)
def test_a_wrong_call_is_refused_before_anything_is_written(
    call: Call, error: type[Exception], words: str, images: tuple[Any, ...], working_folder: Path
):
    x_train, x_val, y_train, y_val = images
    with pytest.raises(error, match=words):
        call((x_train, x_val, y_train, y_val))
    assert list(working_folder.iterdir()) == []


def test_an_encoder_of_another_configuration_is_refused(
    trained: Any, images: tuple[Any, ...], autoencoder_config: dict[str, Any]
):
    x_train, x_val, y_train, y_val = images
    larger = autoencoder_config | {"init_num_filters": 4}
    with pytest.raises(CheckpointError, match="do not fit the configured model"):
        modelling.train_classifier(x_train, x_val, y_train, y_val, larger, {}, "e", "d")


def test_a_classifier_is_no_encoder(
    trained: Any, images: tuple[Any, ...], autoencoder_config: dict[str, Any]
):
    x_train, x_val, y_train, y_val = images
    with pytest.raises(CheckpointError, match=r"models/c\.json: is a classifier"):
        modelling.train_classifier(x_train, x_val, y_train, y_val, autoencoder_config, {}, "c", "d")


def test_images_of_another_shape_than_the_models_are_refused(trained: Any):
    _, classifier, _ = trained
    with pytest.raises(DataError, match=r"but c takes \[32, 32, 3\]"):
        classifier.predict(np.zeros((1, 16, 16, 3), np.float32))


def test_training_tells_each_epoch_in_a_line_and_what_it_leaves(
    images: tuple[Any, ...], autoencoder_config: dict[str, Any], capsys: Any
):
    x_train, x_val, *_ = images
    modelling.train_autoencoder(x_train, x_val, autoencoder_config | {"epochs": 2}, "a", "e")
    losses = modelling.load_history("a")["val_loss"]
    heading, *lines, end = capsys.readouterr().out.splitlines()
    assert heading == "autoencoder: 2 epochs of 64 images"
    assert len(lines) == len(losses) == 2
    for epoch, (line, loss) in enumerate(zip(lines, losses, strict=True), start=1):
        assert line.startswith(f"epoch {epoch}/2: loss ")
        assert f", val_loss {loss:.4f}, " in line
    assert end == "trained 2 epochs; the weights are the last ones"


def test_training_that_stops_early_tells_so_and_whose_weights_are_taken(
    images: tuple[Any, ...], autoencoder_config: dict[str, Any], capsys: Any
):
    x_train, x_val, *_ = images
    stops = {"callbacks": True, "early_stopping": True, "early_stopping_patience": 2, "epochs": 9}
    modelling.train_autoencoder(x_train, x_val, autoencoder_config | stops, "a", "e")
    # No loss of an autoencoder falls by early_stopping_delta, 0.1.
    losses = modelling.load_history("a")["val_loss"]
    assert len(losses) == 3
    best = losses.index(min(losses)) + 1
    end = f"trained 3 of 9 epochs; the weights are those of epoch {best}, whose val_loss is lowest"
    assert capsys.readouterr().out.splitlines()[-1] == end


def test_device_and_precision_come_from_the_environment(
    trained: Any, images: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CAE_DEVICE", "cpu")
    monkeypatch.setenv("CAE_PRECISION", "bfloat16")
    assert choose_runtime() == cae.choose_runtime(device="cpu", precision="bfloat16")
    monkeypatch.setenv("CAE_PRECISION", "")
    assert choose_runtime() == cae.choose_runtime(device="cpu")
    monkeypatch.setenv("CAE_PRECISION", "float16")
    _, classifier, x_val = trained
    x, _, y, _ = images
    calls = [
        lambda: classifier.predict(x_val),
        lambda: modelling.train_autoencoder(x, x, {}, "b", "f"),
        lambda: modelling.train_classifier(x, x, y, y, {}, {}, None, "d"),
    ]
    for call in calls:
        with pytest.raises(ConfigError, match=r"CAE_PRECISION.*'float16'.*bfloat16"):
            call()


def test_training_again_under_a_name_leaves_nothing_of_the_first_training(
    trained: Any, images: tuple[Any, ...], autoencoder_config: dict[str, Any]
):
    x, *_ = images
    assert Path("models/a_best.safetensors").exists()
    modelling.train_autoencoder(x, x, autoencoder_config | {"callbacks": True}, "a", "e")
    assert Path("models/a_last.safetensors").exists()
    assert not Path("models/a_best.safetensors").exists()


def test_a_models_files_are_json_that_others_can_read(trained: Any):
    for name in ("a", "e", "c"):
        content = json.loads(Path(f"models/{name}.json").read_text(encoding="utf-8"))
        assert content["name"] == name
        assert Path(f"models/{name}.safetensors").exists()
