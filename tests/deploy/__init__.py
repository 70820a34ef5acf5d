"""Tests of stn_numba.deploy.

build_kernels: test_hatch_build.py, deploy/test_self_test.py
installation: deploy/test_advice.py, cli/test_deploy.py
"""
