"""The links of pages, as the site needs them."""

import importlib.util
import sys
from pathlib import Path

import pytest

from tests.source_tree import needs_sources

from .pages import DOCS

pytestmark = needs_sources

pytest.importorskip("sphinx", reason="Sphinx is not installed: extra docs")


def load_extension(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / "extensions" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("source", "page", "target", "expected"),
    [
        ("docs/training.md", "docs/training.md", "results.md#r", "results.md#r"),
        ("docs/training.md", "docs/training.md", "#layers", "#layers"),
        ("docs/training.md", "docs/training.md", "https://a.org/b.md", "https://a.org/b.md"),
        ("docs/training.md", "docs/training.md", "../examples/signs.py", "../examples/signs.py"),
        ("docs/architecture.md", "docs/architecture.md", "../CONTRIBUTING.md", "project/contributing.md"),
        ("docs/tutorials/plugin.md", "docs/tutorials/plugin.md", "../../plugins/README.md#2", "../plugins.md#2"),
        ("CONTRIBUTING.md", "docs/project/contributing.md", "docs/sampling.md", "../sampling.md"),
        ("CONTRIBUTING.md", "docs/project/contributing.md", "plugins/README.md", "../plugins.md"),
        ("README.md", "docs/index.md", "docs/figure.png", "figure.png"),
        ("README.md", "docs/index.md", "docs/not-there.md", "docs/not-there.md"),
    ],
)
def test_links_fit_the_page(source, page, target, expected):
    links = load_extension("repository_links")
    code = "```\n[a](CONTRIBUTING.md)\n```\n"
    text = links.site_links(f"See [it]({target}).\n\n{code}", Path(source), Path(page))
    assert text == f"See [it]({expected}).\n\n{code}"
