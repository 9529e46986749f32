"""From a source in percent format to an executed notebook that is the same wherever it is made."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode, v4
from traitlets import default

KERNEL = "python3"
LARGEST_PICTURE_BYTES = 200_000

_CELL = re.compile(r"^# %%( \[markdown\])?\n", flags=re.MULTILINE)


class ThisPythonsKernel(AsyncKernelManager):
    """Starts the kernel of this Python, whatever kernels a user has set up."""

    @default("transport_encryption")
    def _encrypt_where_it_can(self) -> str:
        return "auto"  # without it the kernel warns of plain text on its stderr

    @default("kernel_spec_manager")
    def _find_no_other_kernel(self) -> KernelSpecManager:
        return KernelSpecManager(kernel_dirs=[], ensure_native_kernel=True, parent=self)


def make_notebook(source: str) -> NotebookNode:
    """Return the notebook, not yet executed, of a source in percent format.

    `# %%` opens a cell of code and `# %% [markdown]` one of text, whose lines are comments. What
    stands before the first cell belongs to the source alone.
    """
    _, *parts = _CELL.split(source)
    cells: list[NotebookNode] = []
    for mark, text in zip(parts[::2], parts[1::2], strict=True):
        body = text.strip()
        if mark:
            cell = v4.new_markdown_cell(re.sub(r"^# ?", "", body, flags=re.MULTILINE))
        else:
            cell = v4.new_code_cell(body)
        # nbformat draws a random id, and the same source is to make the same notebook.
        cell.id = f"cell-{len(cells) + 1}"
        cells.append(cell)
    return v4.new_notebook(cells=cells)


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run all cells in `folder`, with this Python, and keep their outputs in the notebook.

    Raises:
        CellExecutionError: a cell failed.
    """
    client = NotebookClient(
        notebook,
        kernel_name=KERNEL,
        kernel_manager_class=ThisPythonsKernel,
        timeout=None,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": KERNEL},
        "language_info": {"file_extension": ".py", "name": "python"},
    }


def write_notebook(notebook: NotebookNode) -> str:
    """Return the text of the notebook's file."""
    nbformat.validate(notebook)
    return f"{nbformat.writes(notebook)}\n"


def find_faults(notebook: NotebookNode, *, private: Sequence[Path]) -> list[str]:
    """Return a line for each output that should not be published.

    These are errors, warnings and whatever else went to stderr, pictures that are too large, and
    the paths of `private` folders, of the user's home, of Python and of temporary files.
    """
    usual = (Path.home(), Path(sys.prefix), Path(tempfile.gettempdir()))
    # A home of "/" gives nothing away.
    folders = sorted({str(path) for path in (*private, *usual) if path != Path(path.anchor)})
    faults: list[str] = []
    for cell, output in _iterate_outputs(notebook):
        if output.output_type == "error" or output.get("name") == "stderr":
            faults.append(f"{cell}: {output.get('text') or output.get('evalue')}")
        for kind, content in _iterate_contents(output):
            if kind.startswith("image/") and len(content) > LARGEST_PICTURE_BYTES * 4 / 3:
                faults.append(f"{cell}: a picture of {len(content) * 3 // 4:,} bytes")
            if not kind.startswith("image/"):
                found = [folder for folder in folders if folder in content]
                faults += [f"{cell}: names {folder}" for folder in found]
    return faults


def _iterate_outputs(notebook: NotebookNode) -> Iterator[tuple[str, Any]]:
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            yield cell.id, output


def _iterate_contents(output: Any) -> Iterator[tuple[str, str]]:
    yield "text/plain", str(output.get("text", ""))
    for kind, content in output.get("data", {}).items():
        yield kind, str(content)
