"""All paths of a run, in the origin's layout: they are put together here and nowhere else."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cae.errors import ConfigError, OccupiedError
from cae.files import remove, sweep

FOLDERS = ("models", "history", "plots")
_CHECKPOINTS = "checkpoints"
_LONGEST_RUN_NAME = 100  # bytes; less than a model's, so that "autoencoder_" fits before it
# The curves that are drawn of a model's history, and the plots that show the evaluation.
CURVES = {"autoencoder": ("loss",), "classifier": ("loss", "accuracy")}
PICTURES = ("reconstructions", "confusion_matrix", "per_class_recall", "confident_mistakes")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The files of one model of a run."""

    folder: Path
    name: str

    @property
    def json(self) -> Path:
        """Architecture, configuration and provenance."""
        return self.folder / f"{self.name}.json"

    @property
    def weights(self) -> Path:
        """The weights that the model is used with."""
        return self.folder / f"{self.name}.safetensors"

    def other_weights(self, which: str) -> Path:
        """The weights, "best" or "last", that were not chosen; only if there was validation."""
        return self.folder / f"{self.name}_{which}.safetensors"


@dataclass(frozen=True, slots=True, init=False)
class RunFolder:
    """The layout of a run under `root`, its models named `autoencoder_NAME` and so on."""

    root: Path
    name: str

    def __init__(self, root: str | Path, name: str) -> None:
        require_plain_name(name, most_bytes=_LONGEST_RUN_NAME)
        object.__setattr__(self, "root", Path(root))
        object.__setattr__(self, "name", name)

    def make(self) -> None:
        """Make the run's folders, and check that they can be written, before hours are spent.

        Raises:
            ConfigError: a folder, which the message names, cannot be made or written; or a new run
                cannot have this name.
        """
        require_run_name(self.name)
        for folder in (self.root, *(self.root / name for name in FOLDERS)):
            _make_folder(folder)

    @contextmanager
    def lock(self) -> Generator[None]:
        """Make the folder, and keep other processes from working in it during the block.

        The lock ends with its process, however that ends. Temporary files that killed processes
        left are removed. The same process may take the lock again.

        Raises:
            OccupiedError: another process is working there.
            ConfigError: the folder cannot be written.
        """
        from filelock import FileLock, Timeout  # Not needed by callers that only read.

        self.make()
        path = self.root.resolve() / ".lock"
        lock = FileLock(path, timeout=0, is_singleton=True)
        if lock.is_locked:  # By this very process, in an outer block.
            yield
            return
        try:
            lock.acquire()
        except Timeout:
            raise OccupiedError(
                f"{self.root}: another process is working in this folder; wait for it to end, or "
                "give another folder (--out)"
            ) from None
        except OSError as error:
            raise ConfigError(f"{path}: cannot be locked: {error.strerror or error}") from error
        try:
            for folder in (self.root, *(self.root / name for name in (*FOLDERS, _CHECKPOINTS))):
                sweep(folder)
            yield
        finally:
            # Still held, so that a process which is about to lock this very file sees it gone.
            with suppress(OSError):
                path.unlink()
            lock.release()

    def state(self, model: str, *, step: int) -> Path:
        """The state of a model's training after `step` optimizer steps."""
        require_plain_name(model)
        return self.root / _CHECKPOINTS / f"{model}-{step:09}.state"

    def find_states(self, model: str) -> list[Path]:
        """The states of a model's training that exist, the latest first."""
        require_plain_name(model)
        pattern = re.compile(re.escape(model) + r"-[0-9]{9,}\.state")
        paths = (self.root / _CHECKPOINTS).glob("*.state")
        return sorted((path for path in paths if pattern.fullmatch(path.name)), reverse=True)

    def drop_states(self, model: str, *, keep: int = 0) -> None:
        """Remove the states of a model's training, except the latest `keep`."""
        for path in self.find_states(model)[keep:]:
            remove(path)
        # If the folder holds something else, or does not exist, nothing happens.
        with suppress(OSError):
            (self.root / _CHECKPOINTS).rmdir()

    def drop_model(self, model: str) -> None:
        """Remove a model's states, JSON, other weights, history and curves, not its own weights."""
        self.drop_states(model)
        files = self.model(model)
        for path in (
            files.json,
            files.other_weights("best"),
            files.other_weights("last"),
            self.history(model),
            *(self.plot(f"{model}_{metric}") for metric in CURVES["classifier"]),
        ):
            remove(path)

    def drop_weights(self, model: str) -> None:
        """Remove a model's JSON and all its weights; its history stays."""
        files = self.model(model)
        for path in (
            files.json,
            files.weights,
            files.other_weights("best"),
            files.other_weights("last"),
        ):
            remove(path)

    def drop_evaluation(self) -> None:
        """Remove the run's evaluation and the plots that show it."""
        remove(self.evaluation)
        for picture in PICTURES:
            remove(self.plot(f"{picture}_{self.name}"))

    def model(self, name: str) -> ModelFiles:
        """Files of the model called `name`, for callers that name their models themselves."""
        require_plain_name(name)
        return ModelFiles(self.root / "models", name)

    def history(self, name: str) -> Path:
        """The training history of the model called `name`."""
        require_plain_name(name)
        return self.root / "history" / f"{name}.json"

    def plot(self, name: str) -> Path:
        """A plot of the run."""
        require_plain_name(name)
        return self.root / "plots" / f"{name}.png"

    @property
    def plots(self) -> list[Path]:
        """All plots of a complete run, in the order of their names."""
        return sorted(
            self.plot(name)
            for name in (
                *(f"{self.autoencoder}_{metric}" for metric in CURVES["autoencoder"]),
                *(f"{self.classifier}_{metric}" for metric in CURVES["classifier"]),
                *(f"{picture}_{self.name}" for picture in PICTURES),
            )
        )

    @property
    def autoencoder(self) -> str:
        return f"autoencoder_{self.name}"

    @property
    def encoder(self) -> str:
        return f"encoder_{self.name}"

    @property
    def classifier(self) -> str:
        return f"classifier_{self.name}"

    @property
    def evaluation(self) -> Path:
        return self.root / "evaluation.json"

    @property
    def environment(self) -> Path:
        return self.root / "environment.json"

    @property
    def configuration(self) -> Path:
        return self.root / "run.json"

    @property
    def study(self) -> Path:
        """The folder of a study's results, if the run is published with a study."""
        return self.root / "history" / "study"

    @property
    def benchmarks(self) -> Path:
        """The folder of measured speeds, if the run is published with them."""
        return self.root / "benchmarks" / "results"


def find_configuration(root: Path) -> Path:
    """Return the path of the configuration in a run's folder, which also names the run."""
    return root / "run.json"


def holds_run(folder: Path) -> bool:
    """Return whether `folder` looks like that of a run, a single stage or a study."""
    with suppress(OSError):  # Raised if the folder may not be read.
        there = {name for name in (*FOLDERS, "trials") if (folder / name).is_dir()}
        # A class may have folders of these names too, but with pictures in them.
        endings = {path.suffix for path in (folder / "history").glob("*.*")}
        is_laid_out = {"history", "plots"} < there and endings <= {".json", ".csv"}
        return find_configuration(folder).is_file() or is_laid_out
    return False


@dataclass(frozen=True, slots=True)
class StudyFolder:
    """The layout of a study under `root`: a folder for each trial, and the results of all.

    `trials/` is all that a study consists of: copied into another study's, its trials join those.
    """

    root: Path

    def make(self) -> None:
        """Make the folders, check that they can be written, and remove what killed processes left.

        Raises:
            ConfigError: a folder cannot be made or written.
        """
        for folder in (self.root, self.root / "trials", self.results, self.root / "plots"):
            _make_folder(folder)
            sweep(folder)

    def trial(self, key: str) -> RunFolder:
        """The run folder of a trial."""
        require_plain_name(key)
        return RunFolder(self.root / "trials" / key, "trial")

    def result(self, key: str) -> Path:
        """The result of a trial; it exists once the trial is finished."""
        return self.trial(key).root / "result.json"

    def failure(self, key: str) -> Path:
        """Why a trial could not be finished."""
        return self.trial(key).root / "failure.json"

    def grid(self, key: str) -> Path:
        """The trials that one command asked for."""
        require_plain_name(key)
        return self.root / "trials" / f"grid-{key}.json"

    def find_grids(self) -> list[Path]:
        """All grids that were asked for, always in the same order."""
        return sorted((self.root / "trials").glob("grid-*.json"))

    @property
    def results(self) -> Path:
        """The folder of the results of all trials, in the same place as in a published run."""
        return RunFolder(self.root, "study").study

    @property
    def table(self) -> Path:
        """One row for each trial."""
        return self.results / "trials.csv"

    @property
    def summary(self) -> Path:
        """Means, differences and conditions."""
        return self.results / "summary.json"

    def plot(self, name: str) -> Path:
        """A plot of the study."""
        require_plain_name(name)
        return self.root / "plots" / f"study_{name}.png"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(
            f"{folder}: cannot be written: {error.strerror}; give another folder (--out), or "
            "remove what is in its way"
        ) from None


def require_run_name(name: str) -> None:
    """Refuse a name that a new run cannot have; see `require_model_name`.

    Raises:
        ConfigError: it cannot name a file, or would name the weights of another run's model.
    """
    require_plain_name(name, most_bytes=_LONGEST_RUN_NAME)
    require_model_name(name)


def require_model_name(name: str) -> None:
    """Refuse a name that is for the other weights of a model; see `require_plain_name`.

    Raises:
        ConfigError: it cannot name a file, or would name another model's weights.
    """
    require_plain_name(name)
    if name.endswith(("_best", "_last")):
        raise ConfigError(
            f"{name!r} cannot name a run or a model: names with this ending are for the weights "
            "of another epoch; choose another name"
        )


def require_plain_name(name: str, *, most_bytes: int = 150) -> None:
    """Refuse a name that could leave its folder or that a file system could not hold.

    Args:
        name: what is to become part of a file's name.
        most_bytes: how long it may be in UTF-8. File systems allow 255 bytes, which also have to
            hold the endings of the names of weights and of temporary files.

    Raises:
        ConfigError: `name` is empty, too long, hidden, or has a character other than letters,
            digits, `-`, `_`, `.` and space.
    """
    allowed = all(character.isalnum() or character in "-_. " for character in name)
    # `allowed` comes first: a lone surrogate is not allowed and has no UTF-8.
    if not name or not allowed or name[0] in ". " or len(name.encode()) > most_bytes:
        raise ConfigError(
            f"{name!r} cannot name a file: use letters, digits, '-', '_', '.' or spaces, at most "
            f"{most_bytes} bytes of them, not starting with a dot or a space"
        )
