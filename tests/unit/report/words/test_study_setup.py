"""How a study was made is told: how much was tried, what was learnt, for how long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cae.report.phrases import TIMES
from cae.report.results.study_results import Study, read_study
from cae.report.words.study_sentences import tell_in_short, tell_tests
from cae.report.words.study_setup import find_confounded, tell_extent, tell_recipe


def read(folder: Path) -> Study:
    study = read_study(folder)
    assert study is not None
    return study


def test_the_recipe_says_what_is_learnt_and_how_long(study_folder: Path):
    assert tell_recipe(read(study_folder)) == (
        "Plain pretraining learns to reconstruct its input by the mean squared error, for six "
        "epochs. Masked pretraining learns to predict the histograms of gradient directions in "
        f"what is hidden from it: 10 of the 16 squares of 8 {TIMES} 8 pixels in an image (62.5%), "
        "for six epochs. The origin's autoencoder had 50 epochs. Fine-tuning takes 60 epochs with "
        "100, 400 and all labels per class. Training from scratch with equal computation takes 349 "
        "epochs with 100, 400 and all labels per class."
    )
    shorter = [
        replace(each, epochs=40) if each.labels == 400 else each
        for each in read(study_folder).estimates
    ]
    told = tell_recipe(replace(read(study_folder), estimates=tuple(shorter)))
    assert "Fine-tuning takes 60, 40 and 60 epochs with 100, 400 and all labels per class" in told


def test_the_origins_epochs_are_told_where_ours_are_fewer(study_folder: Path):
    study = read(study_folder)
    longer = [
        replace(each, config={**each.config, "epochs": 50}) for each in study.pretrainings[:1]
    ]
    told = tell_recipe(replace(study, pretrainings=(*longer, *study.pretrainings[1:])))
    assert "for 50 epochs. Masked" in told
    assert "The origin's autoencoder" not in told


def test_pretrainings_are_called_by_words(make_study: Callable[..., Path]):
    study = read(make_study(gains={"masked_pixels": 0.03}, encoders=("origin", "optimal")))
    assert "Masked pixels pretraining learns to" in tell_recipe(study)
    assert tell_recipe(study).startswith("This is the recipe of the encoder `origin`.")
    assert "masked pixels pretraining gains" in tell_in_short(study)


def test_a_mask_that_several_share_is_told_once(make_study: Callable[..., Path]):
    one, two = (
        tell_recipe(read(make_study(gains=dict.fromkeys(names, 0.03))))
        for names in (("plain", "masked"), ("plain", "masked", "unhidden"))
    )
    assert "The part that is predicted is" not in one
    assert two.count("The part that is predicted is ") == 1
    assert one.count(" pixels in an image") == two.count(" pixels in an image") == 1


def test_the_recipe_leaves_out_what_was_not_trained(make_study: Callable[..., Path]):
    study = read(make_study(gains={}, budgets=(100,)))
    assert tell_recipe(study) == (
        "Training from scratch with equal computation takes 349 epochs with 100 labels per class."
    )
    assert tell_recipe(replace(study, estimates=study.estimates[:1])) == ""


def test_the_extent_counts_trials_budgets_and_seeds(study_folder: Path):
    assert tell_extent(read(study_folder)) == (
        "The study has trained 95 classifiers so far, with 100, 400 and all labels per class, on "
        "the encoder `origin`, with three to eight seeds for each point."
    )


def test_mask_and_target_are_told_apart_only_by_a_pretraining_that_parts_them(
    make_study: Callable[..., Path],
):
    told = {
        names: "differ in mask and in target" in tell_tests(read(make_study(gains=gains)))
        for names in (("plain", "masked"), ("plain", "masked", "masked_pixels"), ("masked",))
        for gains in [dict.fromkeys(names, 0.03)]
    }
    assert list(told.values()) == [True, False, False]
    study = read(make_study())
    assert find_confounded(study) == ["plain", "masked"]
    # Of older results it is not known what a pretraining was.
    assert find_confounded(replace(study, pretrainings=())) == []
