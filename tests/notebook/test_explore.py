"""Sliders in a notebook: what they show is what the model says."""

import subprocess
import sys

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.nn import Chain, Classifier, Conv2d, Dense, Flatten, Heads, MultiHead, Regressor, SpatialTransformer

widgets = pytest.importorskip("ipywidgets", reason="ipywidgets is not installed")

from tests._util.parsed_html import all_text, parsed  # noqa: E402
from tests.onnx.running import randomized  # noqa: E402

X = np.random.default_rng(0).random((4, 12, 12), np.float32)


def small(**options):
    transformer = SpatialTransformer(Chain(Flatten(), Dense(4)), "affine", (8, 9))
    return randomized(Classifier(Chain(transformer, Flatten(), Dense(3)), (12, 12, 1), 3, **options))


def check(explorer, model, number, theta):
    """Compare what is shown with what the library computes."""
    x = X[number : number + 1]
    np.testing.assert_allclose(explorer.view, stn.warp(x[0, ..., None], theta, shape=(8, 9)), atol=1e-5)
    rest = Classifier(Chain(*list(model.network.layers.values())[1:]), (8, 9, 1), 3)
    np.testing.assert_allclose(explorer.outputs, rest.outputs(explorer.view[None]), atol=1e-5)
    assert f"{rest.predict_proba(explorer.view[None]).max():.1%}" in explorer.prediction.value


def test_the_first_image_is_shown_at_once():
    model = small()
    explorer = stn.explore(model, X)
    assert isinstance(explorer, widgets.Widget)
    check(explorer, model, 0, model.theta(X)[0])


def test_a_slider_chooses_the_image_and_theta_follows():
    model = small()
    explorer = stn.explore(model, X)
    before = explorer.input_picture.value
    explorer.image.value = 2
    assert explorer.input_picture.value != before
    np.testing.assert_allclose([slider.value for slider in explorer.theta], model.theta(X)[2], atol=1e-6)
    assert all(slider.disabled for slider in explorer.theta)
    np.testing.assert_allclose(explorer.outputs, model.outputs(X[2:3]), atol=1e-5)
    check(explorer, model, 2, model.theta(X)[2])


def test_sliders_of_theta_override_the_network_and_stay_for_other_images():
    model = small()
    explorer = stn.explore(model, X)
    explorer.choose_theta.value = True
    assert not any(slider.disabled for slider in explorer.theta)
    theta = [-0.5, 0.2, 0.1, 0.3, 0.7, -0.2]
    for slider, value in zip(explorer.theta, theta, strict=True):
        slider.value = value
    for number in (0, 3):
        explorer.image.value = number
        check(explorer, model, number, theta)
    explorer.choose_theta.value = False
    check(explorer, model, 3, model.theta(X)[3])


def test_the_outline_is_that_of_the_region():
    explorer = stn.explore(small(), X)
    explorer.choose_theta.value = True
    for slider, value in zip(explorer.theta, [0.5, 0, 0, 0, 0.5, 0], strict=True):
        slider.value = value
    lines = [element for element in parsed(explorer.input_picture.value).iter() if element.tag.endswith("polyline")]
    x, y = np.array([pair.split(",") for pair in lines[0].get("points").split()], float).T
    assert (x.min(), x.max(), y.min(), y.max()) == (2.75, 8.25, 2.75, 8.25)


def test_sliders_reach_all_that_the_network_chooses():
    model = small()
    model.params["spatialtransformer1.localisation.theta.bias"] += 7
    explorer = stn.explore(model, X)
    for number in range(len(X)):
        explorer.image.value = number
        np.testing.assert_allclose([slider.value for slider in explorer.theta], model.theta(X)[number], atol=1e-5)


def test_names_of_classes_are_escaped():
    explorer = stn.explore(small(classes=["<b>", "cat", "dog"]), X)
    assert "<b>:" not in explorer.prediction.value
    assert {"<b>", "cat", "dog"} <= {part.split(":")[0] for part in parsed(explorer.prediction.value).itertext()}


def test_many_parameters_have_the_first_sliders_only():
    layer = SpatialTransformer(Chain(Flatten(), Dense(4)), "flow", (8, 9), options={"shape": (6, 6)})
    explorer = stn.explore(randomized(Classifier(Chain(layer, Flatten(), Dense(3)), (12, 12, 1), 3)), X)
    assert len(explorer.theta) == 60
    explorer.choose_theta.value = True
    before = explorer.view
    explorer.theta[30].value = 1.0
    assert (explorer.view != before).any()


def test_other_models_show_their_outputs():
    look = lambda: SpatialTransformer(Chain(Flatten(), Dense(4)), "rotation")  # noqa: E731
    regressor = stn.explore(Regressor(Chain(Conv2d(2, 3), look(), Flatten(), Dense(2)), (12, 12, 1)), X)
    assert all_text(regressor.prediction.value).startswith("outputs: [")
    assert regressor.view.shape == (10, 10, 2)
    heads = MultiHead(Chain(look(), Flatten(), Heads(left=Dense(2), right=Dense(3))), (12, 12, 1))
    shown = all_text(stn.explore(heads, X).prediction.value)
    assert "left: [" in shown
    assert "right: [" in shown


def test_another_transformer_is_chosen():
    looks = [SpatialTransformer(Chain(Flatten(), Dense(4)), name) for name in ("affine", "rotation")]
    model = randomized(Classifier(Chain(*looks, Flatten(), Dense(3)), (12, 12, 1), 3))
    assert len(stn.explore(model, X, transformer=1).theta) == 1
    assert len(stn.explore(model, X, transformer="spatialtransformer1").theta) == 6


def test_arguments_are_checked():
    with pytest.raises(TypeError, match="model: expected a Model, got str"):
        stn.explore("model", X)
    with pytest.raises(ValueError, match=r"images: expected \(N, 12, 12, 1\), got \(5, 5\)"):
        stn.explore(small(), np.zeros((5, 5)))
    with pytest.raises(ValueError, match="images: expected at least one"):
        stn.explore(small(), X[:0])
    with pytest.raises(ValueError, match="no spatial transformer"):
        stn.explore(stn.models.fcn((12, 12, 1)), X)
    volumes = Classifier(Chain(Flatten(), Dense(3)), (4, 5, 6, 1), 3)
    with pytest.raises(ValueError, match="one of volumes"):
        stn.explore(volumes, np.zeros((1, 4, 5, 6)))


def test_a_missing_library_is_named():
    code = (
        "import sys; sys.modules['ipywidgets'] = None; import numpy as np, stn_numba as stn\n"
        "try: stn.explore(stn.models.st_fcn(), np.zeros((1, 28, 28)))\n"
        "except ImportError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "stn-numba[notebook]"' in run.stdout
