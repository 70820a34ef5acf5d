"""The command ``predict``: classes of image files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

import stn_numba
from stn_numba.cli.options import json_option

if TYPE_CHECKING:
    from stn_numba.nn import Classifier

__all__ = ["predict"]

_AT_ONCE = 256  # files


@click.command()
@click.argument("model_path", metavar="MODEL", type=click.Path(path_type=Path))
@click.argument("files", nargs=-1, required=True, metavar="IMAGE...", type=click.Path(path_type=Path))
@click.option("--top", type=click.IntRange(1), default=3, show_default=True, help="Number of classes to print.")
@json_option
def predict(model_path: Path, files: tuple[Path, ...], top: int, as_json: bool) -> None:
    """Print the most likely classes of image files, and their probabilities, by a saved MODEL.

    Images are resized to the size that the model takes.
    """
    from stn_numba.data import read_images
    from stn_numba.nn import Classifier

    model = stn_numba.load(model_path)
    if not isinstance(model, Classifier):
        raise TypeError(f"{model_path}: expected a Classifier, got a {type(model).__name__}")
    names = model.classes or [str(k) for k in range(model.n_classes)]
    H, W, C = model.input_shape
    if C not in (1, 3):
        raise ValueError(f"{model_path}: expected a model of gray or RGB images, got one of {C} channels")
    records = []
    for start in range(0, len(files), _AT_ONCE):
        paths = files[start : start + _AT_ONCE]
        X = read_images(paths, (H, W), channels=C)
        _expect_scale(model, X)
        for path, row in zip(paths, model.predict_proba(X), strict=True):
            best = np.argsort(-row, kind="stable")[:top]
            records.append({"file": str(path), "classes": {names[k]: round(float(row[k]), 6) for k in best}})
            if not as_json:
                click.echo(f"{path}  " + ", ".join(f"{names[k]} {100 * row[k]:.1f} %" for k in best))
    if as_json:
        click.echo(json.dumps(records, indent=2))


def _expect_scale(model: Classifier, X: Any) -> None:
    """Reject models that were trained on another scale than 0 to 255, whose answers would have no meaning."""
    from stn_numba.nn.inputs.pixel_range import PixelRange

    given = PixelRange.of(X, "u")
    if model.pixels is not None and given is not None and model.pixels.differs(given, len(X)):
        raise ValueError(
            f"MODEL: expected one that was trained on pixels from 0 to 255, got {model.pixels}; give a network the layer "
            "Rescale(1 / 255) first, and train it on images of 8 bits"
        )
