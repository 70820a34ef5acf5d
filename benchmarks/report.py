"""The pages in docs, written from the same figures as the JSON beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from string import Template
from typing import Any

from benchmarks import child, fresh_process
from benchmarks.networks import problem as network_problem

Figures = dict[str, Any]  # of a run: "machine", "timing", and for each section a list of results

RUN = """\
## The run

- Date: $date
- Processor: $processor
- Threads: $threads for every library
- Kernels of stn-numba: $kernels
- Versions: $versions
"""

TURNS = """\
- Before anything is timed, the answers are compared. A library whose answer differs by more than is tolerated gets no ratio.
- The libraries run in one process, on the same data, each in the memory layout that it prefers.
- They take turns in $rounds rounds of repeated calls. Each round starts with another library, so that a slow phase of the
  machine affects all alike. A case takes about $seconds seconds, without the pauses.
- Before each turn there is a pause of $pause ms. Idle threads of OpenMP, BLAS and onnxruntime keep spinning for a while, and
  would take the CPU from the next library. The first call of a turn wakes the threads, and counts only if it is the only one.
- Calls shorter than $shortest ms are timed several at a time, the same number for every library.
- All times are medians.
"""

COLUMNS = """\
| column | meaning |
|---|---|
| case | $case |
| ours | time of stn-numba |
| $column |
| library | the other library; "channels first" and "channels last" are memory layouts |
| its time | time of that library |
| ratio | its time divided by ours: above 1, stn-numba is faster |
| difference | $difference |
| tolerated | the largest difference that counts as the same answer |
"""

WARPS = """\
# Benchmarks

How fast stn-numba warps images, compared with other libraries. `make bench` measures and writes this page;
[benchmarks.json](benchmarks.json) holds the same figures as numbers.

![Ratio of each library's time to ours, case by case](benchmarks.png)

"""

WARPS_HOW = """
- stn-numba: one function from theta to the answer, that is, the transform's `forward`, then `sample`, or `sample_vjp` and both
  backward passes. With a dense grid, the gradients are those of image and grid. "One image" is `stn.warp(image, theta)`, with
  theta in float64, and without a batch axis, or a channel axis if there is one channel.
- "torch bridge": tensors with channels first, and gradients by PyTorch's autograd, on both sides. Ours is
  `stn_numba.torch.warp`.
- torch: `affine_grid` and `grid_sample`. kornia: its function for the transform; the spline's coefficients are solved within
  the time, as ours are. onnxruntime: a model of AffineGrid and GridSample.
- OpenCV, SciPy and scikit-image: one call per image, with matrices and maps prepared beforehand, outside the time.
  SciPy and scikit-image use one thread.
- OpenCV has no `warpAffine` for int32, so it gets labels as float32, which has the same size and holds the same numbers. With
  nearest pixels, a position nearly halfway between two pixels may give either.
- Data: images are noise. Each image is rotated by 10 to 30 degrees, scaled by 0.8 to 1.2, and shifted. Splines move their
  control points by such affine maps, which kornia's spline and the usual one both reproduce.
"""

WARPS_COLUMNS = {
    "case": "images x height x width x channels; float32, and an output of the same size, unless named; "
    'a case "one image" lacks the first number',
    "column": "copy | our time divided by that of a memcpy on one thread that moves as many bytes as all arrays have",
    "difference": "mean difference from our answer, relative to the answer's largest value",
}

FIRST_CALLS = """\
## First calls

What a fresh process needs to do one thing once, Python and imports included: to warp a $image image, or to `fit` a
network on a batch of $batch images of 28x28x1. The cache of compiled kernels is off (`STN_NUMBA_CACHE_DIR=off`).

| column | meaning |
|---|---|
| library | seconds from the start of a process to its end, with the library of kernels of a wheel; median of $turns |
| JIT | CPU seconds (user and system) of a process without that library (`STN_NUMBA_PREBUILT=off`) |
| kernels | how many kernels the process used, and where they came from |

"""

STARTING = """\
## Starting, and memory

Each figure comes from a fresh process; imports are medians of $turns. The first call is an affine warp of a $large_image
image by JIT, with an empty and with a filled cache of compiled kernels; its time does not include the import.

"""

MEMORY = """
Peak memory of one warp of a $large_image image, beyond input and output:

"""

PROCESSES = {
    "turns": fresh_process.TURNS,
    "image": "x".join(map(str, child.IMAGE)),
    "batch": child.BATCH,
    "large_image": "x".join(map(str, child.LARGE_IMAGE)),
}

TRAINING = """\
# Training benchmarks

How fast stn-numba trains and evaluates whole networks, compared with torch. `python -m benchmarks --only training` measures and
writes this page; [training-benchmarks.json](training-benchmarks.json) holds the same figures as numbers.

"""

TRAINING_HOW = """
- Networks of `stn_numba.models` and of `benchmarks.networks.problem`, and the same in torch with the weights copied, on the
  same digits, float32, without dropout. The digits have 28 x 28 pixels, or are centered on the canvas that the case names. The
  network with three heads reads three digits side by side.
- Training: forward, backward and Adam's update. stn-numba: one call of `stn.fit` on $steps batches, with all its checks.
  torch: a loop of $steps steps, Adam with `fused=True`. Times are per step.
- Custom training loop: `model.forward`, the loss, `backprop` and the optimizer's `apply` inside `nn.training_threads()`, beside
  `stn.fit` and `nn.Trainer` on the same batches.
- Inference: `model.outputs`, the torch network under `inference_mode`, and onnxruntime with the file that `export_onnx` writes.
- Transformers start near the identity, but off the pixel lines: there bilinear sampling has kinks, and two correct gradients
  differ.
"""

TRAINING_COLUMNS = {
    "case": "training, a custom training loop or inference, the network, and the number of images",
    "column": "memory | the most that stn-numba allocates at once in training, beyond data, parameters and optimizer",
    "difference": "training: relative difference of the mean losses; inference: mean difference of the outputs, relative "
    "to the largest",
}


def write(folder: Path, name: str, figures: Figures, page: Callable[[Figures], str]) -> None:
    """Write the figures as JSON, and the page that shows them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    (folder / f"{name}.md").write_text(page(figures), encoding="utf-8")


def warps_page(figures: Figures) -> str:
    return "".join(
        [
            WARPS,
            run_section(figures["machine"]),
            how_section(WARPS_HOW, figures["timing"]),
            "\n## Figures\n\n",
            Template(COLUMNS).substitute(WARPS_COLUMNS),
            "\n",
            table(figures["warps"], "copy", lambda result: f"{result['seconds'] / result['copy_seconds']:.1f}"),
            *_first_calls(figures["first calls"]),
            *_starting(figures),
        ]
    )


def training_page(figures: Figures) -> str:
    return "".join(
        [
            TRAINING,
            run_section(figures["machine"]),
            how_section(Template(TRAINING_HOW).substitute(steps=network_problem.STEPS), figures["timing"]),
            "\n## Figures\n\n",
            Template(COLUMNS).substitute(TRAINING_COLUMNS),
            "\n",
            table(figures["training"], "memory", _memory),
        ]
    )


def table(results: list[dict[str, Any]], column: str, cell: Any) -> str:
    """Return a table of results with rows; `column` is the title of a column whose cells `cell` makes of a result."""
    lines = [f"| case | ours | {column} | library | its time | ratio | difference | tolerated |", "|" + "---|" * 8]
    for result in results:
        start = f"| {result['name']} | {format_time(result['seconds'])} | {cell(result)} |"
        rivals = [_rival(row) for row in result["rows"]] or ["| | | | |"]
        lines += [f"{'| | | |' if k else start} {rival}" for k, rival in enumerate(rivals)]
    return "\n".join(lines) + "\n"


def _rival(row: dict[str, Any]) -> str:
    ratio = f"**{row['ratio']:.2f}**" if row["agrees"] else "answers differ"
    return f"{row['name']} | {format_time(row['seconds'])} | {ratio} | {row['difference']:.1g} | {row['tolerance']:.1g} |"


def _memory(result: dict[str, Any]) -> str:
    return f"{result['memory_bytes'] / 2**20:.1f} MB" if "memory_bytes" in result else ""


def run_section(machine: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return Template(RUN).substitute(machine, versions=versions)


def how_section(text: str, settings: dict[str, float]) -> str:
    shown = {"rounds": settings["rounds"], "seconds": f"{settings['seconds']:g}"}
    milliseconds = {name: f"{settings[name] * 1e3:g}" for name in ("pause", "shortest")}
    return "\n## How it is measured\n\n" + Template(TURNS).substitute(shown, **milliseconds) + "\n### What is timed\n" + text


def _first_calls(results: list[dict[str, Any]]) -> list[str]:
    if not results:
        return []
    head = "| a process that does | library | kernels | JIT | kernels |\n|" + "---|" * 5 + "\n"
    rows = [
        f"| {each['name']} | {_seconds(each['seconds'])} | {_sources(each['kernels'])} "
        f"| {_seconds(each['jit_cpu_seconds'])} | {_sources(each['jit_kernels'])} |\n"
        for each in results
    ]
    return ["\n", Template(FIRST_CALLS).substitute(PROCESSES), head, *rows]


def _seconds(seconds: float | None) -> str:
    return "no library" if seconds is None else f"{seconds:.2f} s"


def _sources(kernels: dict[str, int]) -> str:
    return " + ".join(f"{number} {source}" for source, number in kernels.items())


def _starting(figures: Figures) -> list[str]:
    rows = [f"| import {each['name']} | {format_time(each['seconds'])} |\n" for each in figures["imports"]]
    for warp in figures["first warp by JIT"]:
        rows += [f"| first call by JIT, {cache} | {format_time(warp[cache])} |\n" for cache in ("empty cache", "filled cache")]
    for cache in figures["kernel cache"]:
        rows.append(f"| compiled kernels on disk, after all that ran here | {cache['kernels']}, {cache['mb']:.1f} MB |\n")
    memory = [
        f"| {each['name']} | {each['allocated_mb']:.2f} MB | {each['resident_mb']:.2f} MB |\n" for each in figures["memory"]
    ]
    starting = ["\n", Template(STARTING).substitute(PROCESSES), "| | |\n|---|---|\n", *rows] if rows else []
    head = [Template(MEMORY).substitute(PROCESSES), "| transform | allocated by NumPy | resident |\n|---|---|---|\n"]
    return starting + ([*head, *memory] if memory else [])


def format_time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"
