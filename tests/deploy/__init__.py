"""Tests of stn_numba.deploy.

installation: deploy/test_advice.py, cli/test_deploy.py
"""
