"""The commands ``train``, ``evaluate`` and ``figure``: networks of the paper on distorted digits."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import stn_numba
from stn_numba.cli.errors import plain_errors
from stn_numba.data import DISTORTIONS

if TYPE_CHECKING:
    from stn_numba.data import Digits, Distortion
    from stn_numba.nn import Classifier

__all__ = ["evaluate", "figure", "train"]

data_option = click.option(
    "--data", type=click.Path(path_type=Path), help="Folder of MNIST's four files; without it, 5,000 embedded digits."
)
distortion_option = click.option(
    "--distortion",
    type=click.Choice(DISTORTIONS),
    default="R",
    show_default=True,
    help="Of the paper; a saved model needs the one it was trained with.",
)
seed_option = click.option("--seed", default=0, show_default=True, help="Repeats a run bit for bit.")


@click.command()
@data_option
@distortion_option
@click.option("--model", "model_name", default="st-cnn", show_default=True, help="fcn, cnn, st-fcn or st-cnn.")
@click.option("--transform", default="affine", show_default=True, help="Any name that `stn-numba plugins` lists.")
@click.option("--epochs", default=40, show_default=True)
@click.option("--batch-size", default=128, show_default=True)
@click.option("--learning-rate", default=2e-3, show_default=True, help="At its peak (Adam, one cycle).")
@click.option("--localisation-rate", default=0.1, show_default=True, help="Multiplies the rate of the localisation net.")
@seed_option
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/train"), show_default=True)
@click.option("--progress/--no-progress", default=True, help="Show a progress bar; without a terminal, a line an epoch.")
def train(
    data: Path | None, distortion: str, model_name: str, transform: str, epochs: int, batch_size: int,
    learning_rate: float, localisation_rate: float, seed: int, out: Path, progress: bool,
) -> None:  # fmt: skip
    """Train a network of the paper on distorted digits, drawn afresh for each epoch.

    A stopped or killed training goes on when the same command is given again.
    """
    from stn_numba._util.files import ensure_writable, write_atomically
    from stn_numba.data import get_distortion

    with plain_errors():
        digits, distort = _digits(data), get_distortion(distortion)
        model = _make_model(model_name, transform, distort.canvas, seed)
        ensure_writable(out)
        checkpoint = out / "train.checkpoint"
        click.echo(
            f"{model_name}, {model.n_params:,} parameters, {len(digits.train_images):,} digits, distortion {distort.name}"
        )
        history = stn_numba.fit(
            model, digits.train_images, digits.train_labels, epochs=epochs, batch_size=batch_size,
            learning_rate=learning_rate, learning_rate_multipliers={"localisation": localisation_rate}, augment=distort,
            seed=seed, progress=progress, checkpoint=checkpoint,
        )  # fmt: skip
        stn_numba.save(model, out / "model.safetensors")
        click.echo(f"trained {len(history)} epochs in {history[-1].seconds:.0f} s")
        record = {"model": model_name, "transform": transform, "distortion": distort.name, "seed": seed,
                  "epochs": len(history), "seconds": history[-1].seconds, "n_params": model.n_params}  # fmt: skip
        record |= _report(model, digits, distort)
        write_atomically(out / "result.json", (json.dumps(record, indent=2) + "\n").encode())
        checkpoint.unlink(missing_ok=True)


@click.command()
@click.argument("model_path", metavar="MODEL", type=click.Path(path_type=Path))
@data_option
@distortion_option
def evaluate(model_path: Path, data: Path | None, distortion: str) -> None:
    """Print the error of a saved MODEL on test digits, distorted once with a fixed seed."""
    from stn_numba.data import get_distortion

    with plain_errors():
        _report(stn_numba.load(model_path), _digits(data), get_distortion(distortion))


@click.command()
@click.argument("model_path", metavar="MODEL", type=click.Path(path_type=Path))
@data_option
@distortion_option
@click.option("--rows", type=click.IntRange(1), default=6, show_default=True, help="How many digits to draw.")
@click.option("--transformer", default="0", show_default=True, help="Number or dotted name, where there are several.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("figure.png"), show_default=True)
def figure(model_path: Path, data: Path | None, distortion: str, rows: int, transformer: str, out: Path) -> None:
    """Draw what a saved MODEL attends to, a row a digit; the ending of --out tells the format, PNG without one."""
    from stn_numba.data import get_distortion
    from stn_numba.plot import attention_figure
    from stn_numba.plot.figures import write_figure

    with plain_errors():
        if not out.name or out.is_dir():
            raise ValueError(f"out: expected a file, got {str(out)!r}")
        out = out if out.suffix else out.with_suffix(".png")
        model = stn_numba.load(model_path)
        digits = _digits(data)
        X = get_distortion(distortion).fixed(digits.test_images)[:rows]
        which = int(transformer) if transformer.removeprefix("-").isdecimal() else transformer
        axes = attention_figure(model, X, digits.test_labels[:rows], transformer=which)
        write_figure(axes.flat[0], out)
        click.echo(f"wrote {out}")


def _digits(folder: Path | None) -> Digits:
    from stn_numba.data import load_digits, load_mnist

    digits = load_digits() if folder is None else load_mnist(folder)
    if not len(digits.test_images):
        raise ValueError("digits: expected test digits, got none")
    return digits


def _make_model(name: str, transform: str, canvas: tuple[int, int], seed: int) -> Classifier:
    """Make a network for a canvas; a transformer reads a region of the size of a digit."""
    from stn_numba import models
    from stn_numba.data import DIGIT_SHAPE

    makers: dict[str, Callable[..., Classifier]] = {
        "fcn": models.fcn,
        "cnn": models.cnn,
        "st-fcn": models.st_fcn,
        "st-cnn": models.st_cnn,
    }
    if name not in makers:
        raise ValueError(f"model: expected one of {', '.join(makers)}, got {name!r}")
    options: dict[str, Any] = {"transform": transform, "shape": DIGIT_SHAPE} if name.startswith("st") else {}
    return makers[name]((*canvas, 1), seed=seed, **options)


def _report(model: Classifier, digits: Digits, distort: Distortion) -> dict[str, float]:
    """Print the error on the distorted test digits."""
    X = distort.fixed(digits.test_images)
    loss, error = model.evaluate(X, digits.test_labels)
    if not math.isfinite(loss):
        raise ArithmeticError(f"the loss on test images is {loss}: training has diverged; try a smaller learning rate")
    click.echo(f"test error {error:.2%} on {len(X):,} test images (loss {loss:.4f})")
    return {"test_error": error, "test_loss": loss, "test_images": len(X)}
