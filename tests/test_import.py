"""What a fresh process loads with `import stn_numba`."""

import subprocess
import sys

import pytest

HEAVY = [
    "numba",
    "scipy",
    "click",
    "matplotlib",
    "safetensors",
    "tqdm",
    "mlxtend",
    "onnx",
    "torch",
    "ipywidgets",
    "PIL",
    "stn_transforms",
]


def loaded_after(statements):
    """The heavy packages that a fresh process has imported."""
    code = f"import sys\n{statements}\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.split()


def test_importing_loads_no_heavy_package():
    assert loaded_after("import stn_numba") == []


def test_listing_transforms_loads_no_heavy_package():
    assert loaded_after("import stn_numba; assert stn_numba.available_transforms()") == []


def test_an_affine_grid_needs_no_compiler_and_no_scipy():
    assert loaded_after("import stn_numba; stn_numba.get_transform('affine').forward([[1, 0, 0, 0, 1, 0]], (4, 4))") == [
        "stn_transforms"
    ]


def test_every_public_name_exists():
    import stn_numba

    for name in stn_numba.__all__:
        assert getattr(stn_numba, name) is not None


def test_lazy_modules_and_names_are_found_in_a_fresh_process():
    names = "'data', 'models', 'nn', 'plot', 'testing', 'explore', 'export_onnx', 'fit', 'load', 'save'"
    listed, found = f"assert {{{names}}} <= set(dir(stn))", f"[getattr(stn, name) for name in ({names})]"
    assert not {"torch", "ipywidgets"} & set(loaded_after(f"import stn_numba as stn; {listed}; {found}; stn.nn.Dense"))


def test_an_unknown_name_is_refused():
    import stn_numba

    with pytest.raises(AttributeError, match="module 'stn_numba' has no attribute 'fitt'"):
        _ = stn_numba.fitt
