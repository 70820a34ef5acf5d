import warnings

import numpy as np
import pytest

import stn_numba as stn

IMAGE = np.random.default_rng(0).standard_normal((3, 6, 5, 2))
IDENTITY = [1, 0, 0, 0, 1, 0]


@pytest.mark.parametrize("image", [IMAGE, IMAGE[0], IMAGE[0, ..., 0]], ids=["NHWC", "HWC", "HW"])
def test_every_layout_keeps_its_axes(image):
    np.testing.assert_array_equal(stn.warp(image, IDENTITY), image)


@pytest.mark.parametrize(("image", "expected"), [(IMAGE[0, ..., 0], (2, 3)), (IMAGE[0], (2, 3, 2)), (IMAGE, (3, 2, 3, 2))])
def test_the_shape_of_the_output_is_free(image, expected):
    assert stn.warp(image, IDENTITY, shape=(2, 3)).shape == expected


def test_one_image_with_several_rows_of_theta_gives_as_many_outputs():
    theta = np.tile(IDENTITY, (4, 1))
    assert stn.warp(IMAGE[0, ..., 0], theta).shape == (4, 6, 5)
    assert stn.warp(IMAGE[0], theta).shape == (4, 6, 5, 2)


def test_shift_by_a_whole_pixel():
    out = stn.warp(IMAGE, [1, 0, 2 / 4, 0, 1, 0])
    np.testing.assert_allclose(out[:, :, :-1], IMAGE[:, :, 1:], atol=1e-12)
    assert not out[:, :, -1].any()
    out = stn.warp(IMAGE, [1, 0, 2 / 4, 0, 1, 0], padding="border")
    np.testing.assert_allclose(out[:, :, -1], IMAGE[:, :, -1], atol=1e-12)


@pytest.mark.parametrize("align_corners", [True, False])
def test_mirror_and_quarter_turn(align_corners):
    options = {"align_corners": align_corners, "padding": "border"}
    np.testing.assert_allclose(stn.warp(IMAGE, [-1, 0, 0, 0, 1, 0], **options), IMAGE[:, :, ::-1], atol=1e-12)
    turned = stn.warp(IMAGE, [0, -1, 0, 1, 0, 0], shape=(5, 6), **options)
    np.testing.assert_allclose(turned, np.rot90(IMAGE, axes=(1, 2)), atol=1e-12)


def test_an_instance_and_a_name_give_the_same():
    spline = stn.get_transform("tps", control_points=(4, 4))
    theta = spline.identity() + np.random.default_rng(1).normal(0, 0.1, (3, 32))
    np.testing.assert_array_equal(stn.warp(IMAGE, theta, transform=spline), stn.warp(IMAGE, theta, transform="tps"))


def test_integer_theta_and_lists_are_taken():
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
def test_arguments_are_named_as_the_caller_knows_them(image, rows, options, message):
    theta = np.tile([1.0, 0, 0, 0, 1, 0], (rows, 1))
    with pytest.raises((TypeError, ValueError), match=message):
        stn.warp(image, theta, **options)


@pytest.mark.parametrize("shape", [(2, 3), (3, 3)])
def test_a_matrix_is_no_theta(shape):
    with pytest.raises(
        ValueError, match=rf"theta: expected \(N, 6\) parameters, got \({shape[0]}, 3\); .*grid_of_pixel_matrix"
    ):
        stn.warp(np.zeros((4, 4)), np.eye(*shape))


def test_a_batch_of_grey_images_without_channels_is_warned_of():
    theta = np.tile([1.0, 0, 0, 0, 1, 0], (6, 1))
    with pytest.warns(RuntimeWarning, match=r"image: \(6, 8, 9\) is read as one image of 9 channels; .* image\[..., None\]"):
        stn.warp(np.zeros((6, 8, 9)), theta)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stn.warp(np.zeros((6, 8, 3)), theta)
        stn.warp(np.zeros((6, 8, 9)), theta[:1])
        stn.warp(np.zeros((6, 8, 9, 1)), theta)
