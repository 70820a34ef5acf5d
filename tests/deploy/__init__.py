"""Tests of stn_numba.deploy, except for Docker images and wheels.

advice, doctor, installation, networks, oracle, report, selftest, warmup: deploy/test_doctor_and_warmup.py
build, ready_made: test_hatch_build.py, deploy/test_doctor_and_warmup.py
"""
