"""Results stay the same bits: warps, gradients of each kind of grid, and trainings of twenty steps."""

import json

import numpy as np
import pytest

from tests.recorded import cases
from tests.recorded.record import OPTIMIZERS, PAGE, digest, machine, trained

RECORD = json.loads(PAGE.read_text())


@pytest.mark.parametrize("kind", ["warps", "gradients"])
def test_the_sampler_gives_the_recorded_bits(kind):
    found = {name: digest(arrays) for name, arrays in getattr(cases, kind)()}
    assert len(found) > 200
    assert {name for name in found if found[name] != RECORD[kind].get(name)} == set()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_gives_the_recorded_bits(name):
    bits, logits = trained(name)
    np.testing.assert_allclose(logits, RECORD["logits"][name], rtol=0.02, atol=0.02)
    if machine() not in RECORD["training"]:
        pytest.skip(f"bits are recorded for other machines than this one ({machine()})")
    assert bits == RECORD["training"][machine()][name]
