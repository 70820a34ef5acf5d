"""docs/compatibility.py counts tests, and names what failed and what was not run."""

import importlib.util
import json

import pytest

from tests.source_tree import ROOT

REPORT = """<testsuites><testsuite>
<testcase classname="tests.test_a" name="test_good"/>
<testcase classname="tests.test_a" name="test_bad"><failure message="no">trace</failure></testcase>
<testcase classname="tests.test_a" name="test_broken"><error message="no">trace</error></testcase>
<testcase classname="tests.test_a" name="test_left_out"><skipped message="why"/></testcase>
</testsuite></testsuites>"""
RUN = {"version": "3.11.9", "form": "quick", "wheel": "a.whl", "packages": {"numba": "0.99.0", "pytest": "8.0"}}


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("compatibility", ROOT / "docs" / "scripts" / "compatibility.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def results(tmp_path):
    """One environment that was run, whose second pytest did not come to its end."""
    folder = tmp_path / "3.11-oldest"
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(RUN))
    (folder / "prebuilt.xml").write_text(REPORT)
    return tmp_path


def test_an_environment_is_counted(script, results):
    found = script.environment(results / "3.11-oldest")
    assert found["packages"] == {"numba": "0.99.0"}
    failures = ["tests.test_a::test_bad", "tests.test_a::test_broken"]
    assert found["prebuilt"] == {"passed": 1, "failed": 2, "skipped": 1, "failures": failures}
    assert found["compiled"]["failures"] == ["pytest did not finish"]
    assert script.environment(results / "3.14-newest") == {"python": "3.14", "dependencies": "newest"}
    assert script.wheel_name(results) == "a.whl"


def test_the_page_names_failures_and_what_was_not_run(script, results):
    environments = [script.environment(results / name) for name in ("3.11-oldest", "3.14-newest")]
    resolved = [
        {"system": system, "python": "3.11", "packages": {"numba": "0.99.0"} if system == "macOS, Intel" else {}}
        for system in script.PLATFORMS
    ]
    page = script.page({"wheel": "a.whl", "system": "Linux", "environments": environments, "resolved": resolved})
    assert "| 3.11.9 | oldest | quick | 1 passed, **2 failed**, 1 skipped | 0 passed, **1 failed**, 0 skipped |" in page
    assert "- 3.11 oldest, prebuilt: `tests.test_a::test_bad`" in page
    assert "Python 3.14: no interpreter was at hand" in page
    assert "| macOS, Intel | 0.99.0 |" in page
    assert "| Windows, x86-64 | none |" in page
