"""Arrays of other libraries are read without a copy, and refused with advice where they cannot be read."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba._util.arrays import as_array

CPU, CUDA = (1, 0), (2, 0)
THETA = [0.9, 0.1, 0.05, -0.1, 0.9, -0.05]
RNG = np.random.default_rng(0)
IMAGE = RNG.random((2, 6, 5, 3), np.float32)


class DLPack:
    """An array of a library that speaks DLPack and nothing else."""

    def __init__(self, array, device=CPU):
        self.array, self.device = array, device

    def __dlpack__(self, **options):
        assert self.device == CPU, "an array on another device must not be asked for its memory"
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.device


def from_torch(array):
    return pytest.importorskip("torch").from_numpy(np.asarray(array))


def from_jax(array):
    return pytest.importorskip("jax").numpy.asarray(array)


FOREIGN = {"DLPack": DLPack, "torch": from_torch, "jax": from_jax}


@pytest.fixture(params=FOREIGN)
def foreign(request):
    return FOREIGN[request.param]


def test_an_array_is_itself_and_others_are_views():
    assert as_array(IMAGE, "image") is IMAGE
    for make in (DLPack, lambda array: array.view(np.recarray)):
        view = as_array(make(IMAGE), "image")
        assert np.shares_memory(view, IMAGE)
        assert (view.shape, view.strides, view.dtype) == (IMAGE.shape, IMAGE.strides, IMAGE.dtype)


def test_a_tensor_is_a_view_with_any_strides():
    tensor = from_torch(IMAGE).permute(0, 3, 1, 2)[:, :, ::2]
    assert np.shares_memory(as_array(tensor, "image"), IMAGE)
    assert as_array(tensor, "image").strides == tuple(4 * step for step in tensor.stride())


def test_sampling_takes_all_of_them_and_returns_arrays(foreign):
    grid = RNG.uniform(-1, 1, (2, 4, 3, 2)).astype(np.float32)
    out, backprop = stn.sample_vjp(IMAGE, grid)
    d_out = np.cos(out)
    expected = [out, *backprop(d_out), stn.warp(IMAGE, [THETA] * 2)]
    got_out, got_backprop = stn.sample_vjp(foreign(IMAGE), foreign(grid))
    got = [got_out, *got_backprop(foreign(d_out)), stn.warp(foreign(IMAGE), foreign(np.float32([THETA] * 2)))]
    got.append(stn.sample(foreign(IMAGE), foreign(grid)))
    for array, right in zip(got, [*expected, out], strict=True):
        assert type(array) is np.ndarray
        np.testing.assert_allclose(array, right, atol=1e-6)
    for array, right in zip(stn.sample_gradients(foreign(IMAGE), foreign(grid), foreign(d_out)), expected[1:3], strict=True):
        np.testing.assert_array_equal(array, right)


def test_transforms_take_all_of_them(foreign):
    transform, theta, points = stn.get_transform("affine"), np.float64([THETA]), RNG.random((7, 2))
    np.testing.assert_array_equal(transform.apply(foreign(theta), foreign(points)), transform.apply(theta, points))
    np.testing.assert_array_equal(
        transform.forward(foreign(theta), (3, 2))[0].dense(), transform.forward(theta, (3, 2))[0].dense()
    )
    fitted = transform.fit_points(foreign(points), foreign(points + 0.5))
    np.testing.assert_allclose(fitted, [[1, 0, 0.5, 0, 1, 0.5]] if np.ndim(fitted) == 2 else [1, 0, 0.5, 0, 1, 0.5], atol=1e-9)


def test_models_take_all_of_them(foreign):
    model = stn.models.st_fcn((8, 8, 1), 3, units=4, localisation_units=4)
    X, y = RNG.random((16, 8, 8, 1), np.float32), np.arange(16) % 3
    assert np.array_equal(model.predict(foreign(X)), model.predict(X))
    assert np.array_equal(model.theta(foreign(X)), model.theta(X))
    twin = stn.models.st_fcn((8, 8, 1), 3, units=4, localisation_units=4)
    for each, data in ((model, (X, y)), (twin, (foreign(X), foreign(y)))):
        stn.fit(each, *data, epochs=1, batch_size=8, progress=False)
    for name, array in model.params.items():
        np.testing.assert_array_equal(twin.params[name], array)


def test_registration_takes_all_of_them(foreign):
    fixed = stn.warp(RNG.random((6, 6)), [1.0, 0, 0, 0, 1, 0], shape=(40, 44), kernel="bicubic", padding="border")
    moving = stn.warp(fixed, [1, 0, 0.05, 0, 1, -0.03], padding="border")
    expected, got = stn.register(moving, fixed), stn.register(foreign(moving), foreign(fixed))
    assert np.array_equal(got.theta, expected.theta)


@pytest.mark.parametrize("argument", ["image", "grid", "theta", "d_out"])
def test_arrays_on_other_devices_are_refused_by_name(argument):
    away = DLPack(IMAGE, CUDA)
    calls = {
        "image": lambda: stn.warp(away, THETA),
        "grid": lambda: stn.sample(IMAGE, away),
        "theta": lambda: stn.warp(IMAGE, away),
        "d_out": lambda: stn.sample_gradients(IMAGE, np.zeros((2, 1, 1, 2)), away),
    }
    with pytest.raises(
        TypeError, match=rf"{argument}: expected an array in the memory of the CPU, .*: copy it first, as with .cpu\(\)"
    ):
        calls[argument]()


def test_tensors_that_need_a_gradient_are_refused_with_advice():
    tensor = from_torch(IMAGE.copy()).requires_grad_()
    with pytest.raises(TypeError, match=r"image: .* that requires a gradient: pass image.detach\(\), .* stn_numba.torch"):
        stn.warp(tensor, THETA)
    assert stn.warp(tensor.detach(), THETA).shape == IMAGE.shape


def test_other_reasons_are_passed_on():
    torch = pytest.importorskip("torch")
    for tensor, reason in ((torch.zeros(1, 2, 2, 1).bfloat16(), "BFloat16"), (torch.zeros(2, 2).to_sparse(), "to_dense")):
        with pytest.raises(TypeError, match=f"image: expected an array, got Tensor: .*{reason}"):
            stn.warp(tensor, THETA)
    with pytest.raises(TypeError, match="image: expected an array, got list: .* inhomogeneous"):
        stn.warp([[1], [1, 2]], THETA)
    with pytest.raises(ValueError, match="image: 1 of 4 values are masked"):
        stn.warp(np.ma.masked_equal(np.arange(4.0).reshape(2, 2), 3), THETA)
