import dataclasses

import numpy as np
import pytest

import stn_numba as stn
from tests._util import parsed_html
from tests.registration.scenes import pair

AFFINE = stn.get_transform("affine")
THETA = np.array([0.97, 0.06, 0.05, -0.04, 1.03, -0.08])


@pytest.fixture(scope="module")
def result():
    return stn.register(*pair(AFFINE, THETA, fixed_shape=(80, 130)))


def test_a_result_cannot_be_changed(result):
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.success = True
    with pytest.raises(ValueError, match="read-only"):
        result.theta[0, 0] = 1


def test_points_in_pixels_are_those_of_the_pixel_matrix(result):
    points = np.array([[3.0, 4.0], [100.0, 70.0]])
    mapped = np.c_[points, [1, 1]] @ result.pixel_matrix()[0].T
    np.testing.assert_allclose(result.apply(points, "pixels")[0], mapped[:, :2], atol=1e-9)
    np.testing.assert_allclose(result.apply_inverse(mapped[None, :, :2], "pixels")[0], points, atol=1e-9)


def test_points_are_normalized_by_default(result):
    np.testing.assert_array_equal(result.apply([[0.5, -0.5]]), AFFINE.apply(result.theta, [[0.5, -0.5]]))


def test_labels_are_warped_with_options(result):
    labels = np.arange(96 * 112).reshape(96, 112) % 5
    warped = result.warp(labels.astype(np.int32), kernel="nearest")
    assert warped.shape == (80, 130)
    assert warped.dtype == np.int32


def test_numbers_of_one_pair_are_numbers(result):
    assert result.success is True
    for name in ("correlation", "detail_correlation", "overlap"):
        assert type(getattr(result, name)) is float
    assert len(result) == 1
    assert "success=True" in repr(result)
    assert result.levels[-1].shape == (80, 130)
    assert result.levels[-1].reasons == ["converged"]


def test_a_transform_without_matrix_says_so():
    result = stn.register(*pair(AFFINE, THETA, shape=(40, 50)), "tps", options={"control_points": (2, 2)})
    with pytest.raises(TypeError, match="use `apply`"):
        result.pixel_matrix()


def test_unknown_units_are_refused(result):
    with pytest.raises(ValueError, match="units: expected one of normalized, pixels"):
        result.apply([[0, 0]], "mm")


def test_html_shows_each_pair(result):
    text = result._repr_html_()
    assert parsed_html.all_text(text).startswith(repr(result))
    assert parsed_html.rows(text) == [
        ["pair", "success", "correlation", "detail correlation", "overlap", "theta"],
        ["0", "True", *(f"{x:.4f}" for x in (result.correlation, result.detail_correlation, result.overlap)),
         ", ".join(f"{value:.4f}" for value in result.theta[0])],
    ]  # fmt: skip


def test_html_of_many_pairs_and_parameters_is_short(result):
    n = 23
    many = dataclasses.replace(
        result, theta=np.zeros((n, 40)), success=np.arange(n) > 1, correlation=np.ones(n), detail_correlation=np.ones(n),
        overlap=np.ones(n),
    )  # fmt: skip
    text = many._repr_html_()
    found = parsed_html.rows(text)
    assert len(found) == 21
    assert [row[1] for row in found[1:4]] == ["False", "False", "True"]
    assert found[1][-1] == ", ".join(["0.0000"] * 12) + ", ..."
    assert parsed_html.all_text(text).endswith("and 3 more")
