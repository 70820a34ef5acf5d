import pytest

from stn_transforms.axes import as_lattice, as_ndim


@pytest.mark.parametrize("ndim", [1, 4, True, "3"])
def test_bad_numbers_of_axes_are_refused(ndim):
    with pytest.raises(ValueError, match="ndim: expected 2, or 3 for volumes"):
        as_ndim(ndim)


@pytest.mark.parametrize(
    ("sizes", "ndim", "message"),
    [
        ((4, 4), 3, r"control_points: expected three whole numbers \(d, h, w\), got \(4, 4\)"),
        ((4, 4, 4), 2, r"control_points: expected two whole numbers"),
        (5, None, r"control_points: expected two whole numbers"),
        ((4, -4, 4), None, r"control_points: expected three whole numbers \(d, h, w\) >= 0"),
    ],
)
def test_sizes_have_one_number_for_each_axis(sizes, ndim, message):
    with pytest.raises((TypeError, ValueError), match=message):
        as_lattice(sizes, "control_points", 8, ndim)
