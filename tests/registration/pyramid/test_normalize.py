import numpy as np

from stn_numba.registration.pyramid.planes import as_planes
from stn_numba.registration.pyramid.normalize import locally_normalized

RNG = np.random.default_rng(0)


def test_gain_and_bias_that_vary_slowly_are_taken_out():
    image = RNG.normal(size=(120, 140))
    ramp = np.linspace(0.5, 1.5, 140)
    first, second = (locally_normalized(as_planes(each, None, "x")) for each in (image, (image + 5) * ramp))
    inside = first.weight[0] > 0
    assert np.corrcoef(first.values[0, 0][inside], second.values[0, 0][inside])[0, 1] > 0.99
    np.testing.assert_array_equal(first.weight, second.weight)


def test_pixels_near_an_edge_have_no_weight():
    weight = locally_normalized(as_planes(RNG.normal(size=(120, 140)), None, "x")).weight[0]
    assert not weight[:5].any()
    assert not weight[:, -5:].any()
    assert weight[5:-5, 5:-5].all()


def test_noise_of_a_flat_region_is_not_raised():
    image = RNG.normal(size=(120, 140))
    image[:, 70:] *= 1e-3
    values = locally_normalized(as_planes(image, None, "x")).values[0, 0]
    assert np.abs(values[:, 85:]).max() < 0.1
