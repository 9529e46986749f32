"""Every contestant of the benchmark computes the same networks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from benchmarks.contestants import plain
from benchmarks.summary import TRAINING_FLOP
from benchmarks.workload import DECODER, ENCODER, HEAD, Convolution
from cae.config import AutoencoderConfig, ClassifierConfig
from cae.models.autoencoder import make_autoencoder
from cae.models.classifier import make_classifier

ROOT = Path(__file__).parents[2]

KERAS_PROGRAM = """
from benchmarks.contestants import keras3
print(keras3.make_autoencoder().count_params())
print(keras3.make_classifier(augmented=True).count_params())
"""


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Copy weights in their order: the plain networks have the same ones under other names."""
    state = target.state_dict()
    values = list(source.state_dict().values())
    assert [value.shape for value in values] == [value.shape for value in state.values()]
    target.load_state_dict(dict(zip(state, values, strict=True)))


def draw_images() -> Tensor:
    return torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("training", [True, False])
def test_the_plain_autoencoder_is_ours(training):
    ours = make_autoencoder(AutoencoderConfig(dropout=False)).train(training)
    theirs = nn.Sequential(plain.make_encoder(), plain.make_decoder()).train(training)
    copy_weights(ours, theirs)
    for layer in theirs.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    x = draw_images()
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-5)


def test_the_plain_classifier_is_ours():
    ours = make_classifier(AutoencoderConfig(), ClassifierConfig(), num_classes=10).eval()
    theirs = nn.Sequential(plain.make_encoder(), plain.make_head()).eval()
    copy_weights(ours, theirs)
    x = draw_images()
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("network", "layers", "shape"),
    [
        (nn.Sequential(plain.make_encoder(), plain.make_decoder()), (*ENCODER, *DECODER), (3, 32)),
        (plain.make_head(), HEAD, (128, 8)),
    ],
)
def test_the_convolutions_of_the_floor_are_those_of_the_networks(network, layers, shape):
    channels, side = shape
    seen: list[Convolution] = []

    def note(layer: nn.Module, _inputs: object, y: Tensor) -> None:
        assert isinstance(layer, nn.Conv2d)
        seen.append(Convolution(layer.in_channels, layer.out_channels, y.shape[-1]))

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(note)
    network.eval()(torch.rand(1, channels, side, side))
    assert seen == list(layers)


def test_one_image_costs_the_autoencoder_about_0_44_gflop():
    assert TRAINING_FLOP["autoencoder"] == pytest.approx(0.44e9, rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_keras_counts_the_parameters_that_we_do(backend):
    pytest.importorskip("keras", reason="make bench installs it")
    finished = subprocess.run(
        [sys.executable, "-c", KERAS_PROGRAM],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=True,
    )
    from cae.models.blocks import count_parameters

    autoencoder = make_autoencoder(AutoencoderConfig())
    classifier = make_classifier(AutoencoderConfig(), ClassifierConfig(), num_classes=10)
    counts = [int(line) for line in finished.stdout.split()]
    assert counts[0] == count_parameters(autoencoder)
    # Keras counts the state of the random numbers of each layer that draws some.
    assert 0 <= counts[1] - count_parameters(classifier) <= 20
