"""What a folder holds already is shown if it is the run asked for, and else kept unless told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cae.files import read_sealed_json, write_sealed_json, write_text
from cae.report.figures.run_plots import draw_run

pytestmark = pytest.mark.usefixtures("ready_pictures")


def test_a_finished_run_is_shown_and_not_repeated(train_tiny, snapshot, finished_run: Path):
    before = snapshot(finished_run)
    answer = train_tiny("run")
    assert answer.code == 0
    assert answer.err == "runs/digits-digits: this run is already complete; --fresh runs it again\n"
    assert "Results on the digits test set" in answer.out
    assert snapshot(finished_run) == before


def test_another_run_does_not_replace_a_finished_one(train_tiny, snapshot, finished_run: Path):
    before = snapshot(finished_run)
    answer = train_tiny("run", "--set", "classifier.lr=0.5")
    assert answer.code == 2
    assert "classifier.lr is 0.003 there and 0.5 now" in answer.err
    assert "--fresh" in answer.err
    assert "--out" in answer.err
    assert snapshot(finished_run) == before


def test_a_long_list_of_differences_is_cut(call_cae, finished_run: Path):
    answer = call_cae("run", "--data", "digits", "--preset", "base", "--out", finished_run)
    assert answer.code == 2
    assert answer.err.count(" there and ") == 5
    assert re.search(r", and \d+ more; give another --out", answer.err)


def test_fresh_runs_again_over_a_finished_run(train_tiny, finished_run: Path):
    answer = train_tiny("run", "--fresh", "--seed", "3")
    assert answer.code == 0
    assert read_sealed_json(finished_run / "evaluation.json")["seeds"]["classifier"] == 3


def test_a_run_that_stops_midway_leaves_no_figures_of_the_one_before(
    train_tiny, finished_run: Path, monkeypatch: pytest.MonkeyPatch
):
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cae.pipeline.kept.pretrain", stop)
    assert train_tiny("run", "--fresh").code == 130
    assert not (finished_run / "evaluation.json").exists()


def test_a_finished_run_without_its_configuration_is_known_by_its_models(
    train_tiny, finished_run: Path
):
    (finished_run / "run.json").unlink()
    refused = train_tiny("run", "--seed", "3")
    assert refused.code == 2
    assert "there is already another model" in refused.err
    assert not (finished_run / "run.json").exists()
    assert train_tiny("run").code == 0
    assert (finished_run / "run.json").exists()


def test_why_digits_stand_in_is_told_by_todays_reason(
    train_tiny, finished_run: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("CAE_DATA_DIR", raising=False)
    answer = train_tiny("run", data="auto")
    assert answer.code == 0
    assert "This is not CIFAR-10" in answer.err
    assert "These figures are of the built-in digits" in answer.out
    assert "These figures" not in train_tiny("run").out


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"test": {}},
        {"test": 3},
        {"test": {"classifier": {"accuracy": "high"}}, "name": "digits"},
    ],
)
def test_figures_of_another_shape_are_not_shown_even_where_they_are_sealed(
    train_tiny, finished_run: Path, content: dict[str, object]
):
    write_sealed_json(finished_run / "evaluation.json", content)
    answer = train_tiny("run")
    assert answer.code == 0
    assert "evaluation.json: not the evaluation of a run; measuring the models" in answer.err


@pytest.mark.parametrize("content", ["{}", "[]", "{", "null"])
def test_figures_that_are_none_are_measured_again(train_tiny, finished_run: Path, content: str):
    before = read_sealed_json(finished_run / "evaluation.json")
    write_text(finished_run / "evaluation.json", content)
    answer = train_tiny("run")
    assert answer.code == 0
    assert "evaluation.json" in answer.err
    assert "measuring the models again" in answer.err
    assert read_sealed_json(finished_run / "evaluation.json")["test"] == before["test"]


def test_figures_of_other_models_are_not_shown(train_tiny, finished_run: Path):
    path = finished_run / "evaluation.json"
    evaluation = read_sealed_json(path)
    other = {**evaluation, "weights_sha256": dict.fromkeys(evaluation["weights_sha256"], "other")}
    write_sealed_json(path, other)
    assert train_tiny("run").code == 0
    assert read_sealed_json(path)["weights_sha256"] == evaluation["weights_sha256"]


def test_pictures_of_a_replaced_run_are_never_taken_for_the_new_ones(
    train_tiny, snapshot, finished_run: Path, monkeypatch: pytest.MonkeyPatch
):
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cae.draw_run", draw_run)
    plots = finished_run / "plots"
    before = snapshot(plots)
    with monkeypatch.context() as patch:
        patch.setattr("cae.draw_run", stop, raising=False)
        assert train_tiny("run", "--fresh", "--seed", "3").code == 130
    assert list(plots.iterdir()) == []
    assert train_tiny("run", "--seed", "3").code == 0
    after = snapshot(plots)
    assert after.keys() == before.keys()
    assert all(after[name] != before[name] for name in after)


def test_fresh_replaces_no_run_of_another_name(train_tiny, snapshot, finished_run: Path):
    before = snapshot(finished_run)
    answer = train_tiny("run", "--out", finished_run, "--name", "other", "--fresh")
    assert answer.code == 2
    assert "holds the run 'digits', but --fresh replaces only" in answer.err
    assert snapshot(finished_run) == before


def test_a_stopped_fresh_run_says_that_it_goes_on_without_fresh(
    train_tiny, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        patch.setattr("cae.apps.stopping.StopRequest.__call__", lambda _: True)
        stopped = train_tiny("run", "--fresh")
    assert stopped.code == 130
    assert stopped.err.endswith("the same command resumes from there if given without --fresh\n")
    assert "resumes in epoch 1" in train_tiny("run").err


def test_a_refused_run_leaves_nothing_behind(train_tiny, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        patch.setattr("cae.apps.stopping.StopRequest.__call__", lambda _: True)
        assert train_tiny("pretrain", "--out", "mine").code == 130
    refused = train_tiny("run", "--out", "mine", "--set", "autoencoder.lr=0.5")
    assert refused.code == 2
    assert "autoencoder.lr is 0.001 there and 0.5 now" in refused.err
    assert not Path("mine/run.json").exists()
    assert train_tiny("run", "--out", "mine").code == 0


@pytest.mark.parametrize("finished", [True, False])
def test_a_classifier_of_another_command_is_told_before_the_autoencoder_is_trained(
    train_tiny, monkeypatch: pytest.MonkeyPatch, finished
):
    with monkeypatch.context() as patch:
        if not finished:
            patch.setattr("cae.apps.stopping.StopRequest.__call__", lambda _: True)
        code = train_tiny("finetune", "--from-scratch", "--out", "mine").code
    assert code == (0 if finished else 130)
    answer = train_tiny("run", "--out", "mine", "--set", "classifier.freeze_encoder=false")
    assert answer.code == 2
    assert "there is already a classifier, but not its autoencoder" in answer.err
    assert "epoch" not in answer.err.replace("epochs", "")


def test_another_command_keeps_the_conditions_of_a_finished_run(train_tiny, finished_run: Path):
    before = read_sealed_json(finished_run / "environment.json")
    write_sealed_json(finished_run / "environment.json", {**before, "precision": "bfloat16"})
    assert train_tiny("pretrain", "--out", finished_run, "--name", "other").code == 0
    after = read_sealed_json(finished_run / "environment.json")
    assert after["precision"] == "bfloat16"
    assert [each["precision"] for each in after["continued"]] == ["float32"]


@pytest.mark.parametrize("model", ["autoencoder", "encoder", "classifier"])
def test_a_run_without_all_of_its_weights_is_not_called_complete(
    train_tiny, snapshot, finished_run: Path, model: str
):
    (finished_run / "models" / f"{model}_digits.safetensors").unlink()
    before = snapshot(finished_run)
    answer = train_tiny("run")
    assert answer.code == 4
    assert "not all of its files" in answer.err
    assert "--fresh" in answer.err
    assert snapshot(finished_run) == before


def read_results(run: Path) -> tuple[dict[str, bytes], object]:
    """Return a run's weights by their names, and its scores."""
    weights = {path.name: path.read_bytes() for path in (run / "models").glob("*.safetensors")}
    return weights, read_sealed_json(run / "evaluation.json")["test"]


def test_a_classifier_whose_weights_are_cut_is_trained_again_as_the_message_advises(
    train_tiny, finished_run: Path
):
    before = read_results(finished_run)
    weights = finished_run / "models" / "classifier_digits.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    answer = train_tiny("run")
    assert answer.code == 4
    assert "models/classifier_digits.safetensors: not the weights" in answer.err
    advice = "remove runs/digits-digits/models/classifier_digits.json to train classifier_digits"
    assert advice in answer.err

    weights.with_suffix(".json").unlink()
    answer = train_tiny("run")
    assert answer.code == 0, answer.err
    assert "autoencoder  is complete already" in answer.err
    assert "classifier   is complete already" not in answer.err
    assert read_results(finished_run) == before


@pytest.mark.parametrize("damaged", ["autoencoder", "encoder"])
def test_an_autoencoder_is_trained_again_once_no_classifier_stands_on_it(
    train_tiny, finished_run: Path, damaged: str
):
    before, models = read_results(finished_run), finished_run / "models"
    (models / f"{damaged}_digits.json").unlink()
    if damaged == "encoder":
        answer = train_tiny("run")
        assert answer.code == 4
        assert "encoder_digits.json: no such file; restore them, or remove" in answer.err
        assert "models/autoencoder_digits.json and " in answer.err
        assert "to train autoencoder_digits and classifier_digits again" in answer.err
        (models / "autoencoder_digits.json").unlink()
    answer = train_tiny("run")
    assert answer.code == 2
    told = "classifier_digits.json: there is already a classifier, but not its autoencoder"
    assert told in answer.err
    assert (finished_run / "evaluation.json").exists()

    (models / "classifier_digits.json").unlink()
    answer = train_tiny("run")
    assert answer.code == 0, answer.err
    assert read_results(finished_run) == before


def test_models_that_another_command_wrote_are_not_replaced_unasked(train_tiny, snapshot):
    assert train_tiny("pretrain", "--out", "mine").code == 0
    before = snapshot(Path("mine"))
    answer = train_tiny("run", "--out", "mine", "--seed", "9")
    assert answer.code == 2
    assert "mine/models/autoencoder_digits.json: there is already another model: " in answer.err
    assert snapshot(Path("mine")) == before
    assert train_tiny("run", "--out", "mine", "--seed", "9", "--fresh").code == 0


def test_a_run_broken_off_starts_over_by_the_same_command(train_tiny, finished_run: Path):
    (finished_run / "evaluation.json").unlink()
    assert train_tiny("run").code == 0
    assert (finished_run / "evaluation.json").exists()


def test_a_refused_run_leaves_the_finished_one_whole(train_tiny, snapshot, finished_run: Path):
    before = snapshot(finished_run)
    answer = train_tiny("run", "--fresh", "--set", "image_shape=[16,16,3]")
    assert answer.code == 2
    assert snapshot(finished_run) == before


@pytest.mark.parametrize("command", ["pretrain", "finetune"])
def test_a_stage_under_another_name_keeps_the_figures_of_the_run(
    train_tiny, finished_run: Path, command: str
):
    scratch = ["--from-scratch"] if command == "finetune" else []
    out = ("--out", finished_run)
    assert train_tiny(command, *scratch, *out, "--name", "other").code == 0
    assert (finished_run / "evaluation.json").exists()
    assert train_tiny(command, *scratch, *out, "--fresh").code == 0
    assert not (finished_run / "evaluation.json").exists()
