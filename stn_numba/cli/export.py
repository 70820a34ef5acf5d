"""The command ``export``: models as ONNX files."""

from __future__ import annotations

from pathlib import Path

import click

import stn_numba

__all__ = ["export"]


@click.command()
@click.argument("model_path", metavar="MODEL", type=click.Path(path_type=Path))
@click.argument("output", metavar="OUT.onnx", type=click.Path(path_type=Path))
@click.option(
    "--layout", type=click.Choice(["NHWC", "NCHW"]), default="NHWC", show_default=True, help="Order of the image's axes."
)
@click.option("--probabilities", is_flag=True, help="Add an output with the probabilities of the classes.")
@click.option("--theta/--no-theta", default=True, help="Add outputs with the parameters of spatial transformers.")
@click.option("--transformed", is_flag=True, help="Add outputs with what spatial transformers sample.")
def export(model_path: Path, output: Path, layout: str, probabilities: bool, theta: bool, transformed: bool) -> None:
    """Write a saved MODEL as an ONNX file, for programs that run ONNX without this library."""
    model = stn_numba.load(model_path)
    options = {"probabilities": probabilities, "theta": theta, "transformed": transformed}
    stn_numba.export_onnx(model, output, layout=layout, **options)
    click.echo(f"{output}  {output.stat().st_size:,} bytes")
