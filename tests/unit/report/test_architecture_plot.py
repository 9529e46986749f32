"""The drawing of the networks: every part is in it, and a deep network still fits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cae
from cae.checkpoints.weights import describe_layers
from cae.models.autoencoder import make_autoencoder
from cae.models.classifier import make_classifier
from cae.report.architecture_plot import plot_architecture
from cae.report.phrases import TIMES

Texts = Callable[[], list[str]]


def draw(path: Path, config: cae.AutoencoderConfig) -> Path:
    classifier = cae.ClassifierConfig(image_shape=config.image_shape)
    layers = {
        "autoencoder": describe_layers(make_autoencoder(config)),
        "classifier": describe_layers(make_classifier(config, classifier, num_classes=10)),
    }
    return plot_architecture(layers, path, image_shape=config.image_shape)


def test_encoder_decoder_and_head_are_drawn_with_what_comes_out(tmp_path: Path, read_texts: Texts):
    draw(tmp_path / "a.svg", cae.AutoencoderConfig())
    texts = read_texts()
    assert {"encoder", "decoder", "head", "code", "class"} <= set(texts)
    assert f"image\n32 {TIMES} 32 {TIMES} 3" in texts
    assert f"16 {TIMES} 16 {TIMES} 32" in texts
    assert f"8 {TIMES} 8 {TIMES} 128" in texts
    assert "10" in texts


def test_the_middle_of_a_deep_network_is_joined(tmp_path: Path, read_texts: Texts):
    draw(tmp_path / "a.svg", cae.AutoencoderConfig(conv_blocks=7, init_num_filters=2))
    assert "3 blocks\nlike these" in read_texts()
