"""Tests of stn_numba.kernels.

compiler: kernels/runtime/test_disk_cache.py, nn/kernels/test_machine_code.py, deploy/test_self_test.py
gradients: sampler/test_against_oracle.py, sampler/backward/test_gradients.py
sampling, simd: sampler/test_against_oracle.py, sampler/forward/test_widths.py
registration: registration/models/test_kernel_sums.py, registration/pyramid/test_filters.py
volumes: sampler/volumes/test_volumes_against_oracle.py, sampler/volumes/test_volume_grids.py
constants: sampler/test_against_oracle.py
"""
