"""Results stay the same bits: warps, gradients of each kind of grid, and trainings of twenty steps."""

import json

import numpy as np
import pytest

from tests.recorded import cases
from tests.recorded.record import OPTIMIZERS, PAGE, blas, digest, machine, trained

RECORD = json.loads(PAGE.read_text())


def found(calls):
    return {name: digest(arrays) for name, arrays in calls}


def test_warps_have_the_recorded_bits():
    warps = found(cases.warps())
    assert len(warps) > 200
    assert {name for name in warps if warps[name] != RECORD["warps"].get(name)} == set()


def test_gradients_have_the_recorded_bits():
    """Those of one of the recorded kinds of BLAS; other kinds may round the sums for matrices and coefficients otherwise."""
    gradients = found(cases.gradients())
    assert len(gradients) > 200
    record = RECORD["gradients"].get(blas()) or RECORD["gradients"]["Haswell"]
    other = {name for name in gradients if gradients[name] != record.get(name)}
    assert {name for name in other if ", dense" in name} == set()
    if other and blas() not in RECORD["gradients"]:
        pytest.skip(f"{len(other)} gradients are recorded for other kinds of BLAS than this one ({blas()})")
    assert other == set()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_gives_the_recorded_bits(name):
    bits, logits = trained(name)
    np.testing.assert_allclose(logits, RECORD["logits"][name], rtol=0.02, atol=0.02)
    if machine() not in RECORD["training"]:
        pytest.skip(f"bits are recorded for other machines than this one ({machine()})")
    assert bits == RECORD["training"][machine()][name]
