"""Learning-rate schedules."""

import numpy as np
import pytest

from stn_numba.nn.schedules import constant, cosine, one_cycle, step_decay

EVERY = pytest.mark.parametrize("schedule", [constant, cosine, one_cycle, step_decay()])


@EVERY
def test_multipliers_lie_in_0_to_1_and_do_not_rise_after_the_warm_up(schedule):
    multipliers = np.array([schedule(progress) for progress in np.linspace(0, 1, 101)])
    assert ((multipliers >= 0) & (multipliers <= 1)).all()
    assert multipliers.max() == 1
    assert (np.diff(multipliers[25:]) <= 0).all()


@EVERY
def test_progress_outside_0_to_1_is_refused(schedule):
    for progress in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match=r"progress: expected a number in \[0, 1\]"):
            schedule(progress)
