"""A configuration that asks for a network of terabytes is refused before a byte of it is taken."""

from __future__ import annotations

import hashlib
import json

import pytest

from cae.checkpoints.weights import load_model, read_model
from cae.errors import CheckpointError
from cae.files import read_json

HUGE = [
    {"init_num_filters": 1_000_000},
    {"init_num_filters": 65_536, "conv_blocks": 8, "layers_per_block": 100},
    {"image_shape": [1_000_000, 1_000_000, 3]},
    {"image_shape": [1_000_000, 8, 1_000_000]},
    {"layers_per_block": 1_000_000},
    {"layers_per_block": 10**12},
    {"conv_blocks": 64},
]


@pytest.mark.parametrize("values", HUGE, ids=str)
def test_a_models_json_cannot_ask_for_it(values, tiny_model, call_cae, alter, bounded):
    content = read_json(tiny_model.json)
    sections = {name: content[name] for name in ("autoencoder_config", "classifier_config")}
    for section in sections.values():
        section |= {key: values[key] for key in values if key in section}
    alter(tiny_model.json, **sections)
    with bounded(mib=100):
        answer = call_cae("predict", "none.png", "--model", tiny_model.json)
    assert answer.code == 4
    assert next(iter(values)) in answer.err
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize("values", HUGE, ids=str)
def test_a_setting_cannot_ask_for_it(values, call_cae, bounded):
    settings = [f"--set={key}={json.dumps(value)}" for key, value in values.items()]
    with bounded(mib=100):
        answer = call_cae("run", "--data", "digits", "--preset", "base", *settings)
    assert answer.code == 2
    assert next(iter(values)) in answer.err


def test_a_network_of_gigabytes_is_not_made_for_a_file_of_kilobytes(tiny_model, alter, bounded):
    """Below the bound of every configuration, the weights that are there decide."""
    config = read_json(tiny_model.json)["autoencoder_config"]
    large = {"init_num_filters": 4096, "layers_per_block": 3}
    alter(tiny_model.json, autoencoder_config=config | large)
    refused = pytest.raises(CheckpointError, match="do not fit the configured model")
    with bounded(mib=100), refused:
        load_model(read_model(tiny_model.json))


def test_a_million_class_names_are_not_given_a_million_outputs(tiny_model, alter):
    alter(tiny_model.json, class_names=[str(n) for n in range(1_000_000)])
    with pytest.raises(CheckpointError, match=r"head\.output\.weight has shape \[2, "):
        load_model(read_model(tiny_model.json))


def test_weights_that_are_all_one_memory_are_refused(tiny_model, alter):
    """Zero bytes cannot stand for a tensor of any size."""
    header = {
        name: {"dtype": "F32", "shape": list(value.shape), "data_offsets": [0, 0]}
        for name, value in load_model(read_model(tiny_model.json)).state_dict().items()
    }
    text = json.dumps(header).encode()
    data = len(text).to_bytes(8, "little") + text
    tiny_model.weights.write_bytes(data)
    alter(tiny_model.json, weights_sha256=hashlib.sha256(data).hexdigest())
    with pytest.raises(CheckpointError, match="not a complete safetensors file"):
        load_model(read_model(tiny_model.json))
