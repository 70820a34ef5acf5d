"""Export models and warps to ONNX: `stn_numba.export_onnx`, `export_warp`."""

from stn_numba.onnx.errors import ExportError
from stn_numba.onnx.export import export_onnx
from stn_numba.onnx.warp import export_warp

__all__ = ["ExportError", "export_onnx", "export_warp"]
