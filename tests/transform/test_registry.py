"""Discovery of transforms, with fake distributions on sys.path."""

import sys

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.deploy.doctor import plugin_rows
from stn_numba.transform import registry

SHIFT = """
import numpy as np
from stn_numba.transform import Transform

class Shift(Transform):
    n_params = 2
    def __init__(self, step=1):
        self.step = step
    def identity(self):
        return np.zeros(2)
    def apply(self, theta, points):
        return points + self.step * theta[:, None]
"""


@pytest.fixture(autouse=True)
def clean_registry(monkeypatch):
    monkeypatch.setattr(registry, "_registered", {})


@pytest.fixture
def install(tmp_path, monkeypatch):
    """install(name, entries, **modules) makes a distribution in a new folder, first on sys.path."""

    def make(name, entries, **modules):
        folder = tmp_path / name
        info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(entries if "[" in entries else f"[stn_numba.transforms]\n{entries}\n")
        for module, source in modules.items():
            (folder / f"{module}.py").write_text(source)
            monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.syspath_prepend(folder)

    return make


def test_own_transforms_are_found():
    assert {"affine", "projective", "tps"} <= set(stn.available_transforms())


def test_a_distribution_is_found_and_its_options_are_passed(install):
    install("good-one", "shift = shift_a:Shift", shift_a=SHIFT)
    assert "shift" in stn.available_transforms()
    assert stn.get_transform("shift", step=3).step == 3


def test_a_missing_option_is_named():
    with pytest.raises(TypeError, match="options: transform 'bounded' needs transform, got low"):
        stn.get_transform("bounded", low=-1)
    with pytest.raises(TypeError, match="options: transform 'compose' needs transforms, got none"):
        stn.get_transform("compose")


def test_available_transforms_imports_no_plugin(install):
    install("lazy-one", "lazy = lazy_module:Shift", lazy_module="raise RuntimeError('imported')")
    assert "lazy" in stn.available_transforms()
    assert "lazy_module" not in sys.modules


def test_an_unknown_name_is_refused_with_the_names_and_a_suggestion():
    with pytest.raises(ValueError, match=r"transform: expected one of affine.*, got 'afine'; did you mean 'affine'\?"):
        stn.get_transform("afine")


def test_other_types_than_names_are_refused():
    for name in (type(stn.get_transform("affine")), stn.get_transform("affine"), None, ["affine"]):
        with pytest.raises(TypeError, match="name: expected the name of a transform, got "):
            stn.get_transform(name)


@pytest.mark.parametrize(
    ("name", "ours"), [("homography", "projective"), ("thin_plate_spline", "tps"), ("Projective", "projective")]
)
def test_names_of_other_libraries_get_a_suggestion(name, ours):
    with pytest.raises(ValueError, match=rf"transform: expected one of .*; did you mean '{ours}'\?"):
        stn.get_transform(name)


def test_a_missing_module_warns_and_names_its_distribution(install):
    install("broken-one", "lost = no_such_module:Thing")
    with pytest.warns(RuntimeWarning, match=r"'lost' = no_such_module:Thing of broken-one 1.0: there is no module"):
        names = stn.available_transforms()
    assert "lost" not in names
    assert stn.get_transform("affine").n_params == 6
    with pytest.raises(stn.PluginError, match=r"of broken-one 1\.0: there is no module 'no_such_module'"):
        stn.get_transform("lost")
    assert [p.problem for p in registry.plugins() if p.name == "lost"] == ["there is no module 'no_such_module'"]


def test_an_entry_point_that_cannot_be_parsed_warns(install):
    install("garbled-one", "garbled = this is: not! one")
    with pytest.warns(RuntimeWarning, match=r"'garbled' = .* of garbled-one 1.0: the entry point is not of the form"):
        stn.available_transforms()
    assert stn.get_transform("tps").n_params == 32
    with pytest.raises(stn.PluginError, match=r"garbled-one"):
        stn.get_transform("garbled")


def test_a_file_that_cannot_be_parsed_does_not_affect_others(install):
    install("mangled-one", "[stn_numba.transforms\nnonsense")
    with pytest.warns(RuntimeWarning, match=r"mangled-one"):
        assert "affine" in stn.available_transforms()


def test_a_name_claimed_twice_is_refused_with_both_claimants(install):
    install("first-one", "shift = shift_b:Shift", shift_b=SHIFT)
    install("second-one", "shift = shift_c:Shift", shift_c=SHIFT)
    with pytest.warns(RuntimeWarning, match=r"two distributions claim one name"):
        stn.available_transforms()
    with pytest.raises(stn.PluginError, match=r"(?s)(?=.*first-one 1\.0)(?=.*second-one 1\.0)"):
        stn.get_transform("shift")
    assert "shift" not in stn.available_transforms()
    assert stn.get_transform("affine").n_params == 6


def test_built_in_names_are_reserved(install):
    install("greedy-one", "affine = shift_d:Shift", shift_d=SHIFT)
    with pytest.warns(RuntimeWarning, match=r"greedy-one 1\.0: the name belongs to stn-numba itself"):
        assert "affine" in stn.available_transforms()
    assert stn.get_transform("affine").n_params == 6
    assert stn.warp(np.eye(3), [1, 0, 0, 0, 1, 0]).tolist() == np.eye(3).tolist()
    statuses = {row["distribution"].split()[0]: row["status"] for row in plugin_rows() if row["name"] == "affine"}
    assert statuses == {"stn-numba": "ok", "greedy-one": "the name belongs to stn-numba itself"}


def test_a_plugin_that_raises_at_import_is_named_with_the_cause(install):
    install("raising-one", "raiser = raiser_module:Shift", raiser_module="raise RuntimeError('no license')")
    with pytest.raises(stn.PluginError, match=r"'raiser' .* of raising-one 1.0 cannot be loaded: RuntimeError: no license"):
        stn.get_transform("raiser")
    assert stn.get_transform("affine").n_params == 6


def test_a_plugin_without_the_named_class_is_refused(install):
    install("empty-one", "empty = empty_module:Missing", empty_module="")
    with pytest.raises(stn.PluginError, match=r"empty-one 1.0 cannot be loaded: AttributeError"):
        stn.get_transform("empty")


def test_a_plugin_that_is_no_transform_is_refused(install):
    install("other-one", "other = other_module:Thing", other_module="class Thing: pass")
    with pytest.raises(stn.PluginError, match=r"transform 'other': expected a stn_numba.transform.Transform"):
        stn.get_transform("other")


def test_errors_of_the_constructor_are_passed_on():
    with pytest.raises(ValueError, match=r"control_points"):
        stn.get_transform("tps", control_points=(1, 1))
    with pytest.raises(TypeError, match=r"options: expected ndim for transform 'affine'"):
        stn.get_transform("affine", color="red")


def test_a_transform_can_be_registered_at_run_time():
    affine = type(stn.get_transform("affine"))
    stn.register_transform("mine", affine)
    assert "mine" in stn.available_transforms()
    assert isinstance(stn.get_transform("mine"), affine)
    assert [p.source for p in registry.plugins() if p.name == "mine"] == ["register_transform"]


def test_a_taken_name_is_replaced_only_with_overwrite():
    projective = type(stn.get_transform("projective"))
    with pytest.raises(ValueError, match=r"name: 'affine' is taken by .*; pass overwrite=True"):
        stn.register_transform("affine", projective)
    stn.register_transform("affine", projective, overwrite=True)
    assert stn.get_transform("affine").n_params == 8


@pytest.mark.parametrize(("name", "factory", "message"), [("", int, "name: "), (3, int, "name: "), ("x", 3, "factory: ")])
def test_registering_other_types_is_refused(name, factory, message):
    with pytest.raises(TypeError, match=message):
        stn.register_transform(name, factory)


def test_only_listed_plugins_may_be_loaded(install, monkeypatch):
    install("good-one", "shift = shift_d:Shift", shift_d=SHIFT)
    install("other-one", "slide = slide_d:Shift", slide_d=SHIFT)
    for setting, expected in {
        "": set(),
        "good_one": {"shift"},
        "slide": {"slide"},
        " Good.One , slide": {"shift", "slide"},
        "nothing": set(),
    }.items():
        monkeypatch.setenv("STN_NUMBA_PLUGINS", setting)
        assert {"affine", "projective", "tps"} <= set(stn.available_transforms())
        assert {"shift", "slide"} & set(stn.available_transforms()) == expected
    with pytest.raises(stn.PluginError, match=r"'shift' = .* of good-one 1\.0: not allowed by STN_NUMBA_PLUGINS"):
        stn.get_transform("shift")
    assert "shift_d" not in sys.modules


def test_a_plugin_that_may_not_be_loaded_causes_no_conflict(install, monkeypatch):
    install("first-one", "shift = shift_e:Shift", shift_e=SHIFT)
    install("second-one", "shift = shift_f:Shift", shift_f=SHIFT)
    monkeypatch.setenv("STN_NUMBA_PLUGINS", "first-one")
    assert type(stn.get_transform("shift")).__module__ == "shift_e"
    monkeypatch.setenv("STN_NUMBA_PLUGINS", "")
    stn.register_transform("mine", lambda: stn.get_transform("affine"))  # the program's own transform is not a plugin
    assert stn.get_transform("mine").n_params == 6


def test_a_constructor_that_raises_is_named(install):
    install("odd-one", "odd = odd_module:odd", odd_module="def odd(): return 1 / 0")
    with pytest.raises(stn.PluginError, match=r"'odd' of odd-one 1\.0 cannot be made: ZeroDivisionError"):
        stn.get_transform("odd")


def test_errors_show_the_requested_name(monkeypatch):
    class Broken(stn.Transform):
        n_params = 1

        def identity(self):
            return np.zeros(1)

        def apply(self, theta, points):
            raise ArithmeticError

    monkeypatch.setattr(registry, "_registered", {})
    for name in ("first", "second"):
        stn.register_transform(name, Broken)
    for name in ("second", "first"):
        with pytest.raises(stn.PluginError, match=f"transform '{name}' of register_transform: forward: ArithmeticError"):
            stn.warp(np.zeros((3, 3)), [0.0], name)


def test_an_entry_point_that_is_not_callable_is_named(install):
    install("value-one", "value = value_module:NUMBER", value_module="NUMBER = 3")
    with pytest.raises(stn.PluginError, match=r"transform 'value' of value-one 1.0: expected a class or a function, got int"):
        stn.get_transform("value")


def test_unknown_options_are_named_with_those_that_exist():
    options = "control_points, aspect, smoothing, ndim"
    message = f"options: expected {options} for transform 'tps', got 'aspekt'; did you mean 'aspect'?"
    with pytest.raises(TypeError) as caught:
        stn.get_transform("tps", aspekt=2.0)
    assert str(caught.value) == message
    with pytest.raises(TypeError, match="options: expected ndim for transform 'affine', got 'aspect'"):
        stn.get_transform("affine", aspect=2.0)
