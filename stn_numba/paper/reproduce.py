"""Run an experiment: train its network, evaluate it, record the result."""

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
from stn_numba.paper.experiments import Experiment
from stn_numba.paper.networks import make_network
from stn_numba.paper.results import Result, append_result
from stn_numba.paper.settings import Settings, settings_for
from stn_numba.threads import get_num_threads

__all__ = ["evaluation_set", "reproduce", "run_name"]

_ADDITION_SEED = 2015  # of the pairs for evaluation
_HELD_OUT = 5_000

Log = Callable[[str], Any]
Labeled = tuple[NDArray[np.float32], NDArray[np.int64]]


def reproduce(
    experiment: Experiment,
    digits: Digits,
    out: Path,
    *,
    seed: int = 0,
    validate: bool = False,
    settings: Settings | None = None,
    command: Sequence[str] = (),
    progress: bool = True,
    log: Log = print,
) -> Result:
    """Train an experiment's network, evaluate it, and append the result to ``out/results.json``.

    If an earlier run of the same experiment and seed was interrupted, training resumes from its checkpoint.

    Parameters
    ----------
    experiment : Experiment
        From `find_experiments`.
    digits : Digits
        From `load_mnist`.
    out : Path
        Folder for results, checkpoints and models.
    seed : int, default 0
        Seed of initial parameters, order and distortions. The test set does not depend on it.
    validate : bool, default False
        Evaluate on the last 5,000 training digits, which are then held out of training, instead of the test digits.
    settings : Settings, optional
        Training settings, by default those of `settings_for`.
    command : sequence of str, optional
        The command line, recorded with the result.
    progress : bool, default True
        Whether to show a progress bar on a terminal.
    log : callable, default print
        Called with one line per epoch.

    Returns
    -------
    Result

    Raises
    ------
    ValueError
        If there are no digits to evaluate on, or too few training digits to hold some out.
    ArithmeticError
        If training diverged.
    """
    settings = settings or settings_for(experiment)
    training, held_out = _split(digits, validate)
    if not len(held_out[0]):
        raise ValueError("digits: expected test digits, got none")
    model = make_network(experiment, seed, settings.budget)
    run = run_name(experiment.name, seed, validate=validate)
    ensure_writable(out)
    checkpoint = out / f"{run}.checkpoint"
    log(f"{run}: {model.n_params:,} parameters, {len(training[0]):,} digits, {settings.epochs} epochs")
    history = _train(model, experiment, training, settings, seed, checkpoint, progress, lambda line: log(f"{run}: {line}"))
    loss, error = model.evaluate(*evaluation_set(experiment, held_out))
    assert error is not None
    if not np.isfinite(loss):
        raise ArithmeticError(f"{run}: the loss is {loss} after training; try a smaller learning rate")
    save(model, out / f"{run}.safetensors")
    result = Result(
        experiment=experiment.name, paper_error=experiment.paper_error, error=100 * error, loss=loss, images=len(held_out[0]),
        part="validation" if validate else "test",
        seed=seed, n_params=model.n_params, epochs=len(history), seconds=history[-1].seconds,
        threads=get_num_threads(), settings=settings.as_dict(), command=" ".join(command),
    )  # fmt: skip
    append_result(out / "results.json", result)
    checkpoint.unlink(missing_ok=True)
    log(
        f"{run}: error {result.error:.2f} % on {result.images:,} {result.part} digits, the paper has {experiment.paper_error} %"
    )
    return result


def run_name(experiment: str, seed: int, *, validate: bool = False) -> str:
    """Return the base name of a run's files.

    Examples
    --------
    >>> run_name("st-cnn/affine/R", 0)
    'st-cnn-affine-R-seed0'
    """
    return f"{experiment.replace('/', '-')}-seed{seed}" + ("-validation" if validate else "")


def _split(digits: Digits, validate: bool) -> tuple[Labeled, Labeled]:
    """Return the training and the evaluation data."""
    images, labels = digits.train_images, digits.train_labels
    if not validate:
        return (images, labels), (digits.test_images, digits.test_labels)
    if len(images) <= _HELD_OUT:
        raise ValueError(f"validate: expected more than {_HELD_OUT:,} training digits, got {len(images):,}")
    return (images[:-_HELD_OUT], labels[:-_HELD_OUT]), (images[-_HELD_OUT:], labels[-_HELD_OUT:])


def _train(
    model: Classifier,
    experiment: Experiment,
    training: Labeled,
    settings: Settings,
    seed: int,
    checkpoint: Path,
    progress: bool,
    log: Log,
) -> History:
    options: dict[str, Any] = settings.fit_options() | {
        "seed": seed, "checkpoint": checkpoint, "progress": progress and sys.stderr.isatty(),
        "callbacks": [_EpochLines(settings.epochs, log)],
    }  # fmt: skip
    if experiment.column == "addition":
        return fit(model, AdditionBatches(*training, settings.batch_size), **options)
    return fit(model, *training, augment=get_distortion(experiment.column), **options)


def evaluation_set(experiment: Experiment, labeled: Labeled) -> Labeled:
    """Return an experiment's evaluation data from digits and their labels: distorted with a fixed seed."""
    if experiment.column == "addition":
        return addition_set(*labeled, seed=_ADDITION_SEED)
    images, labels = labeled
    return get_distortion(experiment.column).fixed(images), labels


class _EpochLines:
    """A callback that logs one line per epoch, with the remaining time at the speed of this process."""

    def __init__(self, epochs: int, log: Log) -> None:
        self.epochs, self.log, self.start, self.first = epochs, log, time.perf_counter(), -1

    def __call__(self, model: Classifier, history: History) -> None:
        last = history[-1]
        if self.first < 0:
            self.first = last.epoch - 1
        each = (time.perf_counter() - self.start) / (last.epoch - self.first)
        self.log(
            f"epoch {last.epoch} of {self.epochs}, loss {last.loss:.4f}, error {last.error:.2%} while training, "
            f"{each:.1f} s an epoch, {each * (self.epochs - last.epoch) / 60:.1f} min left"
        )
