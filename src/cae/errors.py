"""The errors that a user can meet, each with the exit code of the command line."""

from __future__ import annotations


class CaeError(Exception):
    """Base of every error this package raises on purpose; its text is written for a user."""

    exit_code: int = 1


class ConfigError(CaeError, ValueError):
    """A configuration, a command-line option or an argument cannot be used."""

    exit_code = 2


class OccupiedError(ConfigError):
    """Another process is already working in the same folder."""


class DataError(CaeError, ValueError):
    """Images, labels or an archive are missing, damaged or not what they claim to be."""

    exit_code = 3


class TooFewError(DataError):
    """There are too few classes, or too few images of a class, to set some aside for testing."""


class CheckpointError(CaeError, RuntimeError):
    """A saved model, its weights or a run folder cannot be used."""

    exit_code = 4


class DivergedError(CaeError, ArithmeticError):
    """Training produced a loss that is not finite."""

    exit_code = 5


class StoppedError(CaeError, RuntimeError):
    """Training was asked to stop; its state is saved, unless the message says otherwise."""

    exit_code = 130


class MissingExtraError(CaeError, ImportError):
    """An optional dependency is missing; the message names the extra that installs it."""

    exit_code = 6
