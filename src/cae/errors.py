"""The errors a user can meet, each with the exit code that the command line gives it."""

from __future__ import annotations


class CaeError(Exception):
    """Base of every error this package raises on purpose; its text is written for a user."""

    exit_code: int = 1


class ConfigError(CaeError, ValueError):
    """A configuration, a command-line option or an argument cannot be used."""

    exit_code = 2


class OccupiedError(ConfigError):
    """Another process is at work in the folder of a run."""


class DataError(CaeError, ValueError):
    """Images, labels or an archive are missing, damaged or not what they claim to be."""

    exit_code = 3


class TooFewError(DataError):
    """There are too few classes, or images of a class, to set some of them apart for testing."""


class CheckpointError(CaeError, RuntimeError):
    """A saved model, its weights or a run folder cannot be used."""

    exit_code = 4


class DivergedError(CaeError, ArithmeticError):
    """Training produced a loss that is not finite."""

    exit_code = 5


class StoppedError(CaeError, RuntimeError):
    """Training was asked to stop, and has saved where it stands."""

    exit_code = 130


class MissingExtraError(CaeError, ImportError):
    """An optional dependency is needed; the message names the extra that brings it."""

    exit_code = 6
