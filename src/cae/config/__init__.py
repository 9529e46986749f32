"""The configuration: the origin's keys, with its values as defaults, and ours, checked once."""

from cae.config.autoencoder import AutoencoderConfig, Regularizer
from cae.config.classifier import ClassifierConfig
from cae.config.ineffective import (
    ENCODER_KEYS,
    find_ineffective_keys,
    find_reason_without_effect,
    tell_ineffective,
)
from cae.config.parsing import (
    dump,
    parse_autoencoder_config,
    parse_classifier_config,
    parse_section,
)
from cae.config.run import DataConfig, RunConfig, require_matching_stages
from cae.config.stages import Optimizer, Schedule, StageConfig

__all__ = [
    "ENCODER_KEYS",
    "AutoencoderConfig",
    "ClassifierConfig",
    "DataConfig",
    "Optimizer",
    "Regularizer",
    "RunConfig",
    "Schedule",
    "StageConfig",
    "dump",
    "find_ineffective_keys",
    "find_reason_without_effect",
    "parse_autoencoder_config",
    "parse_classifier_config",
    "parse_section",
    "require_matching_stages",
    "tell_ineffective",
]
