"""The examples of the written pages run."""

import doctest
from pathlib import Path

import pytest

from stn_numba.transform import registry

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("page", ["plugins/README.md", "docs/mathematics.md", "docs/sampling.md", "docs/training.md"])
def test_the_examples_run(page, monkeypatch):
    monkeypatch.setattr(registry, "_registered", {})
    text = (ROOT / page).read_text(encoding="utf-8")
    plain = "\n".join("" if line.startswith("```") else line for line in text.splitlines())
    test = doctest.DocTestParser().get_doctest(plain, {}, page, page, 0)
    assert test.examples
    report = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=report.append)
    assert not report, "".join(report)
