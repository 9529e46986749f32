"""The origin's comparison: every arm and control in the table, and words that follow them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cae.files import write_json
from cae.report.phrases import MINUS
from cae.report.results.study_results import Pretraining, Study, read_study
from cae.report.words.regularisations import (
    make_regularisations_table,
    tell_epochs,
    tell_regularisations,
)
from cae.study.summary import summarise

THINNED = ("bird", "deer")


def tell(study: Study) -> str:
    return tell_regularisations(study, thinned=THINNED)


def make_rows(arm: str, pretraining: str, accuracies: list[float]) -> list[dict[str, Any]]:
    return [
        {
            "plan": "origin",
            "encoder": "origin",
            "pretraining": pretraining,
            "arm": arm,
            "labels_per_class": "all",
            "seed": seed,
            "state": "finished",
            "test_accuracy": accuracy,
            "macro_f1": accuracy,
            "pretrain_seconds": 10.0,
            "finetune_seconds": 5.0,
            "finetune_epochs": 3,
            "flops": 1e9,
            "environment": {"processor": "AMD EPYC", "precision": "bfloat16"},
            "recall_bird": accuracy - 0.2,
            "recall_cat": accuracy,
            "recall_deer": accuracy - 0.1,
        }
        for seed, accuracy in enumerate(accuracies)
    ]


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Study]:
    """A function that summarises six seeds of arms whose accuracies are given."""

    def build(
        *, scratch: float, plain: float, noise: float, weights: float, seeds: int = 6
    ) -> Study:
        def spread(mean: float) -> list[float]:
            return [mean + step / 1000 for step in (-2, -1, 0, 0, 1, 2, -1, 1)[:seeds]]

        rows = [
            *make_rows("scratch", "none", spread(scratch)),
            *make_rows("frozen", "dropout_0.2", spread(plain)),
            *make_rows("frozen", "input_noise", spread(noise)),
            *make_rows("class_weights", "dropout_0.2", spread(weights)),
        ]
        write_json(tmp_path / "summary.json", {"conditions": {}, **summarise(rows)})
        study = read_study(tmp_path, plan="origin")
        assert study is not None
        return study

    return build


def test_every_arm_has_a_row_and_each_control_another(make: Callable[..., Study]):
    table = make_regularisations_table(
        make(scratch=0.7, plain=0.72, noise=0.71, weights=0.73), thinned=THINNED
    )
    assert [row[0] for row in table["rows"]] == [
        "class weights, dropout 0.2",
        "frozen encoder, dropout 0.2",
        "frozen encoder, input noise",
        "from scratch",
    ]
    weights, frozen, _, scratch = table["rows"]
    assert weights[1].startswith("73.0 (")
    assert weights[1].endswith("; 6)")
    assert table["head"][2] == "recall of bird / deer"
    assert weights[2] == "0.53 / 0.63"
    assert weights[3] == "frozen encoder"
    assert weights[4].startswith("+1.0 (")
    assert frozen[3:5] == ["from scratch", "+2.0 (+2.0 to +2.0)"]
    assert scratch[3:] == ["", "", ""]
    assert table["left"] == [0, 3]
    assert all(len(row) == len(table["head"]) for row in table["rows"])


def test_where_nothing_is_thinned_there_is_no_recall_to_tell(make: Callable[..., Study]):
    study = make(scratch=0.7, plain=0.72, noise=0.71, weights=0.73)
    table = make_regularisations_table(study, thinned=())
    assert table["head"][:3] == ["arm", "accuracy", "against"]
    assert table["left"] == [0, 2]
    assert all(len(row) == len(table["head"]) for row in table["rows"])
    assert "finds" not in tell_regularisations(study, thinned=())


def test_of_one_seed_nothing_is_said_of_intervals(make: Callable[..., Study]):
    study = make(scratch=0.7, plain=0.72, noise=0.69, weights=0.73, seeds=1)
    assert make_regularisations_table(study, thinned=())["rows"][0][1] == "72.8 (1)"
    words = tell(study)
    assert (
        "one lies above training from scratch in the one seed there is "
        f"({MINUS}1.0 to +2.0 points)."
    ) in words
    assert "interval" not in words
    assert "p is" not in words
    assert "(recall of these classes in brackets) 72.8% (57.8%) with class weights." in words


def test_encoders_above_and_below_the_control_are_counted(make: Callable[..., Study]):
    # Six seeds give p = 2 / 64 at best, and there are two comparisons.
    words = tell(make(scratch=0.7, plain=0.72, noise=0.71, weights=0.69))
    assert (
        "Of two frozen encoders, each of an autoencoder of its own, two lie above training from "
        "scratch and none lies below in each seed (+1.0 to +2.0 points on average); six seeds are "
        "too few for a test."
    ) in words
    assert (
        "After dropout 0.2 the origin's classifier reaches 72.0% and finds the thinned classes in "
        "57.0% of cases. Its changes lead to (recall of these classes in brackets) 69.0% (54.0%) "
        "with class weights."
    ) in words
    words = tell(make(scratch=0.7, plain=0.68, noise=0.71, weights=0.69))
    assert "one lies above training from scratch and one lies below in each seed" in words
    words = tell(make(scratch=0.7, plain=0.68, noise=0.69, weights=0.69))
    assert "of its own, all lie below training from scratch in each seed" in words


def test_shorter_trainings_than_the_origins_are_told(make: Callable[..., Study]):
    study = make(scratch=0.7, plain=0.68, noise=0.71, weights=0.69)
    assert tell_epochs(study) == ""  # It is not known what the autoencoders were.
    classifiers = tuple(replace(each, epochs=10) for each in study.estimates)
    study = replace(study, estimates=classifiers)
    of = [
        replace(study, pretrainings=(Pretraining("origin", "dropout_0.2", {"epochs": epochs}),))
        for epochs in (5, 50)
    ]
    assert tell_epochs(of[0]).startswith(
        "Each autoencoder had five epochs and each classifier on it ten epochs, where the origin's "
        "had 50 and 100, so that"
    )
    assert tell_epochs(of[1]) == ""


def test_with_enough_seeds_the_intervals_and_the_test_are_told(make: Callable[..., Study]):
    study = make(scratch=0.7, plain=0.68, noise=0.71, weights=0.69, seeds=8)
    words = (
        f"one does better than training from scratch and one does worse ({MINUS}2.0 to +1.0 "
        "points), as the intervals have it."
    )
    assert words in tell(study)
    assert "significant" not in tell(study)
    doubtful = tuple(replace(row, p_holm=0.2) for row in study.differences)
    assert (
        f"{words} Corrected for the number of comparisons none of this is significant: the "
        "smallest p is 0.20."
    ) in tell(replace(study, differences=doubtful))


def test_the_highest_arm_is_named(make: Callable[..., Study]):
    words = tell(make(scratch=0.74, plain=0.72, noise=0.71, weights=0.7))
    assert "Of all arms the highest is from scratch (74.0%)." in words
