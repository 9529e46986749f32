"""A saved model comes back bit for bit, or is refused with an error that says why."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

import pytest
import torch
from torch import nn

from cae.checkpoints.weights import (
    apply_weights,
    describe_layers,
    load_model,
    read_model,
    read_weights,
    write_model,
    write_weights,
)
from cae.config import AutoencoderConfig, ClassifierConfig, dump
from cae.errors import CheckpointError
from cae.files import read_sealed_json, write_sealed_json
from cae.models.autoencoder import make_autoencoder
from cae.models.blocks import count_parameters
from cae.models.classifier import make_classifier
from cae.run_folder import ModelFiles

AUTOENCODER = AutoencoderConfig(image_shape=(8, 8, 3), init_num_filters=2, conv_blocks=2)
CLASSIFIER = ClassifierConfig(image_shape=(8, 8, 3))
NAMES = ("cat", "dog")
KINDS = ["autoencoder", "encoder", "classifier"]


def make_model(kind: str):
    """Return a model whose every number, running statistics too, is its own."""
    if kind == "classifier":
        model = make_classifier(AUTOENCODER, CLASSIFIER, num_classes=2)
    else:
        model = make_autoencoder(AUTOENCODER)
    generator = torch.Generator().manual_seed(0)
    for value in model.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=generator))
    return (model.encoder if kind == "encoder" else model).eval()


def save(folder: Path, kind: str, name: str = "m") -> ModelFiles:
    files = ModelFiles(folder, name)
    classifies = kind == "classifier"
    write_model(
        files,
        make_model(kind),
        autoencoder_config=AUTOENCODER,
        classifier_config=CLASSIFIER if classifies else None,
        class_names=NAMES if classifies else None,
        about={"data": "noise"},
    )
    return files


def change_json(files: ModelFiles, **changes: object) -> None:
    content = read_sealed_json(files.json)
    for key, value in changes.items():
        if value is ...:
            del content[key]
        else:
            content[key] = value
    write_sealed_json(files.json, content)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_comes_back_with_every_bit(tmp_path, kind):
    files = save(tmp_path, kind, name="model.v1")
    saved = read_model(files.json)
    assert (saved.kind, saved.autoencoder_config) == (kind, AUTOENCODER)
    assert saved.classifier_config == (CLASSIFIER if kind == "classifier" else None)
    assert saved.class_names == (NAMES if kind == "classifier" else None)
    assert saved.about == {"data": "noise"}
    model, expected = load_model(saved), make_model(kind)
    assert type(model) is type(expected)
    assert not model.training
    for name, value in expected.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name
    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    assert torch.equal(model(images), expected(images))


def test_paths_may_be_text(tmp_path):
    files = save(tmp_path, "classifier")
    saved = read_model(str(files.json))
    assert saved == read_model(files.json)
    assert saved.image_shape == AUTOENCODER.image_shape
    expected = load_model(saved).state_dict()
    for weights in (
        load_model(str(files.json)).state_dict(),
        load_model(files.json).state_dict(),
        read_weights(str(files.weights)),
    ):
        assert weights.keys() == expected.keys()
        assert all(torch.equal(weights[name], value) for name, value in expected.items())
    with pytest.raises(CheckpointError, match=r"gone\.json: no such file"):
        load_model("gone.json")


def test_the_json_tells_readers_what_the_model_is(tmp_path):
    files = save(tmp_path, "classifier")
    content = json.loads(files.json.read_text())
    model = make_model("classifier")
    assert content["format"] == 1
    assert content["kind"] == "classifier"
    assert content["name"] == "m"
    assert content["class_names"] == ["cat", "dog"]
    assert content["autoencoder_config"] == dump(AUTOENCODER)
    assert content["classifier_config"] == dump(CLASSIFIER)
    assert content["parameters"] == count_parameters(model)
    assert content["weights_sha256"] == hashlib.sha256(files.weights.read_bytes()).hexdigest()
    assert content["architecture"] == describe_layers(model)
    assert sum(layer["parameters"] for layer in content["architecture"]) == content["parameters"]
    names = [layer["name"] for layer in content["architecture"]]
    assert names.index("encoder.blocks.0.units.0.conv") < names.index("head.output")


def test_containers_are_no_layers_whether_they_hold_any_or_not():
    model = nn.Sequential(
        nn.Sequential(nn.Linear(2, 3), nn.Sequential()), nn.Sequential(nn.Sequential())
    )
    assert [layer["name"] for layer in describe_layers(model)] == ["0.0"]
    config = AutoencoderConfig(image_shape=(8, 8, 3), encoder="residual", layers_per_block=1)
    layers = describe_layers(make_autoencoder(config))
    assert not any("Sequential" in layer["layer"] for layer in layers)


def test_equal_weights_give_equal_bytes_whatever_their_layout(tmp_path):
    weights = {"a": torch.rand(4, 3, 3, 3), "b": torch.arange(3)}
    turned = {name: value.clone() for name, value in weights.items()}
    turned["a"] = turned["a"].contiguous(memory_format=torch.channels_last).requires_grad_()
    write_weights(tmp_path / "1.safetensors", weights)
    write_weights(tmp_path / "2.safetensors", turned)
    assert (tmp_path / "1.safetensors").read_bytes() == (tmp_path / "2.safetensors").read_bytes()
    found = read_weights(tmp_path / "1.safetensors")
    assert {name: value.dtype for name, value in found.items()} == {
        "a": torch.float32,
        "b": torch.int64,
    }
    assert all(torch.equal(found[name], weights[name]) for name in weights)


def test_the_encoders_file_fits_the_classifiers_encoder(tmp_path):
    files = save(tmp_path, "encoder")
    model = make_classifier(AUTOENCODER, CLASSIFIER, num_classes=2)
    apply_weights(model.encoder, read_weights(files.weights), place="m")
    for name, value in make_model("encoder").state_dict().items():
        assert torch.equal(model.encoder.state_dict()[name], value)


@pytest.mark.parametrize("which", ["weights", "json"])
def test_a_torn_pair_is_refused(tmp_path, which):
    """A crash between the two writes leaves one new file and one old."""
    files, other = save(tmp_path, "autoencoder"), ModelFiles(tmp_path, "other")
    model = make_autoencoder(AUTOENCODER)
    write_model(other, model, autoencoder_config=AUTOENCODER, about={})
    getattr(other, which).replace(getattr(files, which))
    with pytest.raises(CheckpointError, match=r"m\.safetensors: not the weights that m\.json"):
        load_model(read_model(files.json))


def test_weights_cut_short_anywhere_are_refused(tmp_path):
    files = save(tmp_path, "encoder")
    saved, whole = read_model(files.json), files.weights.read_bytes()
    (header,) = struct.unpack("<Q", whole[:8])
    for length in (0, 1, 7, 8, 9, 8 + header // 2, 8 + header, len(whole) // 2, len(whole) - 1):
        files.weights.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=r"m\.safetensors"):
            load_model(saved)


def test_weights_with_any_bit_flipped_are_refused(tmp_path):
    files = ModelFiles(tmp_path, "m")
    config = AutoencoderConfig(image_shape=(4, 4, 1), init_num_filters=1, conv_blocks=1)
    model = make_autoencoder(config).encoder
    write_model(files, model, autoencoder_config=config, about={})
    saved, whole = read_model(files.json), files.weights.read_bytes()
    (header,) = struct.unpack("<Q", whole[:8])
    for place in (*range(0, 8 + header, 5), *range(8 + header, len(whole), 37)):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        files.weights.write_bytes(flipped)
        with pytest.raises(CheckpointError, match=r"m\.safetensors"):
            load_model(saved)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not weights",
        b"\x80\x04\x95",
        b"PK\x03\x04",
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 4) + b"[1] ",
        struct.pack("<Q", 8) + b'{"a": 1}',
    ],
)
def test_a_file_that_is_no_weights_is_refused(tmp_path, content):
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"w\.safetensors: not a complete safetensors file"):
        read_weights(path)


def test_missing_weights_and_a_folder_are_errors_that_name_them(tmp_path):
    files = save(tmp_path, "encoder")
    files.weights.unlink()
    with pytest.raises(CheckpointError, match=r"m\.safetensors: no such weights file"):
        load_model(read_model(files.json))
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_weights(tmp_path)


def test_weights_of_another_model_are_refused_by_name_and_shape():
    model = make_model("encoder")
    good = dict(model.state_dict())
    name, *others = good
    missing = {key: good[key] for key in others}
    with pytest.raises(CheckpointError, match=f"here: .*: {name} is missing"):
        apply_weights(model, missing, place="here")
    with pytest.raises(CheckpointError, match="extra is unexpected"):
        apply_weights(model, good | {"extra": torch.zeros(1)}, place="here")
    with pytest.raises(CheckpointError, match=rf"{name} has shape \[1\], expected \[2, 3, 3, 3\]"):
        apply_weights(model, good | {name: torch.zeros(1)}, place="here")
    with pytest.raises(CheckpointError, match=r"is missing; .* is missing; .* and [0-9]+ more"):
        apply_weights(model, {}, place="here")
    for key, value in make_model("encoder").state_dict().items():
        assert torch.equal(model.state_dict()[key], value)


@pytest.mark.parametrize("changes", [{"init_num_filters": 4}, {"batch_norm": False}])
def test_weights_that_do_not_fit_the_configuration_are_refused(tmp_path, changes):
    files = save(tmp_path, "autoencoder")
    change_json(files, autoencoder_config=dump(AUTOENCODER) | changes)
    with pytest.raises(CheckpointError, match="do not fit the configured model"):
        load_model(read_model(files.json))


@pytest.mark.parametrize("value", [None, 3, "model", [], [1], True])
def test_json_of_another_kind_is_no_model(tmp_path, value):
    path = tmp_path / "m.json"
    path.write_text(json.dumps(value))
    with pytest.raises(CheckpointError, match=r"m\.json: not a saved model"):
        read_model(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "format is 2"),
        ({"format": ...}, "format is None"),
        ({"kind": "transformer"}, "unknown kind of model 'transformer'"),
        ({"kind": None}, "unknown kind"),
        ({"kind": []}, "unknown kind"),
        ({"autoencoder_config": ...}, "'autoencoder_config' is missing"),
        ({"autoencoder_config": 3}, "not a saved model"),
        ({"autoencoder_config": "text"}, "not a saved model"),
        ({"autoencoder_config": None}, "not a saved model"),
        ({"autoencoder_config": {"epoch": 3}}, "unknown key 'epoch'; did you mean 'epochs'?"),
        ({"autoencoder_config": {"conv_blocks": 0}}, "conv_blocks"),
        ({"classifier_config": None}, "not a saved model"),
        ({"classifier_config": {"lr": "fast"}}, "lr = 'fast'"),
        ({"class_names": None}, "class_names is None, expected a list of names"),
        ({"class_names": []}, "class_names"),
        ({"class_names": "cat"}, "class_names"),
        ({"class_names": ["cat", 3]}, "class_names"),
        ({"class_names": ...}, "'class_names' is missing"),
        ({"weights_sha256": ...}, "'weights_sha256' is missing"),
        ({"about": ...}, "'about' is missing"),
        ({"about": 3}, "not a saved model"),
    ],
)
def test_a_description_with_wrong_content_is_refused_and_says_what_is_wrong(
    tmp_path, changes, message
):
    files = save(tmp_path, "classifier")
    change_json(files, **changes)
    with pytest.raises(CheckpointError) as caught:
        read_model(files.json)
    assert message in str(caught.value)
    assert str(files.json) in str(caught.value)


@pytest.mark.parametrize("value", [None, 3, [], "0" * 64])
def test_a_checksum_of_a_wrong_kind_fits_no_weights(tmp_path, value):
    files = save(tmp_path, "encoder")
    change_json(files, weights_sha256=value)
    with pytest.raises(CheckpointError, match="SHA-256"):
        load_model(read_model(files.json))


def test_configurations_that_do_not_fit_together_are_refused(tmp_path):
    files = save(tmp_path, "classifier")
    change_json(files, classifier_config={"image_shape": [8, 8, 1]})
    with pytest.raises(CheckpointError, match=r"m\.json: .*image_shape"):
        load_model(read_model(files.json))


def test_more_classes_than_the_weights_know_are_refused(tmp_path):
    files = save(tmp_path, "classifier")
    change_json(files, class_names=["cat", "dog", "frog"])
    with pytest.raises(CheckpointError, match=r"head\.output\.weight has shape \[2, "):
        load_model(read_model(files.json))
