"""The pages of the benchmarks show the recorded figures, and no marks."""

import json

import pytest

from benchmarks import __main__ as program
from benchmarks import fresh_process, report

MACHINE = {"date": "2026-01-31", "processor": "a CPU", "threads": 2, "kernels": "none", "versions": {"Python": "3.11"}}
TIMING = {"seconds": 1.5, "rounds": 5, "pause": 0.2, "shortest": 2e-4}
ROWS = [
    {"name": "torch", "seconds": 0.0125, "ratio": 5.0, "difference": 2e-7, "tolerance": 1e-3, "agrees": True},
    {"name": "OpenCV", "seconds": 1.5, "ratio": 600.0, "difference": 0.5, "tolerance": 1 / 32, "agrees": False},
]
WARP = {"name": "affine, 1x2x3x4", "seconds": 0.0025, "rows": ROWS, "copy_seconds": 0.001}
FIGURES = {"machine": MACHINE, "timing": TIMING, "warps": [WARP], **{section: [] for section in fresh_process.CASES}}


@pytest.fixture
def page(tmp_path):
    def page(name, figures):
        report.write(tmp_path, name, figures, program.PAGES[name])
        assert json.loads((tmp_path / f"{name}.json").read_text()) == figures
        return (tmp_path / f"{name}.md").read_text().splitlines()

    return page


def test_a_table_of_warps(page):
    lines = page("benchmarks", FIGURES)
    first = lines.index("| affine, 1x2x3x4 | 2.5 ms | 2.5 | torch | 12.5 ms | **5.00** | 2e-07 | 0.001 |")
    assert lines[first + 1 :] == ["| | | | OpenCV | 1.50 s | answers differ | 0.5 | 0.03 |"]
    assert "- Date: 2026-01-31" in lines


def test_volumes_that_are_registered_have_a_table_of_their_own(page):
    row = {
        "name": "SimpleITK",
        "seconds": 12.0,
        "in_turn": False,
        "ratio": 60.0,
        "pairs": 1,
        "right": 1,
        "silent": 0,
        "refused": 0,
    }
    case = {"name": "affine", "rows": [{**row, **dict.fromkeys(("error", "median_error", "worst_error"), 0.02)}]}
    figures = {"machine": MACHINE, "timing": TIMING, "volumes": [WARP], "volumes to align": [case]}
    lines = page("volumes-benchmarks", figures)
    assert lines[-1] == "| affine, 1 pairs | SimpleITK | 12.00 s * | **60.00** | 0.0200 | 0.0200 | 0.0200 | 1 of 1 | 0 | 0 |"
    assert "## Registration" in lines
    assert "## Registration" not in page("volumes-benchmarks", {**figures, "volumes to align": []})


def test_a_case_without_rivals_is_a_row():
    assert report.table([{**WARP, "rows": []}], "none", lambda result: "").splitlines()[-1].startswith("| affine, 1x2x3x4 |")


def test_a_table_of_networks(page):
    rows = ROWS[:1]
    results = [
        {"name": "training, a network", "seconds": 0.0025, "rows": rows, "memory_bytes": 3 << 20},
        {"name": "inference, a network", "seconds": 0.0025, "rows": rows},
    ]
    lines = page("training-benchmarks", {"machine": MACHINE, "timing": TIMING, "training": results})
    assert lines[-2:] == [
        "| training, a network | 2.5 ms | 3.0 MB | torch | 12.5 ms | **5.00** | 2e-07 | 0.001 |",
        "| inference, a network | 2.5 ms |  | torch | 12.5 ms | **5.00** | 2e-07 | 0.001 |",
    ]


def test_tables_of_fresh_processes(page):
    jit = {"jit_cpu_seconds": 5.0, "jit_kernels": {"compiled": 2, "cache": 1}}
    processes = {
        "first calls": [{"name": "a warp", "seconds": None, "kernels": {}, **jit}],
        "imports": [{"name": "NumPy", "seconds": 0.05}],
        "first warp by JIT": [{"name": "affine", "empty cache": 4.0, "filled cache": 0.25}],
        "memory": [{"name": "tps", "allocated_mb": 2.871, "resident_mb": 2.68}],
        "kernel cache": [{"name": "compiled kernels", "kernels": 7, "mb": 1.25}],
    }
    lines = page("benchmarks", {**FIGURES, **processes})
    for line in (
        "| a warp | no library |  | 5.00 s | 2 compiled + 1 cache |",
        "| import NumPy | 50 ms |",
        "| first call by JIT, empty cache | 4.00 s |",
        "| tps | 2.87 MB | 2.68 MB |",
    ):
        assert line in lines
