"""A training that was stopped and went on ends with the bytes of one that never stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

import cae
from cae.files import read_sealed_json
from cae.run_folder import RunFolder

OPTIMIZERS = ("adam", "adamw", "sgd", "rmsprop", "adagrad", "adadelta", "adamax", "nadam", "muon")

# Everything that draws random numbers or remembers something from step to step.
LIVELY_AUTOENCODER = {
    "dropout": True,
    "dropout_value": 0.3,
    "gaussian_noise_input": True,
    "gaussian_noise_hidden": True,
    "activity_regularizer": True,
    "kernel_regularizer": True,
    "callbacks": True,
}
LIVELY_CLASSIFIER = {
    "dropout": True,
    "data_augmentation": True,
    "class_weights": True,
    "weighted_metrics": ["accuracy"],
    "freeze_encoder": False,
}


def go_to_the_end(experiment, config, out: Path, *, steps: int) -> int:
    """Run in sittings of so many steps each; return how many there were."""
    for sitting in range(1, 500):
        if experiment.run(config, out, steps=steps):
            return sitting
    pytest.fail("it does not get on")


def assert_equal_by_sittings(experiment, result_of, config, folder: Path, *, steps: int) -> None:
    assert experiment.run(config, folder / "whole")
    assert go_to_the_end(experiment, config, folder / "parts", steps=steps) > 2
    assert result_of(folder / "parts") == result_of(folder / "whole")
    assert not (folder / "parts" / "checkpoints").exists()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_with_every_optimizer_and_everything_random(
    experiment, config_of, result_of, tmp_path, optimizer: str
):
    config = config_of(
        {"optimizer": optimizer, **LIVELY_AUTOENCODER},
        {"optimizer": optimizer, **LIVELY_CLASSIFIER},
    )
    assert_equal_by_sittings(experiment, result_of, config, tmp_path, steps=9)


@pytest.mark.parametrize(
    ("schedule", "frozen"),
    [("constant", True), ("linear", False), ("cosine", True), ("one_cycle", False)],
)
def test_with_every_schedule_and_a_frozen_encoder(
    experiment, config_of, result_of, tmp_path, schedule, frozen
):
    keys = {"lr_schedule": schedule}
    config = config_of(keys, {**keys, "freeze_encoder": frozen, "data_augmentation": not frozen})
    assert_equal_by_sittings(experiment, result_of, config, tmp_path, steps=9)


CHANGED = {
    "data_augmentation": True,
    "augmentation_alternating_flip": True,
    "augmentation_cutout": 0.3,
    "augmentation_fill": "reflect",
    "augmentation_whole_pixels": True,
}


@pytest.mark.parametrize("encoder", ["origin", "whitened", "residual"])
def test_with_every_encoder_masked_where_it_can_be_and_small_images_first(
    experiment, config_of, result_of, tmp_path, encoder
):
    mask = {"mask_ratio": 0.5, "target": "gradient_histograms", "mask_patch_size": 2}
    side = 6 if encoder == "whitened" else 4
    small = {"low_resolution_epochs": 1, "low_resolution_side": side}
    # Muon is for filters with batch norm behind them, which the residual encoder has none of.
    optimizer, lr = ("adamw", 0.001) if encoder == "residual" else ("muon", 0.02)
    config = config_of(
        {
            **CHANGED,
            **({} if encoder == "residual" else mask),
            **small,
            "encoder": encoder,
            "conv_blocks": 2,
            "optimizer": optimizer,
            "lr": lr,
            "lr_warmup": 0.2,
        },
        {
            **CHANGED,
            **small,
            "optimizer": optimizer,
            "lr": lr,
            "head": "linear",
            "global_pooling": "max",
            "class_balance": "sampling",
            "label_smoothing": 0.1,
            "freeze_encoder": False,
            "freeze_encoder_epochs": 1,
            "layer_decay": 0.8,
            "posthoc_logit_adjustment": 0.5,
        },
    )
    assert_equal_by_sittings(experiment, result_of, config, tmp_path, steps=9)


def test_without_validation_images(experiment, config_of, result_of, tmp_path):
    config = config_of({}, {"test_time_augmentation": "flip"})
    config = config.model_copy(update={"data": config.data.model_copy(update={"val_size": 0.0})})
    assert_equal_by_sittings(experiment, result_of, config, tmp_path, steps=5)
    evaluation = read_sealed_json(tmp_path / "parts" / "evaluation.json")
    assert evaluation["validation"] is None
    assert "validation" not in evaluation["split"]


@pytest.mark.parametrize("steps", [1, 3, 7])
def test_wherever_it_is_stopped(experiment, config_of, result_of, tmp_path, steps: int):
    """In the middle of an epoch, at its end, and between the batches of validation."""
    config = config_of(LIVELY_AUTOENCODER, LIVELY_CLASSIFIER)
    assert_equal_by_sittings(experiment, result_of, config, tmp_path, steps=steps)


@pytest.mark.parametrize("patience", [1, 2])
def test_early_stopping_stops_at_the_same_epoch(
    experiment, config_of, result_of, tmp_path, patience: int
):
    keys = {
        "callbacks": True,
        "early_stopping": True,
        "early_stopping_delta": 0.01,
        "early_stopping_patience": patience,
        "epochs": 12,
    }
    config = config_of(keys, keys)
    assert_equal_by_sittings(experiment, result_of, config, tmp_path, steps=9)
    for name in ("autoencoder_t.json", "classifier_t.json"):
        _, metrics = result_of(tmp_path / "parts")[f"history {name}"]
        assert patience < len(metrics["loss"]) < 12


def test_what_was_saved_on_the_way_is_gone_on_from_after_a_crash(
    experiment, config_of, result_of, tmp_path, monkeypatch
):
    """Without a request to stop: the last state is some steps old, and the steps are repeated."""
    config = config_of(LIVELY_AUTOENCODER, LIVELY_CLASSIFIER)
    assert experiment.run(config, tmp_path / "whole")

    from cae.training.trainer import evaluate_objective

    calls = iter(range(100))

    def crash_now_and_then(*arguments, **keywords):
        if next(calls) % 2 == 1:
            raise MemoryError
        return evaluate_objective(*arguments, **keywords)

    monkeypatch.setattr("cae.training.trainer.evaluate_objective", crash_now_and_then)
    crashes = 0
    while True:
        try:
            assert experiment.run(config, tmp_path / "parts", every=0)
            break
        except MemoryError:
            crashes += 1
    assert crashes >= 3
    assert result_of(tmp_path / "parts") == result_of(tmp_path / "whole")


def test_a_stop_that_cannot_be_saved_says_so(experiment, config_of, tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise cae.CheckpointError("no room")

    monkeypatch.setattr("cae.checkpoints.state.write_bytes", fail)
    with pytest.raises(cae.StoppedError, match=r"not saved: no room; .* from the beginning"):
        experiment.run_or_raise(config_of({}, {}), tmp_path, steps=3)


def test_a_finished_stage_is_not_repeated(experiment, config_of, tmp_path):
    config = config_of({}, {})
    # The autoencoder's three epochs of 6 steps and a validation each, and some of the classifier's.
    assert not experiment.run(config, tmp_path, steps=26)
    weights = tmp_path / "models" / "autoencoder_t.safetensors"
    before = weights.stat()
    assert experiment.run(config, tmp_path)
    assert weights.stat() == before


def test_a_training_that_diverges_keeps_no_state_with_a_number_that_is_none(
    experiment, config_of, state_of, tmp_path
):
    config = config_of({"lr": 1e30, "optimizer": "sgd", "batch_norm": False}, {})
    with pytest.raises(cae.DivergedError, match="the state before it is kept; lower lr"):
        experiment.run(config, tmp_path, every=0)
    assert RunFolder(tmp_path, "t").find_states("autoencoder_t")
    state = state_of(tmp_path, "autoencoder_t")
    assert all(bool(value.isfinite().all()) for value in state.tensors.values())


def test_a_training_can_go_on_in_another_precision_and_says_so(
    experiment, config_of, tmp_path, caplog
):
    config = config_of({}, {})
    assert not experiment.run(config, tmp_path, steps=3)
    assert experiment.run(config, tmp_path, precision="bfloat16")
    assert "precision is 'float32' there and 'bfloat16' now" in caplog.text
    environment = read_sealed_json(tmp_path / "environment.json")
    assert environment["precision"] == "float32"
    assert [each["precision"] for each in environment["continued"]] == ["bfloat16"]
