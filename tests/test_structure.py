"""The tree stays readable: no import circles, small folders, short files and functions, and every module has its tests."""

import ast
import graphlib
import re

import pytest

from tests.source_tree import ROOT, needs_sources

pytestmark = needs_sources
FOLDERS = ("stn_numba", "plugins/stn_transforms", "benchmarks", "tests")
MOST_FILES, MOST_LINES, MOST_FUNCTION_LINES = 16, 300, 40
# A file or a function that is longer says why in a comment `# Long: ...` within its first lines.
REASON = "# Long: "


def python_files(folder):
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


FILES = [path for folder in FOLDERS for path in python_files(folder)]


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path, modules):
    """Modules that a file imports anywhere, inside functions and for type checkers too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inner & modules
            if not inner <= modules:
                found.add(node.module)
    return found & modules - {name_of(path)}


def circles(graph):
    """The modules of a circle of imports, if there is one."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return [sorted(set(error.args[1]))]
    return []


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]


@pytest.mark.parametrize("folder", FOLDERS[:3])
def test_no_files_import_each_other_in_a_circle(folder):
    paths = {name_of(path): path for path in python_files(folder)}
    assert circles({name: imports_of(path, set(paths)) for name, path in paths.items()}) == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_folder_has_too_many_files(folder):
    folders = {path.parent for path in python_files(folder)}
    counts = {str(f.relative_to(ROOT)): sum(path.name != "__init__.py" for path in f.glob("*.py")) for f in folders}
    assert {f: count for f, count in counts.items() if count > MOST_FILES} == {}


def test_files_and_functions_are_short_or_say_why_not():
    long = {str(path.relative_to(ROOT)): parts for path in FILES if (parts := long_parts(path))}
    assert long == {}


def long_parts(path):
    """What is too long in a file, without a reason given."""
    lines = path.read_text().splitlines()
    found = []
    if len(lines) > MOST_LINES and not any(line.startswith(REASON) for line in lines[:20]):
        found.append(f"{len(lines)} lines")
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.FunctionDef) and body_length(node) > MOST_FUNCTION_LINES and not has_reason(node, lines):
            found.append(node.name)
    return found


def has_reason(function, lines):
    return any(REASON in line for line in lines[function.lineno - 1 : function.end_lineno])


def body_length(function):
    """Lines of a function without its decorators, signature and docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


# A module is tested by test_<module>.py or a folder <module>/ at the same place below tests/, or where a line of the folder's
# docstring says: `module, package: file.py, other/file.py`, with paths from tests/.
MIRRORS = {"stn_numba": "tests", "plugins/stn_transforms": "tests/plugins/stn_transforms"}
LINE = re.compile(r"^([\w, ]+): (\S+\.py(?:, \S+\.py)*)$", re.MULTILINE)


def lines_of(folder):
    """{module or package: [test files]} of the lines in the docstring of a folder of tests."""
    file = folder / "__init__.py"
    text = ast.get_docstring(ast.parse(file.read_text())) or "" if file.is_file() else ""
    return {name: line[2].split(", ") for line in LINE.finditer(text) for name in line[1].split(", ")}


def has_tests(module, mirror):
    """Whether a module (its path within the package), or a package that contains it, has tests of its own or a line."""
    for depth, name in enumerate(module.parts, 1):
        folder = mirror.joinpath(*module.parts[: depth - 1])
        if (folder / f"test_{name}.py").is_file() or name in lines_of(folder):
            return True
    return any(mirror.joinpath(*module.parts).glob("test_*.py"))


@pytest.mark.parametrize("package", MIRRORS)
def test_every_module_has_tests_or_a_line_that_names_them(package):
    modules = [path.relative_to(ROOT / package).with_suffix("") for path in python_files(package) if path.name != "__init__.py"]
    assert [str(module) for module in modules if not has_tests(module, ROOT / MIRRORS[package])] == []


@pytest.mark.parametrize("package", MIRRORS)
def test_lines_name_modules_and_files_that_exist(package):
    mirror, wrong = ROOT / MIRRORS[package], []
    for file in mirror.rglob("__init__.py"):
        source = ROOT / package / file.parent.relative_to(mirror)
        for name, files in lines_of(file.parent).items():
            wrong += [f"{file}: {name}"] * (not (source / name).is_dir() and not (source / f"{name}.py").is_file())
            wrong += [f"{file}: {each}" for each in files if not (ROOT / "tests" / each).is_file()]
    assert wrong == []
