"""Suggestions for names and constants of other libraries and for misspellings, and for nothing else."""

import enum

import numpy as np
import pytest

import stn_numba as stn
from stn_numba._util.suggestions import did_you_mean
from stn_numba.sampler.interpolation import KERNELS, bicubic
from stn_numba.sampler.padding import PADDINGS

IMAGE, IDENTITY = np.random.default_rng(0).random((6, 7)), [1, 0, 0, 0, 1, 0]


class Resampling(enum.IntEnum):
    """As in Pillow and torchvision; the same numbers mean something else in OpenCV."""

    LANCZOS = 1
    BILINEAR = 2


def said(error=ValueError, **options):
    with pytest.raises(error) as caught:
        stn.warp(IMAGE, IDENTITY, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("replicate", "border"),
        ("edge", "border"),
        ("nearest", "border"),
        ("BORDER_REPLICATE", "border"),
        (1, "border"),
        ("cv2.BORDER_REFLECT", "symmetric"),
        (2, "symmetric"),
        ("grid-mirror", "symmetric"),
        ("mirror", "reflect101"),
        ("BORDER_REFLECT_101", "reflect101"),
        ("BORDER_DEFAULT", "reflect101"),
        (4, "reflect101"),
        ("reflect_101", "reflect101"),
        ("grid-wrap", "wrap"),
        ("circular", "wrap"),
        (3, "wrap"),
        ("grid-constant", "constant"),
        ("BORDER_CONSTANT", "constant"),
        (0, "constant"),
        ("Zeros", "zeros"),
        ("bordr", "border"),
        ("reflexion", "reflection"),
    ],
)
def test_names_of_paddings_in_other_libraries(name, ours):
    assert said(padding=name).endswith(f"; did you mean {ours!r}?")


def test_reflect_shows_both_meanings():
    text = said(padding="reflect")
    assert "did you mean 'symmetric' (reflect in OpenCV and SciPy" in text
    assert "or 'reflect101' (reflect in NumPy, scikit-image and torch" in text


def test_suggested_paddings_agree_with_numpy():
    row = np.arange(4.0)
    read = {
        padding: stn.sample(row[None, None, :, None], [[[[x, 0.0] for x in range(-2, 6)]]], padding=padding, units="pixels")
        for padding in ("border", "symmetric", "reflect101", "wrap")
    }
    for theirs, ours in (("edge", "border"), ("symmetric", "symmetric"), ("reflect", "reflect101"), ("wrap", "wrap")):
        assert read[ours].ravel().tolist() == np.pad(row, 2, mode=theirs).tolist()


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("trilinear", "'bilinear'"),
        ("INTER_LINEAR", "'bilinear'"),
        ("tricubic", "'bicubic'"),
        ("cv2.INTER_CUBIC", "'bicubic'"),
        ("bicubc", "'bicubic'"),
        ("nearest-exact", "'nearest'"),
        ("INTER_NEAREST", "'nearest'"),
        ("lanczos", "'lanczos3'"),
        ("INTER_LANCZOS4", "'lanczos3'"),
        ("area", "'bilinear' with antialias=True"),
        ("Bilinear", "'bilinear'"),
        ("mitchell_netravali", "'mitchell'"),
    ],
)
def test_names_of_kernels_in_other_libraries(name, ours):
    assert said(kernel=name).endswith(f"; did you mean {ours}?")


@pytest.mark.parametrize(
    ("value", "ours"),
    [
        (0, "'nearest'"),
        (1, "'bilinear'"),
        (2, "'bicubic'"),
        (4, "'lanczos3'"),
        (Resampling.LANCZOS, "'lanczos3'"),
        (Resampling.BILINEAR, "'bilinear'"),
        (bicubic, "'bicubic', or bicubic()"),
    ],
)
def test_constants_of_other_libraries(value, ours):
    assert said(TypeError, kernel=value).endswith(f"; did you mean {ours}?")


@pytest.mark.parametrize("option", [{"layout": "channels_first"}, {"layout": "nchw"}, {"layout": "CHW"}])
def test_names_of_layouts_in_other_libraries(option):
    assert said(**option).endswith("did you mean 'NCHW'?")


def test_names_of_units_in_other_libraries():
    with pytest.raises(ValueError, match=r"units: .* did you mean 'pixels'\?"):
        stn.sample(np.zeros((1, 2, 2, 1)), np.zeros((1, 2, 2, 2)), units="px")


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("homography", "'projective'"),
        ("perspective", "'projective'"),
        ("ProjectiveTransform", "'projective'"),
        ("thin_plate_spline", "'tps'"),
        ("ThinPlateSpline", "'tps'"),
        ("Affine", "'affine'"),
        ("Euclidean", "'rigid'"),
        ("shift", "'translation'"),
        ("free-form deformation", "'bspline'"),
        ("optical_flow", "'flow'"),
    ],
)
def test_names_of_transforms_in_other_libraries(name, ours):
    assert said(transform=name).endswith(f"; did you mean {ours}?")


@pytest.mark.parametrize(
    "padding", ["mean", "linear_ramp", "empty", "transparent", "", "x" * 1000, None.__class__, 7, 1.5, True]
)
def test_paddings_without_a_counterpart_get_no_suggestion(padding):
    assert "did you mean" not in said(padding=padding)


@pytest.mark.parametrize("kernel", ["biquintic", "quadratic", "gaussian", "hamming", "sinc"])
def test_kernels_without_a_counterpart_get_no_suggestion(kernel):
    assert "did you mean" not in said(kernel=kernel)


def test_our_own_names_suggest_themselves():
    for argument, names in (("padding", PADDINGS), ("kernel", ("nearest", "bilinear", *KERNELS)), ("layout", ("NHWC", "NCHW"))):
        for name in names:
            assert did_you_mean(name, argument, names) == f"; did you mean {name!r}?"
