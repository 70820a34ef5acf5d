"""The examples of docs/notebooks.md as a notebook: what a kernel sends to be shown."""

import doctest
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")
pytest.importorskip("ipywidgets", reason="ipywidgets is not installed")

PAGE = Path(__file__).parents[2] / "docs" / "notebooks.md"
VIEW, STATE = "application/vnd.jupyter.widget-view+json", "application/vnd.jupyter.widget-state+json"


@pytest.mark.filterwarnings("ignore")  # those of Jupyter
def test_the_page_runs_as_a_notebook():
    examples = doctest.DocTestParser().get_examples(PAGE.read_text(encoding="utf-8").replace("```", ""))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(example.source) for example in examples])
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    shown = {cell.source.strip(): cell.outputs[0].data for cell in notebook.cells if cell.outputs}
    assert "<td" in shown["model"]["text/html"]
    assert "<svg" in shown["history"]["text/html"]
    assert VIEW in next(data for source, data in shown.items() if source.startswith("explorer  "))
    widgets = [widget["state"] for widget in notebook.metadata.widgets[STATE]["state"].values()]
    values = {widget.get("description"): widget.get("value") for widget in widgets}
    assert (values["image"], values["theta[2]"], values["choose theta"]) == (7, 0.5, True)
