"""The demo: a plain network and a spatial transformer learn to read digits in clutter, in the same time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stn_numba._util.files import ensure_writable, write_atomically
from stn_numba.data import DIGIT_SHAPE, Digits, Distortion, get_distortion, load_digits
from stn_numba.models import cnn, st_cnn
from stn_numba.nn import Classifier, History, fit, save
from stn_numba.nn.arrays import Floats
from stn_numba.nn.saving.tensor_file import safetensors
from stn_numba.plot.figures import new_axes

__all__ = ["run_demo"]

_ROWS = 6
_MIDDLE = (0.6, 0, 0, 0, 0.6, 0)  # a digit fills half of the canvas: the transformer starts from the middle of it
_LOCALISATION_RATE = 0.5


def run_demo(
    out: Path, *, seconds: float = 100.0, seed: int = 0, progress: bool = True, log: Callable[[str], Any] = print
) -> str:
    """Train both networks, write the figure, learning curves, results and models to `out`, and return the comparison as text.

    Parameters
    ----------
    out : Path
        Output folder.
    seconds : float, default 100
        Training time of each network.
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
    canvas = (*distort.canvas, 1)
    models = {
        "cnn": cnn(canvas, filters=32, seed=seed),
        "st_cnn": st_cnn(canvas, shape=DIGIT_SHAPE, initial=_MIDDLE, filters=28, seed=seed),
    }
    results: dict[str, dict[str, Any]] = {}
    histories: dict[str, History] = {}
    for name, model in models.items():
        log(f"{name}: {model.n_params:,} parameters, {seconds:.0f} s on {len(digits.train_images):,} digits")
        histories[name] = _train(model, digits, distort, seconds, seed, progress)
        save(model, out / f"{name}.safetensors")
        loss, error = model.evaluate(X, y)
        results[name] = {
            "test_error": error, "test_loss": loss, "test_images": len(X), "n_params": model.n_params,
            "epochs": round(sum(histories[name].column("completed")), 1), "seconds": histories[name][-1].seconds,
        }  # fmt: skip
    write_atomically(out / "results.json", (json.dumps(results, indent=2) + "\n").encode())
    _draw(out, models["st_cnn"], histories, X, y)
    text = _compare(results, out)
    write_atomically(out / "results.txt", (text + "\n").encode())
    return text


def _train(model: Classifier, digits: Digits, distort: Distortion, seconds: float, seed: int, progress: bool) -> History:
    _warm_up(model, digits, distort)
    return fit(
        model, digits.train_images, digits.train_labels, epochs=10_000, seconds=seconds, batch_size=64,
        learning_rate=2e-3,
        learning_rate_multipliers={"localisation": _LOCALISATION_RATE}, augment=distort, seed=seed, progress=progress,
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
    write_figure(learning_curves(histories, against="seconds"), out / "curves.png")


def _compare(results: dict[str, dict[str, Any]], out: Path) -> str:
    rows = [
        f"{name:8} {r['test_error']:6.2%} test error on {r['test_images']:,} test images "
        f"({r['n_params']:,} parameters, {r['epochs']} epochs in {r['seconds']:.0f} s)"
        for name, r in results.items()
    ]
    ratio = results["st_cnn"]["test_error"] / max(results["cnn"]["test_error"], 1e-9)
    rows.append(f"The network with a transformer makes {ratio:.2f} times as many errors as the plain one.")
    rows.append(f"Figure, learning curves and models are in {out}.")
    return "\n".join(rows)
