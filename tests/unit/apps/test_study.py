"""`cae study`: a grid is shown, trained, summed up, gone on with, and its failures told."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from cae.apps.study import parse_budgets, parse_seeds
from cae.errors import ConfigError
from cae.files import read_json, read_sealed_json
from tests.unit.data.numbered_pictures import damage, fill

GRID = ("--labels", "10", "--arm", "scratch", "--arm", "fine_tuned", "--pretraining", "plain")
SHORT = ("--seeds", "2", "--pretrain-epochs", "1", "--finetune-epochs", "1", "--out", "out")


def read_table(out: Path) -> list[dict[str, str]]:
    with (out / "history" / "study" / "trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_study_is_trained_and_told(train_tiny, tmp_path: Path):
    answer = train_tiny("study", *GRID, *SHORT)
    assert answer.code == 0, answer.err
    assert "digits on cpu in float32, into out" in answer.err
    assert "[1/6] pretraining plain, seed 0: done" in answer.err
    assert "[6/6] fine_tuned after plain, 10 labels per class, seed 1:" in answer.err
    assert "of the validation images" in answer.err
    assert "10 labels per class, the origin's encoder, plan labels" in answer.out
    assert "fine_tuned after plain" in answer.out
    words = " ".join(answer.out.split())
    # It answers in words, and says how little so few pictures can tell.
    assert "Against training from scratch, plain pretraining " in words
    assert re.search(r"There are \d+ test images: each is worth 0\.\d points\.", words)
    out = tmp_path / "out"
    assert len(read_table(out)) == 4
    assert sorted(path.name for path in (out / "plots").iterdir()) == [
        "study_accuracy.png",
        "study_cost.png",
        "study_differences.png",
    ]
    summary = read_json(out / "history" / "study" / "summary.json")
    assert summary["conditions"]["commands"][0].startswith("cae study --data digits ")

    again = train_tiny("study", *GRID, *SHORT)
    assert again.code == 0
    assert "[" not in again.err
    assert again.out == answer.out


def test_the_summary_comes_as_json(train_tiny, tmp_path: Path):
    answer = train_tiny("study", *GRID, *SHORT, "--json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out) == read_json(tmp_path / "out/history/study/summary.json")


def test_a_dry_run_shows_the_grid_with_its_cost_and_writes_nothing(train_tiny, tmp_path: Path):
    answer = train_tiny("study", *GRID, *SHORT, "--dry-run")
    assert answer.code == 0, answer.err
    assert not (tmp_path / "out").exists()
    words = " ".join(answer.out.split())
    assert "pretraining plain 2 of 2 1" in words
    assert "scratch, 10 labels 2 of 2 1" in words
    assert "6 trials, 6 of them left" in words

    train_tiny("study", *GRID, *SHORT[2:], "--seeds", "1")
    told = json.loads(train_tiny("study", *GRID, *SHORT, "--dry-run", "--json").out)
    assert [each["finished"] for each in told] == [True, False, True, True, False, False]
    train_tiny("study", *GRID, *SHORT)
    for encoder in (tmp_path / "out").rglob("encoder_*"):
        encoder.unlink()
    told = json.loads(train_tiny("study", *GRID, *SHORT, "--dry-run", "--json").out)
    assert all(each["finished"] for each in told), "nothing needs those encoders any more"
    assert all(each["seconds"] >= 0 and each["flops"] > 0 for each in told)


def test_a_failed_trial_is_told_and_decides_the_exit_code(train_tiny, tmp_path: Path):
    # The largest rate there is diverges in the first step.
    bad = ("--set", "autoencoder.lr=1e30", "--set", "autoencoder.optimizer=sgd")
    answer = train_tiny("study", *GRID, *SHORT, *bad)
    assert answer.code == 1
    assert "failed: pretraining plain, seed 0: autoencoder: " in answer.err
    assert (
        "fine_tuned after plain, 10 labels per class, seed 0: its pretraining failed" in answer.err
    )
    assert answer.err.endswith("error: 4 of 6 trials failed; the same command retries them\n")
    states = {row["arm"]: row["state"] for row in read_table(tmp_path / "out")}
    assert states == {"scratch": "finished", "fine_tuned": "failed"}


def test_calls_with_one_out_add_up_and_another_recipe_is_refused(train_tiny, tmp_path: Path):
    first = train_tiny("study", "--arm", "scratch", "--labels", "10", *SHORT)
    second = train_tiny("study", "--arm", "scratch", "--labels", "20", *SHORT)
    assert first.code == second.code == 0
    budgets = [row["labels_per_class"] for row in read_table(tmp_path / "out")]
    assert budgets == ["10", "10", "20", "20"]
    assert "10 labels per class" in second.out
    other = train_tiny("study", "--arm", "scratch", "--labels", "10", *SHORT, "--set", "lr=0.5")
    assert other.code == 2
    assert "out: holds trials of another recipe (" in other.err


def test_the_origin_s_comparison_is_a_plan_of_its_own(train_tiny, tmp_path: Path):
    chosen = ("--plan", "origin", "--arm", "frozen", "--arm", "scratch")
    answer = train_tiny(
        "study", *chosen, "--pretraining", "input_noise", *SHORT[2:], "--seeds", "1"
    )
    assert answer.code == 0, answer.err
    assert "all labels, the origin's encoder, plan origin" in answer.out
    assert (tmp_path / "out" / "plots" / "study_regularisations.png").exists()


def test_without_out_a_study_of_the_digits_has_a_folder_of_its_own(train_tiny, tmp_path: Path):
    options = ("--arm", "scratch", "--labels", "10", "--seeds", "1", "--finetune-epochs", "1")
    assert train_tiny("study", *options).code == 0
    assert (tmp_path / "runs" / "study-digits" / "trials").is_dir()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--labels", "some"), "--labels some: expected a number of labels per class, or all"),
        (("--labels", "0"), "--labels 0"),
        (("--seeds", "x"), "--seeds x: expected a number, such as 6"),
        (("--seeds", "0"), "--seeds 0"),
        (("--seeds", "5-3"), "--seeds 5-3"),
        (("--arm", "finetuned"), "did you mean 'fine_tuned'?"),
        (("--plan", "nothing"), "--plan nothing: unknown"),
        (("--schedule", "long"), "--schedule long: unknown"),
        (("--jobs", "2", "--backend", "threading"), "--backend threading"),
        (("--jobs", "0"), "'--jobs'"),
        (("--set", "data.val_size=0.5"), "leave out the keys of the data: "),
        (("--set", "epochs=3"), "a study has options of its own for that; give --pretrain-epochs"),
        (("--set", "classifier.seed=3"), "give --seeds"),
        (("--labels", "500"), "labels_per_class 500"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_studied_is_told_in_one_line(call_cae, arguments, words: str):
    answer = call_cae("study", "--data", "digits", *arguments)
    assert answer.code in (2, 3)
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1
    assert words in answer.err


def test_seeds_are_a_number_or_a_range():
    assert parse_seeds("3") == (0, 1, 2)
    assert parse_seeds("3-5") == (3, 4, 5)
    assert parse_seeds("4-4") == (4,)
    for text in ("", "-", "-3", "3-", "1.5", "²", "1-2-3", "99999999"):
        with pytest.raises(ConfigError):
            parse_seeds(text)


def test_budgets_are_numbers_or_all():
    assert parse_budgets(["100", "all", "7"]) == (100, None, 7)
    for word in ("-1", "1.5", "All", "", "9" * 30):
        with pytest.raises(ConfigError):
            parse_budgets([word])


def test_trials_say_which_damaged_pictures_were_left_out(train_tiny, tmp_path: Path):
    damage(fill(tmp_path / "pets", {"a": 12, "b": 12}) / "b" / "005.png")
    grid = ("--labels", "4", *GRID[2:], "--set", "image_shape=[16,16,3]")
    words = ("study", *grid, "--seeds", "1", *SHORT[2:])
    refused = train_tiny(*words, data="pets")
    assert refused.code == 3
    answer = train_tiny(*words, "--skip-damaged", data="pets")
    assert answer.code == 0, answer.err
    assert answer.err.count("leaving out pictures: 1 of 24") == 1
    results = [read_sealed_json(path) for path in Path("out").glob("trials/*/result.json")]
    assert len(results) == 3
    assert all(result["left_out"] == ["b/005.png"] for result in results)
