"""The grid holds every cell that is chosen, paired by seed, and all pretrainings cost the same."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest

from cae.config import ClassifierConfig, dump, find_ineffective_keys
from cae.data.digits import load_digits
from cae.data.images import Dataset, ImageSet
from cae.data.splits import make_splits
from cae.errors import ConfigError, DataError
from cae.models.classifier import make_classifier
from cae.study.grid import Choice, make_grid
from cae.study.trials import Cell, Trial

TINY = ("init_num_filters=2", "layers_per_block=1", "conv_blocks=2")


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_digits()


@pytest.fixture(scope="module")
def large() -> Dataset:
    """As many images as CIFAR-10 has, none of which is looked at."""
    names = tuple(f"class {label}" for label in range(10))
    pixels = np.broadcast_to(np.zeros((1, 3, 32, 32), np.uint8), (50_000, 3, 32, 32))
    images = ImageSet(pixels, np.arange(50_000, dtype=np.int64) % 10, names, "grey")
    return Dataset(images, images, ("class 2", "class 4", "class 9"), source="cifar10")


def choose(digits: Dataset, **choice) -> list[Cell]:
    return make_grid(Choice(settings=TINY, **choice), digits)


def classifier_of(cell: Cell) -> ClassifierConfig:
    assert cell.trial.classifier is not None
    return cell.trial.classifier


def pretraining_of(cell: Cell) -> Trial:
    assert cell.trial.pretraining is not None
    return cell.trial.pretraining


def count(cells: list[Cell]) -> tuple[int, int]:
    """Return how many classifiers and how many pretrainings there are."""
    before = {cell.trial.pretraining.key for cell in cells if cell.trial.pretraining}
    return len({cell.trial.key for cell in cells}), len(before)


def test_the_whole_plan_of_labels_is_seventeen_trials_at_each_budget_and_seed(large):
    cells = make_grid(Choice(full=True), large)
    assert count(cells) == (17 * (4 * 7 + 3), 5 * 7)


def test_the_published_part_is_five_trials_at_three_budgets(large):
    cells = make_grid(Choice(), large)
    assert count(cells) == (5 * (2 * 7 + 3), 2 * 7)
    assert {cell.labels_per_class for cell in cells} == {100, 400, None}


def test_the_plan_of_the_origin_is_fourteen_trials_a_seed(large):
    cells = make_grid(Choice(plan="origin"), large)
    assert count(cells) == (14 * 3, 7 * 3)
    assert {cell.labels_per_class for cell in cells} == {None}


@pytest.mark.parametrize("encoder", ["origin", "optimal"])
@pytest.mark.parametrize("schedule", ["two-cores", "gpu"])
def test_pretrainings_and_the_whole_budget_cost_the_same(large, encoder: str, schedule: str):
    cells = make_grid(Choice(encoder=encoder, schedule=schedule, full=True, seeds=(0,)), large)
    costs = {
        cell.pretraining: cell.trial.pretraining.flops for cell in cells if cell.trial.pretraining
    }
    plain = costs["plain"]
    assert all(0.8 * plain < cost < 1.25 * plain for cost in costs.values())
    by_arm = {(cell.arm, cell.labels_per_class): cell for cell in cells if cell.arm[0] == "s"}
    for budget in {cell.labels_per_class for cell in cells}:
        scratch, whole = by_arm["scratch", budget], by_arm["scratch_whole_budget", budget]
        epoch = whole.trial.flops / classifier_of(whole).epochs
        # Whole epochs cannot cost it exactly; those of small images cost less than the mean one.
        assert abs(whole.flops - scratch.flops - plain) <= epoch


def test_the_costs_count_the_images_that_are_trained_on(digits):
    cells: list[Cell] = []
    for more in ((), ("classifier.class_balance=sampling",)):
        choice = Choice(settings=(*TINY, *more), arms=("scratch",), budgets=(None,), seeds=(0,))
        cells += make_grid(choice, digits)
    cell, balanced = cells
    counts = make_splits(digits, cell.trial.data).labelled.class_counts()
    images = int(counts.max()) * len(counts)
    assert images > counts.sum()
    assert balanced.trial.flops == pytest.approx(cell.trial.flops * images / counts.sum())

    bare = ImageSet(digits.test.images, None, digits.test.class_names, "bare")
    before = [
        pretraining_of(cell)
        for data in (digits, replace(digits, unlabelled=bare))
        for cell in choose(
            data, arms=("linear_probe",), pretrainings=("plain",), budgets=(10,), seeds=(0,)
        )
    ]
    train = len(make_splits(digits, before[0].data).train)
    costs = [each.flops for each in before]
    assert costs[1] == pytest.approx(costs[0] * (train + len(digits.test)) / train)


def test_the_arms_of_a_seed_and_budget_are_paired(digits):
    cells = choose(digits, full=True, budgets=(10,), seeds=(3,))
    splits = [make_splits(digits, cell.trial.data).labelled.images for cell in cells]
    assert all(np.array_equal(images, splits[0]) for images in splits)
    seeds = {(cell.trial.autoencoder.seed, classifier_of(cell).seed) for cell in cells}
    assert seeds == {(3, 3)}
    heads = [
        make_classifier(
            cell.trial.autoencoder, classifier_of(cell), num_classes=10
        ).head.state_dict()
        for cell in cells
        if cell.arm in ("scratch", "scratch_whole_budget", "frozen", "fine_tuned")
    ]
    for head in heads:
        assert all(bool((head[name] == value).all()) for name, value in heads[0].items())


def test_the_fine_tuned_arm_differs_from_scratch_in_its_encoder_s_weights_alone(digits):
    cells = choose(digits, arms=("scratch", "fine_tuned"), budgets=(10, None), seeds=(0, 1))
    trials = {(c.arm, c.pretraining, c.labels_per_class, c.seed): c.trial for c in cells}
    for (arm, _, budget, seed), trial in trials.items():
        if arm == "fine_tuned":
            scratch = trials["scratch", "none", budget, seed]
            assert replace(trial, pretraining=None).key == scratch.key


def test_labels_are_nested_and_each_seed_draws_its_own(digits):
    def draw(budget: int, seed: int) -> set[bytes]:
        (cell,) = choose(digits, arms=("scratch",), budgets=(budget,), seeds=(seed,))
        images = make_splits(digits, cell.trial.data).labelled.images
        return {image.tobytes() for image in images}

    assert draw(5, 0) < draw(10, 0) < draw(40, 0)
    assert draw(10, 0) != draw(10, 1)


def test_every_seed_has_the_origin_s_split(digits):
    cells = choose(digits, budgets=(10, None), seeds=(0, 5), seeds_at_all=6)
    prints = {make_splits(digits, cell.trial.data).fingerprint for cell in cells}
    assert len(prints) == 1


def test_a_pretraining_is_shared_between_arms_and_budgets(digits):
    cells = choose(digits, full=True, budgets=(10, 20, None), pretrainings=("plain",), seeds=(0,))
    assert count(cells) == (3 * (2 + 3), 1)


def test_no_pretraining_has_labels_of_its_own(digits):
    for cell in choose(digits, full=True, budgets=(10,)):
        if cell.trial.pretraining is not None:
            assert cell.trial.pretraining.data.labels_per_class is None
            assert cell.trial.pretraining.classifier is None


def test_pretrainings_differ_in_noise_or_mask_and_the_encoder_above_them_does_not(digits):
    cells = choose(digits, full=True, budgets=(10,), arms=("fine_tuned",), seeds=(0,))
    before = {cell.pretraining: pretraining_of(cell).autoencoder for cell in cells}
    assert before["plain"].input_noise_stddev == before["plain"].mask_ratio == 0
    assert before["denoising"].input_noise_stddev == 0.1
    assert before["masked"].mask_ratio == before["masked_pixels"].mask_ratio == 0.6
    assert before["masked"].target == "gradient_histograms"
    assert before["masked_pixels"].target == "pixels"
    assert before["unhidden"] == before["masked"].model_copy(update={"mask_input": False})
    assert len({str(dump(cell.trial.autoencoder)) for cell in cells}) == 1
    assert cells[0].trial.autoencoder.mask_ratio == 0


@pytest.mark.parametrize(
    ("setting", "size"), [("batch_size=32", 32), ("autoencoder.batch_size=32", 125)]
)
def test_a_batch_size_that_is_set_takes_the_place_of_the_lessons(large, setting: str, size: int):
    choice = Choice(encoder="optimal", arms=("scratch",), budgets=(100,), settings=(setting,))
    (classifier, *_) = [cell.trial.classifier for cell in make_grid(choice, large)]
    assert classifier is not None
    assert classifier.batch_size == size


def test_few_labels_come_first_and_seed_follows_seed(digits):
    cells = choose(digits, budgets=(None, 20, 10, 20), seeds=(0, 1), arms=("scratch",))
    assert [(cell.seed, cell.labels_per_class) for cell in cells] == [
        (0, 10),
        (0, 20),
        (0, None),
        (1, 10),
        (1, 20),
        (1, None),
    ]


def test_at_all_labels_only_the_first_seeds_are_trained(digits):
    cells = choose(digits, seeds=tuple(range(3, 6)), seeds_at_all=4, budgets=(10, None))
    assert {cell.seed for cell in cells if cell.labels_per_class is None} == {3}
    assert {cell.seed for cell in cells if cell.labels_per_class == 10} == {3, 4, 5}


def test_without_budgets_those_are_taken_that_the_data_have_labels_for(digits):
    assert {cell.labels_per_class for cell in choose(digits)} == {10, 50, None}


def test_epochs_can_be_given(digits):
    cells = choose(digits, pretrain_epochs=3, finetune_epochs=2, budgets=(10,), full=True)
    epochs = {cell.arm: classifier_of(cell).epochs for cell in cells}
    assert epochs["scratch"] == epochs["fine_tuned"] == epochs["linear_probe"] == 2
    assert epochs["scratch_whole_budget"] > 2
    plain = next(pretraining_of(cell) for cell in cells if cell.pretraining == "plain")
    assert plain.autoencoder.epochs == 3


@pytest.mark.parametrize("choice", [{}, {"plan": "origin"}, {"encoder": "optimal"}])
def test_no_key_of_a_trial_is_without_effect(large, choice):
    for cell in make_grid(replace(Choice(full=True, seeds=(0,)), **choice), large):
        configs = [
            cell.trial.classifier,
            cell.trial.pretraining and cell.trial.pretraining.autoencoder,
        ]
        for config in configs:
            assert config is None or find_ineffective_keys(config) == [], cell.describe()


def test_unequal_pretrainings_are_told(digits, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        choose(digits, pretrain_epochs=1, arms=("fine_tuned",), budgets=(10,))
    assert "pretraining masked costs" in caplog.text


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"plan": "label"}, "--plan label: unknown; did you mean 'labels'"),
        ({"encoder": "best"}, "--encoder best: unknown"),
        ({"plan": "origin", "encoder": "optimal"}, "uses only the origin's"),
        ({"arms": ("finetuned",)}, "--arm finetuned: unknown; did you mean 'fine_tuned'"),
        ({"pretrainings": ("mask",)}, "--pretraining mask: unknown; did you mean 'masked'"),
        ({"schedule": "cluster"}, "--schedule cluster: unknown"),
        ({"seeds": ()}, "leave no seed"),
        ({"seeds": (5,), "budgets": (None,)}, "leave no seed"),
        (
            {"plan": "origin", "arms": ("class_weights",), "pretrainings": ("input_noise",)},
            "class_weights is never made after input_noise",
        ),
    ],
    ids=str,
)
def test_a_choice_of_what_is_not_there_is_refused(digits, choice, words: str):
    with pytest.raises(ConfigError) as refused:
        make_grid(Choice(**choice), digits)
    assert words in str(refused.value)


def test_more_labels_than_there_are_are_refused_before_anything_is_trained(digits):
    with pytest.raises(DataError, match="labels_per_class 500"):
        choose(digits, budgets=(500,))
