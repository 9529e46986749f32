"""An encoder is told by its network, and whether that is its preset's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from cae.config import dump
from cae.presets import load_preset
from cae.report.results.study_results import Pretraining, Study, read_study
from cae.report.words.networks import read_network, tell_networks


def read(folder: Path, *pretrainings: tuple[str, dict[str, Any]]) -> Study:
    study = read_study(folder)
    assert study is not None
    rows = tuple(Pretraining(encoder, "masked", config) for encoder, config in pretrainings)
    return replace(study, pretrainings=rows)


def configure(preset: str, **changes: Any) -> dict[str, Any]:
    return dump(load_preset(preset))["autoencoder"] | changes


def test_a_network_is_what_it_is_built_by_and_no_more():
    base = configure("base")
    assert read_network(base) == read_network({})
    assert read_network({**base, "lr": 0.5, "epochs": 1, "filters_per_block": None}) == (
        read_network(base)
    )
    assert read_network({**base, "init_num_filters": 16}) != read_network(base)
    # Where the blocks' filters are listed, the first one's number says nothing.
    listed = {**base, "filters_per_block": [64, 64, 64]}
    assert read_network({**listed, "init_num_filters": 16}) == read_network(listed)


def test_an_encoder_that_is_not_as_in_the_preset_of_its_name_is_told(
    make_study: Callable[..., Path],
):
    folder = make_study()
    small = configure("optimal", filters_per_block=[64, 256, 256])
    assert tell_networks(read(folder, ("origin", configure("base")), ("optimal", small))) == [
        "In the study the encoder `optimal` has `filters_per_block` 64, 256, 256; in its preset it "
        "has `filters_per_block` 128, 384, 384."
    ]
    wider = configure("optimal", filters_per_block=[64, 64], conv_blocks=2)
    (sentence,) = tell_networks(read(folder, ("optimal", wider)))
    assert "`filters_per_block` 64, 64 and `conv_blocks` 2; in its" in sentence


def test_an_encoder_as_in_its_preset_and_one_without_a_preset_are_not_told(
    make_study: Callable[..., Path],
):
    folder = make_study()
    longer = configure("optimal", epochs=50, lr=0.01, image_shape=[64, 64, 3])
    narrow = configure("base", init_num_filters=8)
    assert tell_networks(read(folder, ("optimal", longer), ("origin", narrow))) == []
    assert tell_networks(read(folder)) == []
