"""Run experiments side by side on the workers of a Dask cluster."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stn_numba._util.files import ensure_writable, write_atomically
from stn_numba.data import Digits
from stn_numba.paper.experiments import Experiment
from stn_numba.paper.reproduce import Log, reproduce, run_name
from stn_numba.paper.results import Result, append_result
from stn_numba.paper.settings import Settings
from stn_numba.threads import limit_threads

__all__ = ["Cell", "run_on_cluster"]


@dataclass(frozen=True)
class Cell:
    """One experiment with one seed: the arguments of `reproduce`."""

    experiment: Experiment
    seed: int
    settings: Settings
    validate: bool = False
    command: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The base name of its files."""
        return run_name(self.experiment.name, self.seed, validate=self.validate)


def run_on_cluster(address: str, cells: Sequence[Cell], digits: Digits, out: Path, *, log: Log = print) -> list[Result]:
    """Run `reproduce` for each cell on the workers of a cluster; append the results to ``out/results.json``.

    Each thread of a worker runs one cell at a time, on that thread alone. Workers need this library, and no files: the digits
    are sent to them once, and result and model come back and are stored as soon as a cell is done. A cell whose worker is lost
    starts again on another one. Results have the same bits as those of `reproduce` on machines of the same kind.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``"tcp://192.168.1.5:8786"``.
    cells : sequence of Cell
        What to run.
    digits : Digits
        From `load_mnist`.
    out : Path
        Folder for results and models.
    log : callable, default print
        Called with a line for each cell.

    Returns
    -------
    list of Result
        In the order in which they were done.

    Raises
    ------
    ImportError
        Without Dask (extra ``dask``).
    OSError
        If there is no scheduler at the address.
    RuntimeError
        When all others are done, if cells failed; it names them.
    """
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise ImportError('cluster: it needs Dask: pip install "stn-numba[dask]"') from error
    ensure_writable(out)
    results, failed = [], []
    with Client(address, set_as_default=False) as client, client.as_current():
        shared = client.scatter(digits, broadcast=True, hash=False)
        futures = {client.submit(_run, cell, shared, pure=False): cell for cell in cells}
        log(f"{len(cells)} experiments on {len(client.nthreads())} workers")
        for future in as_completed(futures):
            cell, problem = futures[future], future.exception()
            if problem is not None:
                failed.append(f"{cell.name}: {type(problem).__name__}: {problem}")
                log(failed[-1])
                continue
            result, model = future.result()
            results.append(_store(cell, result, model, out, log))
    if failed:
        raise RuntimeError(f"cluster: {len(failed)} of {len(cells)} experiments failed, first {failed[0]}")
    return results


def _run(cell: Cell, digits: Digits) -> tuple[Result, bytes]:
    """Run a cell on a worker; return its result and its model's file."""
    with tempfile.TemporaryDirectory() as folder, limit_threads(1):
        out = Path(folder)
        result = reproduce(
            cell.experiment, digits, out, seed=cell.seed, validate=cell.validate, settings=cell.settings,
            command=cell.command, progress=False, log=_ignore,
        )  # fmt: skip
        return result, (out / f"{cell.name}.safetensors").read_bytes()


def _store(cell: Cell, result: Result, model: bytes, out: Path, log: Log) -> Result:
    write_atomically(out / f"{cell.name}.safetensors", model)
    append_result(out / "results.json", result)
    log(f"{cell.name}: error {result.error:.2f} % on {result.images:,} {result.part} digits, {result.seconds / 60:.1f} min")
    return result


def _ignore(line: Any) -> None:
    """Log nothing: workers have no terminal."""
