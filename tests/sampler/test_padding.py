"""What positions outside the image read."""

import numpy as np
import pytest

import stn_numba as stn


@pytest.mark.parametrize(
    ("padding", "mode"),
    [
        ("zeros", "grid-constant"),
        ("border", "nearest"),
        ("symmetric", "reflect"),
        ("reflect101", "mirror"),
        ("wrap", "grid-wrap"),
    ],
)
def test_paddings_agree_with_scipy(padding, mode):
    from scipy.ndimage import map_coordinates

    rng = np.random.default_rng(0)
    image, pixels = rng.normal(size=(6, 5)), rng.uniform(-9, 14, (8, 9, 2))
    expected = map_coordinates(image, [pixels[..., 1], pixels[..., 0]], order=1, mode=mode)
    out = stn.sample(image[None, ..., None], pixels[None], padding=padding, units="pixels")
    np.testing.assert_allclose(out[0, ..., 0], expected, atol=1e-12)


@pytest.mark.parametrize("name", ["affine", "projective"])
@pytest.mark.parametrize("size", [8, 300])  # in one piece, and in bands
def test_the_gradient_of_an_edge_read_from_very_far_is_exact(name, size):
    theta = stn.get_transform(name).identity()
    theta[5] = -1e12
    grid, _ = stn.get_transform(name).forward(theta[None], (size, size))
    out, backprop = stn.sample_vjp(np.ones((1, 160, 160, 1)), grid, padding="border")
    assert out.sum() == pytest.approx(backprop(np.ones_like(out))[0].sum()) == size**2
