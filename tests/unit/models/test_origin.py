"""The origin's blocks pool twice, whatever their filters; test_autoencoder.py has the rest."""

from __future__ import annotations

import torch

from cae.config import AutoencoderConfig
from cae.models.origin import MirroredDecoder, OriginEncoder
from cae.models.pooling import MaxPool

CONFIG = AutoencoderConfig(
    image_shape=(8, 8, 3), conv_blocks=4, filters_per_block=(3, 9, 2, 5), layers_per_block=1
)


def test_filters_of_ones_own_leave_the_pools_where_they_are():
    encoder, decoder = OriginEncoder(CONFIG), MirroredDecoder(CONFIG)
    assert [isinstance(block.pool, MaxPool) for block in encoder.blocks] == [
        True,
        True,
        False,
        False,
    ]
    features = encoder(torch.rand(2, 3, 8, 8))
    assert features.shape == (2, 5, 2, 2)
    assert decoder(features).shape == (2, 3, 8, 8)
