"""The command ``register``: align two images, or the frames of a stack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

import stn_numba
from stn_numba.cli import images
from stn_numba.cli.options import json_option, progress_option, transform_options
from stn_numba.grid import to_pixels

__all__ = ["register"]

_INPUT = click.Path(path_type=Path, exists=True, dir_okay=False)
_OUTPUT = click.Path(path_type=Path)
_REFERENCES = ("first", "previous", "mean")
_CORNERS = np.array([[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]])
_COLUMNS = ("success", "correlation", "detail_correlation", "overlap")
_LISTED = 10  # frames that a message names


# Options without a default leave it to `stn_numba.register`.
@click.command()
@click.argument("files", nargs=-1, required=True, type=_INPUT, metavar="MOVING FIXED")
@click.option(
    "--transform", metavar="NAME", help="A transform of `stn-numba plugins`.  [default: affine; translation for stacks]"
)
@transform_options
@click.option("--kernel", metavar="NAME", help="How to interpolate: bilinear, or cubic for the best accuracy.")
@click.option("--measure", metavar="NAME", help="What to compare images by, such as correlation.")
@click.option("--robust", metavar="NAME", help="Give little weight to what differs, such as covered parts: tukey or huber.")
@click.option("--normalize", metavar="NAME", help="Even out the brightness first: local.")
@click.option("--search", is_flag=True, default=None, help="Try many starts first, for large motions.")
@click.option("--penalty", type=float, help="Stiffness of splines and flows.")
@click.option("--seed", type=int, help="Seed of the search; the same seed gives the same result.")
@click.option("--moving-mask", type=_INPUT, help="An image that is 0 where MOVING does not count.")
@click.option("--fixed-mask", type=_INPUT, help="An image that is 0 where FIXED does not count.")
@click.option("--stack", is_flag=True, help="Register frames: several files, or the pages of a TIFF file.")
@click.option(
    "--reference", type=click.Choice(_REFERENCES), help="With --stack, what to register each frame to.  [default: first]"
)
@click.option("--out", type=_OUTPUT, help="Write MOVING as it fits FIXED; with --stack, a TIFF file of all frames.")
@click.option("--figure", type=_OUTPUT, help="Draw the images before and after: a checkerboard and the difference.")
@json_option
@progress_option
def register(
    files: tuple[Path, ...], transform: str | None, transform_option: dict[str, Any], moving_mask: Path | None,
    fixed_mask: Path | None, stack: bool, reference: str | None, out: Path | None, figure: Path | None, as_json: bool,
    progress: bool, **settings: Any,
) -> None:  # fmt: skip
    """Find the transform that aligns the image MOVING with the image FIXED.

    Prints its parameters, which map positions of FIXED to positions of MOVING, and how well the images agree after the warp.
    Color images are compared by their brightness. If they do not agree, exits with code 1 and writes no --out.

    With --stack, takes any number of files and registers each frame to the first one, to the one before, or to the mean.
    """
    masks = {"moving_mask": moving_mask, "fixed_mask": fixed_mask}
    _check_arguments(files, stack, reference, masks)
    if out is not None:
        images.check_output_image(out, frames=stack)
    settings = {name: value for name, value in settings.items() if value is not None}
    if transform_option:
        settings["options"] = transform_option
    if stack:
        settings |= {"transform": transform or "translation", "reference": reference or "first", "progress": progress}
        _register_stack(files, out, figure, as_json, settings)
        return
    settings |= {name: images.gray(images.read_image(path)) > 0 for name, path in masks.items() if path is not None}
    _register_pair(files, out, figure, as_json, {"transform": transform or "affine", **settings})


def _register_pair(
    files: tuple[Path, ...], out: Path | None, figure: Path | None, as_json: bool, settings: dict[str, Any]
) -> None:
    moving, fixed = (images.read_image(path) for path in files)
    result = stn_numba.register(images.gray(moving), images.gray(fixed), **settings)
    (row,) = _rows(result)
    corners = to_pixels(np.reshape(result.apply(_CORNERS), (-1, 2)), moving.shape[:2])
    record = {"moving": str(files[0]), "fixed": str(files[1]), "transform": settings["transform"], **row}
    record |= {"options": settings.get("options", {}), "corners": corners.tolist()}
    click.echo(json.dumps(record, indent=2) if as_json else _describe(record, fixed.shape))
    if figure is not None:
        identity = stn_numba.get_transform("affine").identity()
        before = stn_numba.warp(images.gray(moving), identity, shape=fixed.shape[:2])
        _draw(figure, images.gray(fixed), before, _shown(result, images.gray(moving)))
    if not row["success"]:
        raise click.ClickException(
            f"registration failed: after the warp the correlation is {row['correlation']:.3f}, that of details "
            f"{row['detail_correlation']:.3f}, and the overlap {row['overlap']:.0%}; "
            "--search tries many starts, and --transform another model"
        )
    if out is not None:
        images.write_image(out, result.warp(moving))


def _register_stack(
    files: tuple[Path, ...], out: Path | None, figure: Path | None, as_json: bool, settings: dict[str, Any]
) -> None:
    frames = images.read_frames(files)
    if len(frames) < 2:
        raise ValueError(f"--stack: expected at least 2 frames, got {len(frames)}")
    levels = images.gray(frames)
    result = stn_numba.register_stack(levels, **settings)
    rows = _rows(result)
    failed = [k for k, row in enumerate(rows) if not row["success"]]
    if as_json:
        record = {"files": [str(path) for path in files], "transform": settings["transform"]}
        click.echo(json.dumps({**record, "reference": settings["reference"], "frames": rows}, indent=2))
    else:
        lowest = min(row["correlation"] for row in rows)
        click.echo(f"{settings['transform']}, {len(rows)} frames, {len(failed)} failed, lowest correlation {lowest:.4f}")
    if figure is not None:
        _draw(figure, levels[0], levels.mean(axis=0), _mean(_shown(result, levels)), names=("mean of frames", "first frame"))
    if failed:
        listed = ", ".join(map(str, failed[:_LISTED])) + (", ..." if len(failed) > _LISTED else "")
        raise click.ClickException(f"registration failed for {len(failed)} of {len(rows)} frames (the first is 0): {listed}")
    if out is not None:
        images.write_frames(out, result.warp(frames))


def _check_arguments(files: tuple[Path, ...], stack: bool, reference: str | None, masks: dict[str, Path | None]) -> None:
    if not stack and len(files) != 2:
        raise click.UsageError(f"expected two files, MOVING and FIXED, got {len(files)}; for frames add --stack")
    if not stack and reference is not None:
        raise click.UsageError("--reference needs --stack")
    given = [f"--{name.replace('_', '-')}" for name, path in masks.items() if path is not None]
    if stack and given:
        raise click.UsageError(f"{given[0]}: stacks take no masks")


def _rows(result: Any) -> list[dict[str, Any]]:
    """Return what a result says of each of its images."""
    columns = {name: np.atleast_1d(getattr(result, name)) for name in _COLUMNS}
    return [
        {"theta": theta.tolist(), **{name: column[k].item() for name, column in columns.items()}}
        for k, theta in enumerate(np.asarray(result.theta))
    ]


def _describe(record: dict[str, Any], shape: tuple[int, ...]) -> str:
    height, width = shape[:2]
    lines = [f"{record['transform']}, correlation {record['correlation']:.4f}, overlap {record['overlap']:.0%}"]
    if len(record["theta"]) <= _LISTED:
        lines.append("theta " + " ".join(f"{value:.6g}" for value in record["theta"]))
    for (u, v), (x, y) in zip(_CORNERS, record["corners"], strict=True):
        corner = f"({(u + 1) * (width - 1) / 2:g}, {(v + 1) * (height - 1) / 2:g})"
        lines.append(f"pixel {corner} of FIXED is at ({x:.2f}, {y:.2f}) of MOVING")
    return "\n".join(lines)


def _shown(result: Any, levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the warped image, NaN where it shows nothing."""
    covered = result.warp(np.ones_like(levels)) > 0.99
    return np.where(covered, result.warp(levels), np.float32(np.nan))


def _mean(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of what is shown; NaN where no frame shows anything."""
    count = np.isfinite(frames).sum(axis=0)
    return np.where(count > 0, np.nansum(frames, axis=0) / np.maximum(count, 1), np.nan).astype(np.float32)


def _draw(
    path: Path, fixed: NDArray[np.float32], before: NDArray[np.float32], after: NDArray[np.float32], **options: Any
) -> None:
    from stn_numba.plot import registration_figure
    from stn_numba.plot.figures import write_figure

    write_figure(registration_figure(fixed, before, after, **options).flat[0], path)
