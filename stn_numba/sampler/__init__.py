"""Sample an image at the positions of a grid, and compute gradients: validation, conventions, choice of kernel.

Convention: positions are (x, y), normalized as in `stn_numba.grid` by default. A position that is NaN is outside with every
padding: it reads 0, or `fill`, and its gradient is 0. Infinite and huge positions are outside too: they read the nearest edge
pixel with ``"border"``, else as NaN does, and the gradient with respect to that coordinate is 0. Where a kernel has a kink
(bilinear: at whole pixels) the gradient is the derivative from the right. A pixel with weight zero is ignored, even NaN.
"""

from stn_numba.sampler.api import sample, sample_gradients, sample_vjp
from stn_numba.sampler.call import IMAGE_DTYPES

__all__ = ["IMAGE_DTYPES", "sample", "sample_gradients", "sample_vjp"]
