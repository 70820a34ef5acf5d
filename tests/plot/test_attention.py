"""Figures of what a model attends to."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from stn_numba.models import cnn, st_fcn, two_st_fcn
from stn_numba.nn import Chain, Classifier, Conv2d, Dense, Flatten, SpatialTransformer
from stn_numba.plot import attention_figure, region_outline
from stn_numba.plot.attention import draw_prediction

Figure = pytest.importorskip("matplotlib.figure").Figure


@pytest.fixture
def images():
    return np.random.default_rng(0).random((2, 28, 28, 1), np.float32)


def model_at(theta, **options):
    """A model that chooses the same parameters for every image."""
    model = st_fcn(units=8, localisation_units=4, **options)
    (bias,) = (array for name, array in model.params.items() if name.endswith("theta.bias"))
    bias[:] = theta
    return model


def test_columns_show_input_region_output_and_prediction(images):
    theta = np.array([0.5, 0, 0.25, 0, 0.5, 0], np.float32)
    model = model_at(theta, shape=(14, 12))
    axes = attention_figure(model, images)
    assert axes.shape == (2, 4)
    assert [column.get_title()[:3] for column in axes[0]] == ["(a)", "(b)", "(c)", "(d)"]
    for n, row in enumerate(axes):
        np.testing.assert_array_equal(row[0].images[0].get_array(), images[n, ..., 0])
        np.testing.assert_array_equal(row[1].images[0].get_array(), images[n, ..., 0])
        np.testing.assert_array_equal(row[2].images[0].get_array(), model.transform(images)[n, ..., 0])
        heights = [bar.get_height() for bar in row[3].patches]
        np.testing.assert_allclose(heights, model.predict_proba(images)[n], rtol=1e-6)
        outline = region_outline(model.transformers[0].transform, theta, (28, 28))
        np.testing.assert_allclose(row[1].lines[-3].get_xydata(), outline.reshape(-1, 2))


def test_y_points_down_and_pixel_centers_are_at_whole_numbers(images):
    for axes in attention_figure(model_at([0.5, 0, 0, 0, 0.5, 0]), images)[:, :3].ravel():
        assert axes.get_xlim() == (-0.5, 27.5)
        assert axes.get_ylim() == (27.5, -0.5)
        assert axes.images[0].get_extent() == [-0.5, 27.5, 27.5, -0.5]


@pytest.mark.parametrize(("scale", "margin"), [(1.2, (2.5, 4)), (50.0, (14, 14))])
def test_the_view_grows_with_the_region_up_to_a_limit(images, scale, margin):
    left, _ = attention_figure(model_at([scale, 0, 0, 0, scale, 0]), images)[0, 1].get_xlim()
    assert margin[0] <= -0.5 - left <= margin[1]


def test_the_outline_uses_the_transformer_s_align_corners(images):
    layers = SpatialTransformer(Flatten(), align_corners=False), Flatten(), Dense(10)
    axes = attention_figure(Classifier(Chain(*layers), (28, 28, 1), 10), images)
    assert axes[0, 1].lines[-1].get_xydata().tolist() == [[-0.5, -0.5]]


def test_labels_are_compared_with_the_prediction(images):
    model = model_at([1, 0, 0, 0, 1, 0])
    right = model.predict(images)
    texts = [row[3].texts[0].get_text() for row in attention_figure(model, images, [right[0], (right[1] + 1) % 10])]
    assert texts[0].endswith("✓")
    assert texts[1].endswith(f"✗ is {(right[1] + 1) % 10}")


def test_a_prediction_without_label_has_no_check_mark():
    axes = Figure().subplots()
    draw_prediction(axes, np.array([0.25, 0.75]))
    assert axes.texts[0].get_text() == "1 (75.0 %)"


def test_color_images_are_drawn_in_color(images):
    model = st_fcn((28, 28, 3), units=8)
    axes = attention_figure(model, np.repeat(images, 3, axis=3))
    assert axes[0, 0].images[0].get_array().shape == (28, 28, 3)


def test_figures_are_drawn_on_given_axes_and_saved_without_a_display(images, tmp_path):
    given = Figure().subplots(2, 4)
    assert attention_figure(st_fcn(transform="tps", units=8), images, axes=given) is given
    given[0, 0].figure.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes()[:4] == b"\x89PNG"


def test_bad_arguments_are_refused(images):
    model = st_fcn(units=8)
    with pytest.raises(ValueError, match="no spatial transformer"):
        attention_figure(cnn(filters=2), images)
    with pytest.raises(ValueError, match="X: expected"):
        attention_figure(model, images[:0])
    with pytest.raises(ValueError, match=r"labels: expected \(2,\), got \(3,\)"):
        attention_figure(model, images, [1, 2, 3])
    with pytest.raises(ValueError, match=r"axes: expected \(2, 4\), got \(1, 4\)"):
        attention_figure(model, images, axes=Figure().subplots(1, 4, squeeze=False))


def test_without_matplotlib_the_extra_is_named(images, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install stn-numba\[plot\]"):
        attention_figure(st_fcn(units=8), images)


def test_a_later_transformer_is_drawn_on_its_own_input():
    layers = SpatialTransformer(Flatten()), Conv2d(5, 3), SpatialTransformer(Flatten(), shape=(4, 3)), Flatten(), Dense(3)
    model = Classifier(Chain(*layers), (8, 8, 1), 3)
    second = model.transformers[1]
    second.theta_layer.params["bias"][:] = [0.5, 0, 0.25, 0, 0.5, 0]
    X = np.random.default_rng(0).random((2, 8, 8, 1), np.float32)
    seen = model.network.layers["conv2d1"].forward(X)[0]
    for which in (1, -1, "spatialtransformer2"):
        for n, row in enumerate(attention_figure(model, X, transformer=which)):
            for column in row[:2]:
                np.testing.assert_allclose(column.images[0].get_array(), seen[n].mean(axis=-1), atol=1e-5)
            attended = model.transform(X, transformer=1)[n].mean(axis=-1)
            np.testing.assert_allclose(row[2].images[0].get_array(), attended, atol=1e-5)
            outline = region_outline(second.transform, [0.5, 0, 0.25, 0, 0.5, 0], (6, 6))
            np.testing.assert_allclose(row[1].lines[-3].get_xydata(), outline.reshape(-1, 2), atol=1e-5)


def test_an_unknown_transformer_is_refused_with_a_list(images):
    with pytest.raises(ValueError, match=r"transformer: expected 0 or 'spatialtransformer1' \(affine\), got 1"):
        attention_figure(st_fcn(units=8), images, transformer=1)


def test_images_of_two_channels_are_drawn_as_their_mean(images):
    pair = np.concatenate([images, 0 * images], axis=3)
    axes = attention_figure(st_fcn((28, 28, 2), units=8), pair)
    np.testing.assert_allclose(axes[0, 0].images[0].get_array(), images[0, ..., 0] / 2)


def test_each_of_several_parallel_transformers_can_be_drawn():
    model, X = two_st_fcn((12, 12, 1), 3, units=8), np.zeros((1, 12, 12), np.float32)
    for which in (0, 1, "parallel1.spatialtransformer2"):
        assert attention_figure(model, X, transformer=which).shape == (1, 4)
