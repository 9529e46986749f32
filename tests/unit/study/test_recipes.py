"""Recipes hold what the encoders have in common, and schedules how long they train."""

from __future__ import annotations

import pytest

from cae.config import AutoencoderConfig, ClassifierConfig
from cae.errors import ConfigError
from cae.presets import load_preset
from cae.study.plan import PLANS
from cae.study.recipes import (
    ENCODERS,
    SCHEDULES,
    Lesson,
    Schedule,
    change,
    choose_schedule,
    make_recipe,
    set_epochs,
)


def test_the_origin_s_plan_has_the_origin_s_recipe():
    recipe, base = make_recipe("origin", plan="origin", source="cifar10"), load_preset("base")
    assert (recipe.autoencoder, recipe.classifier) == (base.autoencoder, base.classifier)


def test_the_plan_of_labels_trains_the_origin_s_network():
    recipe, base = make_recipe("origin", plan="labels", source="cifar10"), load_preset("base")
    assert not recipe.classifier.freeze_encoder
    architecture = ("encoder", "block_filters", "layers_per_block", "encoding_shape", "batch_norm")
    for name in architecture:
        assert getattr(recipe.autoencoder, name) == getattr(base.autoencoder, name)


def test_a_recipe_starts_from_the_plain_autoencoder_and_keeps_the_mask_apart():
    recipe, preset = make_recipe("optimal", plan="labels", source="cifar10"), load_preset("optimal")
    assert (recipe.autoencoder.mask_ratio, recipe.autoencoder.target) == (0, "pixels")
    assert change(recipe.autoencoder, **recipe.mask) == preset.autoencoder
    assert make_recipe("origin", plan="labels", source="cifar10").mask["mask_ratio"] == 0.6


def test_settings_change_the_recipe_but_not_the_split():
    settings = ["init_num_filters=4", "classifier.lr=0.5"]
    recipe = make_recipe("origin", plan="labels", source="digits", settings=settings)
    assert recipe.autoencoder.init_num_filters == 4
    assert recipe.classifier.lr == 0.5
    with pytest.raises(ConfigError, match="leave out the keys of the data"):
        make_recipe("origin", plan="labels", source="digits", settings=["data.val_size=0.3"])
    with pytest.raises(ConfigError, match=r"keys of the data: .*, seed$"):
        make_recipe("origin", plan="labels", source="digits", settings=["data.seed=3"])
    with pytest.raises(ConfigError, match="epohcs"):
        make_recipe("origin", plan="labels", source="digits", settings=["epohcs=3"])


@pytest.mark.parametrize("encoder", ["origin", "optimal"])
def test_the_mask_is_the_recipes_but_for_what_is_set_of_it(encoder: str):
    usual = make_recipe(encoder, plan="labels", source="cifar10")
    settings = ["autoencoder.mask_patch_size=2", "lr=0.001"]
    other = make_recipe(encoder, plan="labels", source="cifar10", settings=settings)
    assert other.mask == {**usual.mask, "mask_patch_size": 2}
    assert other.autoencoder == change(usual.autoencoder, lr=0.001)
    more = make_recipe(encoder, plan="labels", source="cifar10", settings=["mask_ratio=0.8"])
    assert more.mask == {**usual.mask, "mask_ratio": 0.8}
    assert more.autoencoder == usual.autoencoder
    alone = make_recipe(encoder, plan="labels", source="cifar10", settings=["target=high_pass"])
    assert alone.mask == {**usual.mask, "target": "high_pass"}


def test_the_origins_plan_hides_nothing():
    with pytest.raises(ConfigError, match="--set mask_ratio: the plan 'origin' hides nothing"):
        make_recipe("origin", plan="origin", source="cifar10", settings=["mask_ratio=0.5"])


@pytest.mark.parametrize("setting", ["epochs=3", "classifier.epochs=3", "autoencoder.seed=1"])
def test_what_a_study_has_options_for_is_no_setting(setting: str):
    with pytest.raises(ConfigError, match=r"a study has options of its own for that; give --"):
        make_recipe("origin", plan="labels", source="digits", settings=[setting])


@pytest.mark.parametrize(
    ("labels", "epochs"), [(1, 30), (10, 30), (25, 30), (100, 20), (399, 20), (None, 5)]
)
def test_a_budget_gets_the_lesson_of_the_nearest_number_below_it(labels, epochs):
    schedule = Schedule(1, {10: Lesson(30), 100: Lesson(20), None: Lesson(5)})
    assert schedule.choose_lesson(labels, images_per_class=3_000).epochs == epochs


def test_there_is_a_schedule_for_every_plan_and_encoder():
    for name in SCHEDULES:
        for encoder in ENCODERS:
            schedule = choose_schedule(name, plan="labels", encoder=encoder, source="cifar10")
            for budget in PLANS["labels"].whole_budgets:
                assert schedule.choose_lesson(budget, images_per_class=3_000).epochs > 0
        assert choose_schedule(name, plan="origin", encoder="origin", source="cifar10")
    with pytest.raises(ConfigError, match="--schedule gpus: unknown; did you mean 'gpu'"):
        choose_schedule("gpus", plan="labels", encoder="origin", source="cifar10")


def test_on_a_gpu_the_origin_s_own_epochs_are_trained():
    schedule = choose_schedule("gpu", plan="origin", encoder="origin", source="cifar10")
    assert schedule.pretrain_epochs == AutoencoderConfig().epochs == 50
    assert schedule.choose_lesson(None, images_per_class=3_000).epochs == 20


def test_all_labels_of_a_small_data_set_are_few():
    schedule = Schedule(6, {10: Lesson(150), 100: Lesson(60), None: Lesson(8)})
    found = [schedule.choose_lesson(None, images_per_class=n).epochs for n in (5, 25, 999, 1_000)]
    assert found == [150, 150, 60, 8]


@pytest.mark.parametrize(
    ("images", "epochs"), [(33_150, 6), (100_000, 6), (16_575, 12), (120, 400)]
)
def test_fewer_images_are_pretrained_on_for_as_many_steps(images: int, epochs: int):
    assert Schedule(6, {None: Lesson(8)}).choose_pretrain_epochs(images) == epochs


def test_the_digits_keep_their_short_trainings():
    schedule = choose_schedule("two-cores", plan="labels", encoder="origin", source="digits")
    assert schedule.choose_pretrain_epochs(1_000) == 4
    assert schedule.choose_lesson(None, images_per_class=100).epochs == 8


def test_a_schedule_that_the_digits_do_not_have_is_told(caplog):
    def choose(name: str, source: str) -> Schedule:
        return choose_schedule(name, plan="labels", encoder="origin", source=source)

    usual = choose("two-cores", "digits")
    choose("gpu", "cifar10")
    assert not caplog.messages
    assert choose("gpu", "digits") == usual
    (message,) = caplog.messages
    assert message.startswith("--schedule gpu has no effect with the digits")


def test_classes_that_are_not_thinned_are_not_weighted():
    found = {
        source: make_recipe("origin", plan="labels", source=source).classifier.class_weights
        for source in ("cifar10", "flowers-0123abcd")
    }
    assert found == {"cifar10": True, "flowers-0123abcd": False}
    optimal = make_recipe("optimal", plan="labels", source="flowers-0123abcd").classifier
    assert (optimal.class_balance, optimal.posthoc_logit_adjustment) == ("none", 0)


def test_more_epochs_keep_the_share_of_those_with_small_images():
    config = ClassifierConfig(
        epochs=10, global_pooling="max", low_resolution_epochs=4, low_resolution_side=16
    )
    assert set_epochs(config, 25).low_resolution_epochs == 10
    assert set_epochs(config, 1).low_resolution_epochs == 0
    assert set_epochs(AutoencoderConfig(), 3) == AutoencoderConfig(epochs=3)


def test_a_change_is_checked():
    with pytest.raises(ConfigError, match="the study's plan: epochs"):
        change(ClassifierConfig(), epochs=0)
