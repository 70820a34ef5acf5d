"""Tests of stn_numba.cli.

deploy: deploy/test_doctor_and_warmup.py, cli/test_main.py
errors, train: cli/test_main.py
"""
