"""Tests of stn_numba.sampler. Samples and gradients are compared with the slow sampler in oracle.py.

api, kernel_arguments: sampler/test_against_oracle.py
gradient_plans: sampler/test_plans.py
layout: sampler/test_against_oracle.py, sampler/test_dtypes.py
piecewise_polynomial: sampler/test_interpolation.py, sampler/test_against_oracle.py
shape_hints: sampler/test_call.py
volume_gradients: sampler/volumes/test_volumes_against_oracle.py
"""
