"""Models that predict several things at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from stn_numba._util.arguments import as_real
from stn_numba.nn.arrays import Arrays, Floats, Size
from stn_numba.nn.layers.chain import Chain
from stn_numba.nn.layers.heads import Heads
from stn_numba.nn.losses.base import Loss
from stn_numba.nn.losses.choose import as_loss, describe_loss
from stn_numba.nn.losses.cross_entropy import CrossEntropy
from stn_numba.nn.losses.heads import HeadLosses
from stn_numba.nn.model.base import Model

__all__ = ["MultiHead"]


class MultiHead(Model):
    """A chain of layers that predicts several things about an image, each with a head and a loss of its own.

    Parameters
    ----------
    network : Chain
        Its last layer is `Heads`, which names the heads; see `Model`.
    input_shape : (int, int, int) or (int, int, int, int)
        (H, W, C) of images, (D, H, W, C) of volumes.
    losses : str, Loss, or dict of them, default "cross_entropy"
        The loss of all heads, or of each by its name; for names see `fit`.
    weights : dict of float, default None
        The weights of the losses in their sum, by head; 1 for heads that are not named.
    seed : int, default 0
        Seed of the initial parameters.
    dtype : dtype, default float32
        float32, or float64 for gradient checks.

    Attributes
    ----------
    heads : Heads
        The last layer.

    Raises
    ------
    TypeError, ValueError
        As for `Model`, and if the network does not end in `Heads`, or losses and weights do not fit them.

    Examples
    --------
    >>> from stn_numba.nn import Dense, Flatten, fit
    >>> network = Chain(Flatten(), Dense(8), Heads(digit=Dense(10), angle=Dense(1)))
    >>> model = MultiHead(network, (4, 4, 1), losses={"digit": "cross_entropy", "angle": "huber"}, weights={"angle": 0.1})
    >>> X, digits, angles = np.zeros((20, 4, 4), np.float32), np.arange(20) % 10, np.linspace(-1, 1, 20)
    >>> history = fit(model, X, {"digit": digits, "angle": angles}, epochs=1, progress=False)
    >>> {name: prediction.shape for name, prediction in model.predict(X).items()}
    {'digit': (20,), 'angle': (20, 1)}
    """

    loss: HeadLosses

    def __init__(
        self,
        network: Chain,
        input_shape: Size,
        *,
        losses: str | Loss | Mapping[str, str | Loss] = "cross_entropy",
        weights: Mapping[str, float] | None = None,
        seed: int = 0,
        dtype: DTypeLike = np.float32,
    ) -> None:
        last = list(network.layers.values())[-1:] if isinstance(network, Chain) else []
        if isinstance(network, Chain) and not (last and isinstance(last[0], Heads)):
            raise TypeError(f"network: expected Heads as its last layer, got {type(last[0]).__name__ if last else 'none'}")
        names = list(last[0].layers) if last else []
        loss = HeadLosses(_by_head(losses, names), _weights(weights, names))
        super().__init__(network, input_shape, loss=loss, seed=seed, dtype=dtype)

    def _expect_output(self, shape: Size) -> None:
        for name, loss in self.loss.losses.items():
            if isinstance(loss, CrossEntropy) and self.heads.sizes[name] < 2:
                raise ValueError(f"losses: expected a head of at least 2 outputs for the cross entropy, got 1 for {name!r}")

    @property
    def heads(self) -> Heads:
        """The last layer."""
        heads = list(self.network.layers.values())[-1]
        assert isinstance(heads, Heads)
        return heads

    @property
    def target_shape(self) -> dict[str, Size]:
        """The shape of one output, by head."""
        return {name: (size,) for name, size in self.heads.sizes.items()}

    def split_outputs(self, outputs: Floats) -> Arrays:
        """Return the joined outputs as a dict by head."""
        return self.heads.split(outputs)

    def join_outputs(self, outputs: Mapping[str, Floats]) -> Floats:
        """Return outputs by head, or gradients by them, as one array."""
        return self.heads.join(outputs)

    def errors(self, X: ArrayLike, y: Any) -> dict[str, float | None]:
        """Return the mean error of each head for images and targets, as for `evaluate`."""
        outputs = self.outputs(X)
        targets = self.loss.check_targets(y, len(next(iter(outputs.values()))), self.target_shape)
        errors = {name: loss.errors(outputs[name], targets[name]) for name, loss in self.loss.losses.items()}
        return {name: None if error is None else float(np.mean(error)) for name, error in errors.items()}

    def config(self) -> dict[str, Any]:
        """Return the architecture and the losses, as JSON can hold them; a ValueError if a loss cannot be saved."""
        losses = {name: describe_loss(loss) for name, loss in self.loss.losses.items()}
        own = {"losses": losses, "weights": self.loss.weights}
        return {"model": "MultiHead", "input_shape": list(self.input_shape), **own, **self.network.config()}


def _by_head(losses: Any, names: list[str]) -> dict[str, Loss]:
    """Return the loss of each head."""
    if not isinstance(losses, Mapping):
        return {name: as_loss(losses, "losses") for name in names}
    if set(losses) != set(names):
        raise ValueError(f"losses: expected those of the heads {', '.join(names)}, got {', '.join(map(str, losses))}")
    return {name: as_loss(losses[name], f"losses[{name!r}]") for name in names}


def _weights(weights: Any, names: list[str]) -> dict[str, float]:
    """Return the weight of each head's loss."""
    given = {} if weights is None else weights
    if not isinstance(given, Mapping) or not set(given) <= set(names):
        raise ValueError(f"weights: expected a dict with some of {', '.join(names)}, got {given!r:.80}")
    return {name: as_real(given.get(name, 1.0), f"weights[{name!r}]", "[0, inf)") for name in names}
