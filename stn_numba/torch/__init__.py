"""Warps, sampling and spatial transformers for PyTorch, on the kernels of this library, and weights from and to PyTorch.

Tensors are on the CPU, and have PyTorch's layout (N, C, H, W) unless you say otherwise. All functions have gradients and work
inside ``torch.compile``, where they are single operators. Second derivatives are not implemented.
"""

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise ImportError('stn_numba.torch needs PyTorch: pip install "stn-numba[torch]"') from error

from stn_numba.torch.grid_sample import grid_sample
from stn_numba.torch.spatial_transformer import SpatialTransformer
from stn_numba.torch.warp import warp
from stn_numba.torch.weights import load_state_dict, state_dict

__all__ = ["SpatialTransformer", "grid_sample", "load_state_dict", "state_dict", "warp"]
