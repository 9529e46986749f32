"""The drawing of the networks: every part is in it, and a deep network still fits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

import cae
from cae.checkpoints.weights import describe_layers
from cae.config import dump
from cae.models.autoencoder import make_autoencoder
from cae.models.classifier import make_classifier
from cae.presets import load_preset
from cae.report.figures.architecture_plot import plot_architecture
from cae.report.phrases import TIMES
from cae.report.words.tasks import name_output

Texts = Callable[[], list[str]]


def draw(path: Path, config: cae.AutoencoderConfig, *, predicts: str = "image") -> Path:
    classifier = cae.ClassifierConfig(image_shape=config.image_shape)
    layers = {
        "autoencoder": describe_layers(make_autoencoder(config)),
        "classifier": describe_layers(make_classifier(config, classifier, num_classes=10)),
    }
    return plot_architecture(layers, path, image_shape=config.image_shape, predicts=predicts)


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


def test_a_decoder_ends_in_what_it_predicts(tmp_path: Path, read_texts: Texts):
    config = load_preset("optimal").autoencoder
    draw(tmp_path / "a.svg", config, predicts=name_output(dump(config)))
    texts = read_texts()
    assert "gradient\nhistograms" in texts
    assert "image" not in texts
    # The number of channels stands in a block, and not above it once more.
    assert texts.count("128") == 5
    assert texts.count("27") == 1


@pytest.mark.parametrize("preset", ["base", "optimal", "sharp"])
def test_the_words_of_neighbouring_blocks_do_not_meet(
    tmp_path: Path, drawn: list[Figure], preset: str
):
    config = load_preset(preset).autoencoder
    draw(tmp_path / "a.svg", config, predicts=name_output(dump(config)))
    renderer = FigureCanvasAgg(drawn[-1]).get_renderer()
    boxes = [
        (text.get_text(), text.get_window_extent(renderer))
        for text in drawn[-1].findobj(Text)
        if text.get_text()
    ]
    assert len(boxes) > 10
    for place, (words, box) in enumerate(boxes):
        for other, beside in boxes[:place]:
            assert not box.overlaps(beside), (words, other)
