"""The hook that compiles kernels when a wheel is built, tested without hatchling."""

import importlib.util
import os
import subprocess
import sys
import sysconfig
import types

import pytest

from tests.source_tree import ROOT, needs_sources

pytestmark = needs_sources


class App:
    def __init__(self):
        self.said = []

    def display_info(self, text):
        self.said.append(text)

    def display_warning(self, text):
        self.said.append(f"warning: {text}")


@pytest.fixture
def hook(monkeypatch, tmp_path):
    """A hook as hatchling would make it for a wheel of this checkout."""
    monkeypatch.delenv("STN_NUMBA_BUILD_KERNELS", raising=False)
    name = "hatchling.builders.hooks.plugin.interface"
    for k in range(1, 6):
        part = ".".join(name.split(".")[:k])
        monkeypatch.setitem(sys.modules, part, types.ModuleType(part))
    sys.modules[name].BuildHookInterface = object
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = module.KernelHook()
    made.app, made.root, made.directory, made.target_name = App(), str(ROOT), str(tmp_path), "wheel"
    points = {"stn_numba.transforms": {"affine": "stn_transforms.affine:Affine"}}
    core = types.SimpleNamespace(dependencies=["numba>=0.62"], entry_points=points)
    made.metadata = types.SimpleNamespace(core=core, version="9.9")
    return made


def built(hook, version="standard"):
    data = {"pure_python": True, "force_include": {}}
    hook.initialize(version, data)
    return data


PURE = {"pure_python": True, "force_include": {}}


def test_the_setting_0_leaves_kernels_out(hook, monkeypatch):
    monkeypatch.setenv("STN_NUMBA_BUILD_KERNELS", "0")
    assert built(hook) == PURE
    assert hook.dependencies() == []
    assert "STN_NUMBA_BUILD_KERNELS=0" in hook.app.said[0]


def test_libraries_of_a_folder_are_taken_without_compiling(hook, monkeypatch, tmp_path):
    monkeypatch.setattr(hook, "_build", lambda: pytest.fail("it compiles"))
    monkeypatch.setenv("STN_NUMBA_BUILD_KERNELS", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="contains no libraries of kernels"):
        built(hook)
    path = tmp_path / "kernels-v3-0123456789abcdef.so"
    path.touch()
    assert built(hook)["force_include"] == {str(path): f"stn_numba/prebuilt/{path.name}"}
    assert hook.dependencies() == []


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_build_a_pure_wheel_without_trying(hook, monkeypatch, system):
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(hook, "_build", lambda: pytest.fail("it tried"))
    assert built(hook) == PURE
    assert hook.dependencies() == []
    assert hook.app.said == [f"Skipping kernels (not supported on {system}): they are compiled at first calls."]


@pytest.mark.parametrize(("target", "version"), [("wheel", "editable"), ("sdist", "standard")])
def test_editable_installs_and_source_archives_have_no_kernels(hook, target, version):
    hook.target_name = target
    assert built(hook, version) == PURE
    assert hook.app.said == []


def test_without_a_linker_the_wheel_is_pure(hook, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert built(hook) == PURE
    assert hook.app.said[-1].startswith("warning: No kernels were compiled, so this is a pure wheel: RuntimeError: ")


def test_the_build_finds_our_transforms(hook, tmp_path):
    hook._fake_install(tmp_path)
    code = "from stn_numba.transform.registry import get_transform; print(get_transform('affine').n_params)"
    others = [path for path in sys.path if not path.startswith(str(ROOT)) or "site-packages" in path]
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path += {others!r}; {code}"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == "6\n", done.stderr


def test_a_platform_wheel_contains_the_libraries(hook, monkeypatch, tmp_path):
    path = tmp_path / "kernels-v3-0123456789abcdef.so"
    monkeypatch.setattr(hook, "_build", lambda: [path])
    data = built(hook)
    assert data["force_include"] == {str(path): f"stn_numba/prebuilt/{path.name}"}
    assert data["pure_python"] is False
    assert data["tag"] == f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
    assert hook.dependencies() == ["numba>=0.62"]
