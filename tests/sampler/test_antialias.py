"""Antialiasing: what it averages, that it leaves the rest alone, and its gradients."""

import itertools

import numpy as np
import pytest
from naive_sampler import KINDS, naive_sample, random_grid, random_image, random_transform

import stn_numba as stn
from stn_numba.antialias import MOST, plan
from stn_numba.grid import to_pixels
from stn_numba.interpolation import KERNELS, PiecewisePolynomial
from stn_numba.outside import PADDINGS
from stn_numba.testing import check_vjp

IDENTITY = [1, 0, 0, 0, 1, 0]
SHRUNK = (4, 5)  # of images about four times as large
STEP = 1e-7  # of differences: among so many sub-samples a wider one would cross whole pixels, where the tent has its kinks


def factors(grid, in_shape, padding="zeros"):
    """(q_y, q_x) of the first grid."""
    scale = np.zeros((2, 4))
    for axis, size in enumerate(in_shape[::-1]):
        scale[axis, :2] = ((size - 1) / 2, (size - 1) / 2) if grid.align_corners else (size / 2, (size - 1) / 2)
    runs = plan(grid, in_shape, scale, padding not in ("zeros", "constant"))
    return runs[0].factors if runs else (1, 1)


def sub_positions(points, factors):
    """The positions (q_y q_x, N, h, w, 2) that are averaged, by loops: linear to the neighbours, extrapolated at the border."""
    N, h, w = points.shape[:3]
    places = [[(a + 0.5) / q - 0.5 for a in range(q)] for q in factors]
    result = np.empty((len(places[0]) * len(places[1]), N, h, w, 2))
    for k, (down, across) in enumerate(itertools.product(*places)):
        for i, j in np.ndindex(h, w):
            a, b = i + (1 if down > 0 else -1), j + (1 if across > 0 else -1)
            a, b = a if 0 <= a < h else 2 * i - a, b if 0 <= b < w else 2 * j - b
            u, v = down / (a - i), across / (b - j)
            top = (1 - v) * points[:, i, j] + v * points[:, i, b]
            bottom = (1 - v) * points[:, a, j] + v * points[:, a, b]
            result[k, :, i, j] = (1 - u) * top + u * bottom
    return result


def smooth_points(batch, shape, seed=0):
    """Positions of a bent map that minifies, a little beyond the image."""
    rng = np.random.default_rng(seed)
    points = np.tile(stn.base_points(shape), (batch, 1)).reshape(batch, *shape, 2)
    bent = points + 0.2 * np.sin(2 * points[..., ::-1] + rng.uniform(0, 3, (batch, 1, 1, 2)))
    return bent + rng.normal(0, 0.02, bent.shape)


def test_a_reduction_to_a_quarter_is_the_mean_over_blocks():
    image = random_image(2, 32, 48, 3)
    out = stn.warp(image, IDENTITY, shape=(8, 12), align_corners=False, antialias=True)
    np.testing.assert_allclose(out, image.reshape(2, 8, 4, 12, 4, 3).mean(axis=(2, 4)), atol=1e-12)


@pytest.mark.parametrize("kind", ["zone plate", "checkerboard"])
def test_a_reduction_to_a_quarter_shows_no_false_detail(kind):
    y, x = np.mgrid[:256, :256]
    image = np.cos(np.pi * (x**2 + y**2) / 512) if kind == "zone plate" else 1.0 - 2 * ((x + y) % 2)
    theta = [1, 0.06, 0.003, -0.06, 1, 0.002]  # a slight turn, so that plain positions meet the pattern at every phase
    plain, averaged = (stn.warp(image, theta, shape=(64, 64), padding="border", antialias=a) for a in (False, True))
    fine = slice(None) if kind == "checkerboard" else slice(32, None)  # where the pattern is finer than the output can hold
    before, after = (np.mean(out[fine, fine] ** 2) for out in (plain, averaged))
    assert before > 0.05
    assert after < before / 30


@pytest.mark.parametrize("kind", ["dense", "affine", "homography", "basis"])
@pytest.mark.parametrize("align_corners", [True, False])
def test_it_is_the_mean_over_places_in_each_cell(kind, align_corners):
    image = random_image(2, 13, 17, 2)
    if kind == "dense":
        grid = stn.DenseGrid(smooth_points(2, SHRUNK), align_corners=align_corners)
    else:
        transform, theta = random_transform(kind, 2, seed=2)
        grid = transform.forward(theta, SHRUNK, align_corners)[0]
    out = stn.sample(image, grid, antialias=True)
    for n in range(2):
        one = grid_of(grid, n)
        q = factors(one, (13, 17))
        assert min(q) > 1
        if kind in ("affine", "homography"):
            down, across = np.array(q)
            finer = stn.MatrixGrid(one.values, (SHRUNK[0] * down, SHRUNK[1] * across), align_corners=False)
            points = finer.dense() if not align_corners else exact_aligned(transform, theta[n], q)
            every = (
                points.reshape(1, SHRUNK[0], down, SHRUNK[1], across, 2).transpose(2, 4, 0, 1, 3, 5).reshape(-1, 1, *SHRUNK, 2)
            )
        else:
            every = sub_positions(one.dense(), q)
        expected = np.mean([naive_sample(image[n : n + 1], points, "zeros", align_corners) for points in every], axis=0)
        np.testing.assert_allclose(out[n : n + 1], expected, atol=1e-10)


def exact_aligned(transform, theta, q):
    """Positions of the finer grid where -1 and +1 are pixel centres: cells reach half a pixel beyond them."""
    x, y = (
        (-1 + 2 * ((np.arange(size * parts) + 0.5) / parts - 0.5) / (size - 1))
        for size, parts in zip(SHRUNK[::-1], q[::-1], strict=True)
    )
    x, y = np.meshgrid(x, y)
    return transform.apply(theta[None], np.stack([x.ravel(), y.ravel()], axis=-1))


def grid_of(grid, n):
    """One grid of a batch."""
    options = {"align_corners": grid.align_corners}
    if isinstance(grid, stn.MatrixGrid):
        return stn.MatrixGrid(grid.values[n : n + 1], grid.shape, **options)
    if isinstance(grid, stn.BasisGrid):
        return stn.BasisGrid(grid.functions.T, grid.values[n : n + 1], grid.shape, **options)
    return stn.DenseGrid(grid.values[n : n + 1], **options)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("name", ["affine", "projective", "tps", "dense"])
@pytest.mark.parametrize(("zoom", "turn"), [(1.0, 0.0), (0.4, 0.0), (1.0, 0.7), (0.6, 2.0)])
def test_nothing_changes_where_nothing_is_minified(name, dtype, zoom, turn):
    image = (np.abs(random_image(2, 21, 21, 3)) * 50).astype(dtype)
    c, s = zoom * np.cos(turn), zoom * np.sin(turn)
    transform = stn.get_transform("affine" if name == "dense" else name)
    theta = np.array([[c, -s, 0.1, s, c, 0]]) if name == "affine" else None
    if name == "dense":
        grid = transform.forward([[c, -s, 0.1, s, c, 0]], (21, 21))[0].dense().astype(np.float32)
    else:
        theta = transform.identity()[None] * zoom if theta is None else theta
        grid = transform.forward(theta.astype(np.float32), (21, 21))[0]
    np.testing.assert_array_equal(stn.sample(image, grid, antialias=True), stn.sample(image, grid))
    if np.dtype(dtype).kind == "f":
        (out, back), (plain, plain_back) = (stn.sample_vjp(image, grid, antialias=a) for a in (True, False))
        for got, expected in zip((out, *back(plain)), (plain, *plain_back(plain)), strict=True):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection", "wrap"])
@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_by_image_and_theta(kind, align_corners, padding):
    image = random_image(2, 14, 17, 2)
    if kind == "dense":
        options = {"padding": padding, "align_corners": align_corners, "antialias": True}
        check_vjp(lambda image, points: stn.sample_vjp(image, points, **options), image, smooth_points(2, SHRUNK), step=STEP)
        return
    transform, theta = random_transform(kind, 2, seed=4)

    def warped(image, theta):
        grid, to_theta = transform.forward(theta, SHRUNK, align_corners)
        out, backprop = stn.sample_vjp(image, grid, padding=padding, antialias=True)

        def pull_back(d_out):
            d_image, d_grid = backprop(d_out)
            assert d_grid.shape == grid.values.shape
            return d_image, to_theta(d_grid)

        return out, pull_back

    check_vjp(warped, image, theta, step=STEP)
    check_vjp(lambda theta: (warped(image, theta)[0], lambda d: warped(image, theta)[1](d)[1]), theta, step=STEP)


@pytest.mark.parametrize("units", ["normalised", "pixels"])
@pytest.mark.parametrize("displacement", [True, False])
@pytest.mark.parametrize("kernel", ["bicubic", "mitchell"])
def test_gradients_by_displacements_and_pixels(kernel, displacement, units):
    image, points = random_image(2, 14, 17, 2), smooth_points(2, SHRUNK)
    points = to_pixels(points, (14, 17)) if units == "pixels" else points
    values = points * 0.03 if displacement else points
    options = {"kernel": kernel, "units": units, "displacement": displacement, "padding": "border", "antialias": True}
    check_vjp(lambda image, values: stn.sample_vjp(image, values, **options), image, values)


@pytest.mark.parametrize("align_corners", [True, False])
def test_displacements_and_pixels_are_averaged_as_positions_are(align_corners):
    image, points = random_image(2, 14, 17, 2), smooth_points(2, SHRUNK)
    shared = {"antialias": True, "align_corners": align_corners, "padding": "border"}
    expected = stn.sample(image, points, **shared)
    pixels = to_pixels(points, (14, 17), align_corners)
    np.testing.assert_allclose(stn.sample(image, pixels, units="pixels", **shared), expected, atol=1e-10)
    own = points - stn.base_points(SHRUNK, align_corners).reshape(1, *SHRUNK, 2)
    np.testing.assert_allclose(stn.sample(image, own, displacement=True, **shared), expected, atol=1e-10)
    own = pixels - to_pixels(stn.base_points(SHRUNK, align_corners), (14, 17), align_corners).reshape(1, *SHRUNK, 2)
    got = stn.sample(image, own, displacement=True, units="pixels", **shared)
    np.testing.assert_allclose(got, expected, atol=1e-10)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_by_the_image_is_the_adjoint(kind, layout):
    shape, channels = (1, 15, 19), (3,)
    image = random_image(*shape, *channels) if layout == "NHWC" else random_image(1, *channels, *shape[1:])
    grid = stn.DenseGrid(smooth_points(3, SHRUNK)) if kind == "dense" else random_grid(kind, 3, SHRUNK)
    out, backprop = stn.sample_vjp(image, grid, layout=layout, antialias=True)
    d_out = random_image(*out.shape, seed=5)
    d_image, _ = backprop(d_out, grid=False)
    assert np.sum(out * d_out) == pytest.approx(np.sum(image * d_image), rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.int32])
@pytest.mark.parametrize("kernel", ["nearest", "bilinear", *KERNELS])
def test_a_constant_image_stays_constant(kernel, dtype):
    image = np.full((2, 30, 31, 3), 77, dtype)
    points = smooth_points(2, SHRUNK)
    out = stn.sample(image, points, kernel=kernel, padding="border", antialias=True)
    np.testing.assert_allclose(out, 77, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "int32"])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_integers_are_rounded_once_and_limited(dtype, layout):
    limits = np.iinfo(dtype)
    image = np.random.default_rng(0).integers(limits.min, limits.max, (2, 16, 16, 4), dtype, endpoint=True)
    mean = np.rint(image.reshape(2, 4, 4, 4, 4, 4).mean(axis=(2, 4)))
    if layout == "NCHW":
        image, mean = np.ascontiguousarray(image.transpose(0, 3, 1, 2)), mean.transpose(0, 3, 1, 2)
    options = {"shape": (4, 4), "antialias": True, "align_corners": False, "layout": layout}
    out = stn.warp(image, IDENTITY, **options)
    assert out.dtype == dtype
    np.testing.assert_array_equal(out, mean)
    beyond = [1, 0, 9, 0, 1, 0]
    assert (stn.warp(image, beyond, fill=1e12, **options) == limits.max).all()
    assert (stn.warp(image, beyond, fill=np.nan, **options) == limits.min).all()


@pytest.mark.parametrize("dtype", [np.float16, np.complex64, np.complex128, np.bool_])
def test_other_dtypes(dtype):
    rng = np.random.default_rng(0)
    image = rng.normal(size=(1, 16, 16, 2)) + (1j * rng.normal(size=(1, 16, 16, 2)) if np.dtype(dtype).kind == "c" else 0)
    image = image > 0 if dtype is np.bool_ else image.astype(dtype)
    mean = image.astype(np.complex128).reshape(1, 4, 4, 4, 4, 2).mean(axis=(2, 4))
    kernel = "nearest" if dtype is np.bool_ else "bilinear"
    out = stn.warp(image, IDENTITY, shape=(4, 4), kernel=kernel, align_corners=False, antialias=True)
    assert out.dtype == dtype
    if dtype is np.bool_:  # the majority
        np.testing.assert_array_equal(out, mean.real > 0.5)
    else:
        np.testing.assert_allclose(out.astype(np.complex128), mean, atol=2e-3 if dtype is np.float16 else 1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_out_is_written_and_returned(layout, dtype):
    image = (np.abs(random_image(2, 16, 16, 3)) * 40).astype(dtype)
    image = image.transpose(0, 3, 1, 2).copy() if layout == "NCHW" else image
    expected = stn.sample(image, smooth_points(2, SHRUNK), layout=layout, antialias=True)
    whole = np.full((*expected.shape[:3], 2 * expected.shape[3]), 9, dtype)
    out = whole[..., ::2]
    assert np.shares_memory(stn.sample(image, smooth_points(2, SHRUNK), layout=layout, antialias=True, out=out), out)
    np.testing.assert_array_equal(out, expected)
    assert (whole[..., 1::2] == 9).all()


def test_layouts_agree():
    image, points = random_image(2, 16, 16, 3, dtype=np.float32), smooth_points(2, SHRUNK)
    nchw = stn.sample(image.transpose(0, 3, 1, 2).copy(), points, layout="NCHW", antialias=True)
    np.testing.assert_allclose(nchw.transpose(0, 2, 3, 1), stn.sample(image, points, antialias=True), atol=1e-6)


@pytest.mark.parametrize("fill", [None, 3.0])
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("kernel", ["nearest", "bilinear", *KERNELS, PiecewisePolynomial([-1, 0, 1], [[1, -1], [0, 1]])])
def test_every_kernel_padding_and_fill_is_averaged(kernel, padding, fill):
    image, points = random_image(1, 15, 18, 2), smooth_points(1, SHRUNK)
    q = factors(stn.DenseGrid(points), (15, 18), padding if fill is None else "zeros")
    options = {"kernel": kernel, "padding": padding, "fill": fill}
    expected = np.mean([stn.sample(image, part, **options) for part in sub_positions(points, q)], axis=0)
    np.testing.assert_allclose(stn.sample(image, points, antialias=True, **options), expected, atol=1e-9)


@pytest.mark.parametrize("kind", ["affine", "homography", "basis", "dense"])
def test_broadcasting_and_batches_give_what_each_image_alone_gives(kind):
    """Grids of different scales, so of different factors."""
    images = random_image(4, 16, 20, 2, dtype=np.float32)
    if kind == "dense":
        points = smooth_points(4, SHRUNK) * np.array([1, 1, 0.2, 0.5]).reshape(4, 1, 1, 1)
        grid = stn.DenseGrid(points)
    else:
        transform, theta = random_transform(kind, 4)
        theta = theta * np.array([1, 1, 0.2, 0.5])[:, None]
        theta[:, 6:] /= 10 if kind == "homography" else 1
        grid = transform.forward(theta, SHRUNK)[0]
    assert len({factors(grid_of(grid, n), (16, 20)) for n in range(4)}) > 1
    d_out = random_image(4, *SHRUNK, 2, dtype=np.float32, seed=4)
    for batch in (images, images[:1]):
        out, backprop = stn.sample_vjp(batch, grid, antialias=True)
        d_image, d_grid = backprop(d_out)
        total = np.zeros_like(images[:1])
        for n in range(4):
            one = batch[n : n + 1] if len(batch) > 1 else batch
            alone, back = stn.sample_vjp(one, grid_of(grid, n), antialias=True)
            np.testing.assert_array_equal(out[n : n + 1], alone)
            d_one, d_grid_one = back(d_out[n : n + 1])
            np.testing.assert_array_equal(d_grid[n : n + 1], d_grid_one)
            total += d_one
            if len(batch) > 1:
                np.testing.assert_array_equal(d_image[n : n + 1], d_one)
        if len(batch) == 1:
            np.testing.assert_allclose(d_image, total, atol=1e-4)
    out, backprop = stn.sample_vjp(images, grid_of(grid, 0), antialias=True)
    np.testing.assert_array_equal(out[3:], stn.sample(images[3:], grid_of(grid, 0), antialias=True))
    one_by_one = [stn.sample_vjp(images[n : n + 1], grid_of(grid, 0), antialias=True)[1](d_out[n : n + 1])[1] for n in range(4)]
    np.testing.assert_allclose(backprop(d_out)[1], np.sum(one_by_one, axis=0), rtol=1e-4, atol=1e-4)


def test_the_number_of_threads_does_not_show():
    image, theta = random_image(1, 400, 400, 3, dtype=np.float32), stn.get_transform("tps").identity()[None]
    theta = theta + np.random.default_rng(0).normal(0, 0.05, theta.shape)
    grid, _ = stn.get_transform("tps").forward(theta, (130, 130))
    results = []
    for num_threads in (1, 2):
        out, backprop = stn.sample_vjp(image, grid, antialias=True, num_threads=num_threads)
        results.append((out, *backprop(out)))
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("hidden", [np.nan, np.inf])
def test_a_hidden_position_hides_itself_only(hidden):
    image, points = np.ones((1, 40, 40, 1)), 0.6 * stn.base_points((6, 6)).reshape(1, 6, 6, 2)
    expected = stn.sample(image, points, antialias=True)
    points[0, 2, 3] = hidden
    points[0, 5, 5] = hidden
    expected[0, 2, 3] = expected[0, 5, 5] = 0
    out, backprop = stn.sample_vjp(image, points, antialias=True)
    np.testing.assert_allclose(out, expected)
    d_image, d_grid = backprop(np.ones_like(out))
    assert np.isfinite(d_image).all()
    assert not d_grid[0, 2, 3].any()
    assert not d_grid[0, 5, 5].any()
    alone = np.full((1, 6, 6, 2), np.nan)
    alone[0, 1, 1] = 0
    assert stn.sample(image, alone, antialias=True).sum() == pytest.approx(1)


def test_gradients_next_to_a_hidden_position():
    image, points = random_image(1, 30, 31, 1), 0.8 * smooth_points(1, (5, 5))
    hidden = np.zeros(points.shape, bool)
    hidden[0, 1, 2] = hidden[0, 4, 4] = hidden[0, 3, 0] = True

    def sampled(points):
        out, backprop = stn.sample_vjp(image, np.where(hidden, np.nan, points), antialias=True)
        return out, lambda d_out: np.where(hidden, 0, backprop(d_out)[1])

    check_vjp(sampled, points)


def test_factors_stop_at_the_limit_and_ignore_what_does_not_show():
    assert factors(stn.MatrixGrid(np.eye(3)[None], (3, 4), align_corners=False), (999, 20)) == (MOST, 5)
    points = np.zeros((1, 4, 4, 2)) + 0.01 * stn.base_points((4, 4)).reshape(4, 4, 2)
    points[0, 0] = 1e9  # far outside: a common way to say "nothing"
    assert factors(stn.DenseGrid(points), (20, 20)) == (1, 1)
    assert factors(stn.DenseGrid(points), (20, 20), "border") == (MOST, 1)
    horizon = np.array([[[0.5, 0, 0], [0, 0, 5.0], [0, 0.5, 0.3]]])  # only rows far outside are steep
    assert max(factors(stn.MatrixGrid(horizon, (20, 20)), (20, 20))) < MOST
    assert max(factors(stn.MatrixGrid(horizon, (20, 20)), (20, 20), "wrap")) == MOST


def test_with_a_fill_far_positions_do_not_count_whatever_the_padding():
    points = 0.01 * stn.base_points((4, 4)).reshape(1, 4, 4, 2)
    points[0, 0] = 1e9
    image, options = random_image(1, 20, 20, 1), {"padding": "border", "fill": 0.0}
    np.testing.assert_array_equal(stn.sample(image, points, antialias=True, **options), stn.sample(image, points, **options))


@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (0, 3), (3, 0)])
@pytest.mark.parametrize("name", ["affine", "projective", "tps"])
def test_narrow_and_empty_outputs(name, shape):
    image = random_image(2, 16, 16, 1)
    transform = stn.get_transform(name)
    for align_corners in (True, False):
        grid, to_theta = transform.forward(transform.identity()[None], shape, align_corners)
        for one in (grid, grid.dense()):
            out, backprop = stn.sample_vjp(image, one, antialias=True, align_corners=align_corners)
            assert out.shape == (2, *shape, 1)
            backprop(out)
        assert to_theta(stn.sample_vjp(image, grid, antialias=True)[1](out)[1]).shape == (1, transform.n_params)
    whole = stn.warp(image, IDENTITY, shape=(1, 1), align_corners=False, antialias=True)
    np.testing.assert_allclose(whole.ravel(), image.mean(axis=(1, 2, 3)), atol=1e-12)


def test_an_empty_batch_and_values_that_are_not_finite():
    assert stn.sample(np.ones((0, 8, 8, 1)), np.zeros((0, 2, 2, 2)), antialias=True).shape == (0, 2, 2, 1)
    for bad in (np.nan, np.inf, 1e308):
        for theta in ([bad, 0, 0, 0, 1, 0], [1, 0, bad, 0, 1, 0]):
            out = stn.warp(np.ones((32, 32)), theta, shape=(4, 4), antialias=True)
            assert np.isin(out, [0, out.max()]).all() or np.isfinite(out).all()
    image = np.ones((1, 16, 16, 1))
    image[0, 3, 3], image[0, 3, 4], image[0, 9, 9] = np.inf, -np.inf, np.nan
    out = stn.warp(image, IDENTITY, shape=(4, 4), align_corners=False, antialias=True)
    assert np.isfinite(out[0, 3]).all()


@pytest.mark.parametrize("function", [stn.sample, stn.sample_vjp])
def test_only_true_and_false_are_taken(function):
    with pytest.raises(TypeError, match="antialias: expected True or False, got 'area'"):
        function(np.ones((1, 4, 4, 1)), np.zeros((1, 2, 2, 2)), antialias="area")


def test_warp_takes_it_for_every_number_of_axes():
    image = random_image(16, 16, 3)
    out = stn.warp(image, IDENTITY, shape=(4, 4), align_corners=False, antialias=True)
    np.testing.assert_allclose(out, image.reshape(4, 4, 4, 4, 3).mean(axis=(1, 3)), atol=1e-12)
    one = stn.warp(image[..., 0], IDENTITY, shape=(4, 4), align_corners=False, antialias=True, out=np.empty((4, 4)))
    np.testing.assert_allclose(one, out[..., 0], atol=1e-12)
