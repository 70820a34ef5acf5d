"""Training on a cluster has the bits of training on one machine."""

import numpy as np
import pytest

pytest.importorskip("distributed", reason="Dask is not installed")

import stn_numba as stn
from stn_numba.dask.training import DaskCluster
from stn_numba.dask.training.packed import packed, unpacked
from stn_numba.dask.training.traffic import array_bytes
from stn_numba.nn import Chain, Classifier, Dense, Flatten, MultiHead
from stn_numba.nn.layers.heads import Heads
from tests.dask.training.examples import STEPS, X, Y, small, train, trained, watched, weights


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_number_of_workers_changes_no_bit(client, count):
    expected, losses = trained()
    model, cluster = small(), DaskCluster(client, workers=count)
    assert train(model, cluster=cluster).column("loss") == losses
    assert np.array_equal(weights(model), expected)
    assert (cluster.traffic.steps, cluster.traffic.repeated) == (2 * STEPS, 0)


def test_a_client_is_enough(client):
    expected, _ = trained(parts=8, theta_penalty=stn.nn.near_identity())
    model = small()
    train(model, parts=8, theta_penalty=stn.nn.near_identity(), cluster=client)
    assert np.array_equal(weights(model), expected)


def test_other_numbers_of_parts_give_other_bits():
    assert not np.array_equal(trained(parts=4)[0], trained(parts=3)[0])
    assert np.array_equal(trained(parts=1)[0], trained(parts=None)[0]), "22 images are too few for two parts"


def test_losses_see_the_whole_batch(client):
    def contrast(outputs, targets):
        centered = outputs - outputs.mean(axis=0)
        return -float(np.mean(centered**2)), -2 * centered / centered.size

    models = small(), small()
    for model, cluster in zip(models, (None, DaskCluster(client, workers=2)), strict=True):
        train(model, loss=contrast, cluster=cluster, parts=2)
    assert np.array_equal(*map(weights, models))


def test_several_heads_and_streams_train_on_a_cluster(client):
    def stream_of(heads):
        class Stream:
            def __len__(self):
                return 2

            def __call__(self, rng):
                for _ in range(2):
                    rows = rng.integers(0, len(X), 32)
                    yield X[rows], {name: Y[rows] for name in heads}, rng.random(32)

        return Stream()

    models = [MultiHead(Chain(Flatten(), Heads(one=Dense(2), two=Dense(2))), (12, 12, 1)) for _ in range(2)]
    for model, cluster in zip(models, (None, DaskCluster(client, workers=2)), strict=True):
        stn.fit(model, stream_of(("one", "two")), epochs=2, parts=2, cluster=cluster, progress=False)
    assert np.array_equal(*map(weights, models))


class _StopError(Exception):
    pass


def test_training_resumes_with_another_number_of_workers(client, tmp_path):
    def stop(model, history):
        if len(history) == 2:
            raise _StopError

    expected, losses = trained(epochs=4)
    options = {"epochs": 4, "checkpoint": tmp_path / "run", "checkpoint_seconds": 0}
    with pytest.raises(_StopError):
        train(small(), cluster=DaskCluster(client, workers=2), callbacks=[stop], **options)
    for cluster in (DaskCluster(client, workers=4), None):
        model = small()
        assert train(model, cluster=cluster, **options).column("loss") == losses
        assert np.array_equal(weights(model), expected)
    with pytest.raises(stn.nn.StorageError, match="belongs to a run with parts = 4, got 2"):
        train(small(), parts=2, **options)


def test_bytes_are_those_of_parameters_images_and_gradients(client):
    model, cluster = small(), DaskCluster(client, workers=2)
    train(model, cluster=cluster, epochs=1)
    params, outputs = array_bytes(dict(model.params)), 4 * 2 * len(X)
    assert cluster.traffic.sent == 2 * STEPS * params + X.nbytes + outputs
    assert cluster.traffic.received == 2 * STEPS * params + outputs
    assert 0 < cluster.traffic.worked < cluster.traffic.waited


def test_idle_workers_are_mentioned(client):
    with pytest.warns(RuntimeWarning, match="4 workers, but a batch has 1 parts, so 3 have nothing to do.*parts=4"):
        train(small(), parts=None, epochs=1, cluster=client)


def test_errors_of_layers_are_raised_with_the_worker(client, tmp_path):
    model = watched(tmp_path)
    for where in ("forward", "backward"):
        (tmp_path / f"fail in {where}").touch()
        with pytest.raises(ValueError, match=f"asked to fail in {where}") as error:
            train(model, cluster=client)
        assert "on worker tcp://" in error.value.__notes__[0]
        (tmp_path / f"fail in {where}").unlink()


def test_workers_forget_the_network(client):
    def names(dask_worker):
        return [name for name in [*dask_worker.handlers, *dask_worker.extensions] if name.startswith("stn_numba")]

    train(small(), epochs=1, cluster=client)
    assert all(not left for left in client.run(names).values())


def test_what_cannot_be_shared_is_refused(client):
    model = Classifier(Chain(Flatten(), Dense(4), stn.nn.BatchNorm(), Dense(2)), (12, 12, 1), 2)
    with pytest.raises(ValueError, match=r"cluster: layer 'batchnorm1' \(BatchNorm\) looks at the whole batch or has state"):
        train(model, cluster=client)
    with pytest.raises(TypeError, match=r"expected a dask.distributed.Client, got LocalCluster: give it Client\(cluster\)"):
        train(small(), cluster=client.cluster)
    with pytest.raises(ValueError, match="slow_factor"):
        DaskCluster(client, slow_factor=1)
    with pytest.raises(ValueError, match="workers"):
        DaskCluster(client, workers=0)
    lock = __import__("threading").Lock()
    with pytest.raises(TypeError, match="layers and a theta_penalty that can be sent to workers, got .*lock"):
        train(small(), theta_penalty=lambda theta, layer: (lock, theta), cluster=client)


def test_arrays_of_several_dtypes_and_of_one_number_are_sent_as_they_are():
    for dtypes in ((np.float32, np.float32), (np.float32, np.float64)):
        arrays = {"one": np.array(1.5, dtypes[0]), "many": np.arange(6, dtype=dtypes[1]).reshape(2, 3)}
        again = unpacked(packed(arrays))
        assert {name: (array.dtype, array.shape, array.tolist()) for name, array in again.items()} == {
            name: (array.dtype, array.shape, array.tolist()) for name, array in arrays.items()
        }
        assert array_bytes(packed(arrays)) == array_bytes(arrays)
    assert unpacked(packed({})) == {}
