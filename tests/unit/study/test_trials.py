"""A trial's key is a function of everything that decides its result, and of nothing else."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest

from cae.config import AutoencoderConfig, ClassifierConfig, DataConfig
from cae.study.trials import Cell, Trial, write_budget


def test_keys_stay_as_they_are():
    """They name folders that later versions must find again."""
    pretraining = Trial("cifar10", DataConfig(), AutoencoderConfig(epochs=6, seed=3))
    trial = Trial(
        "cifar10",
        DataConfig(labels_per_class=100, labelled_seed=3),
        AutoencoderConfig(seed=3),
        ClassifierConfig(freeze_encoder=False, seed=3),
        pretraining,
    )
    assert (pretraining.key, trial.key) == ("5a9ae36260fb5286", "beb8187486b9f5b7")


def test_equal_trials_have_equal_keys_whatever_their_cost(make_trial):
    assert make_trial().key == make_trial().key
    assert replace(make_trial(), flops=5.0).key == make_trial().key


@pytest.mark.parametrize(
    "changes",
    [
        {"source": "other"},
        {"data": DataConfig(labels_per_class=3)},
        {"data": DataConfig(labelled_seed=1)},
        {"data": DataConfig(val_size=0.3)},
        {"autoencoder": AutoencoderConfig(dropout_value=0.4)},
        {"classifier": ClassifierConfig(epochs=3)},
        {"classifier": ClassifierConfig(lr=0.1)},
        {"classifier": None},
        {"pretraining": Trial("noise", DataConfig(), AutoencoderConfig())},
    ],
    ids=str,
)
def test_whatever_decides_the_result_changes_the_key(make_trial, changes):
    assert replace(make_trial(), **changes).key != make_trial().key


def test_another_pretraining_makes_another_trial(make_trial, make_pretraining):
    first = make_trial(pretraining=make_pretraining())
    other = make_trial(pretraining=make_pretraining(epochs=3))
    assert first.key != other.key


@pytest.mark.parametrize("section", ["autoencoder", "classifier"])
def test_every_key_of_the_configuration_counts(section: str):
    """Whichever key a later version adds, it is part of the content once it is set."""
    kind = {"autoencoder": AutoencoderConfig, "classifier": ClassifierConfig}[section]
    plain = Trial("noise", DataConfig(), AutoencoderConfig(), ClassifierConfig())
    for name, field in kind.model_fields.items():
        changed = kind.model_construct(None, **{name: ("changed", field.default)})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # It is no value that the key may have.
            assert replace(plain, **{section: changed}).key != plain.key


def test_a_key_at_its_default_does_not_count_so_that_new_ones_leave_keys_alone():
    default = ClassifierConfig.model_fields["label_smoothing"].default
    said = Trial(
        "noise", DataConfig(), AutoencoderConfig(), ClassifierConfig(label_smoothing=default)
    )
    left_out = Trial("noise", DataConfig(), AutoencoderConfig(), ClassifierConfig())
    assert said.key == left_out.key


def test_a_cell_counts_the_pretraining_s_cost_and_names_its_key(make_trial, make_pretraining):
    before = make_pretraining()
    trial = make_trial(pretraining=before)
    cell = Cell("labels", "origin", "plain", "fine_tuned", 100, 0, trial)
    assert cell.flops == before.flops + trial.flops
    assert cell.describe() == {
        "plan": "labels",
        "encoder": "origin",
        "pretraining": "plain",
        "arm": "fine_tuned",
        "labels_per_class": 100,
        "seed": 0,
        "key": trial.key,
        "pretraining_key": before.key,
    }
    scratch = Cell("labels", "origin", "none", "scratch", None, 0, make_trial())
    assert scratch.describe()["pretraining_key"] is None
    assert scratch.describe()["labels_per_class"] == "all" == write_budget(None)
