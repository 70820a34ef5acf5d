"""The history of a run."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.models import fcn

X, Y = np.random.default_rng(0).random((32, 6, 6, 1), np.float32), np.arange(32) % 2


def train(**options):
    return stn.fit(fcn((6, 6, 1), 2, units=4), X, Y, epochs=1, progress=False, **options)


def test_unknown_columns_are_refused():
    history = train()
    with pytest.raises(ValueError, match="name: expected one of epoch, loss, .*, got 'accuracy'"):
        history.column("accuracy")
    with pytest.raises(ValueError, match="restore_best: expected one of loss, error, .*, got 'epoch'"):
        train(restore_best="epoch")
