"""How a study trains: the recipes of the two encoders, and a table of how long they train."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from cae.config import AutoencoderConfig, ClassifierConfig, dump, parse_section
from cae.errors import ConfigError
from cae.presets import load_preset, override, split_setting
from cae.wording import show, suggest

logger = logging.getLogger(__name__)

Config = TypeVar("Config", AutoencoderConfig, ClassifierConfig)


_CIFAR10_IMAGES = 33_150  # training images of the origin's split
_MANY_LABELS = 1_000
_MOST_PRETRAIN_EPOCHS = 400


@dataclass(frozen=True, slots=True)
class Lesson:
    """How long a classifier trains with some number of labels; batch size None: the recipe's."""

    epochs: int
    batch_size: int | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long a study trains.

    Attributes:
        pretrain_epochs: epochs of the plain autoencoder. The other pretrainings get as many epochs
            as cost the same computation.
        lessons: by the smallest number of labels per class that they are for; None: all labels.
        images: the number of images that `pretrain_epochs` is meant for.
    """

    pretrain_epochs: int
    lessons: Mapping[int | None, Lesson]
    images: int = _CIFAR10_IMAGES

    def choose_pretrain_epochs(self, images: int) -> int:
        """Return the epochs that give as many steps with fewer images, up to a limit."""
        enough = min(round(self.pretrain_epochs * self.images / images), _MOST_PRETRAIN_EPOCHS)
        return max(self.pretrain_epochs, enough)

    def choose_lesson(self, labels_per_class: int | None, *, images_per_class: int) -> Lesson:
        """Return the lesson for a budget: that of the nearest number up to it, or the smallest.

        Args:
            labels_per_class: None: all labels. In a small data set even all labels are few.
            images_per_class: how many labelled images a class has in all, on average.
        """
        if labels_per_class is None:
            if images_per_class >= _MANY_LABELS or len(self.lessons) == 1:
                return self.lessons[None]
            labels_per_class = images_per_class
        numbers = sorted(number for number in self.lessons if number is not None)
        below = [number for number in numbers if number <= labels_per_class] or numbers[:1]
        return self.lessons[below[-1] if below else None]


# By schedule, plan and encoder. With few labels there are more epochs: the number of steps is what
# counts. With "two-cores" the default part takes about ten hours on two cores.
_SCHEDULES: dict[tuple[str, str, str], Schedule] = {
    ("two-cores", "labels", "origin"): Schedule(
        6, {10: Lesson(150), 50: Lesson(80), 100: Lesson(60), 400: Lesson(40), None: Lesson(8)}
    ),
    ("two-cores", "labels", "optimal"): Schedule(
        2,
        {
            10: Lesson(100, 50),
            50: Lesson(80, 100),
            100: Lesson(60, 125),
            400: Lesson(40, 250),
            None: Lesson(12),
        },
    ),
    ("two-cores", "origin", "origin"): Schedule(5, {None: Lesson(10)}),
    ("gpu", "labels", "origin"): Schedule(
        50, {10: Lesson(400), 50: Lesson(200), 100: Lesson(200), 400: Lesson(100), None: Lesson(40)}
    ),
    ("gpu", "labels", "optimal"): Schedule(
        50,
        {
            10: Lesson(400, 50),
            50: Lesson(300, 100),
            100: Lesson(200, 125),
            400: Lesson(150, 250),
            None: Lesson(60),
        },
    ),
    # The origin's own epochs.
    ("gpu", "origin", "origin"): Schedule(50, {None: Lesson(20)}),
}
_DIGITS = Schedule(4, {None: Lesson(8)}, images=0)
SCHEDULES = ("two-cores", "gpu")
ENCODERS = ("origin", "optimal")

# The origin's network, trained in a way that suits short trainings of all its layers.
_SHORT_ORIGIN = (
    "autoencoder.lr=0.002",
    "autoencoder.lr_schedule=one_cycle",
    "classifier.lr=0.003",
    "classifier.lr_schedule=one_cycle",
    "classifier.dropout=true",
    "classifier.freeze_encoder=false",
    "classifier.augmentation_rotation_degrees=0",
    "classifier.augmentation_zoom=0",
)
_FOR_THINNED = ("classifier.class_weights=true",)
# The mask for the origin's encoder, chosen on validation images (benchmarks/LOG.md).
_ORIGIN_MASK: dict[str, Any] = {
    "mask_ratio": 0.6,
    "mask_patch_size": 8,
    "target": "gradient_histograms",
}
# Keys that differ from trial to trial of a study.
_OWN_OPTIONS = {
    "epochs": "give --pretrain-epochs and --finetune-epochs",
    "seed": "give --seeds",
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the trials of one encoder have in common.

    Attributes:
        autoencoder: the plain autoencoder, which reconstructs whole images.
        classifier: the classifier on that encoder, before an arm changes it.
        mask: the keys that make the autoencoder a masked one.
    """

    autoencoder: AutoencoderConfig
    classifier: ClassifierConfig
    mask: Mapping[str, Any]


def choose_schedule(name: str, *, plan: str, encoder: str, source: str) -> Schedule:
    """Return the schedule called `name` for the trials of a plan; the digits have only one.

    Raises:
        ConfigError: there is no schedule of that name.
    """
    if name not in SCHEDULES:
        raise ConfigError(f"--schedule {name}: unknown{suggest(name, SCHEDULES)}")
    if source != "digits":
        return _SCHEDULES[name, plan, encoder]
    if name != "two-cores":  # which nobody has to ask for
        logger.warning(
            "--schedule %s has no effect with the digits, which have one schedule; "
            "--pretrain-epochs and --finetune-epochs set how long to train",
            name,
        )
    return _DIGITS


def make_recipe(encoder: str, *, plan: str, source: str, settings: Sequence[str] = ()) -> Recipe:
    """Return the recipe of an encoder on the data `source`, changed by `key=value` settings.

    Raises:
        ConfigError: a setting cannot be used, or is one of the data's keys.
    """
    is_thinned = source == "cifar10"
    if encoder == "optimal":
        config = load_preset("optimal", is_thinned=is_thinned)
    elif source == "digits":
        config = load_preset("digits")
    elif plan == "labels":
        for_thinned = _FOR_THINNED if is_thinned else ()
        config = override(load_preset("base"), [*_SHORT_ORIGIN, *for_thinned])
    else:
        config = load_preset("base")
    for setting in settings:
        section, key = split_setting(setting)
        if section != "data" and key in _OWN_OPTIONS:
            raise ConfigError(
                f"--set {show(setting)}: a study has options of its own for that; "
                f"{_OWN_OPTIONS[key]}"
            )
    named = _ORIGIN_MASK.keys() & {split_setting(setting)[1] for setting in settings}
    if plan == "origin" and named:
        raise ConfigError(f"--set {min(named)}: the plan 'origin' hides nothing; leave it out")
    preset = config
    mask = dict(_ORIGIN_MASK)
    if preset.autoencoder.mask_ratio:
        mask = {key: getattr(preset.autoencoder, key) for key in mask}
    if named:  # These keys make sense only together with the usual mask.
        masked = change(preset.autoencoder, **mask)
        config = config.model_copy(update={"autoencoder": masked})
    config = override(config, settings)
    if config.data != preset.data:
        raise ConfigError(
            "--set: a study splits the images as the origin does; leave out the keys of the data: "
            f"{', '.join(type(config.data).model_fields)}"
        )
    mask |= {key: getattr(config.autoencoder, key) for key in named}
    patch = preset.autoencoder.mask_patch_size
    whole = change(config.autoencoder, mask_ratio=0.0, target="pixels", mask_patch_size=patch)
    return Recipe(whole, config.classifier, mask)


def change(config: Config, **values: Any) -> Config:
    """Return the configuration with some keys changed, checked anew.

    Raises:
        ConfigError: the keys do not fit together.
    """
    return parse_section(type(config), {**dump(config), **values}, place="the study's plan")


def set_epochs(config: Config, epochs: int) -> Config:
    """Return a stage with `epochs` epochs, the same share of them with small images as before."""
    low = round(config.low_resolution_epochs / config.epochs * epochs)
    changed = change(config, epochs=epochs, low_resolution_epochs=low)
    return changed if low else change(changed, low_resolution_side=24)
