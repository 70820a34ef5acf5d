"""Measure training on a Dask cluster and write its page: ``python -m benchmarks.dask_training``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from distributed import Client, LocalCluster

from benchmarks import machine
from benchmarks.dask_training import chart, measure, page

NAME = "cluster-training"


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    cases, load = measure.SHORT if options.short else measure.CASES, os.getloadavg()[0]
    environment = dict(os.environ)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", memory_limit=0) as cluster,
        Client(cluster) as client,
    ):
        os.environ.clear()  # the cluster set OMP_NUM_THREADS=1, also in this process
        os.environ.update(environment)
        network = measure.measure_network(client, 10 if options.short else 100)
        measured = []
        for case in cases:
            measured.append(measure.measure(case, client, options.seconds))
            print(f"{case.name}, batch {case.batch}: efficiency of 2 workers {measured[-1]['efficiency']:.2f}", flush=True)
    machine.limit_threads(2)
    described = machine.describe({"stn-numba"})
    described["versions"] |= {name: version(name) for name in ("dask", "distributed")}
    figures = {
        "machine": described, "load": load, "short": options.short, "seconds": options.seconds,
        "connection": asdict(network), "cases": measured,
    }  # fmt: skip
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / f"{NAME}.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    (options.out / f"{NAME}.md").write_text(page.page(figures), encoding="utf-8")
    chart.draw(options.out / f"{NAME}.png", figures)
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dask_training", description=__doc__)
    parser.add_argument("--short", action="store_true", help="one case with little work; its figures mean nothing")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each training of a case (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("docs"), help="folder for the page (%(default)s)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
