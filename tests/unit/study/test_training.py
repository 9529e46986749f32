"""A trial is trained in a folder of its own, measured, sealed, and left with what is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

import cae
from cae.errors import CheckpointError, ConfigError, StoppedError
from cae.evaluation.metrics import evaluate_classification
from cae.evaluation.predict import predict_probabilities
from cae.files import read_sealed_json
from cae.run_folder import StudyFolder
from cae.study.training import is_finished, run_trial
from cae.training.progress import SilentProgress

KEEPING = cae.Keeping(1e9)


@pytest.fixture
def run(dataset, folder, float32):
    def carry_out(trial, *, steps: int | None = None, out: StudyFolder = folder):
        asked = iter(range(10**9))
        keeping = KEEPING if steps is None else cae.Keeping(1e9, lambda: next(asked) >= steps)
        progress = SilentProgress()
        return run_trial(trial, dataset, out, runtime=float32, progress=progress, keeping=keeping)

    return carry_out


def list_files(folder, trial) -> set[str]:
    root = folder.trial(trial.key).root
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_a_classifier_leaves_its_figures_and_history(run, folder, dataset, float32, make_trial):
    trial = make_trial()
    result = run(trial)
    assert read_sealed_json(folder.result(trial.key)) == result
    assert list_files(folder, trial) == {
        "result.json",
        "environment.json",
        "history/classifier_trial.json",
    }
    assert is_finished(trial, folder)

    # The same by the steps of the package, which know nothing of studies.
    splits = cae.make_splits(dataset, trial.data)
    config = (trial.autoencoder, trial.classifier)
    assert trial.classifier is not None
    trained = cae.finetune(splits.labelled, None, *config, encoder_weights=None, runtime=float32)
    for part, images in (("test", splits.test), ("validation", splits.val)):
        assert images is not None
        assert images.labels is not None
        answers = predict_probabilities(trained.model, images, runtime=float32)
        expected = evaluate_classification(answers, images.labels, images.class_names)
        assert result[part] == expected
    assert result["epochs"] == 2
    assert result["weights"] == "last"
    assert result["seconds"] > 0
    assert result["flops"] == trial.flops
    assert result["pretraining_key"] is None
    assert {"threads", "device", "packages"} <= result["environment"].keys()


def test_a_pretraining_leaves_its_encoder_too(run, folder, make_pretraining):
    trial = make_pretraining()
    result = run(trial)
    assert list_files(folder, trial) == {
        "result.json",
        "environment.json",
        "history/autoencoder_trial.json",
        "models/encoder_trial.json",
        "models/encoder_trial.safetensors",
    }
    assert 0 < result["validation"]["mse"] < 1
    assert "test" not in result


def test_a_classifier_starts_from_the_encoder_of_its_pretraining(
    run, folder, dataset, float32, make_trial, make_pretraining
):
    before = make_pretraining()
    run(before)
    trial = make_trial(pretraining=before, freeze_encoder=True)
    result = run(trial)
    files = folder.trial(before.key)
    saved = cae.read_model(files.model(files.encoder).json)
    encoder = cae.load_model(saved)
    splits = cae.make_splits(dataset, trial.data)
    assert trial.classifier is not None
    trained = cae.finetune(
        splits.labelled,
        None,
        trial.autoencoder,
        trial.classifier,
        encoder_weights=encoder.state_dict(),
        runtime=float32,
    )
    answers = predict_probabilities(trained.model, splits.test, runtime=float32)
    assert splits.test.labels is not None
    right = float((answers.argmax(axis=1) == splits.test.labels).mean())
    assert result["test"]["accuracy"] == right
    assert result["pretraining_key"] == before.key
    told = read_sealed_json(folder.result(before.key))
    assert result["pretraining"].pop("encoder_sha256") == saved.weights_sha256
    assert result["pretraining"] == {name: told[name] for name in result["pretraining"]}
    assert {"epochs", "seconds", "environment"} <= result["pretraining"].keys()


def test_noise_of_the_pretraining_is_no_part_of_what_the_encoder_is_above_it(
    run, make_trial, make_pretraining
):
    before = make_pretraining(gaussian_noise_input=True, mask_ratio=0.5)
    run(before)
    assert run(make_trial(pretraining=before))["config"]["autoencoder"]["mask_ratio"] == 0


@pytest.mark.parametrize("callbacks", [False, True])
def test_validation_images_are_looked_at_in_training_only_where_weights_are_chosen(
    run, folder, make_trial, callbacks
):
    trial = make_trial(callbacks=callbacks)
    result = run(trial)
    history = read_sealed_json(folder.trial(trial.key).history("classifier_trial"))
    assert ("val_loss" in history["metrics"]) == callbacks
    assert result["weights"] == ("best" if callbacks else "last")
    assert "validation" in result


def test_few_labels_are_those_of_the_seed(run, make_trial):
    results = [run(make_trial(labels=2, seed=seed))["config"]["data"] for seed in (0, 1)]
    assert [data["labelled_seed"] for data in results] == [0, 1]
    assert [data["labels_per_class"] for data in results] == [2, 2]


@pytest.mark.parametrize("steps", [0, 1, 5])
def test_a_trial_that_was_stopped_goes_on_to_the_same_figures(
    run, folder, make_trial, tmp_path: Path, steps: int
):
    trial = make_trial(data_augmentation=True, dropout=True)
    with pytest.raises(StoppedError):
        run(trial, steps=steps)
    assert not is_finished(trial, folder)
    assert not folder.result(trial.key).exists()
    result, undisturbed = run(trial), run(trial, out=StudyFolder(tmp_path / "other"))
    for timed in ("seconds", "date"):
        result.pop(timed)
        undisturbed.pop(timed)
    assert result == undisturbed


def test_a_finished_trial_is_read_and_not_repeated(run, folder, make_trial):
    trial = make_trial()
    first = run(trial)
    written = folder.result(trial.key).stat().st_mtime_ns
    assert run(trial) == first
    assert folder.result(trial.key).stat().st_mtime_ns == written


def test_a_pretraining_whose_encoder_is_gone_is_made_again(run, folder, make_pretraining):
    trial = make_pretraining()
    first = run(trial)
    files = folder.trial(trial.key)
    files.drop_weights(files.encoder)
    assert not is_finished(trial, folder)
    assert run(trial)["validation"] == first["validation"]
    assert is_finished(trial, folder)


def test_a_damaged_result_is_told(run, folder, make_trial):
    trial = make_trial()
    run(trial)
    path = folder.result(trial.key)
    path.write_text(path.read_text().replace('"epochs": 2', '"epochs": 3'))
    with pytest.raises(CheckpointError, match=r"result\.json: changed or damaged"):
        is_finished(trial, folder)


def test_a_trial_needs_its_pretraining(run, make_trial, make_pretraining):
    with pytest.raises(CheckpointError, match=r"encoder_trial\.json: no such file"):
        run(make_trial(pretraining=make_pretraining()))


def test_what_cannot_be_trained_is_an_error_of_the_package(run, make_trial):
    with pytest.raises(ConfigError, match="image_shape"):
        run(make_trial(image_shape=(16, 16, 3)))
