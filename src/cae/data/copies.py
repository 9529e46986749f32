"""Warnings of the same picture twice among a user's own, where that spoils what is measured."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence

from cae.data.images import ImageSet, Splits
from cae.data.origin import Copied
from cae.wording import join, show

_MOST_EXAMPLES = 3
_MOST_TOLD = 4

logger = logging.getLogger(__name__)


def find_copies(measured: ImageSet, learnt_from: Iterable[ImageSet | None]) -> list[Copied]:
    """Return the pictures that are in both, in the order of the measured images.

    Args:
        measured: images that should not be learnt from.
        learnt_from: the images to learn from; sets that do not come from files are ignored.
    """
    learnt: dict[bytes, list[str]] = defaultdict(list)
    for images in learnt_from:
        for digest, file in [] if images is None else list_files(images):
            learnt[digest].append(file)
    copies: dict[bytes, list[str]] = defaultdict(list)
    for digest, file in list_files(measured):
        if digest in learnt:
            copies[digest].append(file)
    return [Copied(files, learnt[digest]) for digest, files in copies.items()]


def tell_copies(copied: Sequence[Copied], *, of: int, role: str) -> None:
    """Warn of measured images that are also learnt from: scores on them mean little.

    Args:
        copied: from `find_copies`.
        of: how many images are measured.
        role: what the measured images are called, such as "test".
    """
    if copied:
        logger.warning(
            "%s; keep only one copy of each: %s",
            describe_copies(sum(len(each.measured) for each in copied), of=of, role=role),
            _name_groups([[*each.measured, *each.learnt_from] for each in copied]),
        )


def describe_copies(count: int, *, of: int, role: str) -> str:
    """Return the clause that reports measured images that are also learnt from."""
    are, make = ("is", "makes") if count == 1 else ("are", "make")
    return (
        f"{count:,} of the {of:,} {role} images {are} also among the training images, pixel "
        f"for pixel, and {make} the scores look better than they are"
    )


def tell_split_copies(splits: Splits) -> None:
    """Warn of test and of validation images that are also trained on."""
    tell_copies(splits.test_copied, of=len(splits.test), role="test")
    if splits.val is not None:
        copied = find_copies(splits.val, [splits.train, splits.unlabelled])
        tell_copies(copied, of=len(splits.val), role="validation")


def tell_contradictions(*labelled: ImageSet) -> None:
    """Warn of pictures that are in several classes: at most one of their labels is right.

    Args:
        labelled: the parts of a data set; those that do not come from files are ignored.
    """
    files: dict[bytes, list[str]] = defaultdict(list)
    classes: dict[bytes, set[str]] = defaultdict(set)
    for images in labelled:
        assert images.labels is not None
        labels: list[int] = images.labels.tolist()
        for (digest, file), label in zip(list_files(images), labels, strict=False):
            files[digest].append(file)
            classes[digest].add(images.class_names[label])
    groups = [files[digest] for digest, names in classes.items() if len(names) > 1]
    if groups:
        logger.warning(
            "%s in several classes, pixel for pixel, where at most one label is right; keep each "
            "in only one class: %s",
            "1 picture is" if len(groups) == 1 else f"{len(groups):,} pictures are",
            _name_groups(groups),
        )


def list_files(images: ImageSet) -> list[tuple[bytes, str]]:
    """Return the digest and the file of each image; an empty list if they are not from files."""
    origin = images.origin
    if origin is None:
        return []
    rows = range(len(origin.files)) if images.rows is None else images.rows.tolist()
    return [(origin.digests[row], origin.files[row]) for row in rows]


def _name_groups(groups: Sequence[Sequence[str]]) -> str:
    """Return the file names of the first few groups; the files of a group are the same picture."""
    told = [_name_files(files) for files in groups[:_MOST_EXAMPLES]]
    more = len(groups) - len(told)
    return "; ".join(told) + (f"; and {more:,} more" if more else "")


def _name_files(files: Sequence[str]) -> str:
    told = [show(file) for file in files]
    if len(told) > _MOST_TOLD:
        told[_MOST_TOLD - 1 :] = [f"{len(told) - _MOST_TOLD + 1:,} more"]
    return f"{join(told)} are the same picture"
