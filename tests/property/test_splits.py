"""Whatever the classes and settings, splits are disjoint, complete, fair and repeatable."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from cae.config import DataConfig
from cae.data.images import Dataset, ImageSet
from cae.data.splits import draw_class_shares, make_splits

CLASSES = 5
NAMES = tuple("abcde")

label_lists = st.lists(st.integers(0, CLASSES - 1), min_size=1, max_size=300)


@st.composite
def splittable(draw: st.DrawFn) -> tuple[list[int], DataConfig]:
    """Labels and settings that leave every class whole, thinned, absent or removed, never rare."""
    size = st.one_of(st.just(0), st.integers(20, 60))
    counts = [draw(st.integers(20, 60)), *(draw(size) for _ in NAMES[1:])]
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    config = DataConfig(
        val_size=draw(st.floats(0.2, 0.8)),
        remove_classes=tuple(draw(st.lists(st.sampled_from(NAMES[1:]), max_size=3))),
        remove_fraction=draw(st.one_of(st.just(1.0), st.floats(0, 0.5))),
        seed=draw(st.integers(0, 2**63 - 1)),
    )
    order = np.random.default_rng(draw(st.integers(0, 1000))).permutation(len(labels))
    return [labels[place] for place in order], config


def make_dataset(labels: list[int]) -> Dataset:
    """Return a data set whose images hold their own index, so that splits can be read back."""
    index = np.arange(len(labels), dtype="<u4").view(np.uint8).reshape(-1, 1, 2, 2)
    train = ImageSet(index, np.array(labels, dtype=np.int64), NAMES, "letters")
    return Dataset(train, train, (), source="letters")


def read_indices(images: ImageSet) -> list[int]:
    return images.images.reshape(-1, 4).copy().view("<u4").ravel().tolist()


@given(splittable())
def test_splits_are_disjoint_and_only_named_classes_lose_images(case):
    labels, config = case
    splits = make_splits(make_dataset(labels), config)
    train, val = read_indices(splits.train), read_indices(splits.validation)
    assert len({*train, *val}) == len(train) + len(val)
    kept = np.bincount(np.array(labels)[train + val], minlength=CLASSES)
    for label, name in enumerate(NAMES):
        count = labels.count(label)
        removed = round(count * config.remove_fraction) if name in config.remove_classes else 0
        assert kept[label] == count - removed


@given(splittable())
def test_every_class_validates_with_its_share_to_within_one_image(case):
    labels, config = case
    splits = make_splits(make_dataset(labels), config)
    total = len(splits.train) + len(splits.validation)
    assert len(splits.validation) == round(total * config.val_size)
    in_val = splits.validation.class_counts()
    in_both = in_val + splits.train.class_counts()
    for found, available in zip(in_val.tolist(), in_both.tolist(), strict=True):
        assert abs(found - Fraction(available * len(splits.validation), total)) < 1


@given(splittable())
def test_equal_arguments_give_equal_splits(case):
    labels, config = case
    first, second = (make_splits(make_dataset(labels), config) for _ in range(2))
    assert first.fingerprint == second.fingerprint
    assert read_indices(first.validation) == read_indices(second.validation)


@given(splittable(), st.integers(0, 2**63 - 1))
def test_another_seed_gives_another_split(case, seed):
    labels, config = case
    assume(seed != config.seed)
    other = config.model_copy(update={"seed": seed})
    first, second = (make_splits(make_dataset(labels), each) for each in (config, other))
    assert first.fingerprint != second.fingerprint


@given(label_lists, st.data())
def test_draws_have_the_asked_size_are_sorted_and_are_of_largest_remainder(labels, data):
    count = data.draw(st.integers(0, len(labels)))
    array = np.array(labels, dtype=np.int64)
    drawn = draw_class_shares(array, NAMES, count=count, seed=1)
    assert drawn.tolist() == sorted(set(drawn.tolist()))
    exact = [Fraction(labels.count(label) * count, len(labels)) for label in range(CLASSES)]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(CLASSES), key=lambda label: shares[label] - exact[label])
    for label in by_remainder[: count - sum(shares)]:
        shares[label] += 1
    assert np.bincount(array[drawn], minlength=CLASSES).tolist() == shares
