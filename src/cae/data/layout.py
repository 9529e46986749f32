"""Which folders of a user's own pictures are classes, and which have another purpose."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from cae.errors import DataError
from cae.run_folder import holds_run
from cae.wording import join, show

TRAIN, TEST, UNLABELLED = "train", "test", "unlabelled"

_SUFFIXES = re.compile(r"\.(png|jpe?g|webp|gif|bmp|tiff?|p[pgn]m|jp2|avif)", re.IGNORECASE)
_VALIDATION = "validation"
# Other names of the folders that are not classes: words in their names, in either case.
_MEANT = {
    TRAIN: {"train", "training", "trainset", "trainingset"},
    TEST: {"test", "testing", "testset"},
    _VALIDATION: {"val", "valid", "validation"},
    UNLABELLED: {"unlabelled", "unlabeled"},
}
_FILLERS = {"set", "data", "dataset", "images", "pictures", "folder"}
_MOST_TOLD = 3

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of pictures below a folder.

    Attributes:
        root: the folder.
        classes: the classes' folders by name, sorted, if they are directly in `root`; None if
            training or test pictures have a folder of their own.
        train, test: the classes' folders in the folder of training and of test pictures; None if
            there is no such folder.
        unlabelled: the folder of pictures without a label; None if there is none.
    """

    root: Path
    classes: Mapping[str, Path] | None
    train: Mapping[str, Path] | None = None
    test: Mapping[str, Path] | None = None
    unlabelled: Path | None = None

    def require_parts(self) -> None:
        """Refuse training pictures without test pictures, or the other way round.

        A training or test folder that holds pictures but no class's folder is refused too: it is
        probably a class.

        Raises:
            DataError: naming what is missing.
        """
        for name, part in ((TRAIN, self.train), (TEST, self.test)):
            folder = self.root / name
            if part is not None and not part and _find_loose_pictures(folder):
                raise DataError(
                    f"{folder}: holds pictures, but no class folders; if {name} is a class, "
                    f"rename its folder ({name}_), otherwise sort the pictures into folders "
                    "named after their classes"
                )
        if (self.train is None) == (self.test is None):
            return
        there, missing = (TEST, TRAIN) if self.train is None else (TRAIN, TEST)
        raise DataError(
            f"{self.root}: has a folder {there}, but none called {missing}; give both, or only "
            "the classes' folders, to have a fifth set aside for testing"
        )


def find_layout(root: Path) -> Layout:
    """Return how the pictures below `root` are laid out, and warn of what is skipped.

    The folders of training and test pictures may have other names than `train` and `test`
    (`training_set`, `Test`), if both hold folders of pictures. Folders that hold runs are skipped.

    Raises:
        DataError: there are folders side by side that do not go together.
    """
    folders = _pass_by_runs(find_folders(root))
    _warn_of_loose_pictures(root)
    unlabelled = _take(folders, [name for name in folders if _tell_meaning(name) == UNLABELLED])
    parts = _find_parts(folders)
    if not parts:
        _warn_of_names(root, folders)
        _warn_of_same_folders(root, folders)
        return Layout(root, folders, unlabelled=unlabelled)
    train, test = (_take(folders, parts.get(part, [])) for part in (TRAIN, TEST))
    layout = Layout(root, None, _look_into(train), _look_into(test), unlabelled)
    if folders:
        if not any(map(_is_for_validation, folders)):
            layout.require_parts()
        _refuse_beside_parts(root, folders, layout)
    return layout


def find_folders(path: Path) -> dict[str, Path]:
    """Return the folders in a folder by name, sorted by name; hidden ones are left out.

    Raises:
        DataError: the file system refuses to look there.
    """
    try:
        with os.scandir(path) as entries:
            names = sorted(each.name for each in entries if each.is_dir())
    except OSError as error:
        _refuse(error)
    return {name: path / name for name in names if not name.startswith(".")}


def list_pictures(folder: Path) -> list[Path]:
    """Return the pictures in a folder and its subfolders, and warn of what is skipped.

    Raises:
        DataError: there is none, or the file system refuses to look there.
    """
    if holds_run(folder):
        logger.warning("%s: holds a run of cae; skipping the folders in it", folder)
    others: list[Path] = []
    paths = list(find_pictures(folder, others=others))
    if others:
        logger.warning(
            "%s: skipping what is not a picture: %s, such as %s",
            *(folder, _count_files(len(others)), show(others[0].name)[1:-1]),
        )
    if not paths:
        raise DataError(
            f"{folder}: holds no pictures (PNG, JPEG, WebP and the like); add some or remove the "
            "folder"
        )
    return paths


def find_pictures(folder: Path, *, others: list[Path] | None = None) -> Iterator[Path]:
    """Yield the pictures in a folder and its subfolders, sorted by their names.

    Links are followed; a folder that is reached a second time, by a loop or otherwise, is skipped.

    Args:
        folder: where to look; hidden files and folders, and runs, are skipped. If it is that of a
            run itself, only the pictures directly in it are found.
        others: receives the files that are not pictures, going by their names.

    Raises:
        DataError: the file system refuses to look there.
    """
    seen: set[tuple[int, int]] = set()
    for directory, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        inside = Path(directory)
        place = _find_place(inside)
        is_run = holds_run(inside)
        if is_run or place in seen:
            folders.clear()
        if place in seen or (is_run and inside != folder):
            continue
        seen.add(place)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(name for name in names if not name.startswith(".")):
            if _is_picture(inside / name):
                yield inside / name
            elif others is not None:
                others.append(inside / name)


def holds_pictures(folder: Path) -> bool:
    """Return whether there is a picture in a folder or its subfolders.

    Raises:
        DataError: the file system refuses to look there.
    """
    return next(find_pictures(folder), None) is not None


def name_folders(names: Mapping[str, Path]) -> str:
    """Return the names of a few folders, and how many more there are."""
    told = [show(name) for name in names][:_MOST_TOLD]
    if more := len(names) - len(told):
        told.append(f"{more} more")
    return join(told)


def _find_place(folder: Path) -> tuple[int, int]:
    """Return what identifies a folder, by whatever path it is reached."""
    try:
        found = folder.stat()
    except OSError as error:
        _refuse(error)
    return found.st_dev, found.st_ino


def _count_files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"


def _is_picture(path: Path) -> bool:
    return _SUFFIXES.fullmatch(path.suffix) is not None


def _refuse(error: OSError) -> NoReturn:
    raise DataError(f"{error.filename}: cannot be read: {error.strerror}") from None


def _split_words(name: str) -> set[str]:
    return set(re.findall(r"[^\W_]+", name.casefold()))


def _tell_meaning(name: str) -> str | None:
    """Return what a folder of that name is for, if it is probably not a class; else None."""
    words = _split_words(name) - _FILLERS
    return next((part for part, known in _MEANT.items() if words and words <= known), None)


def _find_parts(folders: Mapping[str, Path]) -> dict[str, list[str]]:
    """Return the names of the folders that are not classes, by purpose; none if all are classes."""
    named: list[tuple[str, str, frozenset[str]]] = []
    for name, folder in folders.items():
        words = _split_words(name)
        for part in (TRAIN, TEST, _VALIDATION):
            if words & _MEANT[part] and (name == part or _has_classes(folder)):
                named.append((name, part, frozenset(words - _MEANT[part] - _FILLERS)))
                break
    found: dict[str, list[str]] = {}
    for name, part, rest in named:
        # "seg_train" beside "seg_test"; by itself "express train" is a class.
        if not rest or any(other != part and rest == same for _, other, same in named):
            found.setdefault(part, []).append(name)
    is_certain = TRAIN in folders or TEST in folders
    return found if is_certain or len(found) > 1 else {}


def _has_classes(folder: Path) -> bool:
    return any(map(holds_pictures, find_folders(folder).values()))


def _take(folders: dict[str, Path], names: list[str]) -> Path | None:
    """Remove the one folder that has one of the names from `folders`, and return it."""
    if len(names) > 1:
        paths = {name: folders[name] for name in names}
        raise DataError(
            f"{paths[names[0]].parent}: {name_folders(paths)} mean the same; move the pictures "
            "into one of them"
        )
    return folders.pop(names[0]) if names else None


def _look_into(part: Path | None) -> dict[str, Path] | None:
    """Return the classes' folders in the folder of training or test pictures."""
    if part is None:
        return None
    folders = _pass_by_runs(find_folders(part))
    for name, folder in folders.items():
        if _tell_meaning(name) == UNLABELLED:
            raise DataError(
                f"{folder}: pictures without a label belong beside the folder {part.name}, not in "
                f"it; move them to {part.parent / UNLABELLED}"
            )
    _warn_of_loose_pictures(part)
    _warn_of_same_folders(part, folders)
    return folders


def _is_for_validation(name: str) -> bool:
    return _tell_meaning(name) == _VALIDATION


def _refuse_beside_parts(root: Path, others: Mapping[str, Path], layout: Layout) -> NoReturn:
    found = name_folders(others)
    remedy = f"move its pictures into one of these, unlabelled ones into {UNLABELLED}"
    if all(map(_is_for_validation, others)):
        if layout.train is None:
            remedy = f"rename it {TRAIN} to train on it"
        elif layout.test is None:
            remedy = f"rename it {TEST} to test on it"
    raise DataError(
        f"{root}: beside {TRAIN} and {TEST} there may only be {UNLABELLED}, found {found}; "
        f"{remedy} (validation images are taken from the training images)"
    )


def _pass_by_runs(folders: Mapping[str, Path]) -> dict[str, Path]:
    """Return the folders except those that hold runs and no pictures besides."""
    kept: dict[str, Path] = {}
    for name, folder in folders.items():
        runs = [each for each in (folder, *find_folders(folder).values()) if holds_run(each)]
        if runs:
            logger.warning(
                "%s: skipping a folder that is not a class but holds a run of cae", runs[0]
            )
        if not runs or (folder not in runs and holds_pictures(folder)):
            kept[name] = folder
    return kept


def _warn_of_names(root: Path, folders: Mapping[str, Path]) -> None:
    """Warn of folders that are taken for classes but are probably not meant to be."""
    for name in folders:
        meant = _tell_meaning(name)
        if meant in (TRAIN, TEST, _VALIDATION):
            remedy = f"rename it {meant}" if meant != _VALIDATION else f"move it into {TRAIN}"
            logger.warning(
                "%s: the folder %s is taken for a class; if it is not one, %s",
                *(root, show(name), remedy),
            )


def _warn_of_same_folders(root: Path, folders: Mapping[str, Path]) -> None:
    """Warn if the folders inside the classes' folders are probably the real classes."""
    inner = [find_folders(folder) for folder in folders.values()]
    if (
        len(inner) > 1
        and len(inner[0]) > 1
        and all(each.keys() == inner[0].keys() for each in inner)
    ):
        logger.warning(
            "%s: %s are taken for the classes, and each has the same folders in it, %s; if those "
            "are the classes, put the pictures of each into one folder",
            *(root, name_folders(folders), name_folders(inner[0])),
        )


def _warn_of_loose_pictures(path: Path) -> None:
    if loose := _find_loose_pictures(path):
        logger.warning(
            "%s: skipping pictures that are not in a class's folder: %d, such as %s",
            *(path, len(loose), show(min(loose))),
        )


def _find_loose_pictures(path: Path) -> list[str]:
    if not path.is_dir():
        return []
    names = [each.name for each in path.iterdir() if _is_picture(each) and each.is_file()]
    return [name for name in names if not name.startswith(".")]
