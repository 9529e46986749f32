"""How a command ends when it cannot go on: one message, its exit code, and no traceback unasked."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

import typer

from cae.apps.screen import tell, tell_error
from cae.errors import CaeError, StoppedError

# 128 and the signal's number, as shells report it.
HUNG_UP = 129
INTERRUPTED = 130
TERMINATED = 143


@contextmanager
def failures_told(*, debug: bool) -> Generator[None]:
    """Turn what a command's body raises into a message on stderr and an exit code.

    Args:
        debug: show the traceback as well.

    Raises:
        typer.Exit: with the exit code.
    """
    try:
        yield
        print(end="", flush=True)  # Here, where a reader that is gone is still dealt with.
    except (typer.Exit, typer.TyperException):
        raise
    except _TerminatedError:
        tell("stopped by SIGTERM", style="bold red")
        raise
    except KeyboardInterrupt:
        tell("stopped by Ctrl-C", style="bold red")
        raise typer.Exit(INTERRUPTED) from None
    except StoppedError as error:
        tell(str(error), style="bold red")
        raise typer.Exit(error.exit_code) from None
    except BrokenPipeError:
        # Whoever read stdout has seen enough. Python flushes it once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    except Exception as error:  # noqa: BLE001 - this is the boundary where every error is told
        if debug:
            tell(traceback.format_exc().rstrip("\n"))
        tell_error(_describe(error, debug=debug))
        raise typer.Exit(error.exit_code if isinstance(error, CaeError) else 1) from None


def stop_on_sigterm() -> None:
    """Let SIGTERM end the program as Ctrl-C does: what is half done is cleaned up on the way."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        # Once is enough: a second signal must not disturb the cleaning up.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise _TerminatedError(TERMINATED)

    signal.signal(signal.SIGTERM, stop)


class _TerminatedError(SystemExit):
    """The program was asked to end; it passes by all who handle errors."""


def _describe(error: Exception, *, debug: bool) -> str:
    if isinstance(error, CaeError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, MemoryError) or _lacks_memory(error):
        return "not enough memory; close other programs, or lower batch_size or image_shape"
    hint = "" if debug else "; use --debug for the traceback"
    return f"unexpected {type(error).__name__}: {error}{hint}"


def _lacks_memory(error: Exception) -> bool:
    # PyTorch has an error of its own for a GPU's memory alone; both say so in these words.
    words = ("not enough memory", "out of memory")
    return isinstance(error, RuntimeError) and any(each in str(error) for each in words)
