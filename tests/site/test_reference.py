"""The reference has every public name."""

import importlib
import pkgutil
import re
from importlib.metadata import distribution

import pytest

import stn_numba
from tests.source_tree import needs_sources

from .pages import sources

pytestmark = needs_sources

# A new package is either in the reference or named here.
INTERNAL = {"_util", "cli", "kernels", "model_parts", "prebuilt", "warp_arguments", "warp_plans"}
PACKAGES = {module.name for module in pkgutil.iter_modules(stn_numba.__path__)}
PUBLIC = ["stn_numba", *sorted(f"stn_numba.{name}" for name in PACKAGES - INTERNAL)]
DIRECTIVE = re.compile(r"^\.\. (autosummary|currentmodule|automodule|py:data)::(?: (\S+))?$")


def listed(text):
    """The full names that a page of the reference lists."""
    module, names, in_summary = "", [], False
    for line in text.splitlines():
        if match := DIRECTIVE.match(line):
            kind, argument = match.groups()
            in_summary = kind == "autosummary"
            if kind == "currentmodule":
                module = argument
            elif kind == "py:data":
                names.append(f"{module}.{argument}")
        elif in_summary and re.match(r"   \w", line):
            names.append(f"{module}.{line.strip()}")
    return names


def found(name):
    """What a full name stands for."""
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def installed(name):
    """What a full name stands for, or None if its library is not installed."""
    try:
        return found(name)
    except ImportError:
        return None


def reference():
    return [name for page in sources(".rst") if page.parent.name == "reference" for name in listed(page.read_text())]


def missing(module, names):
    """The public names of a module that are not among `names`, under this name or another one."""
    known = {id(value) for name in names if (value := installed(name)) is not None}
    values = {name: getattr(module, name) for name in module.__all__}
    return [name for name, value in values.items() if id(value) not in known and not hasattr(value, "__path__")]


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_is_in_the_reference(module):
    imported = pytest.importorskip(module, exc_type=ImportError)  # the message names the extra
    modules = {f"stn_numba.{name}" for name in ("data", "models", "nn", "plot", "testing")}
    assert [name for name in missing(imported, reference()) if f"{module}.{name}" not in modules] == []


def test_missing_names_are_found():
    names = [name for name in reference() if name != "stn_numba.plot.draw_region"]
    assert missing(stn_numba.plot, names) == ["draw_region"]


def test_every_transform_is_in_the_reference():
    names = [name for name in reference() if name.startswith("stn_transforms.")]
    points = distribution("stn-numba").entry_points.select(group="stn_numba.transforms")
    own = {point.value.replace(":", ".") for point in points if point.value.startswith("stn_transforms.")}
    assert own
    assert sorted(own - set(names)) == []


def test_no_name_is_listed_twice():
    names = reference()
    assert sorted({name for name in names if names.count(name) > 1}) == []
