"""Images as HTML."""

import base64
import io

import numpy as np
import pytest

pytest.importorskip("PIL", reason="Pillow is not installed")

from PIL import Image

from stn_numba.notebook.pictures import as_color, picture
from tests._util.parsed_html import parsed

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 8, 3), np.uint8)


def elements(text, tag):
    return [element for element in parsed(text).iter() if element.tag.endswith(f"}}{tag}")]


def test_the_picture_holds_all_pixels():
    (image,) = elements(picture(PIXELS, "an image"), "image")
    content = base64.b64decode(image.get("href").removeprefix("data:image/png;base64,"))
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))), PIXELS)
    assert (image.get("width"), image.get("height")) == ("8", "5")


def test_outlines_have_a_thick_first_side_and_no_undefined_points():
    outline = np.arange(24.0).reshape(4, 3, 2)
    outline[2, 1] = np.nan
    around, first = elements(picture(PIXELS, "an image", outline), "polyline")
    assert len(around.get("points").split()) == 11
    assert first.get("points").split() == ["0.00,1.00", "2.00,3.00", "4.00,5.00"]
    assert float(first.get("stroke-width")) > float(around.get("stroke-width"))


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_channels_become_colors(channels):
    image = np.random.default_rng(0).uniform(-1, 3, (4, 6, channels))
    color = as_color(image, -1, 3)
    expected = image if channels == 3 else image.mean(axis=2, keepdims=True) + np.zeros(3)
    np.testing.assert_allclose(color, (expected + 1) / 4 * 255, atol=0.51)


def test_flat_and_odd_images_have_colors():
    assert as_color(np.full((2, 2, 1), 7.0), 7, 7).tolist() == np.zeros((2, 2, 3)).tolist()
    assert as_color(np.full((1, 1, 1), np.nan), 0, 1).tolist() == [[[0, 0, 0]]]
