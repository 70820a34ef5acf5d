"""Show that the defaults of `fit` and `st_cnn` need no tuning: ``make docs-defaults DATA=FOLDER``, with MNIST's four files.

Trains the defaults and the alternatives of `SETTINGS` on six sets, then the best of each set again with other seeds, so that
its lead is not the luck of the search; then `st_cnn` and `st_fcn` with many seeds, to count runs that collapse. Each run is
written to training-defaults.json when it ends: stop and repeat the command at will. Runs may be shared out: one process for
each set or part named as arguments (``clutter signs collapse``), each with its own lines in the file. At the end the table is
written to training-defaults.md. All takes about an hour on two idle cores.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from defaults_page import page
from defaults_sets import Split, make_set

import stn_numba as stn
from stn_numba._util.files import write_atomically
from stn_numba.data import Digits

RESULTS = Path(__file__).parents[1] / "training-defaults.json"
PAGE = RESULTS.with_suffix(".md")

PAPERS = {"localisation_downsample": 2, "localisation_units": 20, "center": False}

# name: (options of st_cnn, options of fit); the first are the defaults
SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "defaults": ({}, {}),
    "localisation at 0.1": ({}, {"learning_rate_multipliers": {"localisation": 0.1}}),
    "learning rate 1e-3": ({}, {"learning_rate": 1e-3}),
    "learning rate 2e-3": ({}, {"learning_rate": 2e-3}),
    "learning rate 6e-3": ({}, {"learning_rate": 6e-3}),
    "images not centered": ({"center": False}, {}),
    "images not centered, 2e-3": ({"center": False}, {"learning_rate": 2e-3}),
    "no label smoothing": ({}, {"label_smoothing": 0}),
    "label smoothing 0.1 from the start": ({}, {"label_smoothing": 0.1}),
    "gradients not clipped": ({}, {"clip_norm": None}),
    "networks of the paper": (PAPERS, {}),
    "before: paper's nets, localisation at 0.1, 1e-3, batches of 128": (
        PAPERS, {
            "learning_rate_multipliers": {"localisation": 0.1}, "learning_rate": 1e-3, "batch_size": 128, "label_smoothing": 0,
            "clip_norm": None,
        },
    ),
}  # fmt: skip
DEFAULTS, *ALTERNATIVES = SETTINGS

# set: (images, epochs)
SIZES = {
    "clutter": (3000, 10),
    "rotation": (3000, 10),
    "signs": (3000, 10),
    "RTS": (3000, 10),
    "scale": (3000, 10),
    "small": (1000, 20),
}
N_TEST = 5000
FIRST_SEED, OTHER_SEEDS = 0, (1, 2, 3, 4)

# networks whose runs are counted
COLLAPSE = {
    f"{network} {transform}, {name}": (network, transform, name)
    for network, transform in (("st_cnn", "affine"), ("st_fcn", "affine"), ("st_fcn", "projective"), ("st_fcn", "tps"))
    for name in ("clutter",)
}
COLLAPSE_SEEDS, COLLAPSE_IMAGES, COLLAPSE_EPOCHS = 50, 1000, 8


def main() -> None:
    """Make the runs that are missing, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"only these of {', '.join(SIZES)}, collapse")
    parser.add_argument("--data", type=Path, required=True, help="folder with MNIST's four files")
    arguments = parser.parse_args()
    parts, digits = arguments.parts or [*SIZES, "collapse"], _digits(arguments.data)
    try:
        for name in SIZES:
            if name in parts:
                search(name, digits)
        if "collapse" in parts:
            count_collapses(digits)
    finally:  # a run that was stopped shows what it has
        text = page(_read(), list(SETTINGS), SIZES, N_TEST, OTHER_SEEDS, (COLLAPSE_IMAGES, COLLAPSE_EPOCHS))
        write_atomically(PAGE, text.encode())


def search(name: str, digits: Digits) -> None:
    """Train all settings with the first seed, then the best one and the defaults with others."""
    train, test = make_set("clutter" if name == "small" else name, digits, n_train=SIZES[name][0], n_test=N_TEST)
    for setting in SETTINGS:
        _run_once(name, setting, FIRST_SEED, train, test)
    errors = {
        record["setting"]: record["error"] for record in _read() if record["set"] == name and record["seed"] == FIRST_SEED
    }
    best = min(ALTERNATIVES, key=errors.__getitem__)
    for setting in (DEFAULTS, best):
        for seed in OTHER_SEEDS:
            _run_once(name, setting, seed, train, test)


def count_collapses(digits: Digits) -> None:
    """Train the networks of `COLLAPSE` with the defaults of `fit` and many seeds."""
    for label, (network, transform, name) in COLLAPSE.items():
        (X, y), test = make_set(name, digits, n_train=COLLAPSE_IMAGES, n_test=1000)
        for seed in range(COLLAPSE_SEEDS):
            if not _known(label, "collapse", seed):
                n_classes = int(y.max()) + 1
                model = getattr(stn.models, network)(X.shape[1:], n_classes, transform=transform, seed=seed)
                record = _trained(model, (X, y), test, {"epochs": COLLAPSE_EPOCHS, "seed": seed})
                record["chance"] = 1 - 1 / n_classes
                _add({"set": label, "setting": "collapse", "seed": seed, **record})


def _run_once(name: str, setting: str, seed: int, train: Split, test: Split) -> None:
    if not _known(name, setting, seed):
        of_model, of_fit = SETTINGS[setting]
        model = stn.models.st_cnn(train[0].shape[1:], int(train[1].max()) + 1, seed=seed, **of_model)
        _add({"set": name, "setting": setting, "seed": seed}
             | _trained(model, train, test, {"epochs": SIZES[name][1], "seed": seed, **of_fit}))  # fmt: skip


def _trained(model: stn.nn.Classifier, train: Split, test: Split, options: dict[str, Any]) -> dict[str, Any]:
    """Train, and return the errors and the share of test images whose region does not touch the image."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of regions outside the image, which are counted
        history = stn.fit(model, *train, progress=False, **options)
    _, error = model.evaluate(*test)
    outside = model.transformers[0].outside(model.theta(test[0][:1000]))
    return {"error": error, "training_error": history[-1].error, "outside": outside, "seconds": time.perf_counter() - start}


def _digits(folder: Path) -> Digits:
    """Return digits of MNIST's training set, the last of them to test with: its test set is not for choices."""
    digits = stn.data.load_mnist(folder)
    images, labels = digits.train_images, digits.train_labels
    return Digits(images[:-N_TEST], labels[:-N_TEST], images[-N_TEST:], labels[-N_TEST:])


def _read() -> list[dict[str, Any]]:
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else []


def _known(name: str, setting: str, seed: int) -> bool:
    return any((record["set"], record["setting"], record["seed"]) == (name, setting, seed) for record in _read())


def _add(record: dict[str, Any]) -> None:
    """Add a run to the file, which several processes may share."""
    what = f"{record['set']}, {record['setting']}, seed {record['seed']}"
    print(f"{what}: error {record['error']:.2%}, {record['seconds']:.0f} s", file=sys.stderr)
    record["seconds"] = round(record["seconds"], 1)
    with RESULTS.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lines = ",\n".join(json.dumps(each) for each in [*_read(), record])
        write_atomically(RESULTS, f"[\n{lines}\n]\n".encode())


if __name__ == "__main__":
    main()
