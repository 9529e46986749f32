"""The loop trains as a plain loop would, stops when it should, and is a function of its seed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cae.checkpoints.state import StateFiles, TrainingState
from cae.config import AutoencoderConfig
from cae.data.batches import Batches
from cae.errors import CheckpointError, DivergedError
from cae.models.autoencoder import make_autoencoder
from cae.models.classifier import make_classifier
from cae.run_folder import RunFolder
from cae.runtime.device import Runtime
from cae.seeding import derive_seed, make_permutation
from cae.training import trainer
from cae.training.history import History
from cae.training.objectives import Measured, ReconstructionObjective
from cae.training.progress import SilentProgress
from cae.training.trainer import Checkpoints, FitResult, evaluate_objective, fit

CPU = torch.device("cpu")


def same(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    return list(first) == list(second) and all(
        torch.equal(first[name], second[name]) for name in first
    )


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_training_an_autoencoder_equals_a_plain_loop(laboratory, autoencoder_config, dropout):
    keys = {"dropout_value": dropout, "gaussian_noise_input": True, "epochs": 3}
    config = autoencoder_config(**keys)
    model = make_autoencoder(config)
    laboratory.runtime.place(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.lr, eps=1e-7, fused=True)
    pixels = torch.from_numpy(laboratory.train.images)
    losses = []
    with torch.random.fork_rng():
        for epoch in (1, 2, 3):
            torch.manual_seed(derive_seed(42, "autoencoder", "noise", epoch))
            order = torch.from_numpy(make_permutation(10, seed=derive_seed(42, "order", epoch)))
            total = 0.0
            model.train()
            for rows in order.split(4):
                x = pixels[rows].contiguous(memory_format=torch.channels_last).float() / 255
                loss = F.mse_loss(model(x), x)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.item() * len(rows)
            losses.append(total / 10)

    trained, result = laboratory.pretrain(**keys)
    assert same(trained.state_dict(), model.state_dict())
    assert result.history.metrics["loss"] == pytest.approx(losses, rel=1e-6)


def test_training_on_a_frozen_encoder_equals_training_the_head_on_its_features(
    laboratory, autoencoder_config, classifier_config
):
    # Adam would make whole steps of what rounding leaves of a gradient of zero.
    keys = {"epochs": 3, "optimizer": "sgd", "lr": 0.05}
    config = classifier_config(**keys)
    model = make_classifier(autoencoder_config(), config, num_classes=3)
    laboratory.runtime.place(model)
    pixels = torch.from_numpy(laboratory.train.images).float() / 255
    labels = torch.from_numpy(laboratory.train.labels)
    with torch.no_grad():
        features = model.encoder.eval()(pixels.contiguous(memory_format=torch.channels_last))
    head = model.head.train()
    optimizer = torch.optim.SGD(head.parameters(), lr=config.lr)
    for epoch in (1, 2, 3):
        order = torch.from_numpy(make_permutation(10, seed=derive_seed(42, "order", epoch)))
        for rows in order.split(4):
            loss = F.cross_entropy(head(features[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    trained, _ = laboratory.finetune(**keys)
    for name, value in trained.head.state_dict().items():
        torch.testing.assert_close(value, head.state_dict()[name], rtol=1e-4, atol=1e-5)
    assert same(trained.encoder.state_dict(), model.encoder.state_dict())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_equal_seeds_give_equal_weights_whatever_the_callers_random_state(
    laboratory, precision, stage
):
    laboratory.runtime = Runtime(CPU, precision)
    train = getattr(laboratory, stage)
    torch.manual_seed(1)
    first, _ = train()
    torch.manual_seed(2)
    state = torch.get_rng_state()
    second, result = train()
    assert torch.equal(torch.get_rng_state(), state)
    assert same(first.state_dict(), second.state_dict())
    other, _ = train(seed=43)
    assert not same(first.state_dict(), other.state_dict())
    assert all(value.dtype != torch.bfloat16 for value in first.state_dict().values())
    assert all(
        math.isfinite(value) for values in result.history.metrics.values() for value in values
    )


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_four_images_can_be_learned_by_heart(laboratory, precision, make_images):
    laboratory.runtime = Runtime(CPU, precision)
    laboratory.train = laboratory.val = make_images(4, height=4, width=4)
    keys = {"image_shape": (4, 4, 3), "dropout": False, "init_num_filters": 16, "conv_blocks": 1}
    _, result = laboratory.pretrain(epochs=150, lr=0.01, **keys)
    losses = result.history.metrics["loss"]
    assert losses[0] > 0.05
    assert losses[-1] < 0.01


def test_labels_can_be_learned_by_heart(laboratory):
    laboratory.val = laboratory.train
    keys = {"lr": 0.01, "batch_size": 10, "freeze_encoder": False}
    encoder = {"init_num_filters": 8, "dropout": False}
    _, result = laboratory.finetune(epochs=30, encoder=encoder, **keys)
    metrics = result.history.metrics
    assert metrics["loss"][0] > 0.8
    assert metrics["loss"][-1] < 0.05
    assert metrics["accuracy"][-1] == 1


@pytest.mark.parametrize(
    ("stage", "metrics"), [("pretrain", ["loss", "mse"]), ("finetune", ["loss", "accuracy"])]
)
def test_the_history_has_a_column_for_everything_worth_knowing(laboratory, stage, metrics):
    _, result = getattr(laboratory, stage)(epochs=3, lr_schedule="cosine")
    expected = [*metrics, *(f"val_{name}" for name in metrics)]
    columns = result.history.metrics
    assert list(columns) == [*expected, "lr", "seconds", "images_per_second"]
    assert all(len(values) == 3 for values in columns.values())
    # 9 steps; the column holds the rate of each epoch's last.
    rates = [0.001 * (1 + math.cos(math.pi * step / 9)) / 2 for step in (2, 5, 8)]
    assert columns["lr"] == pytest.approx(rates)
    assert all(seconds > 0 for seconds in columns["seconds"])
    for speed, seconds in zip(columns["images_per_second"], columns["seconds"], strict=True):
        assert speed >= 0.99 * 10 / seconds  # seconds include validation


def test_validation_equals_a_plain_evaluation_of_the_weights(laboratory):
    model, result = laboratory.pretrain()
    x = torch.from_numpy(laboratory.val.images).float() / 255
    with torch.no_grad():
        expected = F.mse_loss(model.eval()(x), x).item()
    assert result.history.metrics["val_loss"][-1] == pytest.approx(expected, rel=1e-5)


def test_evaluating_leaves_weights_statistics_and_random_state_alone(
    laboratory, autoencoder_config
):
    config = autoencoder_config(gaussian_noise_input=True)
    model = make_autoencoder(config)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    objective = ReconstructionObjective(config)
    batches = Batches(laboratory.val, runtime=laboratory.runtime, batch_size=5)
    values = [
        evaluate_objective(model, objective, batches, runtime=laboratory.runtime) for _ in range(2)
    ]
    assert values[0] == values[1]
    assert torch.equal(torch.get_rng_state(), state)
    assert same(model.state_dict(), before)


def test_without_callbacks_the_last_weights_stay_and_the_best_are_kept_aside(laboratory):
    model, result = laboratory.follow([3.0, 1.0, 2.0, 5.0], early_stopping=True)
    assert result.history.epochs == 4
    assert result.chosen == "last"
    assert model.steps.item() == 4
    assert result.last_weights["steps"].item() == 4
    assert result.best_weights["steps"].item() == result.history.best_epoch == 2


def test_callbacks_restore_the_best_weights(laboratory):
    model, result = laboratory.follow([3.0, 1.0, 2.0, 5.0], callbacks=True)
    assert result.history.epochs == 4
    assert result.chosen == "best"
    assert model.steps.item() == 2
    assert result.best_weights["steps"].item() == 2
    assert result.last_weights["steps"].item() == 4


def simulate_keras(losses: list[float], *, delta: float, patience: int) -> int:
    """Return after how many epochs Keras's EarlyStopping ends, as its documentation tells."""
    best, wait = math.inf, 0
    for epoch, loss in enumerate(losses):
        wait += 1
        if loss + delta < best:
            best, wait = loss, 0
        elif wait >= patience and epoch > 0:
            return epoch + 1
    return len(losses)


LOSSES = {
    "falls": [1.0, 0.8, 0.6, 0.4, 0.2, 0.0],
    "stands": [1.0] * 8,
    "creeps": [1.0, 0.95, 0.91, 0.85, 0.79, 0.76, 0.7, 0.66, 0.6],
    "rises": [1.0, 2.0, 3.0, 4.0, 5.0],
    "returns": [1.0, 2.0, 2.0, 0.5, 2.0, 2.0, 2.0, 0.1, 1.0, 1.0],
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("patience", [0, 1, 2, 3])
@pytest.mark.parametrize("delta", [0.0, 0.1])
def test_early_stopping_ends_when_keras_would(laboratory, name, patience, delta):
    model, result = laboratory.follow(
        LOSSES[name],
        callbacks=True,
        early_stopping=True,
        early_stopping_delta=delta,
        early_stopping_patience=patience,
    )
    stopped = simulate_keras(LOSSES[name], delta=delta, patience=patience)
    assert result.history.epochs == stopped
    seen = LOSSES[name][:stopped]
    assert result.history.metrics["val_loss"] == pytest.approx(seen)
    assert model.steps.item() == seen.index(min(seen)) + 1


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("where", ["loss", "val_loss"])
def test_a_loss_that_is_not_finite_ends_training_with_an_error(laboratory, where, bad):
    epoch, keys = (1, {"train_loss": bad}) if where == "loss" else (2, {})
    message = rf"autoencoder: {where} is {bad} in epoch {epoch}; .* lower lr \(now 1\.0\)"
    with pytest.raises(DivergedError, match=message):
        laboratory.follow([1.0, 1.0 if keys else bad, 1.0], **keys)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
def test_an_absurd_learning_rate_diverges_with_an_error(laboratory, optimizer):
    with pytest.raises(DivergedError, match="training diverged: lower lr"):
        laboratory.finetune(lr=1e30, optimizer=optimizer, freeze_encoder=False, batch_norm=False)


def test_the_training_loss_is_the_mean_over_images_of_batches_of_any_size(
    laboratory, counter, autoencoder_config
):
    class Sizes:
        stage = "autoencoder"
        metrics = ("loss",)

        def measure(self, model, batch) -> Measured:
            count = torch.tensor([float(len(batch))])
            return Measured(-model.steps.sum(), count * count, count)

    result = laboratory.fit(counter, Sizes(), autoencoder_config(optimizer="sgd", epochs=1))
    assert result.history.metrics["loss"] == [(4 * 4 + 4 * 4 + 2 * 2) / 10]
    assert result.history.metrics["val_loss"] == [(5 * 5 + 2 * 2) / 7]


@dataclass
class Diary(SilentProgress):
    """Progress that writes down what it was told."""

    events: list[tuple[object, ...]] = field(default_factory=list[tuple[object, ...]])

    def stage_started(
        self, stage: str, *, epochs: int, images_per_epoch: int, images_done: int
    ) -> None:
        self.events.append(("started", stage, epochs, images_per_epoch, images_done))

    def images_done(self, count: int) -> None:
        self.events.append(("images", count))

    def epoch_ended(self, epoch: int, record: Mapping[str, float]) -> None:
        self.events.append(("epoch", epoch, record["val_loss"]))

    def stage_ended(self) -> None:
        self.events.append(("ended",))


def test_progress_hears_of_every_batch_and_epoch(laboratory, script, counter, autoencoder_config):
    diary, config = Diary(), autoencoder_config(optimizer="sgd")
    laboratory.fit(counter, script([1.0, 1.0, 0.5, 0.5]), config, progress=diary)
    batches = [("images", 4), ("images", 4), ("images", 2)]
    assert diary.events == [
        ("started", "autoencoder", 2, 10, 0),
        *batches,
        ("epoch", 1, 1.0),
        *batches,
        ("epoch", 2, 0.5),
        ("ended",),
    ]


def test_freed_memory_is_given_back_before_steps_of_another_size(laboratory, monkeypatch):
    diary = Diary()
    monkeypatch.setattr(
        trainer, "give_back_freed_memory", lambda: diary.events.append(("given back",))
    )
    monkeypatch.setattr(Batches, "begins_a_size", lambda _, epoch: epoch in (1, 3))
    laboratory.pretrain(epochs=4, batch_size=5, progress=diary)
    told = [event for event in diary.events if event[0] in ("given back", "epoch")]
    assert [event[:2] for event in told] == [
        ("given back",), ("epoch", 1), ("epoch", 2), ("given back",), ("epoch", 3), ("epoch", 4)
    ]  # fmt: skip


def test_a_training_of_a_few_steps_is_warned_of(laboratory, caplog):
    laboratory.pretrain(epochs=1, batch_size=5)
    (record,) = caplog.records
    assert record.getMessage() == (
        "the autoencoder takes only 2 steps in all; more epochs than 1, or a batch_size below 5, "
        "may do better"
    )


def keep_states(folder: Path, *, latest: TrainingState | None = None) -> Checkpoints:
    files = StateFiles(RunFolder(folder, "t"), "autoencoder_t", {}, {})
    return Checkpoints(files, latest, every_seconds=0.0, stop_requested=lambda: False)


def test_a_state_that_cannot_be_saved_is_told_and_training_goes_on(laboratory, tmp_path, caplog):
    (tmp_path / "checkpoints").touch()  # where the folder would be
    _, result = laboratory.pretrain(checkpoints=keep_states(tmp_path), epochs=1)
    assert result.history.epochs == 1
    assert "training continues, but its state is not saved: " in caplog.text


def test_a_state_of_another_network_is_refused_with_what_to_do(laboratory, tmp_path):
    checkpoints = keep_states(tmp_path)
    laboratory.pretrain(checkpoints=checkpoints, epochs=1)
    state = checkpoints.files.read()
    with pytest.raises(
        CheckpointError, match=r"from this version .*and \d+ more.*--fresh"
    ) as caught:
        laboratory.pretrain(
            checkpoints=keep_states(tmp_path, latest=state), epochs=1, init_num_filters=3
        )
    assert len(str(caught.value)) < 500


def test_without_validation_no_weights_are_kept_twice(laboratory, tmp_path):
    laboratory.val = None
    checkpoints = keep_states(tmp_path)
    _, result = laboratory.pretrain(checkpoints=checkpoints)
    assert result.best_weights is result.last_weights
    state = checkpoints.files.read()
    assert state is not None
    assert not any(name.startswith("best.") for name in state.tensors)


def test_a_state_that_earlier_versions_kept_best_weights_in_is_gone_on_with(laboratory, tmp_path):
    laboratory.val = None
    checkpoints = keep_states(tmp_path / "a")
    _, whole = laboratory.pretrain(checkpoints=checkpoints)
    *_, first = checkpoints.files.folder.find_states("autoencoder_t")
    first.rename(first.with_name("autoencoder_t-999999999.state"))
    state = checkpoints.files.read()
    assert state is not None
    best = {f"best.{name[6:]}": value for name, value in state.tensors.items() if "model." in name}
    assert best
    old = replace(state, tensors={**state.tensors, **best})
    again = keep_states(tmp_path / "b", latest=old)
    _, result = laboratory.pretrain(checkpoints=again)
    assert result.best_weights is result.last_weights
    for name, value in whole.last_weights.items():
        assert torch.equal(result.last_weights[name], value)
    latest = again.files.read()
    assert latest is not None
    assert not any(name.startswith("best.") for name in latest.tensors)


def test_weights_that_the_last_step_ruins_are_refused(laboratory):
    # One step, so that no loss is measured behind it: without validation nothing else would tell.
    config = AutoencoderConfig(
        image_shape=(8, 8, 3),
        init_num_filters=2,
        optimizer="sgd",
        lr=1e37,
        epochs=1,
        kernel_regularizer=True,
        kernel_regularizer_value=1e5,
    )
    model = make_autoencoder(config)
    batches = Batches(laboratory.train, runtime=laboratory.runtime, batch_size=10)
    with pytest.raises(DivergedError, match="a weight is not finite in epoch 1; training diverged"):
        fit(
            model,
            ReconstructionObjective(config),
            train=batches,
            val=None,
            config=config,
            runtime=laboratory.runtime,
            progress=SilentProgress(),
        )


def test_no_gradients_are_left_behind(laboratory):
    model, _ = laboratory.pretrain(epochs=1, batch_size=5)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_result_is_told_without_its_weights():
    weights = {"conv.weight": torch.zeros(3, 3)}
    told = repr(FitResult(History({"loss": [1.0]}), weights, weights, "best"))
    assert "chosen='best'" in told
    assert "tensor" not in told
