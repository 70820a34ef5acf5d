"""Figures of images before and after registration."""

import numpy as np
import pytest

from stn_numba.plot import registration_figure
from stn_numba.plot.registration import checkerboard

Figure = pytest.importorskip("matplotlib.figure").Figure


@pytest.fixture
def image():
    return np.random.default_rng(0).random((16, 24))


def drawn(axes):
    return np.asarray(axes.images[0].get_array())


def test_columns_show_the_image_the_checkerboard_and_the_difference(image):
    before = np.roll(image, 5, axis=1)
    axes = registration_figure(image, before, image)
    assert axes.shape == (2, 3)
    np.testing.assert_allclose(drawn(axes[1, 0]), image)
    np.testing.assert_allclose(drawn(axes[1, 1]), image)
    np.testing.assert_allclose(drawn(axes[1, 2]), 0, atol=1e-12)
    assert np.abs(drawn(axes[0, 2])).max() > 0.2
    np.testing.assert_array_equal(drawn(axes[0, 1])[:3, :3], image[:3, :3])
    assert axes[0, 2].images[0].get_clim() == axes[1, 2].images[0].get_clim()


def test_brightness_is_no_difference_and_outside_is_left_out(image):
    after = 100 - 3 * image
    after[:, :4] = np.nan
    axes = registration_figure(image, image, after)
    np.testing.assert_allclose(drawn(axes[1, 2])[:, 4:], 0, atol=1e-12)
    assert np.isnan(drawn(axes[1, 0])[:, :4].astype(float)).all() or drawn(axes[1, 0]).mask[:, :4].all()
    assert axes[1, 0].get_ylabel() == "after, correlation -1.000"


def test_an_inverted_image_is_inverted_before_too(image):
    before = 1 - np.roll(image, 5, axis=1)
    axes = registration_figure(image, before, 1 - image, names=("mean", "first"))
    np.testing.assert_allclose(drawn(axes[0, 0]), 1 - before, atol=1e-12)
    assert [column.get_title() for column in axes[0]] == [
        "(a) mean",
        "(b) checkerboard with first",
        "(c) difference from first",
    ]


def test_images_without_content_have_no_correlation(image):
    axes = registration_figure(image, np.zeros_like(image), np.full_like(image, np.nan))
    assert [row[0].get_ylabel() for row in axes] == ["before, correlation 0.000", "after, correlation 0.000"]
    assert registration_figure(np.ones((4, 4)), np.ones((4, 4)), np.ones((4, 4))).shape == (2, 3)


def test_fields_of_a_checkerboard_are_square():
    fields = checkerboard(np.zeros((10, 16)), np.ones((10, 16)), checks=4)
    assert fields[:4, :4].sum() == 0
    assert fields[:4, 4:8].all()
    assert fields[4:8, :4].all()
    assert fields[8:, :4].sum() == 0


def test_bad_arguments_are_refused(image):
    with pytest.raises(ValueError, match=r"fixed: expected \(H, W\), got \(16,\)"):
        registration_figure(image[:, 0], image, image)
    with pytest.raises(ValueError, match=r"after: expected \(16, 24\), the shape of fixed, got \(16, 23\)"):
        registration_figure(image, image, image[:, 1:])
    with pytest.raises(ValueError, match=r"axes: expected \(2, 3\), got \(1, 3\)"):
        registration_figure(image, image, image, axes=Figure().subplots(1, 3, squeeze=False))
