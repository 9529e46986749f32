"""The command `cae`: its commands, and of those that train the options and what they come to."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cae.apps import options
from cae.apps.failures import failures_told, stop_on_sigterm
from cae.apps.inspection_commands import data, evaluate, predict
from cae.apps.progress import Loading
from cae.apps.publishing import report
from cae.apps.screen import set_up_streams, tell_error
from cae.apps.study_command import study
from cae.errors import ConfigError

# Everything that takes time to import is imported by the command that needs it, so that help is
# there at once.

# Paths are `readable=False` or have a parser of our own: whether a file can be read is told by who
# reads it, with the exit code of what it is, and not by typer's 2.

# Plain help: typer's frames leave it half the width, and call every switch a <bool>.
app = typer.Typer(
    name="cae",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True, add_help_option=False)
def describe_program(
    context: typer.Context,
    _version: options.Version = False,
    _help: options.Help = False,
) -> None:
    """Classify CIFAR-10 with a convolutional autoencoder.

    First an autoencoder learns from the images, without their labels. Then a classifier learns
    on top of its encoder. At the end both are measured on test images that neither has seen.

    \b
    Examples:
      cae run                      the whole experiment, 10 to 30 minutes
      cae run --data digits        the same on small built-in images, two minutes
      cae predict photo.jpg        what the newest classifier sees in a picture
      cae COMMAND --help           more about a command

    \b
    Exit codes:
      0 done, 1 unexpected, 2 arguments or configuration, 3 data, 4 saved model,
      5 training diverged, 6 missing library, 129 SIGHUP, 130 Ctrl-C, 143 SIGTERM
    """
    if context.invoked_subcommand is None:
        options.show_help(context, wanted=True)


@app.command()
def run(
    source: options.Data = "auto",
    skip_damaged: options.SkipDamaged = False,
    preset: options.Preset = None,
    settings: options.Settings = None,
    seed: options.Seed = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    out: options.Out = None,
    name: options.Name = None,
    fresh: options.Fresh = False,
    save_every: options.SaveEvery = 30.0,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Run the whole experiment and show its results.

    Trains the autoencoder, trains the classifier on its encoder, measures both on the test
    images, and writes models, histories, plots and figures. An interrupted run resumes where it
    stopped; a complete one is shown, not repeated.

    \b
    Examples:
      cae run
      cae run --data digits --seed 7 --out runs/seed-7
      cae run --preset base --set classifier.epochs=20 --name short
    """
    with failures_told(debug=debug):
        with Loading():
            from cae.apps.experiment import run
            from cae.apps.settings import Request
        request = Request(
            command="run",
            source=source,
            skip_damaged=skip_damaged,
            preset=preset,
            settings=settings or (),
            seed=seed,
            device=device,
            precision=precision,
            out=out,
            name=name,
            fresh=fresh,
            save_every=save_every,
        )
        run(request, as_json=as_json)


app.command()(data)


@app.command()
def pretrain(
    source: options.Data = "auto",
    skip_damaged: options.SkipDamaged = False,
    preset: options.Preset = None,
    settings: options.Settings = None,
    seed: options.Seed = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    out: options.Out = None,
    name: options.Name = None,
    fresh: options.Fresh = False,
    save_every: options.SaveEvery = 30.0,
    debug: options.Debug = False,
) -> None:
    """Train only the autoencoder.

    Writes the autoencoder, its encoder in a separate file, the history and the loss curve.

    \b
    Example:
      cae pretrain --set epochs=5 --out runs/mine
    """
    with failures_told(debug=debug):
        with Loading():
            from cae.apps.experiment import pretrain
            from cae.apps.settings import Request
        request = Request(
            command="pretrain",
            sections=("data", "autoencoder"),
            source=source,
            skip_damaged=skip_damaged,
            preset=preset,
            settings=settings or (),
            seed=seed,
            device=device,
            precision=precision,
            out=out,
            name=name,
            fresh=fresh,
            save_every=save_every,
        )
        pretrain(request)


@app.command()
def finetune(
    encoder: options.Encoder = None,
    from_scratch: Annotated[
        bool,
        typer.Option(
            "--from-scratch",
            help="No pretraining: the control experiment, in which the encoder is trained too.",
        ),
    ] = False,
    source: options.Data = "auto",
    skip_damaged: options.SkipDamaged = False,
    preset: options.Preset = None,
    settings: options.Settings = None,
    seed: options.Seed = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    out: options.Out = None,
    name: options.Name = None,
    fresh: options.Fresh = False,
    save_every: options.SaveEvery = 30.0,
    debug: options.Debug = False,
) -> None:
    """Train a classifier on a pretrained encoder.

    Writes the classifier, the history and the curves. With --data auto, the images are those that
    the encoder was trained on. The test images are not used; cae evaluate measures on them.

    \b
    Examples:
      cae finetune --encoder runs/mine/models/encoder_quick.json --out runs/mine
      cae finetune --from-scratch
    """
    with failures_told(debug=debug):
        if (encoder is None) != from_scratch:
            raise ConfigError("give either --encoder FILE or --from-scratch")
        with Loading():
            from cae.apps.experiment import finetune
            from cae.apps.settings import Request
        request = Request(
            command="finetune",
            source=source,
            skip_damaged=skip_damaged,
            preset=preset,
            settings=settings or (),
            # A frozen encoder of random weights would be no control of anything.
            fixed=("classifier.freeze_encoder=false",) if from_scratch else (),
            seed=seed,
            device=device,
            precision=precision,
            out=out,
            out_ending="-scratch" if from_scratch else "",
            name=name,
            fresh=fresh,
            save_every=save_every,
        )
        finetune(request, encoder=encoder)


app.command()(evaluate)
app.command()(predict)
app.command()(report)
app.command()(study)


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    set_up_streams()
    stop_on_sigterm()
    try:
        code = app(standalone_mode=False)
    except typer.TyperException as error:  # The arguments make no sense.
        tell_error(f"{error.format_message().rstrip('.')}; see --help")
        code = error.exit_code
    sys.exit(code)
