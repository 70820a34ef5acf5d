"""Sampling grids in operators of ONNX: `dispatch.grid_of` for every transform."""
