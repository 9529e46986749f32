"""The command that publishes: the report, typeset from what runs and studies have left."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cae.apps import options
from cae.apps.failures import failures_told
from cae.apps.progress import Loading
from cae.apps.screen import tell


def report(
    run: Annotated[
        Path,
        typer.Option(
            "--run",
            metavar="FOLDER",
            parser=options.parse_path,
            help="The finished run that the report is about.  [default: this folder]",
            show_default=False,
        ),
    ] = Path(),
    beside: Annotated[
        list[Path] | None,
        typer.Option(
            "--beside",
            metavar="FOLDER",
            parser=options.parse_path,
            help="Another finished run to compare it with; may be repeated. Runs that differ only "
            "in their seed are reported together.",
        ),
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option(
            "--study",
            metavar="FOLDER",
            parser=options.parse_path,
            help="The results of cae study.  [default: history/study of the run, if it is there]",
        ),
    ] = None,
    benchmarks: Annotated[
        Path | None,
        typer.Option(
            "--benchmarks",
            metavar="FOLDER",
            parser=options.parse_path,
            help="The results of make bench.  [default: benchmarks/results of the run, if it is "
            "there]",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            parser=options.parse_path,
            help="The PDF to write.  [default: report.pdf in the run's folder]",
        ),
    ] = None,
    debug: options.Debug = False,
) -> None:
    """Typeset a report on a finished run.

    Figures, tables and the sentences that depend on results come from the JSON files that runs,
    studies and benchmarks leave. The same files give the same PDF.

    \b
    Examples:
      cae report --run runs/cifar10-quick
      cae report --beside runs/seed-1 --beside runs/seed-2 --out seeds.pdf
    """
    with failures_told(debug=debug):
        with Loading():
            from cae.report.paper import make_report
        out = out or run / "report.pdf"
        command = write_command(run, beside or (), study=study, benchmarks=benchmarks)
        make_report(
            run, out, beside=beside or (), study=study, benchmarks=benchmarks, command=command
        )
        tell(f"the report is {out}")


def write_command(
    run: Path, beside: Sequence[Path], *, study: Path | None, benchmarks: Path | None
) -> str:
    """Return the command as it was given, but for where the PDF goes: that changes nothing."""
    words = ["cae", "report"]
    if run != Path():
        words += ["--run", str(run)]
    for folder in beside:
        words += ["--beside", str(folder)]
    if study is not None:
        words += ["--study", str(study)]
    if benchmarks is not None:
        words += ["--benchmarks", str(benchmarks)]
    return shlex.join(words)
