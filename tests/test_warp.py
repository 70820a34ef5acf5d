"""`warp`: axes, shapes, transforms and errors."""

import warnings

import numpy as np
import pytest

import stn_numba as stn

IMAGE = np.random.default_rng(0).standard_normal((3, 6, 5, 2))
IDENTITY = [1, 0, 0, 0, 1, 0]


@pytest.mark.parametrize("image", [IMAGE, IMAGE[0], IMAGE[0, ..., 0]], ids=["NHWC", "HWC", "HW"])
def test_the_output_has_the_axes_of_the_image(image):
    np.testing.assert_array_equal(stn.warp(image, IDENTITY), image)


@pytest.mark.parametrize(("image", "expected"), [(IMAGE[0, ..., 0], (2, 3)), (IMAGE[0], (2, 3, 2)), (IMAGE, (3, 2, 3, 2))])
def test_any_output_shape_is_possible(image, expected):
    assert stn.warp(image, IDENTITY, shape=(2, 3)).shape == expected


def test_one_image_with_several_rows_of_theta_gives_several_outputs():
    theta = np.tile(IDENTITY, (4, 1))
    assert stn.warp(IMAGE[0, ..., 0], theta).shape == (4, 6, 5)
    assert stn.warp(IMAGE[0], theta).shape == (4, 6, 5, 2)


def test_a_shift_by_a_whole_pixel_is_exact():
    out = stn.warp(IMAGE, [1, 0, 2 / 4, 0, 1, 0])
    np.testing.assert_allclose(out[:, :, :-1], IMAGE[:, :, 1:], atol=1e-12)
    assert not out[:, :, -1].any()
    out = stn.warp(IMAGE, [1, 0, 2 / 4, 0, 1, 0], padding="border")
    np.testing.assert_allclose(out[:, :, -1], IMAGE[:, :, -1], atol=1e-12)


@pytest.mark.parametrize("align_corners", [True, False])
def test_mirrors_and_quarter_turns_are_exact(align_corners):
    options = {"align_corners": align_corners, "padding": "border"}
    np.testing.assert_allclose(stn.warp(IMAGE, [-1, 0, 0, 0, 1, 0], **options), IMAGE[:, :, ::-1], atol=1e-12)
    turned = stn.warp(IMAGE, [0, -1, 0, 1, 0, 0], shape=(5, 6), **options)
    np.testing.assert_allclose(turned, np.rot90(IMAGE, axes=(1, 2)), atol=1e-12)


def test_an_instance_and_a_name_give_the_same():
    spline = stn.get_transform("tps", control_points=(4, 4))
    theta = spline.identity() + np.random.default_rng(1).normal(0, 0.1, (3, 32))
    np.testing.assert_array_equal(stn.warp(IMAGE, theta, transform=spline), stn.warp(IMAGE, theta, transform="tps"))


def test_integer_theta_and_lists_are_accepted():
    assert stn.warp(IMAGE[0, ..., 0], np.array(IDENTITY)).dtype == np.float64


def test_errors_name_argument_expected_and_got():
    with pytest.raises(ValueError, match=r"image: expected \(H, W\), \(H, W, C\) or \(N, H, W, C\), got \(6,\)"):
        stn.warp(np.ones(6), IDENTITY)
    with pytest.raises(ValueError, match=r"theta: expected \(6,\) or \(N, 6\), got \(5,\)"):
        stn.warp(IMAGE, IDENTITY[:5])
    with pytest.raises(ValueError, match="theta: expected 1 or 3 rows, as the image has, got 2"):
        stn.warp(IMAGE, np.tile(IDENTITY, (2, 1)))
    with pytest.raises(TypeError, match=r"image: expected .*float32.*, got int64"):
        stn.warp(np.ones((4, 4), np.int64), IDENTITY)
    with pytest.raises(ValueError, match=r"padding: expected one of"):
        stn.warp(IMAGE, IDENTITY, padding="mirror")


def test_layout_out_and_fill_reach_the_sampler():
    image = np.random.default_rng(0).normal(size=(5, 6, 3)).astype(np.float32)
    theta = [1.2, 0.1, 0, -0.1, 1.3, 0.2]
    expected = stn.warp(image, theta, kernel="bicubic", fill=(1, 2, 3))
    planar = stn.warp(image.transpose(2, 0, 1), theta, kernel="bicubic", fill=(1, 2, 3), layout="NCHW")
    np.testing.assert_allclose(planar.transpose(1, 2, 0), expected, atol=1e-6)
    for shape, source in (((5, 6, 3), image), ((5, 6), image[..., 0])):
        out = np.empty(shape, np.float32)
        np.testing.assert_array_equal(stn.warp(source, theta, out=out), out)
        np.testing.assert_array_equal(stn.warp(source, theta), out)


@pytest.mark.parametrize(
    ("image", "rows", "options", "message"),
    [
        (np.zeros((3, 4)), 1, {"out": np.zeros(3)}, r"out: expected an array \(3, 4\), got \(3,\)"),
        (np.zeros((3, 4)), 1, {"out": [[0.0]]}, r"out: expected an array \(3, 4\), got list"),
        (np.zeros((3, 4)), 2, {"out": np.zeros((3, 4))}, r"out: expected an array \(2, 3, 4\), got \(3, 4\)"),
        (np.zeros((5, 6)), 1, {"out": np.zeros((6, 5))}, r"out: expected an array \(5, 6\), got \(6, 5\)"),
        (
            np.zeros((3, 4, 2)),
            1,
            {"layout": "NCHW", "out": np.zeros((4, 2, 3))},
            r"out: expected an array \(3, 4, 2\), got \(4, 2, 3\)",
        ),
        (np.zeros((3, 4, 4, 1)), 2, {}, "theta: expected 1 or 3 rows, as the image has, got 2"),
        (np.zeros((3, 4)), 1, {"align_corners": 1}, "align_corners: expected True or False, got 1"),
        (np.zeros((3, 4)), 1, {"shape": (np.inf, 3)}, r"shape: expected two whole numbers \(h, w\), got"),
    ],
)
def test_errors_show_shapes_as_the_caller_gave_them(image, rows, options, message):
    theta = np.tile([1.0, 0, 0, 0, 1, 0], (rows, 1))
    with pytest.raises((TypeError, ValueError), match=message):
        stn.warp(image, theta, **options)


@pytest.mark.parametrize("shape", [(2, 3), (3, 3)])
def test_a_matrix_as_theta_gets_advice(shape):
    with pytest.raises(
        ValueError, match=rf"theta: expected \(N, 6\) parameters, got \({shape[0]}, 3\); .*grid_from_pixel_matrix"
    ):
        stn.warp(np.zeros((4, 4)), np.eye(*shape))


def test_a_batch_of_gray_images_without_channels_warns():
    theta = np.tile([1.0, 0, 0, 0, 1, 0], (6, 1))
    message = (
        r"image: \(6, 8, 9\) is read as one image of 9 channels; give image\[..., None\] for a batch of gray images, "
        r"image\[None\] for one image of 9 channels"
    )
    for rows in (theta, theta[:1], theta[0]):
        with pytest.warns(RuntimeWarning, match=message) as caught:
            stn.warp(np.zeros((6, 8, 9)), rows)
        assert caught[0].filename == __file__
    with pytest.warns(RuntimeWarning, match=r"one image of 6 channels; give image\[:, None\] .* image\[None\]"):
        stn.warp(np.zeros((6, 8, 3)), theta, layout="NCHW")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stn.warp(np.zeros((6, 8, 4)), theta)
        stn.warp(np.zeros((4, 6, 8)), theta, layout="NCHW")
        stn.warp(np.zeros((6, 8, 9, 1)), theta)
        stn.warp(np.zeros((1, 6, 8, 9)), theta)
        stn.warp(np.zeros((6, 8)), theta)


def test_theta_with_the_axes_of_a_matrix_gets_both_suggestions():
    image, theta = np.random.default_rng(0).random((3, 8, 8, 1)), np.tile(np.eye(2, 3), (3, 1, 1))
    both = r"if it is normalized, take theta\.reshape\(3, 6\); a matrix between pixels .* `grid_from_pixel_matrix`"
    with pytest.raises(ValueError, match=both):
        stn.warp(image, theta)
    np.testing.assert_array_equal(stn.warp(image, theta.reshape(3, 6)), image)


@pytest.mark.parametrize("wrap", [lambda grid, backprop: grid, lambda *both: both, lambda grid, backprop: [grid]])
def test_a_grid_as_theta_suggests_sample(wrap):
    pair = stn.get_transform("affine").forward([IDENTITY], (6, 5))
    with pytest.raises(TypeError, match=r"theta: expected .*MatrixGrid.*; a grid goes to `sample\(image, grid\)`"):
        stn.warp(IMAGE, wrap(*pair))


def test_positions_as_theta_suggest_sample():
    with pytest.raises(ValueError, match=r"theta: .* got \(3, 4, 4, 2\); positions .* go to `sample\(image, grid\)`"):
        stn.warp(IMAGE, np.zeros((3, 4, 4, 2)))


@pytest.mark.parametrize("theta", [IDENTITY, np.tile(IDENTITY, (3, 1))])
def test_swapped_arguments_are_named(theta):
    with pytest.raises(ValueError, match="`warp` takes the image first, then theta"):
        stn.warp(theta, IMAGE)


def test_a_class_as_transform_is_refused():
    with pytest.raises(TypeError, match=r"transform: expected .*, got the class Affine; an instance is Affine\(\)"):
        stn.warp(IMAGE, IDENTITY, type(stn.get_transform("affine")))


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.complex64])
def test_a_fill_leaves_no_dark_seam(dtype):
    image, turned = np.full((60, 50, 3), 100, dtype), [0.8, -0.6, 0, 0.6, 0.8, 0]
    assert np.abs(stn.warp(image, turned, fill=100) - image).max() < 1e-4
    seam = stn.warp(image, turned, fill=100, padding="zeros")  # a padding that is given keeps its meaning
    assert np.abs(seam).min() < 60
