"""Versions and bounds that are written in several files agree."""

import json
import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import stn_numba
from tests.source_tree import ROOT, needs_sources

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_changelog_and_citation_are_those_of_this_version():
    version, date = re.search(r"^## (\S+) \((\d\S+)\)$", read("CHANGELOG.md"), re.M).groups()  # after "unreleased"
    cited = dict(re.findall(r"^(version|date-released): (\S+)$", read("CITATION.cff"), re.M))
    assert stn_numba.__version__ == version == cited["version"]
    assert date == cited["date-released"]
    assert PROJECT["license"] == re.search(r"^license: (\S+)$", read("CITATION.cff"), re.M)[1]
    assert PROJECT["description"] in read("CITATION.cff")


def requirements(extra, extras=PROJECT["optional-dependencies"]):
    """The requirements of an extra, with those of the extras that it names."""
    found = []
    for requirement in map(Requirement, extras[extra]):
        inner = [requirements(name) for name in requirement.extras] if requirement.name == PROJECT["name"] else []
        found += [each for requirements in inner for each in requirements] if inner else [requirement]
    return found


def test_the_oldest_constraints_are_the_lower_bounds():
    """``nox -s oldest`` writes them; the first release that fits a bound may be a later one, as 1.11.1 for 1.11."""
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)$", read("constraints-oldest.txt"), re.M))
    for requirement in [*map(Requirement, PROJECT["dependencies"]), *requirements("test")]:
        (bound,) = (each.version for each in requirement.specifier if each.operator == ">=")
        chosen = pinned[requirement.name.lower()]
        assert chosen == bound or chosen.startswith(f"{bound}."), requirement
        assert Version(chosen) in requirement.specifier


@needs_sources  # where the matrix itself is run, the record is that of the run before
def test_pythons_of_the_classifiers_are_those_that_passed():
    heads = "Programming Language :: Python :: 3."
    named = {f"3.{each.removeprefix(heads)}" for each in PROJECT["classifiers"] if each.startswith(heads)}
    if not (ROOT / "docs" / "compatibility.json").is_file():
        pytest.skip("make matrix has not been run")
    ran = [each for each in json.loads(read("docs/compatibility.json"))["environments"] if "form" in each]
    assert named == {each["python"] for each in ran}
    assert [each["prebuilt"]["failures"] + each["compiled"]["failures"] for each in ran] == [[]] * len(ran)
    assert PROJECT["requires-python"] == f">={min(named, key=Version)}"
