"""The options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import cae


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cae {cae.__version__}")
        raise typer.Exit


def show_help(context: typer.Context, wanted: bool) -> None:
    """Show the help of the program, if wanted, and end."""
    if wanted:
        typer.echo(context.get_help())
        raise typer.Exit


def parse_path(text: str | Path) -> Path:
    """Return the path that an option names; a shell leaves the ~ in `--out=~/mine` as it is.

    Raises:
        typer.BadParameter: the path begins with the ~ of a user who is not known.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise typer.BadParameter(f"{text}: nobody has that home; give the full path") from None


def _parse_folder(text: str) -> Path:
    if not text:
        raise typer.BadParameter("names no folder; leave it out for the default one")
    return parse_path(text)


Version = Annotated[
    bool,
    typer.Option(
        "--version", is_eager=True, callback=_show_version, help="Show the version and exit."
    ),
]
# Our own: typer's has no default, and to make a bool of that it imports pydantic even when only
# the help of a command is asked for.
Help = Annotated[
    bool,
    typer.Option(
        "--help", "-h", is_eager=True, callback=show_help, help="Show this message and exit."
    ),
]
Data = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="SOURCE",
        help="Where the images come from: auto (CIFAR-10 where it is found or can be downloaded, "
        "else the built-in digits), cifar10 (never anything else), digits, or the path of a "
        "CIFAR-10 folder or archive, or of a folder with a folder of your own pictures for each "
        "class.",
    ),
]
SkipDamaged = Annotated[
    bool,
    typer.Option(
        "--skip-damaged",
        help="Leave out those of your own pictures that cannot be used, and continue with the "
        "others: a warning says how many, and the JSON that is written lists them as left_out.",
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="NAME",
        help="The configuration to start from: quick (made for 10 minutes on two cores with "
        "bfloat16), optimal (the best known, 40 to 80 minutes there), base (the origin's: 50 "
        "epochs and 100), sharp (for reconstruction) or digits.  [default: quick for CIFAR-10, "
        "digits for the digits]",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a key of the preset; may be repeated: epochs=3 in every stage, "
        "classifier.epochs=3 in one.",
    ),
]
StudySettings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a key of the recipe; may be repeated: batch_size=32 in every stage, "
        "classifier.lr=0.001 in one.",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        metavar="N",
        min=0,
        help="Set all seeds: of the splits, the weights, the order, the noise.  [default: 42]",
    ),
]
Device = Annotated[
    str,
    typer.Option("--device", metavar="DEVICE", help="auto, cpu or cuda (cuda:1: the second GPU)."),
]
Precision = Annotated[
    str, typer.Option("--precision", metavar="TYPE", help="auto, float32 or bfloat16.")
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FOLDER",
        parser=_parse_folder,
        help="Where models, histories, plots and figures go.  [default: runs/DATA-PRESET]",
    ),
]
StudyOut = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FOLDER",
        parser=_parse_folder,
        help="Where trials, table, summary and plots go.  [default: runs/study]",
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        "--name",
        metavar="NAME",
        help="What the models are called: classifier_NAME and so on.  [default: the preset's]",
    ),
]
Encoder = Annotated[
    Path | None,
    typer.Option(
        "--encoder",
        metavar="FILE",
        parser=parse_path,
        help="The pretrained encoder: encoder_NAME.json, as cae pretrain or cae run wrote it.",
    ),
]
Fresh = Annotated[
    bool,
    typer.Option(
        "--fresh",
        help="Start over, and replace what the folder already holds under this name. To resume "
        "after an interruption, leave it out.",
    ),
]
SaveEvery = Annotated[
    float,
    typer.Option(
        "--save-every",
        metavar="SECONDS",
        min=0,
        help="How often the state of the training is saved, for the same command to resume from.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Write the answer to stdout as one JSON value.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
