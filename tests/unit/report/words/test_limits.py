"""What figures cannot say is told by their own data, and only where it is so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cae.report.results.seeds import group_runs
from cae.report.results.sources import Run
from cae.report.results.study_results import Study, read_study
from cae.report.words.limits import list_limits

Make = Callable[..., Run]


def tell(*runs: Run, study: Study | None) -> str:
    return " ".join(list_limits(group_runs(runs)[0], None, study))


def test_the_interval_is_said_to_be_of_what_it_is(make_run: Make):
    assert "One seed. The interval covers which images" in tell(make_run(), study=None)
    told = tell(make_run(seed=1), make_run(seed=2), study=None)
    assert "Two seeds. The interval is that of the mean over two seeds" in told
    assert "The runs were made in bfloat16" in told
    assert "within the interval" not in told


def test_several_machines_are_named(make_run: Make):
    runs = [make_run(seed=1), make_run(seed=2)]
    runs[1].environment["processor"] = "Intel Xeon"
    told = tell(*runs, study=None)
    assert (
        "Two machines. The runs were made on two cores of an AMD EPYC, in bfloat16 and two cores "
        "of an Intel Xeon, in bfloat16: the effect of the machine cannot"
    ) in told
    assert "One machine." not in told


def test_what_chose_in_favour_of_masked_pretraining_is_told_where_it_was_tried(
    make_run: Make, study: Study
):
    plain = replace(study, pretrainings=study.pretrainings[:1])
    told = [
        "favours pretraining on gradient" in tell(make_run(), study=each)
        for each in (study, plain, None)
    ]
    assert told == [True, False, False]
    digits = tell(make_run(data="digits"), study=study)
    assert "favours pretraining on gradient" not in digits
    assert "CIFAR-10" not in digits


def test_mask_and_target_that_nothing_parts_are_a_limit(
    make_run: Make, make_study: Callable[..., Path]
):
    for names, is_limit in ((("plain", "masked"), True), (("masked", "masked_pixels"), False)):
        study = read_study(make_study(gains=dict.fromkeys(names, 0.03)))
        told = tell(make_run(), study=study)
        assert ("Plain and masked pretraining differ in both" in told) is is_limit
        assert ("`masked_pixels`" in told) is is_limit


def test_shorter_pretrainings_than_the_origins_are_a_limit(make_run: Make, study: Study):
    first, *others = study.pretrainings
    seven = replace(first, config={**first.config, "epochs": 7})
    told = tell(make_run(), study=replace(study, pretrainings=(seven, *others)))
    assert "The study's autoencoders had six and seven epochs, the origin's 50 epochs." in told
    long = replace(first, config={**first.config, "epochs": 50})
    told = tell(make_run(), study=replace(study, pretrainings=(long, *others)))
    assert "Short pretraining" not in told


def test_a_mask_of_somebodys_own_choice_was_not_chosen_here(make_run: Make, study: Study):
    own = tuple(
        replace(each, config={**each.config, "mask_ratio": 0.4}) for each in study.pretrainings
    )
    assert "favours pretraining on gradient" not in tell(
        make_run(), study=replace(study, pretrainings=own)
    )


def test_a_recipe_of_somebodys_own_has_no_earlier_ones_here(make_run: Make):
    words = "test figures of this system's earlier recipes"
    assert words in tell(make_run(), study=None)
    assert words not in tell(make_run(lr=0.123), study=None)


def test_short_training_with_all_labels_is_a_limit(
    make_run: Make, study: Study, make_study: Callable[..., Path]
):
    words = (
        "With all labels the classifier had 60 epochs after pretraining and 349 from scratch; "
        "whether their difference stays once both have nothing left to learn was not tried."
    )
    assert words in tell(make_run(), study=study)
    few = read_study(make_study(budgets=(100, 400)))
    assert "Short classifier training" not in tell(make_run(), study=few)


def test_comparisons_that_are_not_corrected_for_are_a_limit(
    make_run: Make, study: Study, make_study: Callable[..., Path]
):
    told = tell(make_run(), study=study)
    assert "over all six comparisons the smallest p that eight seeds allow would be 0.047." in told
    one = read_study(make_study(gains={"masked": 0.03}))
    assert "Many comparisons" not in tell(make_run(), study=one)
