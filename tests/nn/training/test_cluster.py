"""What `fit` asks of a cluster; that of Dask is tested in tests/dask/training."""

import contextlib

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.nn import Chain, Classifier, Dense, Flatten
from stn_numba.nn.layers import BatchNorm, Layer
from stn_numba.nn.model.parts import run_here
from tests.nn.training.resumable import X, Y, small, train, weights


class Here:
    """A cluster that is this process, and notes what it is asked for."""

    def __init__(self):
        self.parts, self.open = [], False

    @contextlib.contextmanager
    def training(self, network, theta_penalty):
        self.open = True
        yield self.run
        self.open = False

    def run(self, layer, parts, theta_penalty):
        assert self.open
        self.parts.append(len(parts))
        return run_here(layer, parts, theta_penalty)


def test_any_object_with_the_method_is_a_cluster():
    here, models = Here(), [small(), small()]
    for model, cluster in zip(models, (None, here), strict=True):
        train(model, parts=4, cluster=cluster, epochs=2)
    assert np.array_equal(*map(weights, models))
    assert here.parts == [4] * 6
    assert not here.open


def test_the_cluster_is_left_after_an_error():
    left = []

    class Failing:
        @contextlib.contextmanager
        def training(self, network, theta_penalty):
            try:
                yield lambda layer, parts, theta_penalty: 1 / 0
            finally:
                left.append(True)

    with pytest.raises(ZeroDivisionError):
        train(small(), cluster=Failing())
    assert left


@pytest.mark.parametrize("parts", [1, 2, 3, 100])
def test_batches_are_cut_into_parts(parts):
    here, model = Here(), small()
    train(model, parts=parts, cluster=here, epochs=1)
    assert here.parts == [min(parts, count) for count in (14, 13, 13)]


class _Counts(Layer):
    """Has state."""

    def initialize(self, input_shape, rng, dtype=np.float32):
        self.state = {"count": np.zeros(1)}
        return input_shape

    def forward(self, x, rng=None):
        return x, lambda dy, *, input_gradient=True: (dy, {})


@pytest.mark.parametrize(
    ("layer", "name"), [(BatchNorm(), r"'batchnorm1' \(BatchNorm\)"), (_Counts(), r"'_counts1' \(_Counts\)")]
)
def test_layers_that_need_the_whole_batch_are_refused_by_name(layer, name):
    model = Classifier(Chain(Flatten(), layer, Dense(2)), (12, 12, 1), 2)
    with pytest.raises(ValueError, match=f"cluster: layer {name} looks at the whole batch or has state"):
        train(model, augment=None, cluster=Here())


def test_other_objects_are_refused():
    with pytest.raises(TypeError, match=r"cluster: expected a dask.distributed.Client, or a Cluster, got str"):
        train(small(), cluster="tcp://127.0.0.1:8786")
    with pytest.raises(ValueError, match="parts"):
        stn.fit(small(), X, Y, parts=0)
