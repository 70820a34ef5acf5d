"""Tests of stn_numba.sampler. Samples and gradients are compared with the slow sampler in oracle.py.

api, kernel_arguments: sampler/test_against_oracle.py
gradient_plans: sampler/test_plans.py
output: sampler/test_out.py
piecewise_polynomial: sampler/test_interpolation.py
layout: sampler/test_against_oracle.py, sampler/test_dtypes.py
shape_hints: sampler/test_call.py
"""
