"""What is said of runs: it follows their figures, whichever way they lie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cae.report.phrases import TIMES
from cae.report.results.seeds import Accuracy, Group, group_runs
from cae.report.results.sources import Run, read_peers, read_training
from cae.report.words.run_sentences import (
    name_machine,
    name_seed,
    tell_against,
    tell_classes,
    tell_cost,
    tell_data,
    tell_finetuning,
    tell_headline,
    tell_pretraining,
    tell_reconstruction,
    tell_training,
)

Make = Callable[..., Run]
ORIGIN = read_peers()["origin"]


def group(*runs: Run) -> Group:
    (found,) = group_runs(runs)
    return found


@pytest.mark.parametrize(
    ("right", "side"),
    [(97, "above"), (70, "indistinguishable from"), (40, "below")],
)
def test_the_headline_compares_the_interval_with_the_origin(make_run: Make, right: int, side: str):
    words = tell_headline(group(make_run(right=right)), ORIGIN)
    assert f", which is {side} the 71% of the system it follows." in words
    assert f"bird in {right}.0% of cases, deer in {right}.0% and truck in {right}.0%." in words


def test_other_data_are_not_compared_with_the_origin(make_run: Make):
    words = tell_headline(group(make_run(data="digits")), ORIGIN)
    assert "of digits correctly. " in words
    assert "system it follows" not in words


def test_several_seeds_are_named_with_the_interval(make_run: Make):
    words = tell_headline(group(make_run(seed=1), make_run(seed=2, right=76)), ORIGIN)
    assert "over two seeds" in words


@pytest.mark.parametrize(
    ("figure", "side"), [(0.69, "above"), (0.7, "indistinguishable from"), (0.73, "below")]
)
def test_a_figure_within_the_interval_cannot_be_told_from_it(figure: float, side: str):
    assert tell_against(Accuracy(0.71, 0.7, 0.72, 1, (0.7, 0.72)), figure) == side


def test_the_data_are_told_with_their_counts(make_run: Make):
    words = tell_data(make_run())
    assert "Half of the training images of bird, deer and truck are removed" in words
    assert "300 images are left" in words
    assert "22% are set aside for validation" in words
    assert "250 images to train on and 50 to choose by" in words
    assert "The 400 test images" in words


def test_data_without_validation_are_told_as_such(make_run: Make):
    words = tell_data(make_run(validates=False))
    assert "All 250 of them are trained on" in words
    assert "set aside for validation, with" not in words


def test_nothing_is_said_of_thinning_where_nothing_is_thinned(make_run: Make):
    run = make_run()
    run.evaluation["thinned_classes"] = []
    words = tell_data(run)
    assert words.startswith("Of 300 images 22% are set aside for validation")
    whole = make_run(validates=False)
    whole.evaluation.update(thinned_classes=[], data="flowers")
    assert tell_data(whole).startswith("All 250 training images are trained on, none validates.")
    assert "thinned" not in words
    assert "removed" not in words


def test_images_without_labels_are_told_of(make_run: Make):
    run = make_run()
    assert "without a label" not in tell_data(run)
    run.evaluation["split"]["unlabelled"] = {"images": 1_234, "classes": {}}
    assert "1,234 images without a label are there for pretraining alone." in tell_data(run)


def test_files_that_were_left_out_are_told_of(make_run: Make):
    run = make_run()
    assert "left out" not in tell_data(run)
    run.evaluation["left_out"] = ["daisy/1.jpg", "tulip/2.jpg"]
    assert "Two files that could not be used as pictures were left out." in tell_data(run)
    run.evaluation["left_out"] = ["daisy/1.jpg"]
    assert "One file that could not be used as pictures was left out." in tell_data(run)


def test_test_images_that_are_trained_on_are_told_of(make_run: Make):
    run = make_run()
    assert "also among the training images" not in tell_data(run)
    run.evaluation["test_copies"] = 1
    told = tell_data(run)
    assert "at the end. One test image is also among the training images" in told
    assert "pretraining sees neither" not in told
    run.evaluation.update(test_copies=20, thinned_classes=[])
    told = tell_data(run)
    assert "at the end. 20 test images are also among the training images" in told
    assert "pretraining does not see" not in told


def set_keys(run: Run, section: str, **values: Any) -> Run:
    run.config[section].update(values)
    return run


def test_the_stages_are_told_from_the_configuration(make_run: Make):
    run = make_run()
    assert "reconstruct its input by the mean squared error." in tell_pretraining(run)
    assert "50 epochs of Adam at a learning rate of 0.001 (constant)" in tell_pretraining(run)
    assert "only the head is trained, on augmented images" in tell_finetuning(run)
    set_keys(run, "classifier", freeze_encoder=False, data_augmentation=False)
    assert "trained together, on the images as they are" in tell_finetuning(run)


def test_noise_and_masks_are_told_of(make_run: Make):
    run = set_keys(make_run(), "autoencoder", gaussian_noise_input=True)
    assert "noise of standard deviation 0.1" in tell_pretraining(run)
    set_keys(run, "autoencoder", mask_ratio=0.625, mask_patch_size=4)
    assert f"40 of the 64 squares of 4 {TIMES} 4 pixels in an image (62.5%)." in tell_pretraining(
        run
    )


def test_cost_and_reconstruction_are_means_over_seeds(make_run: Make):
    one = group(make_run())
    assert tell_cost(one) == (
        "The whole run took 3.1 minutes on two cores of an AMD EPYC, in bfloat16."
    )
    assert tell_cost(group(make_run(seed=1), make_run(seed=2))).startswith(
        "Each of the two runs took 3.1 minutes on average on two cores"
    )
    assert "26.6 dB and a structural similarity of 0.912" in tell_reconstruction(one)


def test_the_cost_of_each_machine_is_told_by_itself(make_run: Make):
    runs = [make_run(seed=seed) for seed in (1, 2, 3)]
    runs[2].environment["processor"] = "Intel Xeon"
    runs[2].evaluation["seconds"]["total"] *= 2
    assert tell_cost(group(*runs)) == (
        "A whole run took 3.1 minutes on average on two cores of an AMD EPYC, in bfloat16 (two "
        "runs) and 6.2 minutes on two cores of an Intel Xeon, in bfloat16 (one run)."
    )


def test_an_accelerator_is_the_machine(make_run: Make):
    run = make_run()
    run.environment["accelerator"] = "NVIDIA H100"
    assert name_machine(run) == "one NVIDIA H100, in bfloat16"


def test_the_worst_class_and_the_commonest_mistake_are_named(make_run: Make):
    run = make_run()
    run.scores["per_class"]["deer"]["recall"] = 0.2
    run.scores["confusion_matrix"][2][1] = 55
    words = tell_classes(group(run))
    assert words.startswith("The class found least often is deer (20.0%)")
    assert "deer taken for bird: 55 of" in words
    assert "thinned classes are found in 55.3% of cases on average, the others in 73.0%" in words


def test_what_is_shown_of_one_seed_of_several_says_which(make_run: Make):
    several = group(make_run(seed=7), make_run(seed=2))
    several.first.scores["per_class"]["deer"]["recall"] = 0.2
    assert name_seed(several) == "seed 7"
    assert tell_classes(several).startswith("With seed 7, the class found least often")
    assert name_seed(group(make_run(seed=7))) == ""


def test_a_training_too_short_for_a_curve_is_told_in_words(make_run: Make):
    words = tell_training(read_training(make_run(validates=False, epochs=2)))
    assert (
        "The autoencoder's loss was 0.5 in the first and 0.25 in the last of two epochs." in words
    )
    # Nor is there a figure of a loss on training images alone.
    assert "last of six epochs" in tell_training(read_training(make_run(validates=False)))
    assert "loss was 0" not in tell_training(read_training(make_run()))
    one = read_training(make_run(epochs=2))
    for history in one.histories.values():
        history["metrics"] = {"loss": [0.5]}
    assert "The classifier's loss was 0.5 in the only epoch." in tell_training(one)


def test_test_figures_that_were_known_are_told_where_nothing_is_set_aside(make_run: Make):
    words = tell_data(make_run(validates=False))
    assert "; the test figures of earlier recipes were known then (see Limits)." in words
    assert "earlier recipes" not in tell_data(make_run())
    assert "earlier recipes" not in tell_data(make_run(validates=False, data="digits"))


def test_the_hidden_share_is_told_to_its_digits(make_run: Make):
    run = make_run()
    run.quality.clear()
    run.quality.update(target="gradient_histograms", hidden_fraction=0.625, target_mse=0.597)
    assert tell_reconstruction(group(run)) == (
        "With 62.5% of each test image hidden, the autoencoder predicts the histograms of gradient "
        "directions there with a mean squared error of 0.597."
    )
    run.quality["predicted_fraction"] = run.quality.pop("hidden_fraction")
    assert tell_reconstruction(group(run)).startswith(
        "In 62.5% of each test image, all in sight, the autoencoder predicts the histograms"
    )


def test_classes_that_are_found_equally_often_have_no_first_and_last(make_run: Make):
    told = tell_classes(group(make_run(right=73)))
    assert told.startswith("Every class is found in 73.0% of cases.")


def test_how_a_recipe_was_chosen_is_told_of_those_of_the_project_alone(make_run: Make):
    run = make_run(validates=False)
    assert "every choice was made before" in tell_data(run)
    set_keys(run, "classifier", lr=0.123)
    assert "are trained on, none validates." in tell_data(run)


def test_others_are_held_against_the_wider_of_both_intervals():
    seeds = Accuracy(0.945, 0.944, 0.947, 3, (0.941, 0.95))
    assert tell_against(seeds, 0.943) == tell_against(seeds, 0.949) == "indistinguishable from"
    assert tell_against(seeds, 0.94) == "above"


def test_a_perfect_classifier_has_no_commonest_mistake(make_run: Make):
    assert "commonest mistake" not in tell_classes(group(make_run(right=100)))


def test_the_best_epoch_is_told_with_the_weights_that_are_used(make_run: Make):
    words = tell_training(read_training(make_run()))
    assert (
        "The autoencoder's validation loss was lowest in epoch 2 of 6 (0.3, at the end 0.35)"
        in (words)
    )
    assert "the weights used are those of the last epoch" in words
    assert "no validation" not in words
    assert "set aside" in tell_training(read_training(make_run(validates=False)))
