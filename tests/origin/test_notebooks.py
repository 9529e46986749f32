"""The notebooks: made of their sources, executed without error, stored with their outputs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import cae
from notebooks.__main__ import PLACES, ROOT, SOURCES, find_published, furnish
from notebooks.making import execute, find_faults, make_notebook, write_notebook

SOURCE = '''"""The source of a notebook."""

# ruff: noqa: B018

# %% [markdown]
# # Title
#
# Text with `code`.

# %%
import os

print("in", os.path.basename(os.getcwd()))
1 + 1
'''
SMALL_CONFIGS = {
    "autoencoder_config_optimal.json": {
        "epochs": 1,
        "init_num_filters": 2,
        "mask_ratio": 0.6,
        "mask_patch_size": 8,
        "target": "gradient_histograms",
    },
    "classifier_config_optimal.json": {"epochs": 1},
}


def test_a_source_becomes_cells_of_text_and_code_without_its_head():
    text, code = make_notebook(SOURCE).cells
    assert (text.cell_type, code.cell_type) == ("markdown", "code")
    assert text.source == "# Title\n\nText with `code`."
    assert code.source.startswith("import os\n\nprint")
    assert code.source.endswith("1 + 1")


def test_the_same_source_makes_the_same_file_executed_or_not(working_folder: Path):
    first, second = make_notebook(SOURCE), make_notebook(SOURCE)
    assert write_notebook(first) == write_notebook(second)
    for notebook in (first, second):
        execute(notebook, working_folder)
    assert write_notebook(first) == write_notebook(second)

    stream, result = first.cells[1].outputs
    assert stream.text == f"in {working_folder.name}\n"
    assert result.data["text/plain"] == "2"
    assert find_faults(first, private=[]) == []


def test_what_should_not_be_published_is_found():
    code = nbformat.v4.new_code_cell(id="one")
    code.outputs = [
        nbformat.v4.new_output("stream", name="stderr", text="UserWarning: beware"),
        nbformat.v4.new_output("stream", name="stdout", text="in /some/where/else"),
        nbformat.v4.new_output("display_data", {"image/png": "A" * 400_000}),
        nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[]),
        nbformat.v4.new_output("execute_result", {"text/plain": "harmless"}, execution_count=1),
    ]
    notebook = nbformat.v4.new_notebook(cells=[code])
    assert find_faults(notebook, private=[Path("/some/where")]) == [
        "one: UserWarning: beware",
        "one: names /some/where",
        "one: a picture of 300,000 bytes",
        "one: no",
    ]


@pytest.mark.parametrize("name", PLACES)
def test_the_stored_notebook_is_its_source_executed_in_order_without_error(name: str):
    path = ROOT / PLACES[name]
    if not path.exists():
        pytest.skip(f"{path.name} is not there: `make notebooks` makes it")
    stored = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    source = make_notebook((SOURCES / f"{name}.py").read_text(encoding="utf-8"))

    def read_cells(notebook: nbformat.NotebookNode) -> list[tuple[str, str, str]]:
        return [(cell.id, cell.cell_type, cell.source) for cell in notebook.cells]

    assert read_cells(stored) == read_cells(source), "run `make notebooks`"
    executed = [cell for cell in stored.cells if cell.cell_type == "code"]
    numbers = [cell.execution_count for cell in executed]
    assert numbers == list(range(1, len(executed) + 1))
    assert sum(len(cell.outputs) for cell in executed) > 0
    assert find_faults(stored, private=[ROOT]) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", PLACES)
def test_the_notebook_runs_from_its_source(name: str, tmp_path: Path):
    configs = tmp_path / "configs"
    configs.mkdir()
    for filename, config in SMALL_CONFIGS.items():
        (configs / filename).write_text(json.dumps(config), encoding="utf-8")
    # The digits stand in for CIFAR-10: a few seconds, wherever it runs.
    environment = {key: value for key, value in os.environ.items() if key != "CAE_DATA_DIR"}
    out = tmp_path / "out"
    options = ["--out", str(out), "--configs", str(configs)]

    finished = subprocess.run(
        [sys.executable, "-m", "notebooks", name, *options],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode == 0, finished.stderr
    notebook = nbformat.reads((out / PLACES[name]).read_text(encoding="utf-8"), as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert "built-in digits" in str(outputs)


def test_the_published_models_lie_beside_their_notebook_alone_and_unless_it_is_to_train(
    tmp_path: Path,
):
    def find_models(name: str, configs: Path | None) -> set[str]:
        workplace = tmp_path / f"{name} {configs is None}"
        workplace.mkdir()
        furnish(workplace, name, configs)
        assert (workplace / "cifar10_modules" / "modelling.py").exists()
        assert (workplace / "autoencoder_config_optimal.json").exists()
        return {path.name for path in workplace.glob("models/*")}

    published = {path.name for path in find_published() if path.parent.name == "models"}
    assert find_models("pipeline_optimal", None) == published
    assert find_models("pipeline_optimal", tmp_path / "configs") == set()
    assert find_models("modelling", None) == set()


def test_the_stored_pipeline_tells_the_accuracy_of_the_published_run():
    scores = json.loads((ROOT / "evaluation.json").read_text(encoding="utf-8"))
    notebook = nbformat.reads((ROOT / "pipeline_optimal.ipynb").read_text("utf-8"), as_version=4)
    outputs = str([cell.outputs for cell in notebook.cells if cell.cell_type == "code"])
    (told,) = re.findall(r"accuracy +(0\.\d{3}) ", outputs)
    # The last digits follow the machine's precision.
    assert float(told) == pytest.approx(scores["test"]["classifier"]["accuracy"], abs=0.002)
    assert "epoch 1/" not in outputs, "it loads the published models and trains nothing"
    for path in find_published():
        if path.parent.name == "models" and path.suffix == ".json":
            assert (
                cae.read_model(path).about["split"]["fingerprint"] == scores["split"]["fingerprint"]
            )


def test_a_notebook_that_there_is_not_is_refused():
    finished = subprocess.run(
        [sys.executable, "-m", "notebooks", "datasets"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 2
    assert "no notebook 'datasets'; there are dataset, modelling" in finished.stderr
