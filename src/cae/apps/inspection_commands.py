"""The commands `cae data`, `cae evaluate` and `cae predict`: their options, and what they do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cae.apps import options
from cae.apps.failures import failures_told
from cae.apps.progress import Loading


def data(
    source: options.Data = "auto",
    skip_damaged: options.SkipDamaged = False,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change how the images are split; may be repeated: val_size=0.3, "
            "remove_fraction=0, remove_classes='[\"cat\"]'.",
        ),
    ] = None,
    seed: options.Seed = None,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Find or download the images and count them.

    Shows how many images of each class each split has, and the fingerprint of the splits.

    \b
    Examples:
      cae data
      cae data --data ~/Downloads/cifar-10-python.tar.gz --set remove_fraction=0
    """
    with failures_told(debug=debug):
        with Loading():
            from cae.apps.inspection import show_data
        show_data(
            source,
            skip_damaged=skip_damaged,
            settings=settings or (),
            seed=seed,
            as_json=as_json,
        )


def evaluate(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL", readable=False, help="A saved model: models/classifier_NAME.json."
        ),
    ],
    source: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="SOURCE",
            help="Whose test images: auto, cifar10, digits, or the path of a CIFAR-10 folder or "
            "archive, or of your own pictures: all in their folder test are measured, or else the "
            "fifth that is set aside for testing.  [default: CIFAR-10 or the digits, whichever "
            "the model was trained on]",
        ),
    ] = None,
    skip_damaged: options.SkipDamaged = False,
    everything: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Measure all of your own pictures that are in a class's folder: for pictures "
            "that the model was not trained on. They may cover only some of its classes.",
        ),
    ] = False,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Measure a saved model on the test images.

    \b
    Examples:
      cae evaluate runs/cifar10-quick/models/classifier_quick.json --json
      cae evaluate classifier_quick.json --data new_pictures --all
    """
    with failures_told(debug=debug):
        with Loading():
            from cae.apps.inspection import evaluate
        evaluate(
            model,
            source=source,
            skip_damaged=skip_damaged,
            everything=everything,
            device=device,
            precision=precision,
            as_json=as_json,
        )


def predict(
    pictures: Annotated[
        list[Path],
        typer.Argument(
            metavar="PICTURE",
            readable=False,
            help="Image files of any common format and size, or folders of such files.",
        ),
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            parser=options.parse_path,
            help="A saved classifier: models/classifier_NAME.json.  [default: the newest in "
            "models/ and runs/*/models/]",
        ),
    ] = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Classify your own pictures.

    Files that cannot be used are listed at the end, and make the exit code 3; the others are
    classified.

    \b
    Examples:
      cae predict photo.jpg cat.png --model models/classifier_optimal.json
      cae predict holidays --json
    """
    with failures_told(debug=debug):
        with Loading():
            from cae.apps.inspection import predict
        predict(pictures, model=model, device=device, precision=precision, as_json=as_json)
