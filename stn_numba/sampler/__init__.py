"""Read an image at the positions of a grid, and the gradients: checks, conventions, choice of kernel.

Convention: positions are (x, y), normalized as in `stn_numba.grid` unless said otherwise. A position that is NaN is outside
under every padding: it reads 0, or `fill`, and passes no gradient. Infinite and huge positions are outside too: they read
the nearest edge pixel under ``"border"``, else as NaN, and pass no gradient to their own coordinate. Where a kernel has a
kink (bilinear: at whole pixels) the gradient is the derivative from the right. A weight of zero takes nothing from a pixel.
"""

from stn_numba.sampler.api import sample, sample_vjp
from stn_numba.sampler.call import IMAGE_DTYPES

__all__ = ["IMAGE_DTYPES", "sample", "sample_vjp"]
