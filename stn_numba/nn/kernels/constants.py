"""Numbers that kernels and their callers share."""

MARGIN = 2  # zeros beside an image in `affine_sampling`: positions are held within them, where value and slopes are zero
