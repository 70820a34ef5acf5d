"""Tests of stn_numba.deploy.

comparison, volume_self_test, window_self_test: deploy/test_self_test.py
installation: deploy/test_advice.py, cli/test_deploy.py
"""
