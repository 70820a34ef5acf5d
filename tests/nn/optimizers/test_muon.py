"""Muon against the iteration written out, and against torch's."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.nn import Adam, Chain, Classifier, Conv2d, Dense, Flatten, Muon, ReLU, fit

RNG = np.random.default_rng(0)
SHAPES = [(3, 3, 4, 8), (5, 5, 1, 30), (1, 1, 6, 6)]  # matrices that are tall, wide and square


def direction(optimizer, gradients, state):
    """What an optimizer subtracts from parameters at a learning rate of 1."""
    params = {name: np.zeros_like(gradient) for name, gradient in gradients.items()}
    optimizer.apply(params, gradients, state, dict.fromkeys(gradients, 1.0))
    return {name: -array for name, array in params.items()}


def newton_schulz(matrix):
    x = matrix / (np.linalg.norm(matrix) + 1e-7)
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 1e-4)])
def test_steps_agree_with_the_written_out_iteration(shape, dtype, tolerance):
    optimizer, mean = Muon(momentum=0.8), np.zeros(shape)
    state = optimizer.init({"w": np.zeros(shape, dtype)})
    for _ in range(3):
        gradient = RNG.normal(size=shape).astype(dtype)
        directions = direction(optimizer, {"w": gradient}, state)
        mean = 0.8 * mean + 0.2 * gradient
        matrix = (0.2 * gradient + 0.8 * mean).reshape(-1, shape[-1])
        expected = 0.2 * np.sqrt(max(matrix.shape)) * newton_schulz(matrix)
        assert directions["w"].dtype == state["momentum"]["w"].dtype == dtype
        np.testing.assert_allclose(directions["w"], expected.reshape(shape), atol=tolerance)


def test_steps_agree_with_torch():
    torch = pytest.importorskip("torch")
    start, gradients = RNG.normal(size=(2, 2, 5, 12)), RNG.normal(size=(4, 2, 2, 5, 12))
    param = torch.tensor(start.reshape(20, 12), requires_grad=True)
    theirs = torch.optim.Muon([param], lr=0.1, weight_decay=0, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    optimizer, ours = Muon(), start.copy()
    state = optimizer.init({"w": ours})
    for gradient in gradients:
        param.grad = torch.tensor(gradient.reshape(20, 12))
        theirs.step()
        ours -= 0.1 * direction(optimizer, {"w": gradient}, state)["w"]
    moved = np.abs(ours - start).max()
    off = np.abs(ours.reshape(20, 12) - param.detach().numpy()).max()
    assert off < 0.03 * moved  # theirs has 8 bits


def test_parameters_other_than_convolutions_follow_adam():
    params = {"dense.weight": RNG.normal(size=(5, 4)), "bias": RNG.normal(size=3), "conv.weight": RNG.normal(size=(3, 3, 2, 4))}
    gradients = {name: RNG.normal(size=array.shape) for name, array in params.items()}
    optimizer = Muon(adam=Adam(beta1=0.5))
    state = optimizer.init(params)
    got, expected = direction(optimizer, gradients, state), direction(optimizer.adam, gradients, optimizer.adam.init(params))
    for name in ("dense.weight", "bias"):
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-12)
    assert [*state["momentum"]] == ["conv.weight"]
    assert set(got) == set(params)


def test_a_gradient_of_zeros_moves_nothing():
    optimizer = Muon()
    directions = direction(optimizer, {"w": np.zeros((3, 3, 2, 4))}, optimizer.init({"w": np.ones((3, 3, 2, 4))}))
    assert not directions["w"].any()


def small():
    return Classifier(Chain(Conv2d(4, 3), ReLU(), Flatten(), Dense(3)), (8, 8, 1), 3)


def test_a_resumed_run_gives_the_same_bits(tmp_path):
    X, y = RNG.random((96, 8, 8, 1), np.float32), RNG.integers(0, 3, 96)
    options = {"epochs": 4, "batch_size": 32, "optimizer": Muon(), "progress": False, "label_smoothing": 0.1}
    uninterrupted, stopped, resumed = small(), small(), small()
    losses = fit(uninterrupted, X, y, **options).column("loss")
    assert losses[-1] < losses[0]

    def stop(model, history):
        if len(history) == 2:
            raise KeyboardInterrupt

    path = tmp_path / "run.checkpoint"
    with pytest.raises(KeyboardInterrupt):
        fit(stopped, X, y, callbacks=[stop], checkpoint=path, **options)
    fit(resumed, X, y, checkpoint=path, **options)
    for name, array in uninterrupted.params.items():
        np.testing.assert_array_equal(resumed.params[name], array)
    with pytest.raises(stn.nn.StorageError, match="a run with optimizer = 'Muon"):
        fit(small(), X, y, checkpoint=path, **{**options, "optimizer": Muon(0.9)})


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"momentum": 1.0}, ValueError, r"momentum: expected a number in \[0, 1\), got 1.0"),
        ({"adam": "adam"}, TypeError, "adam: expected an Adam, got 'adam'"),
    ],
)
def test_options_out_of_range_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        Muon(**options)
