"""Export models to ONNX: `stn_numba.export_onnx`."""

from stn_numba.onnx.errors import ExportError
from stn_numba.onnx.export import export_onnx

__all__ = ["ExportError", "export_onnx"]
