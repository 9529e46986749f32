"""The largest network that a configuration may ask for: larger ones are refused, not allocated."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from cae.errors import ConfigError

MOST_WEIGHTS = 10**9  # 4 GB in float32
MOST_FEATURES = 2**27  # of one image after one layer: 512 MiB in float32

_KERNEL = 3 * 3


def require_possible_autoencoder(
    image_shape: tuple[int, int, int],
    *,
    filters: Sequence[int],
    layers_per_block: int,
    pools: int,
) -> None:
    """Refuse an autoencoder that is too large for any machine.

    Args:
        image_shape: [height, width, channels].
        filters: number of filters of each block of the encoder.
        layers_per_block: convolutions in each block.
        pools: how many of the blocks halve height and width.

    Raises:
        ConfigError: naming the keys to lower.
    """
    height, width, channels = image_shape
    # The kernels of the encoder; the decoder mirrors them, with one more at its beginning.
    between = sum(before * after for before, after in pairwise((channels, *filters)))
    within = sum((layers_per_block - 1) * each**2 for each in filters)
    weights = _KERNEL * (2 * (between + within) + filters[-1] ** 2)
    if weights > MOST_WEIGHTS:
        raise ConfigError(
            f"{_count(weights)} weights are more than the {MOST_WEIGHTS:,} allowed; lower "
            "init_num_filters, conv_blocks or layers_per_block"
        )
    features = max(
        height * width * channels,
        *(height * width * each // 4 ** min(block, pools) for block, each in enumerate(filters)),
    )
    if features > MOST_FEATURES:
        raise ConfigError(
            f"{_count(features)} features of an image are more than the {MOST_FEATURES:,} allowed; "
            "lower image_shape, init_num_filters or conv_blocks"
        )


def require_possible_head(encoding_shape: tuple[int, int, int], *, flattens: bool) -> None:
    """Refuse a classifier's head that is too large for any machine.

    Args:
        encoding_shape: [height, width, filters] of the encoder's output.
        flattens: whether a dense layer takes every pooled feature.

    Raises:
        ConfigError: naming the keys to change.
    """
    height, width, filters = encoding_shape
    pooled = (height // 2) * (width // 2)
    weights = (_KERNEL + (pooled if flattens else 0)) * filters**2
    if weights > MOST_WEIGHTS:
        raise ConfigError(
            f"{_count(weights)} weights of the classifier's head are more than the "
            f"{MOST_WEIGHTS:,} allowed; lower image_shape or init_num_filters, or set "
            "global_pooling to average"
        )


def _count(number: int) -> str:
    return f"{number:,}" if number < 10**15 else f"{number:.1e}"
