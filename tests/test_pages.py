"""The examples of the written pages run, their links lead somewhere, and the README repeats measured figures."""

import doctest
import importlib.util
import re
import textwrap

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.testing import check_vjp
from stn_numba.transform import registry
from tests.source_tree import ROOT, needs_sources

GENERATED = {"auto_gallery", "generated"}  # folders that the build of the site fills
PAGES = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/**/*.md", "plugins/*.md", "plugins/stn-numba-logpolar/*.md")
    for path in ROOT.glob(pattern)
    if not GENERATED & set(path.parts)
)
WITH_EXAMPLES = (
    "README.md",
    "plugins/README.md",
    "docs/bridges.md",
    "docs/clusters.md",
    "docs/dask.md",
    "docs/mathematics.md",
    "docs/notebooks.md",
    "docs/own-data.md",
    "docs/registration.md",
    "docs/sampling.md",
    "docs/training.md",
    "docs/transforms.md",
    "docs/volumes.md",
    *(page for page in PAGES if page.startswith("docs/tutorials/") and not page.endswith("index.md")),
)  # those in docs/how-to are run beside other libraries, in tests/site/test_how_to.py

LIBRARIES = {"docs/clusters.md": ("distributed", "sklearn"), "docs/dask.md": ("dask", "xarray", "zarr")}


def read(page):
    return (ROOT / page).read_text(encoding="utf-8")


def without_missing_libraries(text):
    """A page without the sections whose examples need a library that is not installed."""
    sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    needed = {">>> import torch": "torch", "stn.explore(": "ipywidgets"}
    missing = [code for code, library in needed.items() if importlib.util.find_spec(library) is None]
    return "".join(section for section in sections if not any(code in section for code in missing))


def without_code(text):
    """A page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S)


def anchors(text):
    """The headings as GitHub names them in links."""
    headings = re.findall(r"^#+ (.*)", without_code(text), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.fixture
def default_threads():
    yield
    stn.set_num_threads(None)


@pytest.mark.parametrize("page", WITH_EXAMPLES)
def test_examples_of_the_pages_run(page, monkeypatch, tmp_path, default_threads):
    monkeypatch.setattr(registry, "_registered", {})
    monkeypatch.chdir(tmp_path)
    if not (ROOT / page).is_file():
        pytest.skip("a page beside the sources, which are not here")
    for library in LIBRARIES.get(page, ()):
        pytest.importorskip(library, reason=f"{library} is not installed")
    text = without_missing_libraries(read(page))
    plain = "\n".join("" if line.startswith("```") else line for line in text.splitlines())
    test = doctest.DocTestParser().get_doctest(plain, {}, page, page, 0)
    assert test.examples
    report = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS).run(test, out=report.append)
    assert not report, "".join(report)


def test_the_modules_in_contributing_run():
    blocks = map(textwrap.dedent, re.findall(r"^ *```python\n(.*?)^ *```", read("CONTRIBUTING.md"), flags=re.M | re.S))
    names = {}
    for block in blocks:
        if block.startswith('"""'):
            exec(block, names)
    x = np.random.default_rng(0).standard_normal((4, 3))
    layer = names["LeakyReLU"](0.1)
    check_vjp(lambda x: (layer.forward(x)[0], lambda dy: layer.forward(x)[1](dy)[0]), x)
    optimizer = names["RMSprop"](0.75)
    params = {"x": np.zeros_like(x)}
    optimizer.apply(params, {"x": x}, optimizer.init(params), {"x": 0.5})
    np.testing.assert_allclose(params["x"], -np.sign(x), rtol=1e-6)


@needs_sources
@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(read(page))):
        if target.startswith("https://"):
            continue  # other sites are not asked, since the suite runs without a network
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file.read_text(encoding="utf-8")), target


def test_figures_of_the_readme_are_those_of_the_measured_pages():
    readme = read("README.md")
    times, errors = re.findall(r"\d+(?:\.\d+)? ms", readme), re.findall(r"\d\.\d+ \(\d\.\d\)", readme)
    assert times
    assert errors
    assert [time for time in times if f" {time} |" not in read("docs/benchmarks.md")] == []
    assert [error for error in errors if f"| {error} |" not in read("docs/results.md")] == []
