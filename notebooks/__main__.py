"""Make the notebooks of their sources, with outputs: `python -m notebooks [NAME ...]`."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from nbclient.exceptions import CellExecutionError

from cae.files import write_text
from cae.run_folder import RunFolder
from notebooks.making import execute, find_faults, make_notebook, write_notebook

ROOT = Path(__file__).parents[1]
SOURCES = Path(__file__).parent
PLACES = {
    "dataset": Path("cifar10_modules/dataset.ipynb"),
    "modelling": Path("cifar10_modules/modelling.ipynb"),
    "pipeline_optimal": Path("pipeline_optimal.ipynb"),
}


def main() -> None:
    """Make the notebooks that the command line names."""
    options = _parse_options()
    for name in options.names or PLACES:
        _tell(f"{name}: executing")
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            workplace = Path(folder).resolve()
            furnish(workplace, name, options.configs)
            notebook = make_notebook((SOURCES / f"{name}.py").read_text(encoding="utf-8"))
            try:
                execute(notebook, workplace / PLACES[name].parent)
            except CellExecutionError as error:
                sys.exit(f"{name}: {error}")
        # What stands in for CIFAR-10 or says where this machine keeps its files is not published.
        faults = [] if options.out else find_faults(notebook, private=[ROOT, workplace])
        if faults:
            sys.exit("\n".join([f"{name}: not written:", *faults]))
        path = (options.out or ROOT) / PLACES[name]
        write_text(path, write_notebook(notebook))
        _tell(f"{name}: written to {path}")


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m notebooks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(PLACES)}; without any, all"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="write them there, in the repository's layout, and not into the repository",
    )
    parser.add_argument(
        "--configs",
        type=Path,
        metavar="FOLDER",
        help="of configuration files that take the place of those of the same name (with --out): "
        "a few small epochs try a notebook out",
    )
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in PLACES]
    if unknown:
        parser.error(f"no notebook {unknown[0]!r}; there are {', '.join(PLACES)}")
    if options.configs and not options.out:
        parser.error("--configs needs --out: the repository's notebooks tell of its own settings")
    return options


def furnish(workplace: Path, name: str, configs: Path | None) -> None:
    """Put into the workplace what a user who opens the notebook finds around it.

    With `configs` the published models stay away: they are of other configurations.
    """
    modules = workplace / "cifar10_modules"
    modules.mkdir()
    for path in (ROOT / "cifar10_modules").glob("*.py"):
        shutil.copy(path, modules)
    for folder in (ROOT, configs):
        for path in [] if folder is None else folder.glob("*_config_*.json"):
            shutil.copy(path, workplace)
    if name == "pipeline_optimal" and configs is None:
        for path in find_published():
            place = workplace / path.relative_to(ROOT)
            place.parent.mkdir(exist_ok=True)
            shutil.copy(path, place)


def find_published() -> list[Path]:
    """Return the files of the published run of `optimal` that its notebook reads."""
    run = RunFolder(ROOT, "optimal")
    paths: list[Path] = []
    for model in (run.autoencoder, run.classifier):
        files = run.model(model)
        paths += [files.json, files.weights, run.history(model)]
    return paths


def _tell(words: str) -> None:
    sys.stderr.write(f"{words}\n")


if __name__ == "__main__":
    main()
