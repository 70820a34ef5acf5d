"""Files of every mode become upright images of whole numbers."""

import sys

import numpy as np
import pytest

from stn_numba.data.images.decode import DamagedImageError, as_dtype, decode, is_gray, with_channels

PIL = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("name", "channels"), [*((name, c) for name in ("a.png", "a.bmp", "a.tif", "a.ppm") for c in (1, 3)), ("a.webp", 3)]
)
def test_8_bits_are_read_as_written(tmp_path, name, channels):
    image = RNG.integers(0, 256, (5, 7, channels), np.uint8)
    options = {"lossless": True} if name == "a.webp" else {}
    PIL.fromarray(image[..., 0] if channels == 1 else image).save(tmp_path / name, **options)
    np.testing.assert_array_equal(decode(tmp_path / name), image)
    assert is_gray(tmp_path / name) == (channels == 1)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bits_are_read_as_written(tmp_path, name):
    image = RNG.integers(0, 65536, (5, 7), np.uint16)
    PIL.fromarray(image).save(tmp_path / name)
    read = decode(tmp_path / name)
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read[..., 0], image)


def test_palette_and_black_and_white(tmp_path):
    colors = PIL.fromarray(np.eye(3, dtype=np.uint8)[None] * 255)
    colors.quantize(4).save(tmp_path / "palette.png")
    np.testing.assert_array_equal(decode(tmp_path / "palette.png"), np.asarray(colors))
    PIL.fromarray(np.array([[True, False]])).save(tmp_path / "two.png")
    np.testing.assert_array_equal(decode(tmp_path / "two.png")[..., 0], [[255, 0]])


def test_cmyk_becomes_rgb(tmp_path):
    PIL.new("CMYK", (3, 2), (0, 0, 0, 0)).save(tmp_path / "ink.tif")
    assert (decode(tmp_path / "ink.tif") == 255).all()
    assert decode(tmp_path / "ink.tif").shape == (2, 3, 3)


@pytest.mark.parametrize(("mode", "color"), [("RGBA", (200, 100, 0, 51)), ("LA", (200, 51))])
def test_transparent_pixels_show_the_background(tmp_path, mode, color):
    PIL.new(mode, (2, 2), color).save(tmp_path / "glass.png")
    for background in (0, 255):
        expected = np.round(0.2 * np.array(color[:-1]) + 0.8 * background)
        np.testing.assert_array_equal(decode(tmp_path / "glass.png", background)[0, 0], expected)


def test_a_transparent_color_of_a_palette_shows_the_background(tmp_path):
    image = PIL.fromarray(np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8)).quantize(2)
    image.save(tmp_path / "index.png", transparency=int(np.asarray(image)[0, 1]))
    np.testing.assert_array_equal(decode(tmp_path / "index.png", 10)[0], [[255, 0, 0], [10, 10, 10]])


def test_photographs_are_turned_upright(tmp_path):
    image = np.kron(np.array([[0, 80], [160, 240]], np.uint8), np.ones((16, 24), np.uint8))
    exif = PIL.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise
    PIL.fromarray(image).save(tmp_path / "photo.jpg", exif=exif, quality=95)
    read = decode(tmp_path / "photo.jpg")[..., 0]
    assert read.shape == (48, 32)
    np.testing.assert_allclose(read, np.rot90(image, -1), atol=12)


def test_the_first_image_of_a_file_counts(tmp_path):
    frames = [PIL.new("L", (3, 2), level) for level in (10, 200)]
    frames[0].save(tmp_path / "stack.tif", save_all=True, append_images=frames[1:])
    assert (decode(tmp_path / "stack.tif") == 10).all()


@pytest.mark.parametrize("keep", [0.5, 0.02])
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.gif"])
def test_truncated_files_are_damaged_and_named(tmp_path, name, keep):
    PIL.fromarray(RNG.integers(0, 256, (40, 40), np.uint8)).save(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(DamagedImageError, match=name):
        decode(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_other_content_is_damaged_and_named(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    for read in (decode, is_gray):
        with pytest.raises(DamagedImageError, match=r"a\.png"):
            read(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("array", "message"), [(np.ones((2, 2), np.float32), "floats"), (np.full((2, 2), 70000, np.int32), "16 bits")]
)
def test_other_pixels_are_refused_with_advice(tmp_path, array, message):
    PIL.fromarray(array).save(tmp_path / "a.tif")
    with pytest.raises(DamagedImageError, match=message):
        decode(tmp_path / "a.tif")


def test_a_missing_file_is_not_called_damaged(tmp_path):
    with pytest.raises(FileNotFoundError):
        decode(tmp_path / "none.png")


def test_colors_become_luminance_and_gray_three_channels():
    colors = np.eye(3, dtype=np.uint8)[None] * 100
    assert with_channels(colors, 1)[0, :, 0].tolist() == [30, 59, 11]
    assert with_channels(colors[..., :1], 3).shape == (1, 3, 3)
    assert with_channels(colors, 3) is colors


def test_8_and_16_bits_keep_black_and_white_and_round():
    levels = np.arange(256, dtype=np.uint8)
    deep = as_dtype(levels, np.dtype(np.uint16))
    assert deep[[0, -1]].tolist() == [0, 65535]
    np.testing.assert_array_equal(as_dtype(deep, np.dtype(np.uint8)), levels)
    everything = np.arange(65536, dtype=np.uint16)
    np.testing.assert_array_equal(as_dtype(everything, np.dtype(np.uint8)), np.rint(everything / 257))


def test_without_pillow_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ImportError, match=r"pip install stn-numba\[images\]"):
        decode(tmp_path / "image.png")


def test_pillow_s_warnings_are_not_called_damage(tmp_path, monkeypatch):
    PIL.new("L", (40, 40)).save(tmp_path / "large.png")
    monkeypatch.setattr(PIL, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(PIL.DecompressionBombWarning):  # warnings are errors in tests
        decode(tmp_path / "large.png")
    monkeypatch.setattr(PIL, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(DamagedImageError, match=r"large\.png"):
        decode(tmp_path / "large.png")
