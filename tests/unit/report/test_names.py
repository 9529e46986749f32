"""What data sets and choices are called."""

from __future__ import annotations

from cae.report.names import name_data, spell_out


def test_the_data_sets_have_the_names_that_people_use():
    assert [name_data(source) for source in ("cifar10", "digits")] == ["CIFAR-10", "digits"]


def test_data_of_another_source_keeps_its_name():
    assert name_data("my pictures") == "my pictures"


def test_names_are_spelt_out_in_words():
    names = ("masked_pixels", "one_cycle", "dropout_0.2", "plain")
    assert [*map(spell_out, names)] == ["masked pixels", "one cycle", "dropout 0.2", "plain"]
