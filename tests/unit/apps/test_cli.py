"""The entry point: help, version, and arguments that make no sense."""

from __future__ import annotations

import pytest

import cae

COMMANDS = ("run", "data", "pretrain", "finetune", "evaluate", "predict", "study")


def test_without_arguments_there_is_help(call_cae):
    answer = call_cae()
    assert answer.code == 0
    assert answer.out == call_cae("--help").out
    assert all(f"\n  {command} " in answer.out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_an_example_of_it(call_cae, command: str):
    answer = call_cae(command, "--help")
    assert answer.code == 0
    assert f"\n    cae {command}" in answer.out
    assert call_cae(command, "-h") == answer


def test_the_help_fits_a_terminal_of_80_columns(call_cae):
    for command in ((), *((command,) for command in COMMANDS)):
        assert all(len(line) <= 80 for line in call_cae(*command, "--help").out.splitlines())


def test_the_version_is_that_of_the_package(call_cae):
    answer = call_cae("--version")
    assert (answer.code, answer.out) == (0, f"cae {cae.__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rum",), "Did you mean 'run'?"),
        (("run", "--sed", "3"), "--seed"),
        (("run", "--seed", "x"), "'--seed'"),
        (("run", "--seed", "-1"), "'--seed'"),
        (("run", "too", "much"), "unexpected extra argument"),
        (("predict",), "Missing argument 'PICTURE"),
        (("evaluate",), "Missing argument 'MODEL"),
        (("--nothing",), "--nothing"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_arguments_that_make_no_sense_are_told_in_one_line(
    call_cae, arguments: tuple[str, ...], words: str
):
    answer = call_cae(*arguments)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1
    assert words in answer.err
