"""The summary says of known rows what can be worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from cae.inference import correct_holm
from cae.study.summary import summarise


def make_row(
    arm: str,
    accuracy: float,
    *,
    seed: int = 0,
    labels: int | str = 100,
    pretraining: str = "none",
    plan: str = "labels",
    **more: Any,
) -> dict[str, Any]:
    return {
        "plan": plan,
        "encoder": "origin",
        "pretraining": pretraining,
        "arm": arm,
        "labels_per_class": labels,
        "seed": seed,
        "state": "finished",
        "test_accuracy": accuracy,
        "macro_f1": accuracy / 2,
        "recall_cat": accuracy,
        "recall_dog": None,
        "pretrain_seconds": 10.0 if pretraining != "none" else 0.0,
        "finetune_seconds": 5.0,
        "finetune_epochs": 3,
        "flops": 1e9,
        "environment": {"processor": "AMD EPYC", "precision": "bfloat16"},
        **more,
    }


def make_seeds(arm: str, accuracies: list[float], **options: Any) -> list[dict[str, Any]]:
    return [make_row(arm, value, seed=seed, **options) for seed, value in enumerate(accuracies)]


def find(found: list[dict[str, Any]], **values: Any) -> dict[str, Any]:
    (one,) = [each for each in found if values.items() <= each.items()]
    return one


SCRATCH = make_seeds("scratch", [0.5, 0.6, 0.7])
TUNED = make_seeds("fine_tuned", [0.6, 0.7, 0.9], pretraining="masked")


def test_a_cell_is_estimated_over_its_seeds():
    (estimate,) = summarise(TUNED)["estimates"]
    accuracy = estimate["test_accuracy"]
    assert estimate["seeds"] == [0, 1, 2]
    assert accuracy["values"] == [0.6, 0.7, 0.9]
    assert accuracy["mean"] == pytest.approx(2.2 / 3)
    assert accuracy["count"] == 3
    assert accuracy["low"] < 0.6 <= accuracy["bootstrap_low"] < accuracy["mean"]
    assert accuracy["mean"] < accuracy["bootstrap_high"] <= 0.9 < accuracy["high"]
    assert estimate["macro_f1"]["mean"] == pytest.approx(1.1 / 3)
    assert estimate["recalls"] == {"cat": pytest.approx(2.2 / 3), "dog": None}
    assert estimate["seconds_mean"] == 15.0
    assert (estimate["arm"], estimate["pretraining"]) == ("fine_tuned", "masked")


def test_pairs_across_processors_or_precisions_are_known():
    def place(rows: list[dict[str, Any]], *where: tuple[str, str]) -> list[dict[str, Any]]:
        places = [{"processor": name, "precision": precision} for name, precision in where]
        return [{**row, "environment": of} for row, of in zip(rows, places, strict=True)]

    tuned = place(TUNED, ("a", "bfloat16"), ("a", "bfloat16"), ("a", "float32"))
    scratch = place(SCRATCH, ("a", "bfloat16"), ("b", "bfloat16"), ("a", "bfloat16"))
    (difference,) = summarise([*tuned, *scratch])["differences"]
    assert difference["precisions"] == ["bfloat16", "bfloat16", "float32"]
    assert difference["crossed_seeds"] == [1, 2]


def test_a_difference_is_paired_by_seed():
    (difference,) = summarise([*SCRATCH, *TUNED])["differences"]
    assert difference["values"] == pytest.approx([0.1, 0.1, 0.2])
    assert difference["mean"] == pytest.approx(0.4 / 3)
    assert (difference["treatment"], difference["control"]) == ("fine_tuned", "scratch")
    assert (difference["pretraining"], difference["labels_per_class"]) == ("masked", 100)
    # All three differences are on one side: 2 of the 8 ways to set their signs.
    assert difference["p"] == difference["p_holm"] == 0.25


def test_only_seeds_that_both_have_are_paired():
    (difference,) = summarise([*SCRATCH[1:], *TUNED[:2]])["differences"]
    assert difference["seeds"] == [1]
    assert difference["values"] == pytest.approx([0.1])
    assert (difference["low"], difference["p"]) == (None, 1.0)
    assert summarise([SCRATCH[0], TUNED[1]])["differences"] == []


def test_every_arm_is_held_against_both_controls():
    whole = make_seeds("scratch_whole_budget", [0.55, 0.65, 0.75])
    probe = make_seeds("linear_probe", [0.3, 0.3, 0.3], pretraining="masked")
    found = summarise([*SCRATCH, *TUNED, *whole, *probe])["differences"]
    assert {(each["treatment"], each["control"]) for each in found} == {
        ("fine_tuned", "scratch"),
        ("fine_tuned", "scratch_whole_budget"),
        ("linear_probe", "scratch"),
        ("linear_probe", "scratch_whole_budget"),
        ("scratch_whole_budget", "scratch"),
    }
    tuned = find(found, treatment="fine_tuned", control="scratch_whole_budget")
    assert tuned["values"] == pytest.approx([0.05, 0.05, 0.15])


def test_p_values_are_corrected_over_the_budgets_of_one_comparison():
    rows: list[dict[str, Any]] = []
    gains: dict[int | str, list[float]] = {
        10: [0.1] * 6,
        100: [0.1] * 5 + [-0.01],
        "all": [0.1, -0.1, 0.1, -0.1, 0.1, -0.1],
    }
    for labels, each in gains.items():
        rows += make_seeds("scratch", [0.5] * 6, labels=labels)
        for pretraining in ("plain", "masked"):
            accuracies = [0.5 + gain for gain in each]
            rows += make_seeds("fine_tuned", accuracies, labels=labels, pretraining=pretraining)
    found = summarise(rows)["differences"]
    for pretraining in ("plain", "masked"):
        family = [each for each in found if each["pretraining"] == pretraining]
        assert [each["p_holm"] for each in family] == correct_holm([each["p"] for each in family])
    first = find(found, pretraining="masked", labels_per_class=10)
    assert first["p"] == pytest.approx(2 / 64)
    assert first["p_holm"] == pytest.approx(3 * 2 / 64)


@pytest.mark.parametrize(
    ("seeds", "least"),
    [
        # One comparison: 2 / 2^n. Two of as many seeds: twice that for both.
        ({100: 6}, {100: 1 / 32}),
        ({100: 6, 400: 6}, {100: 1 / 16, 400: 1 / 16}),
        ({100: 7, 400: 7}, {100: 1 / 32, 400: 1 / 32}),
        # Three seeds with all labels: corrected last, so for one comparison.
        ({100: 8, 400: 8, "all": 3}, {100: 3 / 128, 400: 3 / 128, "all": 1 / 4}),
    ],
)
def test_the_least_p_is_what_holms_method_makes_of_seeds_that_all_agree(
    seeds: dict[int | str, int], least: dict[int | str, float]
):
    rows: list[dict[str, Any]] = []
    for labels, count in seeds.items():
        rows += make_seeds("scratch", [0.5] * count, labels=labels)
        rows += make_seeds("fine_tuned", [0.6] * count, labels=labels, pretraining="masked")
    found = summarise(rows)["differences"]
    assert {each["labels_per_class"]: each["p_holm_least"] for each in found} == least
    for each in found:
        assert each["p_holm"] == each["p_holm_least"]  # as the seeds agree
        assert (each["corrected_over"], each["comparisons"]) == ("labels_per_class", len(seeds))


def test_the_origin_s_comparison_is_corrected_over_its_regularisations():
    rows = make_seeds("scratch", [0.5] * 6, plan="origin", labels="all")
    for name in ("unregularised", "dropout_0.2", "input_noise"):
        rows += make_seeds("frozen", [0.6] * 6, plan="origin", labels="all", pretraining=name)
    found = summarise(rows)["differences"]
    assert len(found) == 3
    assert {each["p_holm"] for each in found} == {3 * 2 / 64}
    assert {(each["corrected_over"], each["comparisons"]) for each in found} == {("pretraining", 3)}


def test_ways_of_balancing_are_held_against_the_same_pretraining_without_them():
    options = {"plan": "origin", "labels": "all"}
    rows = [
        *make_seeds("frozen", [0.5, 0.5], pretraining="dropout_0.2", **options),
        *make_seeds("frozen", [0.9, 0.9], pretraining="input_noise", **options),
        *make_seeds("class_weights", [0.6, 0.7], pretraining="dropout_0.2", **options),
        *make_seeds("balanced_sampling", [0.7, 0.7], pretraining="dropout_0.2", **options),
    ]
    found = summarise(rows)["differences"]
    weights = find(found, treatment="class_weights", control="frozen")
    assert weights["values"] == pytest.approx([0.1, 0.2])
    sampling = find(found, treatment="balanced_sampling", control="class_weights")
    assert sampling["values"] == pytest.approx([0.1, 0.0])


def test_plans_and_failed_trials_are_kept_apart():
    failed = {**make_row("scratch", 0.0, seed=9), "state": "failed"}
    other = make_seeds("scratch", [0.1], plan="origin", labels="all")
    summary = summarise([*SCRATCH, failed, *other])
    assert len(summary["estimates"]) == 2
    assert summary["plan"]["labels"]["seed"] == [0, 1, 2]
    assert summary["plan"]["origin"]["labels_per_class"] == ["all"]


def test_an_interval_does_not_depend_on_what_else_is_there():
    alone = summarise(TUNED)["estimates"]
    assert find(summarise([*SCRATCH, *TUNED])["estimates"], arm="fine_tuned") == alone[0]


def test_nothing_says_nothing():
    assert summarise([]) == {"plan": {}, "estimates": [], "differences": []}
