"""The example notebook runs from its first cell to its last, in a kernel of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from otmf_core import load_run
from tests.tiny import ROOT

NOTEBOOK = ROOT / "docs" / "merge.ipynb"


@pytest.mark.filterwarnings("default")  # of the client of Jupyter, which is not ours
def test_the_example_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    shutil.copy(NOTEBOOK, tmp_path)
    notebook = nbformat.read(tmp_path / NOTEBOOK.name, as_version=4)
    nbformat.validate(notebook)
    nbclient.NotebookClient(notebook, timeout=400, resources={"metadata": {"path": str(tmp_path)}}).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = ["".join(str(output.get("data", "")) for output in cell.outputs) for cell in cells]
    [path] = (tmp_path / "runs").iterdir()
    run = load_run(path)
    assert run.status == "done" and run.tasks == ("mnist", "thai", "flags-europe")
    assert f"ACC {run.metrics['acc']:.1f} %" in shown[1] and "<table>" in shown[1]
    assert sum("application/vnd.plotly" in each for each in shown) == 3
    assert (tmp_path / f"{run.id}-report.html").is_file()


def test_the_notebook_is_kept_without_outputs():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
