"""The demo: a plain network and a spatial transformer learn to read digits in clutter, in as many epochs and the same time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stn_numba._util.files import ensure_writable, write_atomically
from stn_numba.data import DIGIT_SHAPE, Digits, Distortion, get_distortion, load_digits
from stn_numba.models import fcn, st_fcn
from stn_numba.nn import Classifier, History, fit, save
from stn_numba.nn.arrays import Floats
from stn_numba.nn.saving.tensor_file import safetensors
from stn_numba.plot.figures import new_axes

__all__ = ["run_demo"]

_ROWS = 6
_MIDDLE = (0.6, 0, 0, 0, 0.6, 0)  # a digit fills half of the canvas: the transformer starts from the middle of it
_NO_LIMIT = 10_000  # epochs of the run that is limited by time


def run_demo(out: Path, *, epochs: int = 60, seed: int = 0, progress: bool = True, log: Callable[[str], Any] = print) -> str:
    """Train the networks, write the figure, learning curves, results and models to `out`, and return the comparison as text.

    The plain network is trained twice: for as many epochs as the transformer, and for the time that these took.

    Parameters
    ----------
    out : Path
        Output folder.
    epochs : int, default 60
        Epochs of the network with a transformer.
    seed : int, default 0
        Seed of parameters, order and distortions.
    progress : bool, default True
        Whether to show progress bars.
    log : callable, default print
        Called with one line per network.

    Raises
    ------
    ImportError
        If matplotlib, mlxtend or safetensors is not installed.
    OSError
        If `out` is not writable.
    """
    ensure_writable(out)
    new_axes(1, 1, (1.0, 1.0)), safetensors()  # raise now, not after training, if packages are missing
    digits, distort = load_digits(), get_distortion("TC")
    X, y = distort.fixed(digits.test_images), digits.test_labels
    results: dict[str, dict[str, Any]] = {}
    histories: dict[str, History] = {}
    models: dict[str, Classifier] = {}

    def run(name: str, file: str, model: Classifier, limits: dict[str, Any]) -> None:
        log(f"{name}: {model.n_params:,} parameters, {len(digits.train_images):,} digits")
        histories[name] = _train(model, digits, distort, limits, seed, progress)
        save(model, out / f"{file}.safetensors")
        loss, error = model.evaluate(X, y)
        models[name] = model
        results[name] = {
            "test_error": error, "test_loss": loss, "test_images": len(X), "n_params": model.n_params,
            "epochs": round(sum(histories[name].column("completed")), 1), "seconds": histories[name][-1].seconds,
        }  # fmt: skip

    canvas = (*distort.canvas, 1)
    run("transformer", "st_fcn", _transformer(canvas, seed), {"epochs": epochs})
    run("plain, as many epochs", "fcn", _plain(canvas, seed), {"epochs": epochs})
    seconds = histories["transformer"][-1].seconds
    run("plain, as much time", "fcn_same_time", _plain(canvas, seed), {"epochs": _NO_LIMIT, "seconds": seconds})
    write_atomically(out / "results.json", (json.dumps(results, indent=2) + "\n").encode())
    _draw(out, models["transformer"], histories, X, y)
    text = _compare(results, out)
    write_atomically(out / "results.txt", (text + "\n").encode())
    return text


def _transformer(canvas: tuple[int, int, int], seed: int) -> Classifier:
    return st_fcn(
        canvas, shape=(2 * DIGIT_SHAPE[0], 2 * DIGIT_SHAPE[1]), downsample=2, initial=_MIDDLE, units=200,
        localisation_units=64, localisation_downsample=2, center=False, seed=seed,
    )  # fmt: skip


def _plain(canvas: tuple[int, int, int], seed: int) -> Classifier:
    return fcn(canvas, units=240, downsample=2, center=False, seed=seed)


def _train(
    model: Classifier, digits: Digits, distort: Distortion, limits: dict[str, Any], seed: int, progress: bool
) -> History:
    _warm_up(model, digits, distort)
    return fit(
        model, digits.train_images, digits.train_labels, learning_rate=3e-3, augment=distort, seed=seed, progress=progress,
        **limits,
    )  # fmt: skip


def _warm_up(model: Classifier, digits: Digits, distort: Distortion) -> None:
    """Compile the kernels for training, so that the time is spent on training; restore the parameters."""
    before = {name: array.copy() for name, array in model.params.items()}
    fit(model, digits.train_images[:64], digits.train_labels[:64], epochs=1, augment=distort, progress=False)
    for name, array in model.params.items():
        array[...] = before[name]


def _draw(out: Path, model: Classifier, histories: dict[str, History], X: Floats, y: Any) -> None:
    from stn_numba.plot import attention_figure, learning_curves
    from stn_numba.plot.figures import write_figure

    write_figure(attention_figure(model, X[:_ROWS], y[:_ROWS]).flat[0], out / "figure.png")
    complete = {name: History([epoch for epoch in history if epoch.completed == 1]) for name, history in histories.items()}
    write_figure(learning_curves(complete, against="seconds"), out / "curves.png")


def _compare(results: dict[str, dict[str, Any]], out: Path) -> str:
    rows = [
        f"{name:21} {r['test_error']:6.2%} test error on {r['test_images']:,} test images "
        f"({r['n_params']:,} parameters, {r['epochs']} epochs in {r['seconds']:.0f} s)"
        for name, r in results.items()
    ]
    ours, epochs, time = (max(result["test_error"], 1e-9) for result in results.values())
    rows.append(
        f"The network with a transformer makes {ours / epochs:.2f} times as many errors as the plain one in as many epochs, "
        f"and {ours / time:.2f} times as many as the plain one in the same time."
    )
    rows.append(f"Figure, learning curves and models are in {out}.")
    return "\n".join(rows)
