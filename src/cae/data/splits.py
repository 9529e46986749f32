"""Which training images are kept, and which of them validate: a function of the seed alone."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from cae.config import DataConfig, tell_ineffective
from cae.data.copies import find_copies, tell_split_copies
from cae.data.images import Dataset, ImageSet, Splits
from cae.errors import ConfigError, DataError, TooFewError
from cae.seeding import derive_seed, make_permutation

Indices = NDArray[np.int64]

_TEST_FRACTION = 0.2
_TEST_SEED = 2019


def make_splits(dataset: Dataset, config: DataConfig) -> Splits:
    """Return the train, validation and test images of a run, and warn of what is wrong with them.

    Keys of `config` without effect are warned of, and test and validation images that are also
    trained on. See `draw_splits` for how the images are divided.

    Raises:
        ConfigError, DataError: see `draw_splits`.
    """
    splits = draw_splits(dataset, config)
    # The data set's own choice of classes, which null stands for, may be none.
    is_none = not _find_removed(dataset, config)
    known = config.model_copy(update={"remove_classes": ()}) if is_none else config
    tell_ineffective(known, section="data")
    tell_split_copies(splits)
    return splits


def draw_splits(dataset: Dataset, config: DataConfig) -> Splits:
    """Return the train, validation and test images of a run, and warn of nothing.

    Of each class in `config.remove_classes` (None: the data set's own choice) the fraction
    `config.remove_fraction` of the training images is dropped at random. Of the n images left,
    round(n * val_size) are for validation, from each class its share but at least one, and the rest
    are for training. With a `val_size` of 0 none are for validation. The test images are never
    thinned. With `config.labels_per_class` only that many training images of each class keep their
    labels; a smaller number is always a subset of a larger one. Equal arguments give equal splits
    on every machine.

    Raises:
        ConfigError: `config.remove_classes` names a class that the data set does not have.
        DataError: the training images are unlabelled, none of them is left, only one of a class is
            left (with validation), or a class has fewer than `config.labels_per_class`.
    """
    labels = _require_labels(dataset.train)
    names = dataset.train.class_names
    removed = _find_removed(dataset, config)
    _require_known(removed, names)

    kept = _thin(labels, names, removed=removed, fraction=config.remove_fraction, seed=config.seed)
    val_count = round(len(kept) * config.val_size)
    _require_enough(dataset, labels, kept=kept, config=config)
    drawn = draw_class_shares(
        labels[kept],
        names,
        count=val_count,
        seed=config.seed,
        everywhere=config.val_size > 0,
    )
    val, train = kept[drawn], np.delete(kept, drawn)
    images = _named(dataset.train.select(train), "train")
    labelled = images
    if config.labels_per_class is not None:
        places = _draw_labelled(labels[train], names, config)
        labelled = _named(dataset.train.select(train[places]), "labelled")
    return Splits(
        train=images,
        labelled=labelled,
        val=_named(dataset.train.select(val), "validation") if len(val) else None,
        test=_named(dataset.test, "test"),
        fingerprint=compute_fingerprint(train, val),
        source=dataset.source,
        unlabelled=dataset.unlabelled,
        left_out=dataset.left_out,
        test_copied=find_copies(dataset.test, [images, dataset.unlabelled]),
        pictures_sha256=dataset.pictures_sha256,
    )


def set_test_aside(images: ImageSet) -> tuple[ImageSet, ImageSet]:
    """Return the images to train on, and a fifth to test on, from each class its share.

    Each class has at least one image in both parts. The parts are the same in every run: the test
    images belong to the definition of the data set, so no setting chooses them.

    Raises:
        TooFewError: a class has too few images to be in both parts.
        DataError: the images are unlabelled.
    """
    labels = _require_labels(images)
    test = draw_test_images(labels, images.class_names, name=images.name)
    train = np.delete(np.arange(len(labels)), test)
    return images.select(train), images.select(test)


def draw_test_images(
    labels: NDArray[np.int64], class_names: Sequence[str], *, name: str
) -> Indices:
    """Return the sorted indices in `labels` of the images that `set_test_aside` sets aside.

    Args:
        labels: int64 [N], each an index into `class_names`.
        class_names: the names of the K classes.
        name: the name of the set, for messages.

    Raises:
        TooFewError: a class has too few images to be in both parts.
    """
    counts = np.bincount(labels, minlength=len(class_names)).tolist()
    few = [place for place, count in enumerate(counts) if count < 2]
    if few:
        found = "1 image" if counts[few[0]] else "no image"
        raise TooFewError(
            f"{name}: {_name_few([class_names[place] for place in few])} has {found}, and needs "
            "three, one each to train, to validate and to test on (two where data.val_size is 0); "
            "give more images of it, or leave it out"
        )
    count = round(len(labels) * _TEST_FRACTION)
    return draw_class_shares(labels, class_names, count=count, seed=_TEST_SEED, everywhere=True)


def find_thinned_classes(dataset: Dataset, config: DataConfig) -> tuple[str, ...]:
    """Return the classes that lose training images; none if `remove_fraction` is 0."""
    return _find_removed(dataset, config) if config.remove_fraction > 0 else ()


def describe_splits(splits: Splits) -> dict[str, Any]:
    """Return, as JSON values, which images a run uses: source, fingerprint, sizes, class counts."""
    parts = {"train": splits.train, "test": splits.test}
    if splits.val is not None:
        parts = {"train": splits.train, "validation": splits.val, "test": splits.test}
    if len(splits.labelled) < len(splits.train):
        parts["labelled"] = splits.labelled
    if splits.unlabelled is not None:
        parts["unlabelled"] = splits.unlabelled
    described = {
        name: {"images": len(part), "classes": _count_classes(part)} for name, part in parts.items()
    }
    return {
        "data": splits.source,
        "split": {"fingerprint": splits.fingerprint, **described},
    }


def describe_flaws(left_out: Sequence[str], test_copies: int) -> dict[str, Any]:
    """Return, as JSON values, what is wrong with a user's own pictures; nothing if nothing is.

    Args:
        left_out: the files that could not be used. They are not part of the data set, which stays
            the same if they are deleted.
        test_copies: how many test images are also among those to learn from.
    """
    files = {"left_out": list(left_out)} if left_out else {}
    return {**files, "test_copies": test_copies} if test_copies else files


def drop_labelled(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return `about` without what it says of labelled images, which an autoencoder does not use.

    Args:
        about: from `describe_splits`, perhaps with other facts; it may lack the split.
    """
    split = about.get("split")
    if not isinstance(split, dict):
        return dict(about)
    kept = {key: part for key, part in cast("dict[str, Any]", split).items() if key != "labelled"}
    return {**about, "split": kept}


def draw_class_shares(
    labels: NDArray[np.int64],
    class_names: Sequence[str],
    *,
    count: int,
    seed: int,
    everywhere: bool = False,
) -> Indices:
    """Return the sorted indices in `labels` of `count` random images, from each class its share.

    The shares are rounded to whole images by largest remainder, earlier classes first if remainders
    are equal; they differ from the exact ones by less than one image and add up to `count`.

    With `everywhere`, at least one image of every class with two or more is drawn and at least one
    is left, whatever the class's share. The shares of other classes stay as they are, so that more
    or fewer than `count` images may be drawn.
    """
    totals = np.bincount(labels, minlength=len(class_names)).astype(np.int64)
    # Whole numbers only: the remainders, and so the split, are the same on every machine.
    shares, remainders = np.divmod(totals * count, max(len(labels), 1))
    missing = count - int(shares.sum())
    shares[np.argsort(-remainders, kind="stable")[:missing]] += 1
    if everywhere:
        shares = np.where(totals > 1, shares.clip(1, np.maximum(totals - 1, 1)), shares)
    drawn = [
        _draw(labels, label, int(share), seed=derive_seed(seed, "validation", name))
        for label, (name, share) in enumerate(zip(class_names, shares, strict=True))
    ]
    return np.sort(np.concatenate(drawn))


def compute_fingerprint(*index_lists: Indices) -> str:
    """Return the SHA-256, in hexadecimal, of the lists: of each its length, then its indices.

    All numbers are hashed as little-endian 64-bit integers.
    """
    digest = hashlib.sha256()
    for indices in index_lists:
        digest.update(len(indices).to_bytes(8, "little"))
        digest.update(indices.astype("<i8").tobytes())
    return digest.hexdigest()


def _count_classes(images: ImageSet) -> dict[str, int]:
    if images.labels is None:
        return {}
    return dict(zip(images.class_names, images.class_counts().tolist(), strict=True))


def _find_removed(dataset: Dataset, config: DataConfig) -> tuple[str, ...]:
    return dataset.thinned_classes if config.remove_classes is None else config.remove_classes


def _thin(
    labels: NDArray[np.int64],
    names: Sequence[str],
    *,
    removed: Sequence[str],
    fraction: float,
    seed: int,
) -> Indices:
    keep = np.ones(len(labels), dtype=np.bool_)
    for label, name in enumerate(names):
        if name in removed:
            count = round(np.count_nonzero(labels == label) * fraction)
            keep[_draw(labels, label, count, seed=derive_seed(seed, "thin", name))] = False
    return np.flatnonzero(keep).astype(np.int64)


def _draw(labels: NDArray[np.int64], label: int, count: int, *, seed: int) -> Indices:
    members = np.flatnonzero(labels == label).astype(np.int64)
    return members[make_permutation(len(members), seed=seed)[:count]]


def _draw_labelled(labels: NDArray[np.int64], names: Sequence[str], config: DataConfig) -> Indices:
    """Return the sorted indices of the images whose labels may be used."""
    count = config.labels_per_class
    assert count is not None
    drawn: list[Indices] = []
    for label, name in enumerate(names):
        there = np.count_nonzero(labels == label)
        if there < count:
            raise DataError(
                f"data.labels_per_class {count}: class {name!r} has only {there} training images; "
                "ask for fewer, or lower data.val_size or data.remove_fraction"
            )
        # The first ones in a fixed order: fewer labels are a subset of more.
        seed = config.seed if config.labelled_seed is None else config.labelled_seed
        seed = derive_seed(seed, "labelled", name)
        drawn.append(_draw(labels, label, count, seed=seed))
    return np.sort(np.concatenate(drawn))


def _named(images: ImageSet, role: str) -> ImageSet:
    return images.rename(f"{images.name} {role}")


def _require_labels(images: ImageSet) -> NDArray[np.int64]:
    if images.labels is None:
        raise DataError(f"{images.name}: images cannot be split by class without labels")
    return images.labels


def _require_known(removed: Sequence[str], names: Sequence[str]) -> None:
    for name in removed:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"choose among {', '.join(names)}"
            raise ConfigError(f"data.remove_classes: unknown class {name!r}; {hint}")


def _require_enough(
    dataset: Dataset, labels: NDArray[np.int64], *, kept: Indices, config: DataConfig
) -> None:
    if not len(kept):
        raise DataError(
            f"data.remove_fraction {config.remove_fraction} of all classes leaves no image to "
            "train on; lower it, or name fewer classes in data.remove_classes"
        )
    if config.val_size == 0:
        return
    # Removing a whole class is a choice; a class that is in only one split cannot be validated.
    names = dataset.train.class_names
    found, left = (
        np.bincount(some, minlength=len(names)).tolist() for some in (labels, labels[kept])
    )
    alone = [label for label, count in enumerate(left) if count == 1]
    if alone:
        dropped = found[alone[0]] - 1
        needed = "two, one each to train and to validate on"
        if dropped:
            few = f"1 image left, data.remove_fraction {config.remove_fraction} dropped {dropped:,}"
        elif dataset.is_test_set_aside:
            few = "2 images, one of them set aside for testing"
            needed = "three, one each to train, to validate and to test on"
        else:
            few = "1 image to train on"
        raise DataError(
            f"{_name_few([names[label] for label in alone])} has {few}, and needs {needed}; "
            f"give more images of it, {'lower data.remove_fraction, ' if dropped else ''}or set "
            "data.val_size to 0, which validates on none"
        )


def _name_few(names: Sequence[str]) -> str:
    """Return the name of the first class in the list, and how many more there are."""
    more = len(names) - 1
    others = f" (and {more:,} other class{'es' * (more != 1)})" if more else ""
    return f"class {names[0]!r}{others}"
