"""Tests of stn_numba and its plugins.

Each module has its tests at the same place below this folder, stn_numba/warp.py in test_warp.py, or in a folder of that name.
Lines such as the following, at the top of a folder, name the tests of the other modules. fuzz, stress and recorded test the
whole library.

model_parts: test_models.py
warp_arguments: test_warp.py
warp_plans: sampler/test_plans.py
"""
