"""A saved model: architecture and configuration as JSON, weights as safetensors beside it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from cae.config import (
    AutoencoderConfig,
    ClassifierConfig,
    dump,
    parse_autoencoder_config,
    parse_classifier_config,
    require_matching_stages,
)
from cae.errors import CheckpointError, ConfigError
from cae.files import break_seal, compute_sha256, read_json, write_bytes, write_sealed_json
from cae.incoming import read_plain
from cae.models.autoencoder import Autoencoder
from cae.models.blocks import count_parameters, is_switched_off
from cae.models.classifier import Classifier
from cae.models.encoder import Encoder
from cae.run_folder import ModelFiles
from cae.wording import show

Kind = Literal["autoencoder", "encoder", "classifier"]

_FORMAT = 1
_MOST_BYTES = 8 * 2**30  # twice the largest network that a configuration may ask for


@dataclass(frozen=True, slots=True)
class SavedModel:
    """The checked content of a model's JSON file.

    Attributes:
        about: what the model was trained on and how, as written by the pipeline.
    """

    path: Path
    kind: Kind
    autoencoder_config: AutoencoderConfig
    classifier_config: ClassifierConfig | None
    class_names: tuple[str, ...] | None
    weights_sha256: str
    about: Mapping[str, Any]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """[height, width, channels] of the images that the model takes."""
        return self.autoencoder_config.image_shape

    @property
    def weights_path(self) -> Path:
        """The weights file: beside the JSON file, under the same name; it cannot be another."""
        return self.path.with_suffix(".safetensors")


def write_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write tensors by name as safetensors, atomically; equal weights give equal bytes."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    write_bytes(path, save(tensors))


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors in a safetensors file, on the CPU. Reading it cannot run any code.

    Raises:
        CheckpointError: the file is missing, not a plain file, unreadable or damaged.
    """
    path = Path(path)
    return _parse_weights(_read_bytes(path), path)


def write_model(
    files: ModelFiles,
    model: Autoencoder | Encoder | Classifier,
    *,
    autoencoder_config: AutoencoderConfig,
    classifier_config: ClassifierConfig | None = None,
    class_names: tuple[str, ...] | None = None,
    about: Mapping[str, Any],
) -> None:
    """Write a model's weights and then its JSON, which holds the weights' SHA-256.

    The checksum ties the two together: a pair torn by a crash between them is refused on loading.
    """
    write_weights(files.weights, model.state_dict())
    write_sealed_json(
        files.json,
        {
            "format": _FORMAT,
            "kind": _name_kind(model),
            "name": files.name,
            "parameters": count_parameters(model),
            "weights_sha256": compute_sha256(files.weights),
            "class_names": None if class_names is None else list(class_names),
            "autoencoder_config": dump(autoencoder_config),
            "classifier_config": None if classifier_config is None else dump(classifier_config),
            "about": dict(about),
            "architecture": describe_layers(model),
        },
    )


def _name_kind(model: Autoencoder | Encoder | Classifier) -> Kind:
    if isinstance(model, Autoencoder):
        return "autoencoder"
    return "encoder" if isinstance(model, Encoder) else "classifier"


def describe_layers(model: nn.Module) -> list[dict[str, Any]]:
    """Return the layers in order: name, PyTorch's description, parameters as Keras counts them.

    Layers that the configuration has switched off are left out.
    """
    return [
        {
            "name": name,
            "layer": re.sub(r"\s+", " ", str(layer)),
            "parameters": count_parameters(layer),
        }
        for name, layer in cast("Iterator[tuple[str, nn.Module]]", model.named_modules())
        # `is None`, because a child that is an empty container is falsy.
        if next(layer.children(), None) is None and not is_switched_off(layer)
    ]


def read_model(path: str | Path) -> SavedModel:
    """Return the checked description of a saved model.

    Args:
        path: the model's JSON file.

    Raises:
        CheckpointError: the file is missing, damaged, in another format, or not that of a model.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        raise CheckpointError(
            f"{path}: holds only weights; give the model's description, the .json file beside it: "
            f"{path.with_suffix('.json').name}"
        )
    value = read_json(path)
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: not a saved model: expected a JSON object")
    content = cast("dict[str, Any]", value)
    if content.get("format") != _FORMAT:
        raise CheckpointError(
            f"{path}: not a saved model of format {_FORMAT}: its format is "
            f"{show(content.get('format'))}"
        )
    content = break_seal(path, content)
    kind = content.get("kind")
    if kind not in ("autoencoder", "encoder", "classifier"):
        raise CheckpointError(f"{path}: unknown kind of model {show(kind)}")
    try:
        autoencoder_config = parse_autoencoder_config(
            content["autoencoder_config"], place="autoencoder_config"
        )
        classifier_config = None
        if kind == "classifier":
            classifier_config = parse_classifier_config(
                content["classifier_config"], place="classifier_config"
            )
            require_matching_stages(autoencoder_config, classifier_config)
        names = content["class_names"]
        return SavedModel(
            path=path,
            kind=kind,
            autoencoder_config=autoencoder_config,
            classifier_config=classifier_config,
            class_names=_parse_names(names, required=kind == "classifier"),
            weights_sha256=str(content["weights_sha256"]),
            about=cast("dict[str, Any]", dict(content["about"])),
        )
    except KeyError as error:
        raise CheckpointError(f"{path}: not a saved model: {error} is missing") from None
    except (ConfigError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: not a saved model: {error}") from None


def load_model(saved: SavedModel | str | Path) -> Autoencoder | Encoder | Classifier:
    """Return the saved model built from its configuration, with its weights, in evaluation mode.

    The weights are parsed only after their checksum was verified, and a network that they do not
    fit is never allocated: a configuration cannot ask for more memory than its weights take.

    A classifier is returned as the bare network, which gives the logits that training works with.
    It does not apply `test_time_augmentation` and `posthoc_logit_adjustment`; for predictions like
    those of `cae predict`, use `cae.load_predictor`.

    Args:
        saved: what `read_model` returned, or the path of the model's JSON file.

    Raises:
        CheckpointError: the weights are missing, damaged, those of another model, or do not fit;
            or the JSON file cannot be read.
    """
    if not isinstance(saved, SavedModel):
        saved = read_model(saved)
    data = _read_bytes(saved.weights_path)
    if hashlib.sha256(data).hexdigest() != saved.weights_sha256:
        raise CheckpointError(
            f"{saved.weights_path}: not the weights that {saved.path.name} was written with "
            "(their SHA-256 differs); they do not belong together or one was changed, write or "
            "copy both again"
        )
    weights = _parse_weights(data, saved.weights_path)
    model = _lay_out(saved)
    apply_weights(model, weights, place=str(saved.weights_path), take=True)
    return model.eval()


def apply_weights(
    module: nn.Module, weights: Mapping[str, Tensor], *, place: str, take: bool = False
) -> None:
    """Load `weights` into `module`, strictly: every name, shape and type must match.

    Args:
        module: the network; with `take`, it may lie on the meta device, without memory.
        weights: the tensors by name.
        place: where the weights come from, for error messages.
        take: make these tensors the module's own, instead of copying them into those it has.

    Raises:
        CheckpointError: naming the first tensors that are missing, unexpected, or of another shape
            or type.
    """
    expected = module.state_dict()
    problems = [f"{name} is missing" for name in expected if name not in weights]
    problems += [f"{show(name)[1:-1]} is unexpected" for name in weights if name not in expected]
    problems += [
        f"{name} has shape {list(weights[name].shape)}, expected {list(expected[name].shape)}"
        for name in expected
        if name in weights and weights[name].shape != expected[name].shape
    ]
    problems += [
        f"{name} has type {weights[name].dtype}, expected {expected[name].dtype}"
        for name in expected
        if name in weights and weights[name].dtype != expected[name].dtype
    ]
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise CheckpointError(
            f"{place}: the weights do not fit the configured model: {'; '.join(problems[:3])}{more}"
        )
    module.load_state_dict(dict(weights), strict=True, assign=take)


def _read_bytes(path: Path) -> bytes:
    try:
        return read_plain(path, most_bytes=_MOST_BYTES)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such weights file") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error


def _parse_weights(data: bytes, path: Path) -> dict[str, Tensor]:
    try:
        return load(data)
    except Exception as error:  # noqa: BLE001 - safetensors and torch raise almost any on damage
        raise CheckpointError(
            f"{path}: not a complete safetensors file: {type(error).__name__}: {error}"
        ) from None


def _lay_out(saved: SavedModel) -> Autoencoder | Encoder | Classifier:
    """Return the saved model on the meta device: its weights have shape and type but no memory."""
    with torch.device("meta"):
        if saved.classifier_config is not None and saved.class_names is not None:
            classes = len(saved.class_names)
            return Classifier(saved.autoencoder_config, saved.classifier_config, classes)
        autoencoder = Autoencoder(saved.autoencoder_config)
        return autoencoder.encoder if saved.kind == "encoder" else autoencoder


def _parse_names(value: object, *, required: bool) -> tuple[str, ...] | None:
    if value is None and not required:
        return None
    names = cast("list[object]", value) if isinstance(value, list) else []
    if not names:
        raise ValueError(f"class_names is {show(cast('object', value))}, expected a list of names")
    if not all(isinstance(name, str) for name in names):
        raise ValueError("class_names holds something that is not text")
    if len(set(names)) < len(names):
        raise ValueError(f"class_names {show(names)} holds a name more than once")
    return tuple(cast("list[str]", names))
