"""Operations are counted as the formula for convolutions and matrices says."""

from __future__ import annotations

import pytest

from cae.config import AutoencoderConfig, ClassifierConfig
from cae.study.cost import (
    _TIMED_STEPS,
    choose_equal_epochs,
    count_finetuning,
    count_pretraining,
    measure_speeds,
)
from cae.training.step import _STEPS_BEFORE_CAPTURE

SIDE, FILTERS, CLASSES = 8, (4, 8), 3
ENCODER = AutoencoderConfig(
    image_shape=(SIDE, SIDE, 3), init_num_filters=4, conv_blocks=2, layers_per_block=1, epochs=5
)


def count_convolution(side: int, channels_in: int, channels_out: int) -> int:
    """Return the operations of a 3x3 convolution of one image: a product and a sum each."""
    return 2 * 9 * channels_in * channels_out * side**2


FIRST = count_convolution(SIDE, 3, FILTERS[0])
SECOND = count_convolution(SIDE // 2, *FILTERS)
LINEAR = 2 * FILTERS[1] * CLASSES


def make_head(**changes) -> ClassifierConfig:
    values = {"head": "linear", "global_pooling": "average", "freeze_encoder": False, "epochs": 7}
    return ClassifierConfig.model_validate({**values, "image_shape": (SIDE, SIDE, 3), **changes})


def count(config: ClassifierConfig, *, images: int = 10) -> float:
    return count_finetuning(ENCODER, config, images=images, num_classes=CLASSES)


def test_a_step_is_a_forward_pass_and_twice_that_backward_but_for_the_images():
    # Nobody asks for the gradient of the pixels.
    step = 3 * (FIRST + SECOND + LINEAR) - FIRST
    assert count(make_head()) == 10 * 7 * step


def test_a_frozen_encoder_has_no_backward_pass():
    # The gradient of the features is that of the batch norm before the output layer.
    step = FIRST + SECOND + 3 * LINEAR
    assert count(make_head(freeze_encoder=True)) == 10 * 7 * step


def test_images_that_do_not_change_are_encoded_once():
    frozen = make_head(freeze_encoder=True, data_augmentation=False)
    assert count(frozen) == 10 * (FIRST + SECOND + 7 * 3 * LINEAR)


def test_pretraining_counts_the_decoder_too():
    # The decoder mirrors the encoder: 8 to 8 filters at 2x2, 8 to 4 and 4 to 3 after upsamplings.
    # An upsampled image has four convolutions of 2x2 in the place of each of 3x3.
    decoder = [
        count_convolution(SIDE // 4, 8, 8),
        count_convolution(SIDE // 2, 8, 4),
        count_convolution(SIDE, 4, 3),
    ]
    whole = 10 * 5 * (3 * (FIRST + SECOND + sum(decoder)) - FIRST)
    upsampled = count_pretraining(ENCODER, images=10)
    assert 0.5 * whole < upsampled <= whole


def test_the_count_is_linear_in_images_and_epochs_and_does_not_see_the_seed():
    assert count(make_head(), images=20) == 2 * count(make_head())
    assert count(make_head(epochs=14)) == 2 * count(make_head())
    assert count(make_head(seed=1, batch_size=3, lr=0.5)) == count(make_head())
    assert count_pretraining(ENCODER, images=20) == 2 * count_pretraining(ENCODER, images=10)


def test_small_images_cost_less():
    low = make_head(low_resolution_epochs=3, low_resolution_side=4)
    quarter = 3 * (FIRST / 4 + SECOND / 4 + LINEAR) - FIRST / 4
    whole = 3 * (FIRST + SECOND + LINEAR) - FIRST
    assert count(low) == 10 * (3 * quarter + 4 * whole)
    # No more epochs can be small than there are.
    assert count(low.model_copy(update={"low_resolution_epochs": 99})) == 10 * 7 * quarter
    half = ENCODER.model_copy(update={"low_resolution_epochs": 5, "low_resolution_side": 4})
    assert count_pretraining(half, images=10) < count_pretraining(ENCODER, images=10) / 2


@pytest.mark.parametrize("encoder", ["origin", "whitened"])
def test_masked_pretraining_is_counted_too(encoder: str):
    masked = AutoencoderConfig(
        encoder=encoder,  # pyright: ignore[reportArgumentType]
        image_shape=(16, 16, 3),
        init_num_filters=4,
        conv_blocks=2,
        layers_per_block=1,
        mask_ratio=0.6,
        epochs=1,
    )
    assert count_pretraining(masked, images=1) > 0


def test_speeds_are_measured_and_leave_the_random_state_alone(float32):
    import torch

    before = torch.get_rng_state()
    speeds = measure_speeds(ENCODER, make_head(), num_classes=CLASSES, runtime=float32)
    assert min(speeds.pretrain, speeds.finetune) > 1e5
    assert torch.equal(torch.get_rng_state(), before)


def test_the_steps_that_are_timed_reach_those_that_a_gpu_replays():
    # The first step after those that are taken plainly is recorded, which takes longer.
    assert _TIMED_STEPS >= _STEPS_BEFORE_CAPTURE + 2


@pytest.mark.parametrize(("more", "epochs"), [(0, 7), (24, 9), (26, 10), (30, 10)])
def test_equal_epochs_are_the_whole_ones_that_come_nearest(more: float, epochs: int):
    # The first epochs are cheaper: only what one more costs counts.
    assert choose_equal_epochs(lambda n: max(5 * n, 10 * n - 20), epochs=7, more=more) == epochs
