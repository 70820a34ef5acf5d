"""The page docs/cluster-training.md, and what it and the chart read from the figures."""

from __future__ import annotations

from typing import Any

from benchmarks.dask_training.model import CABLES, MOST, Network, Work
from benchmarks.report import run_section

Figures = dict[str, Any]
PAYS = 0.5  # the efficiency below which more machines are not worth it
IDLE = 0.5  # load up to which a machine counts as idle
MACHINES = (2, 4, 8, 16, 32, 64)

START = """\
# Training on a cluster, measured

How much faster training becomes with the workers of a Dask cluster; [clusters.md](clusters.md) says how to start one.
`python -m benchmarks.dask_training` measures and writes this page; [cluster-training.json](cluster-training.json) holds the
same figures as numbers.

![Predicted against measured times of a step, and predicted efficiency of up to 64 machines](cluster-training.png)

"""

HOW = """
## How it is measured

- Before anything is timed, the weights after some steps with one and with two workers are compared with those of one process:
  they have the same bits.
- All processes run on this machine: the driver, and workers with one thread each. "Two threads" is one process without a
  cluster. Times are medians of rounds of steps.
- Efficiency is the time of one process with two threads, divided by that of two workers.
- Bytes are those of all arrays that move in a step, in both directions.
"""

MODEL = """
## The model

With W machines, a step takes

    driver + (part + images / W) / speed + 2 (latency + message (W - 1)) + (2 W P + batch + 2 outputs) / bandwidth

- driver: the driver's own work, that is, the batch, the loss and the update. It does not become shorter.
- part, images: what a part of the batch costs whatever its size, and the images of the batch, on one thread; speed is how much
  faster a machine is than one thread.
- latency, message, bandwidth: of an exchange without data, of each further worker in it, and of bytes through the driver,
  measured with messages that are sent back. A step has two exchanges.
- P: bytes of the parameters, which go to each worker and come back as gradients.

Everything is measured without training on a cluster, so the model is a prediction for that too. Workers of one thread:
"""

FAR = """
## More machines

What the model predicts for machines like this one, with cables whose latency and bandwidth are assumed:

{cables}

Their times are added to those measured inside this machine. The batch stays the same, so each machine gets fewer images.
Efficiency is the time of one machine alone, divided by the number of machines and their time.
"""

DATA = """
Workers get the images of their parts in each step. They could hold the data instead, but batches are drawn from all images in a
new order each epoch, so every worker would need every image, and augmentation, which draws for a whole batch, would be lost:

{table}
The share of the images falls as workers are added, since parameters and gradients move once for each worker, and images once in
all.
"""


def work_of(case: Figures) -> Work:
    return Work(**case["work"])


def network_of(figures: Figures) -> Network:
    return Network(**figures["connection"])


def title(case: Figures) -> str:
    return f"{case['network']}, batch {case['batch']}"


def table(columns: list[str], rows: list[list[str]]) -> str:
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def page(figures: Figures) -> str:
    return "".join([START, _run(figures), HOW, _measured(figures), MODEL, _held(figures), _far(figures)])


def _run(figures: Figures) -> str:
    notes = [f"- Load of the machine before the run: {figures['load']:.1f} processes\n"]
    if figures["load"] > IDLE:
        notes.append("- **The machine was busy: these figures are no measurement.**\n")
    if figures["short"]:
        notes.append("- **A short trial, whose figures mean nothing.**\n")
    return run_section(figures["machine"]) + "".join(notes)


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.3g} ms"


def _measured(figures: Figures) -> str:
    columns = ["network", "parameters", "two threads", "one thread", "1 worker", "2 workers", "efficiency", "moved in a step"]
    rows = [
        [
            title(case), f"{case['n_params']:,}", _ms(case["two_threads"]), _ms(case["one_thread"]), _ms(case["workers"]["1"]),
            _ms(case["workers"]["2"]), f"{case['efficiency']:.0%}", f"{case['moved'] / 1e6:.2f} MB",
        ]
        for case in figures["cases"]
    ]  # fmt: skip
    return f"\n## Two workers on this machine\n\n{table(columns, rows)}\n{_where_data_are(figures)}"


def _where_data_are(figures: Figures) -> str:
    """Compare what is sent with what would be sent if workers held the data."""
    columns = ["network", "images in a step", "parameters and gradients of 2 workers", "share of the images"]
    rows = []
    for case in figures["cases"]:
        work = work_of(case)
        both, whole = 4 * work.params, work.moved(2)
        rows.append([title(case), f"{work.batch / 1e6:.2f} MB", f"{both / 1e6:.2f} MB", f"{work.batch / whole:.0%}"])
    return DATA.format(table=table(columns, rows)).lstrip("\n")


def _held(figures: Figures) -> str:
    network, rows = network_of(figures), []
    for case in figures["cases"]:
        for count, measured in case["workers"].items():
            predicted, name = work_of(case).seconds(int(count), network), f"{title(case)}, {count} worker{'s' * (count != '1')}"
            rows.append([name, _ms(predicted), _ms(measured), f"{predicted / measured - 1:+.0%}"])
    connection = (
        f"\nLatency {_ms(network.latency)}, message {_ms(network.message)}, bandwidth {network.bandwidth / 1e6:,.0f} MB/s.\n"
    )
    return f"\n{table(['case', 'predicted', 'measured', 'difference'], rows)}{connection}"


def _far(figures: Figures) -> str:
    named = [f"- {name}: {_ms(latency)}, {bandwidth / 1e6:,.0f} MB/s" for name, (latency, bandwidth) in CABLES.items()]
    sections = [FAR.format(cables="\n".join(named))]
    for name, cable in CABLES.items():
        network, rows = network_of(figures).behind(*cable), []
        for case in figures["cases"]:
            work, speed = work_of(case), case["speed"]
            shares = [f"{work.efficiency(machines, network, speed):.0%}" for machines in MACHINES]
            rows.append([title(case), *shares, _up_to(work.most_at(PAYS, network, speed)), _up_to(work.best(network, speed))])
        columns = ["network", *map(str, MACHINES), f"at least {PAYS:.0%} up to", "shortest step with"]
        sections.append(f"\n### {name}\n\n{table(columns, rows)}")
    return "".join([*sections, _where_it_stops(figures)])


def _up_to(machines: int) -> str:
    return f"{machines} or more" if machines >= MOST else str(machines)


def _where_it_stops(figures: Figures) -> str:
    """Say in words where more machines stop paying."""
    lines = ["\n### Where it stops paying\n\n"]
    for name, cable in CABLES.items():
        network = network_of(figures).behind(*cable)
        best = {title(case): work_of(case).best(network, case["speed"]) for case in figures["cases"]}
        lines.append(f"{name}:\n\n")
        for each, machines in best.items():
            lines.append(f"- {each}: {_verdict(machines)}\n")
        lines.append("\n")
    return "".join([*lines, "Larger batches and images, and fewer parameters, move the limit up.\n"])


def _verdict(machines: int) -> str:
    if machines == 1:
        return "one machine alone is the fastest."
    return f"steps become shorter up to {_up_to(machines)} machines."
