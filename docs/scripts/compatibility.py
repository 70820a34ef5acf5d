"""Write docs/compatibility.md from the results of ``make matrix``: ``python docs/scripts/compatibility.py runs/matrix``.

For systems and versions of Python that are not here, uv (on PATH) tells which versions of the libraries an installation gets.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

FOLDER = Path(__file__).parents[1]
PAGE, RECORD = FOLDER / "compatibility.md", FOLDER / "compatibility.json"

SHOWN = ("numba", "llvmlite", "numpy", "scipy", "scikit-learn", "onnx", "onnxruntime", "matplotlib", "pillow", "safetensors")
PLATFORMS = {  # as uv names them
    "Linux, x86-64": "x86_64-manylinux_2_28",
    "Linux, aarch64": "aarch64-manylinux_2_28",
    "macOS, Apple silicon": "aarch64-apple-darwin",
    "macOS, Intel": "x86_64-apple-darwin",
    "Windows, x86-64": "x86_64-pc-windows-msvc",
}
FORMS = {"whole": "the whole suite", "quick": "the quick form of the suite (`QUICK` in noxfile.py)", "chosen": "chosen tests"}

HEAD = """# Compatibility

Written by `make matrix` (noxfile.py and docs/scripts/compatibility.py) from [compatibility.json](compatibility.json). In each
environment the wheel `{wheel}` was installed, and tests ran in a folder without the sources, on {system}. The
oldest libraries are those of [constraints-oldest.txt](../constraints-oldest.txt): the lower bounds in pyproject.toml.
"Prebuilt" counts tests with the kernels in the wheel; "compiled" counts tests of the sampler, run again with kernels that this
Numba compiled.

## What was run

"""
LIBRARIES = """
## The libraries in these environments

"""
RESOLVED = """
## Which versions of Numba, NumPy and SciPy an installation gets

As uv resolves the library with its test extra to prebuilt wheels, for each system. Only what the first table lists was run.

"""
NOT_TRIED = """
## What was not tried

- macOS, Windows, and Linux on aarch64: no such machine was at hand. The workflow in `.github/workflows/` runs the tests there.
  `tests/release/test_other_systems.py` runs a warp in a process that takes itself for macOS or Windows, on Linux.
  Wheels for macOS and Windows contain no compiled kernels: Numba compiles each at its first call.
- Free-threaded builds of Python (3.13t, 3.14t), PyPy, musl-based Linux (Alpine), and 32-bit systems.
{missing}"""


def main(results: Path) -> None:
    """Write the page and its JSON record."""
    expected = sys.argv[2:]
    record = {
        "wheel": wheel_name(results),
        "system": f"{platform.system()} {platform.machine()} ({' '.join(platform.libc_ver())})",
        "environments": [environment(results / name) for name in expected],
        "resolved": [resolve(system, python) for system in PLATFORMS for python in pythons(expected)],
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    PAGE.write_text(page(record))
    print(PAGE)


def wheel_name(results: Path) -> str:
    """Return the file name of the wheel, which all environments share."""
    (name,) = {json.loads(file.read_text())["wheel"] for file in results.glob("*/run.json")}
    return str(name)


def pythons(names: Iterable[str]) -> list[str]:
    """Return the versions of Python in the names of environments, each once."""
    return list(dict.fromkeys(name.partition("-")[0] for name in names))


def environment(folder: Path) -> dict[str, Any]:
    """Return what one environment left: versions, and counts of tests; only its name if it was not run."""
    python, _, dependencies = folder.name.partition("-")
    found: dict[str, Any] = {"python": python, "dependencies": dependencies}
    if not (folder / "run.json").is_file():
        return found
    found |= json.loads((folder / "run.json").read_text())
    found["packages"] = {name: found["packages"][name] for name in SHOWN if name in found["packages"]}
    return found | {kernels: counts(folder / f"{kernels}.xml") for kernels in ("prebuilt", "compiled")}


def counts(file: Path) -> dict[str, Any]:
    """Return how many tests of a JUnit report passed, failed and were skipped, and the names of those that failed."""
    if not file.is_file():
        return {"passed": 0, "failed": 1, "skipped": 0, "failures": ["pytest did not finish"]}
    cases = list(ElementTree.parse(file).getroot().iter("testcase"))
    bad = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = sum(case.find("skipped") is not None for case in cases)
    names = [f"{case.get('classname')}::{case.get('name')}" for case in bad]
    return {"passed": len(cases) - len(bad) - skipped, "failed": len(bad), "skipped": skipped, "failures": names}


def resolve(system: str, python: str) -> dict[str, Any]:
    """Return the versions that an installation would get, or why there is none."""
    command = ["uv", "pip", "compile", "pyproject.toml", "--extra", "test", "--only-binary", ":all:", "--no-python-downloads"]
    command += ["--python-version", python, "--python-platform", PLATFORMS[system], "--no-header", "--no-annotate", "--quiet"]
    done = subprocess.run(command, cwd=FOLDER.parent, capture_output=True, text=True)
    pinned = dict(line.partition(";")[0].strip().split("==") for line in done.stdout.splitlines() if "==" in line)
    packages = {name: pinned[name] for name in ("numba", "numpy", "scipy") if name in pinned}
    return {"system": system, "python": python, "packages": packages if done.returncode == 0 else {}}


def page(record: dict[str, Any]) -> str:
    """Return the page as Markdown."""
    ran = [each for each in record["environments"] if "form" in each]
    absent = [f"Python {each['python']}" for each in record["environments"] if "form" not in each]
    parts = [HEAD.format(**record), table(["Python", "libraries", "tests", "prebuilt", "compiled"], map(result_row, ran)), ""]
    parts += [f"{FORMS[form][0].upper()}{FORMS[form][1:]} was run." for form in sorted({each["form"] for each in ran})]
    parts += [f"\n- {line}" for each in ran for line in failures(each)]
    parts += [
        "",
        LIBRARIES,
        table(["", *map(name_of, ran)], library_rows(ran)),
        "",
        RESOLVED,
        resolved_table(record["resolved"]),
    ]
    missing = f"- {', '.join(absent)}: no interpreter was at hand.\n" if absent else ""
    return "\n".join(parts) + "\n" + NOT_TRIED.format(missing=missing)


def result_row(each: dict[str, Any]) -> list[str]:
    """Return a row of the table of results."""
    return [each["version"], each["dependencies"], each["form"], *(said(each[kernels]) for kernels in ("prebuilt", "compiled"))]


def said(count: dict[str, Any]) -> str:
    """Return counts in words."""
    failed = f"**{count['failed']} failed**" if count["failed"] else "0 failed"
    return f"{count['passed']:,} passed, {failed}, {count['skipped']} skipped"


def failures(each: dict[str, Any]) -> list[str]:
    """Return a line for each test that failed."""
    return [
        f"{name_of(each)}, {kernels}: `{name}`" for kernels in ("prebuilt", "compiled") for name in each[kernels]["failures"]
    ]


def name_of(each: dict[str, Any]) -> str:
    """Return the name of an environment."""
    return f"{each['python']} {each['dependencies']}"


def library_rows(ran: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Return a row for each library, with its version in each environment."""
    return [[name, *(each["packages"].get(name, "") for each in ran)] for name in SHOWN]


def resolved_table(resolved: Sequence[dict[str, Any]]) -> str:
    """Return a table with a row for each system and a column for each version of Python."""
    found = {(each["system"], each["python"]): " / ".join(each["packages"].values()) or "none" for each in resolved}
    versions = list(dict.fromkeys(each["python"] for each in resolved))
    return table(["", *versions], ([system, *(found[system, python] for python in versions)] for system in PLATFORMS))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
