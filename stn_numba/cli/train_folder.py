"""Training on a folder of images with one subfolder a class, for the command ``train``."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

import stn_numba
from stn_numba.cli.options import Decorator

if TYPE_CHECKING:
    from stn_numba.data import ImageFolder
    from stn_numba.nn import Classifier

__all__ = ["folder_training_options", "has_class_folders", "reject_folder_options", "train_on_folder"]

_CHANNELS = {"gray": 1, "rgb": 3}


def _parse_size(context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[int, int] | None:
    """Return (H, W) of a text such as 40x40."""
    if text is None:
        return None
    height, _, width = text.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise click.BadParameter(f"expected HEIGHTxWIDTH, such as 40x40, got {text!r}", context, parameter)
    return int(height), int(width)


_OPTIONS: tuple[Decorator, ...] = (
    click.option(
        "--size",
        metavar="HxW",
        callback=_parse_size,
        help="Resize images to it, as 40x40.  [default: as the files, if all agree]",
    ),
    click.option("--channels", type=click.Choice(list(_CHANNELS)), help="Gray or color.  [default: as the files]"),
    click.option(
        "--validation", type=click.FloatRange(0, 1, True, True), help="Share of the images to hold out.  [default: 0.2]"
    ),
    click.option("--validation-data", type=click.Path(path_type=Path), metavar="FOLDER", help="Held-out images, instead."),
    click.option("--class-weights", type=click.Choice(["balanced"]), help="Give rare classes the weight of frequent ones."),
    click.option("--augment", type=click.FloatRange(0), metavar="SPREAD", help="Random affine warps, such as 0.05."),
    click.option("--patience", type=click.IntRange(1), help="Stop after so many epochs without a smaller validation error."),
    click.option("--damaged", type=click.Choice(["raise", "skip"]), help="What to do about damaged files.  [default: raise]"),
)


def folder_training_options(command: Any) -> Any:
    """Add the options that only a folder of images takes; without a value they are None."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def reject_folder_options(options: dict[str, Any]) -> None:
    """Reject options for folders of images where there are digits."""
    for name, value in options.items():
        if value is not None:
            raise ValueError(f"{name.replace('_', '-')}: expected with --data FOLDER that has one subfolder of images a class")


def has_class_folders(path: Path) -> bool:
    """Whether a folder has subfolders, and no files of MNIST."""
    if not path.is_dir() or any(path.glob("*-ubyte*")):
        return False
    return any(entry.is_dir() and not entry.name.startswith(".") for entry in path.iterdir())


def train_on_folder(
    data: Path, make_model: Any, out: Path, fit_options: dict[str, Any], record: dict[str, Any], options: dict[str, Any]
) -> None:
    """Train on a folder, and write the model, its record, and the misread images.

    `make_model` is called with the shape of images and the names of classes; `record` is what result.json says beside.
    """
    from stn_numba._util.files import ensure_writable, write_atomically
    from stn_numba.data import RandomWarp
    from stn_numba.nn import EarlyStopping

    training, held_out = _load(data, fit_options["seed"], options)
    model = make_model(training.image_shape, training.classes)
    ensure_writable(out)
    _describe(training, held_out, model)
    if options["class_weights"]:
        fit_options["class_weight"] = training.class_weights()
    if options["augment"]:
        fit_options["augment"] = RandomWarp("affine", options["augment"], padding="border")
    callbacks = [EarlyStopping(options["patience"], "validation_error")] if options["patience"] else []
    X, y = held_out.arrays()
    checkpoint = out / "train.checkpoint"
    history = stn_numba.fit(
        model, training, validation=(X, y), restore_best="validation_error", callbacks=callbacks, checkpoint=checkpoint,
        **fit_options,
    )  # fmt: skip
    stn_numba.save(model, out / "model.safetensors")
    click.echo(f"trained {len(history)} epochs in {history[-1].seconds:.0f} s")
    probabilities = model.predict_proba(X)
    error = float(np.mean(probabilities.argmax(axis=1) != y))
    _report(held_out, X, probabilities, out)
    record |= {"epochs": len(history), "seconds": history[-1].seconds, "n_params": model.n_params, "classes": training.classes}
    record |= {"validation_error": error, "validation_images": len(y)}
    write_atomically(out / "result.json", (json.dumps(record, indent=2) + "\n").encode())
    checkpoint.unlink(missing_ok=True)


def _load(data: Path, seed: int, options: dict[str, Any]) -> tuple[ImageFolder, ImageFolder]:
    """Return training and held-out images."""
    from stn_numba.data import folder

    if options["validation"] is not None and options["validation_data"] is not None:
        raise ValueError("validation: expected none with --validation-data")
    channels = options["channels"] and _CHANNELS[options["channels"]]
    reading: dict[str, Any] = {"damaged": options["damaged"] or "raise", "batch_size": options["batch_size"], "cache": "memory"}
    images = folder(data, size=options["size"], channels=channels, **reading)
    H, W, C = images.image_shape
    if options["validation_data"] is None:
        return images.split(0.2 if options["validation"] is None else options["validation"], seed)
    return images, folder(options["validation_data"], size=(H, W), channels=C, classes=images.classes, **reading)


def _describe(training: ImageFolder, held_out: ImageFolder, model: Classifier) -> None:
    counts = training.counts
    fewest, most = min(counts, key=lambda name: counts[name]), max(counts, key=lambda name: counts[name])
    size = " x ".join(map(str, training.image_shape))
    click.echo(
        f"{training.n_images:,} images of {size} to train on, {held_out.n_images:,} held out, {training.n_classes} classes: "
        f"{fewest} has {counts[fewest]:,} images, {most} {counts[most]:,}; {model.n_params:,} parameters"
    )


def _report(held_out: ImageFolder, X: Any, probabilities: Any, out: Path) -> None:
    """Print which classes are confused; write the misread images as a figure and as a table of their files."""
    from stn_numba._util.files import write_atomically
    from stn_numba.data import confusion_matrix, confusion_report
    from stn_numba.plot import misread_figure
    from stn_numba.plot.figures import write_figure

    y, classes, predicted = held_out.labels, held_out.classes, probabilities.argmax(axis=1)
    matrix = confusion_matrix(y, predicted, len(classes))
    click.echo(confusion_report(matrix, classes))
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["file", "class", "read as", "probability"])
    wrong = np.flatnonzero(predicted != y)
    for row in wrong[np.argsort(-probabilities[wrong, predicted[wrong]], kind="stable")]:
        chance = f"{probabilities[row, predicted[row]]:.4f}"
        writer.writerow([held_out.paths[row], classes[y[row]], classes[predicted[row]], chance])
    write_atomically(out / "misread.csv", table.getvalue().encode("utf-8", "surrogateescape"))
    write_figure(misread_figure(X, y, probabilities, classes).flat[0], out / "misread.png")
    click.echo(f"error {len(wrong) / len(y):.2%} on {len(y):,} held-out images; wrote {out / 'misread.png'} and misread.csv")
