"""Splits keep the origin's counts, follow the seed alone, and refuse what cannot be split."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import replace

import numpy as np
import pytest

from cae.config import DataConfig
from cae.data.digits import load_digits
from cae.data.images import Dataset, ImageSet
from cae.data.sources import load_dataset
from cae.data.splits import (
    compute_fingerprint,
    describe_flaws,
    describe_splits,
    draw_class_shares,
    draw_splits,
    draw_test_images,
    find_thinned_classes,
    make_splits,
    set_test_aside,
)
from cae.errors import ConfigError, DataError

NAMES = ("cat", "dog", "frog")


def make_dataset(counts=(40, 40, 40), *, test_count=9) -> Dataset:
    """Return a data set whose images hold their own index, so that splits can be read back."""
    labels = np.repeat(np.arange(len(counts)), counts)
    labels = labels[np.random.default_rng(0).permutation(len(labels))]
    index = np.arange(len(labels), dtype="<u4").view(np.uint8).reshape(-1, 1, 2, 2)
    test = ImageSet(index[:test_count], labels[:test_count], NAMES, "pets")
    return Dataset(ImageSet(index, labels, NAMES, "pets"), test, ("frog",), source="pets")


def read_indices(images: ImageSet) -> list[int]:
    return images.images.reshape(-1, 4).copy().view("<u4").ravel().tolist()


def test_cifar10_splits_have_the_published_counts_and_the_recorded_fingerprint(cifar10_folder):
    splits = make_splits(load_dataset(str(cifar10_folder)), DataConfig(seed=42))
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (33_150, 9_350, 10_000)
    thinned = {"bird", "deer", "truck"}
    for images, full in ((splits.train, 3_900), (splits.validation, 1_100)):
        counts = dict(zip(images.class_names, images.class_counts().tolist(), strict=True))
        assert counts == {name: full // 2 if name in thinned else full for name in counts}
    assert splits.test.class_counts().tolist() == [1_000] * 10
    assert splits.fingerprint == "bdcc8b2495de009e2785ab9e832332080efb08c122e804e7b19c5f2130b7a82a"
    assert [part.name for part in (splits.train, splits.validation, splits.test)] == [
        "CIFAR-10 train",
        "CIFAR-10 validation",
        "CIFAR-10 test",
    ]


def test_few_labels_are_some_of_the_training_images_and_nested():
    dataset = make_dataset()
    whole = make_splits(dataset, DataConfig())
    assert whole.labelled is whole.train
    smaller: set[int] = set()
    for count in (1, 3, 10, 15):
        splits = make_splits(dataset, DataConfig(labels_per_class=count))
        assert splits.fingerprint == whole.fingerprint
        assert read_indices(splits.train) == read_indices(whole.train)
        assert splits.labelled.class_counts().tolist() == [count] * 3
        found = set(read_indices(splits.labelled))
        assert smaller < found < set(read_indices(splits.train))
        smaller = found


def test_few_labels_are_others_under_another_seed_and_told_of():
    first, second = (
        make_splits(make_dataset(), DataConfig(labels_per_class=5, seed=seed)) for seed in (1, 2)
    )
    assert read_indices(first.labelled) != read_indices(second.labelled)
    told = describe_splits(first)["split"]
    assert told["labelled"] == {"images": 15, "classes": {"cat": 5, "dog": 5, "frog": 5}}
    assert "labelled" not in describe_splits(make_splits(make_dataset(), DataConfig()))["split"]


def test_which_labels_there_are_can_have_a_seed_of_its_own():
    def split(labelled_seed: int | None):
        config = DataConfig(labels_per_class=5, seed=1, labelled_seed=labelled_seed)
        return make_splits(make_dataset(), config)

    plain, other = split(None), split(2)
    assert other.fingerprint == plain.fingerprint
    assert read_indices(other.labelled) != read_indices(plain.labelled)
    assert read_indices(split(1).labelled) == read_indices(plain.labelled)


def test_more_labels_than_there_are_are_refused():
    with pytest.raises(DataError, match=r"labels_per_class 17: class 'frog' has only 16 training"):
        make_splits(make_dataset(), DataConfig(labels_per_class=17))


def test_digits_splits_have_the_recorded_counts_and_fingerprint():
    splits = make_splits(load_digits(), DataConfig(seed=42))
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (954, 269, 359)
    assert splits.fingerprint == "b25ffc2533ad45dab334344a5c87df7a8faabab67ca5c4e7fa93c19e07803fb8"


def test_fingerprint_is_the_sha256_of_the_index_lists_as_documented():
    dataset = make_dataset()
    splits = make_splits(dataset, DataConfig())
    expected = hashlib.sha256()
    for images in (splits.train, splits.validation):
        indices = read_indices(images)
        assert indices == sorted(indices)
        expected.update(struct.pack(f"<{len(indices) + 1}q", len(indices), *indices))
    assert splits.fingerprint == expected.hexdigest()


def test_fingerprint_tells_where_one_list_ends_and_the_next_begins():
    one, two = np.array([1, 2, 3]), np.array([4])
    assert compute_fingerprint(one, two) != compute_fingerprint(one[:2], np.array([3, 4]))


def test_images_keep_their_own_labels():
    dataset = make_dataset()
    assert dataset.train.labels is not None
    splits = make_splits(dataset, DataConfig())
    for images in (splits.train, splits.validation):
        assert images.labels is not None
        assert (dataset.train.labels[read_indices(images)] == images.labels).all()


def test_half_of_the_data_sets_own_classes_is_removed_by_default():
    splits = make_splits(make_dataset(), DataConfig(val_size=0.2))
    assert splits.train.class_counts().tolist() == [32, 32, 16]
    assert splits.validation.class_counts().tolist() == [8, 8, 4]


def test_named_classes_are_thinned_instead_of_the_default_ones():
    config = DataConfig(val_size=0.2, remove_classes=("cat", "dog", "cat"), remove_fraction=0.25)
    splits = make_splits(make_dataset(), config)
    assert splits.train.class_counts().tolist() == [24, 24, 32]
    assert splits.validation.class_counts().tolist() == [6, 6, 8]


def test_nothing_is_removed_when_no_class_is_named_or_the_fraction_is_zero():
    whole = DataConfig(remove_classes=())
    for config in (whole, DataConfig(remove_fraction=0.0)):
        splits = make_splits(make_dataset(), config)
        assert sorted(read_indices(splits.train) + read_indices(splits.validation)) == list(
            range(120)
        )


def test_class_can_be_removed_whole():
    splits = make_splits(make_dataset(), DataConfig(remove_fraction=1.0, val_size=0.2))
    assert splits.train.class_counts().tolist() == [32, 32, 0]
    assert splits.validation.class_counts().tolist() == [8, 8, 0]


def test_test_images_are_never_thinned_or_copied():
    dataset = make_dataset()
    splits = make_splits(dataset, DataConfig(remove_fraction=1.0))
    assert splits.test.pixels is dataset.test.pixels
    assert splits.test.rows is None
    assert splits.test.name == "pets test"


def test_what_is_removed_from_one_class_does_not_depend_on_the_others():
    dataset = make_dataset()
    labels = dataset.train.labels
    assert labels is not None
    one = make_splits(dataset, DataConfig(remove_classes=("dog",)))
    two = make_splits(dataset, DataConfig(remove_classes=("frog", "dog")))

    def dogs(splits):
        kept = read_indices(splits.train) + read_indices(splits.validation)
        return {index for index in kept if labels[index] == 1}

    assert dogs(one) == dogs(two)


def test_largest_remainders_get_the_images_left_over():
    # Exact shares of 4 of 17: 1.18, 1.18, 1.65; one image is left over.
    labels = np.repeat([0, 1, 2], [5, 5, 7])
    drawn = draw_class_shares(labels, NAMES, count=4, seed=0)
    assert np.bincount(labels[drawn]).tolist() == [1, 1, 2]


def test_equal_remainders_go_to_the_earlier_classes():
    labels = np.repeat([2, 1, 0], 5)
    drawn = draw_class_shares(labels, NAMES, count=8, seed=0)
    assert np.bincount(labels[drawn]).tolist() == [3, 3, 2]


def test_unknown_class_is_an_error_with_the_nearest_name():
    with pytest.raises(ConfigError, match=r"remove_classes: unknown class 'frgo'; did you mean 'f"):
        make_splits(make_dataset(), DataConfig(remove_classes=("cat", "frgo")))
    with pytest.raises(ConfigError, match="unknown class 'submarine'; choose among cat, dog, frog"):
        make_splits(make_dataset(), DataConfig(remove_classes=("submarine",)))


@pytest.mark.parametrize(
    ("counts", "changes", "message"),
    [
        (
            (9, 9, 9),
            {"remove_classes": NAMES, "remove_fraction": 1.0},
            r"remove_fraction 1\.0 of all classes leaves no image to train on; lower it, or name f",
        ),
        (
            (40, 40, 1),
            {},
            r"class 'frog' has 1 image to train on, and needs two, one each to train and to "
            r"validate on; give more images of it, or set data\.val_size to 0",
        ),
        ((1, 9, 1), {}, r"class 'cat' \(and 1 other class\) has 1 image to train on, and needs"),
        ((1, 1, 1), {}, r"class 'cat' \(and 2 other classes\) has 1 image to train on, and nee"),
        (
            (40, 40, 40),
            {"remove_fraction": 0.975},
            r"class 'frog' has 1 image left, data\.remove_fraction 0\.975 dropped 39, and needs "
            r"two, .* give more images of it, lower data\.remove_fraction, or set data\.val_size",
        ),
    ],
)
def test_too_few_images_for_both_splits_is_an_error_that_says_what_to_change(
    counts, changes, message
):
    config = DataConfig(**{"remove_fraction": 0.0} | changes)
    with pytest.raises(DataError, match=message):
        make_splits(make_dataset(counts, test_count=1), config)


@pytest.mark.parametrize("val_size", [0.01, 0.22, 0.99])
@pytest.mark.parametrize("counts", [(2, 2, 2), (3, 40, 2), (4, 4, 4)])
def test_a_class_of_two_is_in_both_splits(counts, val_size):
    config = DataConfig(remove_fraction=0.0, val_size=val_size)
    splits = make_splits(make_dataset(counts, test_count=1), config)
    for part in (splits.train, splits.validation):
        assert part.class_counts().min() >= 1
    everything = read_indices(splits.train) + read_indices(splits.validation)
    assert sorted(everything) == list(range(sum(counts)))


def test_what_every_class_has_anyway_is_drawn_as_ever():
    labels = np.repeat([0, 1, 2], [5, 5, 7])
    drawn = draw_class_shares(labels, NAMES, count=4, seed=0)
    same = draw_class_shares(labels, NAMES, count=4, seed=0, everywhere=True)
    assert drawn.tolist() == same.tolist()
    # A class of its own choice gets one, the others keep theirs.
    rare = np.repeat([0, 1, 2], [40, 40, 2])
    few, more = (
        draw_class_shares(rare, NAMES, count=8, seed=0, everywhere=everywhere).tolist()
        for everywhere in (False, True)
    )
    assert np.bincount(rare[few], minlength=3).tolist() == [4, 4, 0]
    assert set(few) < set(more)
    assert np.bincount(rare[more]).tolist() == [4, 4, 1]


@pytest.mark.parametrize("pictures", [3, 4, 5])
@pytest.mark.parametrize("classes", [2, 10, 33])
def test_three_images_of_a_class_are_enough_to_train_validate_and_test(classes, pictures):
    names = tuple(f"c{number:02}" for number in range(classes))
    labels = np.repeat(np.arange(classes), pictures)
    pixels = np.zeros((len(labels), 1, 2, 2), np.uint8)
    train, test = set_test_aside(ImageSet(pixels, labels, names, "pets"))
    splits = make_splits(Dataset(train, test, (), source="pets"), DataConfig())
    counts = [part.class_counts() for part in (splits.train, splits.validation, splits.test)]
    assert min(each.min() for each in counts) >= 1
    assert (sum(counts) == pictures).all()


def test_one_image_of_a_class_cannot_be_tested_on():
    labels = np.array([0, 0, 0, 1])
    images = ImageSet(np.zeros((4, 1, 2, 2), np.uint8), labels, ("cat", "dog"), "pets")
    words = "pets: class 'dog' has 1 image, and needs three, one each to train, to validate and"
    with pytest.raises(DataError, match=words):
        set_test_aside(images)


def test_what_is_set_aside_is_known_from_the_labels_alone():
    labels = np.repeat([1, 0, 1], [4, 12, 11])
    pixels = np.arange(27 * 4, dtype=np.uint8).reshape(27, 1, 2, 2)
    _, test = set_test_aside(ImageSet(pixels, labels, ("cat", "dog"), "pets"))
    drawn = draw_test_images(labels, ("cat", "dog"), name="pets")
    assert (test.images == pixels[drawn]).all()
    # A fifth of 27, by largest remainder: 12 / 5 and 15 / 5.
    assert np.bincount(labels[drawn]).tolist() == [2, 3]
    with pytest.raises(DataError, match="pets: class 'dog' has no image, and needs three"):
        draw_test_images(labels * 0, ("cat", "dog"), name="pets")


@pytest.mark.parametrize(
    ("thinned", "config", "told"),
    [
        (("frog",), DataConfig(remove_fraction=0.3), []),
        ((), DataConfig(remove_fraction=0.3, remove_classes=("dog",)), []),
        ((), DataConfig(remove_fraction=0.0), []),
        ((), DataConfig(), []),
        (
            (),
            DataConfig(remove_fraction=0.3),
            ["data: remove_fraction has no effect while no class is thinned"],
        ),
        (
            ("frog",),
            DataConfig(remove_fraction=0.3, remove_classes=()),
            ["data: remove_fraction has no effect while no class is thinned"],
        ),
    ],
)
def test_that_there_is_no_class_to_thin_is_told_where_the_data_set_decides_it(
    caplog, thinned, config, told
):
    dataset = replace(make_dataset(), thinned_classes=thinned)
    splits = make_splits(dataset, config)
    assert splits.fingerprint == draw_splits(dataset, config).fingerprint
    assert [record.getMessage() for record in caplog.records] == told


def test_flaws_are_described_only_where_there_are_any():
    assert describe_flaws((), 0) == {}
    assert describe_flaws(("a/1.png", "b/2.png"), 0) == {"left_out": ["a/1.png", "b/2.png"]}
    assert describe_flaws((), 3) == {"test_copies": 3}


def test_the_description_counts_what_is_in_each_split():
    splits = make_splits(make_dataset((40, 40, 40), test_count=9), DataConfig())
    described = describe_splits(splits)
    assert described["data"] == "pets"
    assert described["split"]["fingerprint"] == splits.fingerprint
    for name, part in (
        ("train", splits.train),
        ("validation", splits.validation),
        ("test", splits.test),
    ):
        assert part.labels is not None
        labels = part.labels.tolist()
        assert described["split"][name] == {
            "images": len(labels),
            "classes": {word: labels.count(label) for label, word in enumerate(NAMES)},
        }


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, ("frog",)),
        ({"remove_classes": ["cat", "dog"]}, ("cat", "dog")),
        ({"remove_classes": []}, ()),
        ({"remove_fraction": 0.0}, ()),
    ],
)
def test_thinned_classes_are_those_that_lose_images(values, expected):
    assert find_thinned_classes(make_dataset(), DataConfig.model_validate(values)) == expected
