"""Train and test one cell."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba._util.files import ensure_writable
from stn_numba.data import Digits, get_distortion
from stn_numba.nn import Classifier, History, fit, save
from stn_numba.paper.addition import AdditionBatches, addition_set
from stn_numba.paper.cells import Cell
from stn_numba.paper.networks import make_network
from stn_numba.paper.results import Result, append_result
from stn_numba.paper.settings import Settings, settings_of
from stn_numba.threads import get_num_threads

__all__ = ["distorted", "reproduce", "run_name"]

_ADDITION_SEED = 2015  # of the pairs that are tested, and their distortions
_HELD_OUT = 5_000

Say = Callable[[str], Any]
Labeled = tuple[NDArray[np.float32], NDArray[np.int64]]


def reproduce(
    cell: Cell,
    digits: Digits,
    out: Path,
    *,
    seed: int = 0,
    validate: bool = False,
    settings: Settings | None = None,
    command: Sequence[str] = (),
    progress: bool = True,
    say: Say = print,
) -> Result:
    """Train a cell's network, or go on training it, evaluate it once, and append the result to ``out/results.json``.

    Parameters
    ----------
    cell
        From `find_cells`.
    digits
        From `load_mnist`.
    out
        Folder for results, checkpoints and models.
    seed
        Of initial parameters, order and distortions. The test set does not depend on it.
    validate
        Hold out the last 5,000 training digits, train on the others and evaluate on them instead of the test digits.
    settings
        Of the training; by default the cell's own.
    command
        The command line, for the record.
    progress, say
        Whether to show a progress bar, and what receives a line an epoch.
    """
    settings = settings or settings_of(cell)
    training, held_out = _split(digits, validate)
    if not len(held_out[0]):
        raise ValueError("digits: expected test digits, got none")
    model = make_network(cell, seed, settings.budget)
    run = run_name(cell.name, seed, validate=validate)
    ensure_writable(out)
    checkpoint = out / f"{run}.checkpoint"
    say(f"{run}: {model.n_params:,} parameters, {len(training[0]):,} digits, {settings.epochs} epochs")
    history = _train(model, cell, training, settings, seed, checkpoint, progress, lambda line: say(f"{run}: {line}"))
    loss, error = model.evaluate(*distorted(cell, held_out))
    if not np.isfinite(loss):
        raise ArithmeticError(f"{run}: the loss is {loss} after training; try a smaller learning rate")
    save(model, out / f"{run}.safetensors")
    result = Result(
        cell=cell.name, paper=cell.paper, error=100 * error, loss=loss, images=len(held_out[0]),
        part="validation" if validate else "test",
        seed=seed, n_params=model.n_params, epochs=len(history), seconds=history[-1].seconds,
        threads=get_num_threads(), settings=settings.as_dict(), command=" ".join(command),
    )  # fmt: skip
    append_result(out / "results.json", result)
    checkpoint.unlink(missing_ok=True)
    say(f"{run}: error {result.error:.2f} % on {result.images:,} {result.part} digits, the paper has {cell.paper} %")
    return result


def run_name(cell: str, seed: int, *, validate: bool = False) -> str:
    """Return what a run's files are called.

    Examples
    --------
    >>> run_name("st-cnn/affine/R", 0)
    'st-cnn-affine-R-seed0'
    """
    return f"{cell.replace('/', '-')}-seed{seed}" + ("-validation" if validate else "")


def _split(digits: Digits, validate: bool) -> tuple[Labeled, Labeled]:
    """Return what to train on, and what to evaluate on."""
    images, labels = digits.train_images, digits.train_labels
    if not validate:
        return (images, labels), (digits.test_images, digits.test_labels)
    if len(images) <= _HELD_OUT:
        raise ValueError(f"validate: expected more than {_HELD_OUT:,} training digits, got {len(images):,}")
    return (images[:-_HELD_OUT], labels[:-_HELD_OUT]), (images[-_HELD_OUT:], labels[-_HELD_OUT:])


def _train(
    model: Classifier, cell: Cell, training: Labeled, settings: Settings, seed: int, checkpoint: Path, progress: bool, say: Say
) -> History:
    options: dict[str, Any] = settings.fit_options() | {
        "seed": seed, "checkpoint": checkpoint, "progress": progress and sys.stderr.isatty(),
        "callbacks": [_Lines(settings.epochs, say)],
    }  # fmt: skip
    if cell.column == "addition":
        return fit(model, AdditionBatches(*training, settings.batch_size), **options)
    return fit(model, *training, augment=get_distortion(cell.column), **options)


def distorted(cell: Cell, labeled: Labeled) -> Labeled:
    """Return images distorted once with a fixed seed, and their labels."""
    if cell.column == "addition":
        return addition_set(*labeled, seed=_ADDITION_SEED)
    images, labels = labeled
    return get_distortion(cell.column).fixed(images), labels


class _Lines:
    """Says a line an epoch, with the time that is left at the speed of this process."""

    def __init__(self, epochs: int, say: Say) -> None:
        self.epochs, self.say, self.start, self.first = epochs, say, time.perf_counter(), -1

    def __call__(self, model: Classifier, history: History) -> None:
        last = history[-1]
        if self.first < 0:
            self.first = last.epoch - 1
        each = (time.perf_counter() - self.start) / (last.epoch - self.first)
        self.say(
            f"epoch {last.epoch} of {self.epochs}, loss {last.loss:.4f}, error {last.error:.2%} while training, "
            f"{each:.1f} s an epoch, {each * (self.epochs - last.epoch) / 60:.1f} min left"
        )
