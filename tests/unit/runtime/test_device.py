"""The device and precision that were asked for, or an error that names them."""

from __future__ import annotations

import json
import platform
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from cae.errors import ConfigError
from cae.runtime.device import Runtime, choose_runtime, describe_environment

CPU = torch.device("cpu")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_what_is_asked_for_is_used(precision):
    assert choose_runtime(device="cpu", precision=precision) == Runtime(CPU, precision)


def test_auto_takes_the_cpu_where_there_is_no_gpu():
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert choose_runtime().device == CPU


def test_auto_takes_bfloat16_where_the_processor_has_instructions_for_it():
    information = Path("/proc/cpuinfo")
    if platform.machine() != "x86_64" or not information.exists():
        pytest.skip("needs the processor's flags as Linux lists them")
    flags = set(information.read_text(encoding="utf-8").split())
    expected = "bfloat16" if flags & {"avx512_bf16", "amx_bf16"} else "float32"
    assert choose_runtime(device="cpu").precision == expected


@pytest.mark.parametrize(
    "device",
    ["", "gpu", "mps", "meta", "xla", "CPU", "cpu:1", "cpu ", "cuda:", "cuda:-1", "cuda:x"],
)
def test_an_unknown_device_is_an_error_that_names_it_and_the_known_ones(device):
    with pytest.raises(ConfigError, match=f"device '{device}': use auto, cpu or cuda"):
        choose_runtime(device=device)


@pytest.mark.parametrize("number", [64, 255, 256, 99_999, 2**32])
def test_a_gpu_that_is_not_there_is_an_error(number):
    with pytest.raises(ConfigError, match=rf"device 'cuda:{number}'.*(CUDA devices|use auto)"):
        choose_runtime(device=f"cuda:{number}")


def test_cuda_without_a_gpu_is_an_error_with_a_remedy():
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ConfigError, match=r"0 CUDA devices .*; use --device cpu"):
        choose_runtime(device="cuda")


def test_an_unknown_precision_is_an_error():
    with pytest.raises(ConfigError, match="'float16': use auto, float32 or bfloat16"):
        choose_runtime(precision="float16")


@pytest.mark.parametrize(
    ("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)]
)
def test_convolutions_compute_in_the_precision_and_weights_stay_float32(precision, dtype):
    layer = nn.Conv2d(3, 4, 3)
    with Runtime(CPU, precision).autocast():
        y = layer(torch.rand(1, 3, 8, 8))
    assert y.dtype == dtype
    y.float().sum().backward()
    assert layer.weight.dtype == torch.float32
    assert layer.weight.grad is not None
    assert layer.weight.grad.dtype == torch.float32


def test_placing_lays_convolutions_out_nhwc_and_changes_no_value(float32):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    float32.place(model)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    conv = model[0]
    assert isinstance(conv, nn.Conv2d)
    assert conv.weight.is_contiguous(memory_format=torch.channels_last)
    assert not conv.weight.is_contiguous()
    assert conv.weight.is_leaf


def test_a_model_that_is_placed_is_left_alone_and_one_that_is_not_is_placed(float32):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3))
    float32.place(model)
    weights = [parameter.data_ptr() for parameter in model.parameters()]
    float32.place(model)
    assert [parameter.data_ptr() for parameter in model.parameters()] == weights
    last = model[1]
    assert isinstance(last, nn.Conv2d)
    last.weight.data = last.weight.data.contiguous()
    float32.place(model)
    assert last.weight.is_contiguous(memory_format=torch.channels_last)


def test_an_array_becomes_a_tensor_without_a_copy_on_the_cpu(float32, make_images):
    pixels = make_images(2).pixels
    tensor = float32.tensor(pixels)
    pixels[0, 0, 0, 0] ^= 255
    assert tensor[0, 0, 0, 0].item() == pixels[0, 0, 0, 0]


def test_mirrored_and_read_only_arrays_become_tensors_too(float32, make_images):
    pixels = make_images(2).pixels
    mirrored = pixels[..., ::-1]
    assert (float32.tensor(mirrored).numpy() == mirrored).all()
    read_only = np.frombuffer(pixels.tobytes(), dtype=np.uint8)
    assert (float32.tensor(read_only).numpy() == read_only).all()


def test_the_environment_tells_the_conditions_as_json():
    found = describe_environment(Runtime(CPU, "bfloat16"))
    assert json.loads(json.dumps(found)) == found
    assert found["device"] == "cpu"
    assert found["accelerator"] is None
    assert found["precision"] == "bfloat16"
    assert found["threads"] == torch.get_num_threads()
    assert found["python"] == platform.python_version()
    assert found["packages"]["torch"] == metadata.version("torch")
    assert found["packages"]["numpy"] == metadata.version("numpy")
    assert found["processor"]
