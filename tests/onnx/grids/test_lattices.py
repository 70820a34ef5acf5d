"""Lattices of control points, of which axes may have one."""

import pytest

import stn_numba as stn
from tests.onnx.running import check_transform_alone


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (5, 1), (9, 12)])
def test_fields_of_any_size(shape, tmp_path):
    flow = stn.get_transform("flow", shape=shape)
    for transform in (flow, stn.compose("affine", flow), stn.compose(flow, flow)):
        check_transform_alone(transform, tmp_path / "m.onnx", align_corners=False)
