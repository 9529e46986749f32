"""Every path of a run, in the origin's layout: nobody else joins paths."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cae.errors import ConfigError, OccupiedError
from cae.files import remove, sweep

_FOLDERS = ("models", "history", "plots")
_CHECKPOINTS = "checkpoints"
_LONGEST_RUN_NAME = 100  # bytes; less than a model's, so that "autoencoder_" fits before it
# The curves that are drawn of a model's history, and the pictures that show what was measured.
CURVES = {"autoencoder": ("loss",), "classifier": ("loss", "accuracy")}
PICTURES = ("reconstructions", "confusion_matrix", "per_class_recall", "confident_mistakes")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Where one model of a run lies."""

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
        """The weights, "best" or "last", that were not chosen; none where nothing was validated."""
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
        """Make the run's folders, and see that they can be written, before hours are spent.

        Raises:
            ConfigError: naming the folder that cannot be made or written; or the run's name is
                none for a new one.
        """
        require_run_name(self.name)
        for folder in (self.root, *(self.root / name for name in _FOLDERS)):
            _make_folder(folder)

    @contextmanager
    def lock(self) -> Generator[None]:
        """Make the folder, and keep other processes from working in it for the block.

        The lock ends with its process, however that ends. What temporary files a killed process
        left are removed. Within one process the lock may be taken again.

        Raises:
            OccupiedError: another process is at work there.
            ConfigError: the folder cannot be written.
        """
        from filelock import FileLock, Timeout  # Not needed by who only reads.

        self.make()
        path = self.root.resolve() / ".lock"
        lock = FileLock(path, timeout=0, is_singleton=True)
        if lock.is_locked:  # By this very process, further out.
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
            for folder in (self.root, *(self.root / name for name in (*_FOLDERS, _CHECKPOINTS))):
                sweep(folder)
            yield
        finally:
            # Still held, so that a process which is about to lock this very file sees it gone.
            with suppress(OSError):
                path.unlink()
            lock.release()

    def state(self, model: str, *, step: int) -> Path:
        """The state of the training of a model after so many optimizer steps."""
        require_plain_name(model)
        return self.root / _CHECKPOINTS / f"{model}-{step:09}.state"

    def find_states(self, model: str) -> list[Path]:
        """The states of the training of a model that there are, the latest first."""
        require_plain_name(model)
        pattern = re.compile(re.escape(model) + r"-[0-9]{9,}\.state")
        paths = (self.root / _CHECKPOINTS).glob("*.state")
        return sorted((path for path in paths if pattern.fullmatch(path.name)), reverse=True)

    def drop_states(self, model: str, *, keep: int = 0) -> None:
        """Remove the states of the training of a model, but for the latest `keep`."""
        for path in self.find_states(model)[keep:]:
            remove(path)
        # Where something else is in the folder, or it is not there, it stays as it is.
        with suppress(OSError):
            (self.root / _CHECKPOINTS).rmdir()

    def drop_model(self, model: str) -> None:
        """Remove all that tells of a model but its weights: states, JSON, history, curves."""
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
        """Remove a model and all weights of it; its history stays."""
        files = self.model(model)
        for path in (
            files.json,
            files.weights,
            files.other_weights("best"),
            files.other_weights("last"),
        ):
            remove(path)

    def drop_evaluation(self) -> None:
        """Remove what was measured of the run, and the pictures that show it."""
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
        """A picture of the run."""
        require_plain_name(name)
        return self.root / "plots" / f"{name}.png"

    @property
    def plots(self) -> list[Path]:
        """The pictures of a whole run, in the order of their names."""
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
        """The folder of a study's results, where the run is published with one."""
        return self.root / "history" / "study"

    @property
    def benchmarks(self) -> Path:
        """The folder of measured speeds, where the run is published with them."""
        return self.root / "benchmarks" / "results"


def find_configuration(root: Path) -> Path:
    """Return where a folder that holds a run has its configuration, which names the run."""
    return root / "run.json"


def holds_run(folder: Path) -> bool:
    """Return whether `folder` looks like that of a run, a single stage or a study."""
    with suppress(OSError):  # Where nobody may look into it.
        there = {name for name in (*_FOLDERS, "trials") if (folder / name).is_dir()}
        # A class may have such folders too, but pictures in them.
        endings = {path.suffix for path in (folder / "history").glob("*.*")}
        is_laid_out = {"history", "plots"} < there and endings <= {".json", ".csv"}
        return find_configuration(folder).is_file() or is_laid_out
    return False


@dataclass(frozen=True, slots=True)
class StudyFolder:
    """The layout of a study under `root`: a folder for each trial, and what all of them say.

    `trials/` is all that a study is made of: copied into that of another one, it joins it.
    """

    root: Path

    def make(self) -> None:
        """Make the folder, and see that it can be written; remove what killed processes left.

        Raises:
            ConfigError: it cannot be.
        """
        for folder in (self.root, self.root / "trials", self.results, self.root / "plots"):
            _make_folder(folder)
            sweep(folder)

    def trial(self, key: str) -> RunFolder:
        """The run folder of a trial."""
        require_plain_name(key)
        return RunFolder(self.root / "trials" / key, "trial")

    def result(self, key: str) -> Path:
        """What a finished trial found; it is there once the trial is over."""
        return self.trial(key).root / "result.json"

    def failure(self, key: str) -> Path:
        """Why a trial could not be finished."""
        return self.trial(key).root / "failure.json"

    def grid(self, key: str) -> Path:
        """The trials that one command asked for."""
        require_plain_name(key)
        return self.root / "trials" / f"grid-{key}.json"

    def find_grids(self) -> list[Path]:
        """All grids that were asked for, in an order that stays."""
        return sorted((self.root / "trials").glob("grid-*.json"))

    @property
    def results(self) -> Path:
        """What all trials say together, where a run that is published has it too."""
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
        """A picture of the study."""
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
    """Refuse a name under which another model has its other weights; see `require_plain_name`.

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
        name: to be a part of a file's name.
        most_bytes: how long it may be in UTF-8. File systems hold 255 bytes, and the ends of the
            names of weights and of temporary files come on top.

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
