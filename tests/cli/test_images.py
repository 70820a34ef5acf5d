"""Image files: what is read is what was written."""

import sys

import numpy as np
import pytest

from stn_numba.cli import images

pytest.importorskip("PIL", reason="Pillow is not installed")

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("gray.png", RNG.integers(0, 256, (5, 7), np.uint8)),
        ("color.png", RNG.integers(0, 256, (5, 7, 3), np.uint8)),
        ("deep.png", RNG.integers(0, 65536, (5, 7), np.uint16)),
        ("deep.tif", RNG.integers(0, 65536, (5, 7), np.uint16)),
        ("real.tif", RNG.random((5, 7), np.float32)),
    ],
)
def test_images_are_read_as_written(tmp_path, name, image):
    images.write_image(tmp_path / name, image)
    read = images.read_image(tmp_path / name)
    assert read.dtype == image.dtype
    np.testing.assert_array_equal(read, image)


@pytest.mark.parametrize(("mode", "shape"), [("RGBA", (4, 6, 3)), ("P", (4, 6, 3)), ("LA", (4, 6)), ("1", (4, 6))])
def test_other_modes_become_gray_or_color(tmp_path, mode, shape):
    import PIL.Image

    PIL.Image.new(mode, (6, 4), 1).save(tmp_path / "image.png")
    assert images.read_image(tmp_path / "image.png").shape == shape
    assert mode != "1" or images.read_image(tmp_path / "image.png").max() == 255


def test_pages_and_files_make_one_stack(tmp_path):
    frames = RNG.integers(0, 256, (3, 4, 6), np.uint8)
    images.write_frames(tmp_path / "stack.tif", frames)
    images.write_image(tmp_path / "one.png", frames[0])
    read = images.read_frames([tmp_path / "stack.tif", tmp_path / "one.png"])
    np.testing.assert_array_equal(read, frames[[0, 1, 2, 0]])


def test_frames_of_another_size_are_refused(tmp_path):
    for name, shape in (("a.png", (4, 6)), ("b.png", (4, 5))):
        images.write_image(tmp_path / name, np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match=r"b.png: expected an image of shape \(4, 6\), as the first one, got \(4, 5\)"):
        images.read_frames([tmp_path / "a.png", tmp_path / "b.png"])


def test_brightness_of_colors():
    colors = np.eye(3, dtype=np.uint8)[None] * 100
    np.testing.assert_allclose(images.gray(colors), [[29.9, 58.7, 11.4]], rtol=1e-6)
    assert images.gray(np.zeros((2, 4, 5, 3), np.uint8)).shape == (2, 4, 5)
    assert images.gray(np.zeros((4, 3), np.uint8)).shape == (4, 3)


def test_a_file_that_is_no_image_is_refused(tmp_path):
    (tmp_path / "note.png").write_text("text")
    with pytest.raises(ValueError, match=r"note\.png: expected an image file"):
        images.read_image(tmp_path / "note.png")


@pytest.mark.parametrize(("name", "frames"), [("out.xyz", False), ("out", False), ("out.png", True)])
def test_unknown_extensions_are_refused(tmp_path, name, frames):
    with pytest.raises(ValueError, match="out: expected a file name with an extension"):
        images.check_output_image(tmp_path / name, frames)


def test_without_pillow_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ImportError, match=r"pip install stn-numba\[images\]"):
        images.read_image(tmp_path / "image.png")
