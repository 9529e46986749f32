"""What trials have in common does not hang on their seeds, and nothing else is left out of it."""

from __future__ import annotations

from dataclasses import replace

from cae.study.shared_recipe import describe_shared_recipe, tell_other_recipe


def test_the_recipe_is_that_of_each_seed(make_cells):
    cells = make_cells(2, labels=5)
    by_seed = [
        describe_shared_recipe(cell for cell in cells if cell.seed == seed) for seed in (0, 1)
    ]
    assert by_seed[0] == by_seed[1] == describe_shared_recipe(cells)
    # Arms differ in what is trained; that is no other recipe.
    assert "freeze_encoder" not in by_seed[0]["labels/origin/classifier"]
    assert by_seed[0]["labels/origin/classifier"]["lr"] == cells[0].trial.classifier.lr


def test_every_part_of_a_trial_has_a_place(make_cells):
    (scratch, tuned) = make_cells(1, labels=5)
    found = describe_shared_recipe([scratch, tuned])
    assert found.keys() == {
        "labels/origin/network",
        "labels/origin/classifier",
        f"labels/origin/{scratch.arm}/5",
        f"labels/origin/{tuned.arm}/5",
        f"labels/origin/{tuned.pretraining}",
    }
    assert found["labels/origin/network"]["init_num_filters"] == 2
    trial = scratch.trial
    autoencoder = trial.autoencoder.model_copy(update={"init_num_filters": 4})
    wider = replace(scratch, trial=replace(trial, autoencoder=autoencoder))
    assert describe_shared_recipe([wider])["labels/origin/network"]["init_num_filters"] == 4


def test_recipes_are_held_against_each_other_where_both_say_something():
    there = {"a": {"lr": 1, "old": 2}, "b": {"lr": 5}}
    assert tell_other_recipe(there, {"a": {"lr": 1, "new": 3}, "c": {"lr": 7}}) == ""
    assert tell_other_recipe(there, {"a": {"lr": 3}}) == "a.lr is 1 there and 3 now"
    assert tell_other_recipe({}, there) == ""
