"""Sums add up over batches as a mean over all images would, and go on from a copy."""

from __future__ import annotations

import pytest
import torch

from cae.training.sums import Sums

CPU = torch.device("cpu")


def make_sums(batches: list[tuple[list[float], list[float]]]) -> Sums:
    sums = Sums(("loss", "accuracy"), device=CPU)
    for totals, weights in batches:
        sums.add(torch.tensor(totals), torch.tensor(weights))
    return sums


def test_a_metric_is_its_total_over_its_weight():
    assert make_sums([([6.0, 2.0], [4.0, 4.0]), ([3.0, 1.0], [2.0, 1.0])]).read() == {
        "loss": 9 / 6,
        "accuracy": 3 / 5,
    }


def test_half_a_million_small_numbers_do_not_drift():
    sums = Sums(("loss",), device=CPU)
    total, weight = torch.tensor([0.1]), torch.tensor([1.0])
    for _ in range(100_000):
        sums.add(total, weight)
    assert sums.read()["loss"] == pytest.approx(total.item(), rel=1e-12)


def test_sums_go_on_from_a_copy_as_if_nothing_had_happened():
    first, second = ([0.1, 0.7], [3.0, 3.0]), ([0.3, 0.9], [2.0, 2.0])
    halfway = make_sums([first]).copy()
    resumed = Sums(("loss", "accuracy"), device=CPU)
    resumed.restore(halfway)
    resumed.add(torch.tensor(second[0]), torch.tensor(second[1]))
    assert resumed.read() == make_sums([first, second]).read()
    # The copy is no view: it is what it was.
    assert torch.equal(halfway, make_sums([first]).copy())
