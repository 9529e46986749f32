"""The command line that users rely on: its commands, options and exit codes are frozen here."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer
from typer.core import TyperGroup

from cae import errors
from cae.apps import cli, failures

SHARED = {"--data", "--skip-damaged", "--device", "--precision", "--debug"}
TRAINING = SHARED | {"--preset", "--set", "--seed", "--out", "--name", "--fresh", "--save-every"}
OPTIONS = {
    "run": TRAINING | {"--json"},
    "data": {"--data", "--skip-damaged", "--set", "--seed", "--json", "--debug"},
    "pretrain": TRAINING,
    "finetune": TRAINING | {"--encoder", "--from-scratch"},
    "evaluate": SHARED | {"--all", "--json"},
    "predict": {"--model", "--device", "--precision", "--json", "--debug"},
    "report": {"--run", "--beside", "--study", "--benchmarks", "--out", "--debug"},
    "study": SHARED
    | {"--plan", "--encoder", "--labels", "--arm", "--pretraining", "--full"}
    | {"--seeds", "--seeds-at-all", "--schedule", "--pretrain-epochs", "--finetune-epochs"}
    | {"--set", "--out", "--jobs", "--backend", "--save-every", "--dry-run", "--json"},
}
ARGUMENTS = {"evaluate": ["MODEL"], "predict": ["PICTURE"]}
EXIT_CODES = {
    "CaeError": 1,
    "ConfigError": 2,
    "OccupiedError": 2,
    "DataError": 3,
    "TooFewError": 3,
    "CheckpointError": 4,
    "DivergedError": 5,
    "MissingExtraError": 6,
    "StoppedError": 130,
}
# Processor time, not wall time: the machine may be busy with other things.
MOST_SECONDS_FOR_HELP = 0.4

PROGRAM = typer.main.get_command(cli.app)
assert isinstance(PROGRAM, TyperGroup)
COMMANDS = dict(PROGRAM.commands)


def read_options(command) -> set[str]:
    return {
        name
        for parameter in command.params
        if parameter.param_type_name == "option"
        for name in parameter.opts
    }


def test_the_commands_are_the_agreed_ones():
    assert list(COMMANDS) == list(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_options_of_a_command_are_the_agreed_ones(name: str):
    assert read_options(COMMANDS[name]) == OPTIONS[name]


@pytest.mark.parametrize("name", OPTIONS)
def test_the_arguments_of_a_command_are_the_agreed_ones(name: str):
    arguments = [
        parameter.metavar
        for parameter in COMMANDS[name].params
        if parameter.param_type_name == "argument"
    ]
    assert arguments == ARGUMENTS.get(name, [])


def test_the_options_without_a_command_are_the_agreed_ones():
    assert read_options(PROGRAM) == {"--version", "--help", "-h"}


def test_the_exit_codes_are_the_agreed_ones():
    found = {
        name: kind.exit_code
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.CaeError)
    }
    assert found == EXIT_CODES
    assert (failures.HUNG_UP, failures.INTERRUPTED, failures.TERMINATED) == (129, 130, 143)


def test_the_help_names_every_exit_code():
    words = (PROGRAM.help or "").split("Exit codes:")[1].replace(",", " ").split()
    codes = {int(word) for word in words if word.isdigit()}
    assert codes == {
        0,
        *EXIT_CODES.values(),
        failures.HUNG_UP,
        failures.INTERRUPTED,
        failures.TERMINATED,
    }


@pytest.mark.skipif(sys.platform == "win32", reason="needs the processor time of a child process")
@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]], ids=" ".join)
def test_help_answers_at_once(arguments: list[str]):
    import resource

    def measure() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        command = [sys.executable, "-c", "from cae.apps.cli import main; main()", *arguments]
        subprocess.run(command, check=True, capture_output=True)
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before

    # The first call may compile the modules.
    assert min(measure() for _ in range(3)) < MOST_SECONDS_FOR_HELP
