"""Draw the figures of docs/transforms.md and docs/registration.md: ``make docs-figures``.

To draw only some, name them as arguments: transforms, registration. The photo is Grace Hopper's, which ships with matplotlib.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.cbook import get_sample_data
from matplotlib.image import imread
from numpy.typing import NDArray

import stn_numba as stn
from stn_numba.plot import registration_figure
from stn_numba.plot.figures import draw_image, new_axes, write_figure

FOLDER = Path(__file__).parents[1] / "figures"
SIZE = (120, 160)
COLUMNS = 6


def main(only: list[str]) -> None:
    """Draw the figures named in `only`, or all."""
    makers = {"transforms": draw_transforms, "registration": draw_registration}
    for name in only or makers:
        write_figure(makers[name](), FOLDER / f"{name}.png", dpi=80)


def draw_transforms() -> Any:
    """Draw what each transform does to an image of a grid, and return one of the axes."""
    image, cases = _grid_image(), [("the image", "affine", {}, {}), *_cases()]
    rows = -(-len(cases) // COLUMNS)
    axes = new_axes(rows, COLUMNS, (2.2, 2.2 * SIZE[0] / SIZE[1] + 0.3))
    for panel, (title, name, options, changes) in zip(axes.flat, cases, strict=False):
        transform = stn.get_transform(name, **options)
        theta = transform.identity().copy()
        for place, change in changes.items():
            theta[place] += change
        warped = stn.warp(image, theta, transform, fill=np.nan, antialias=True)
        draw_image(panel, warped[..., None], (0, 1))
        panel.set_facecolor("bisque")  # shows where the output reads outside the image
        panel.set_title(title, fontsize=9)
    for panel in axes.flat[len(cases) :]:
        panel.set_axis_off()
    return axes[0, 0]


def _cases() -> list[tuple[str, str, dict[str, Any], dict[int, float]]]:
    """Title, name, options, and what is added to the identity by place in theta, of each panel."""
    rng = np.random.default_rng(0)
    field = _smooth_field(rng, (30, 40))
    return [
        ("translation", "translation", {}, {0: 0.25, 1: -0.15}),
        ("attention", "attention", {}, {0: -0.4, 1: 0.2, 2: -0.1}),
        ("attention, isotropic=False", "attention", {"isotropic": False}, {0: -0.5, 1: 0.1}),
        ("rotation", "rotation", {}, {0: 0.35}),
        ("rigid", "rigid", {}, {0: -0.3, 1: 0.2, 2: 0.1}),
        ("similarity", "similarity", {}, {0: 0.3, 1: 0.3}),
        ("affine", "affine", {}, {1: 0.3, 3: 0.1, 4: -0.15}),
        ("projective", "projective", {}, {1: 0.1, 6: 0.35, 7: 0.15}),
        ("polynomial, degree=2", "polynomial", {}, {5: 0.2, 9: -0.2}),
        ("tps, control_points=(3, 3)", "tps", {"control_points": (3, 3)}, dict(enumerate(rng.normal(0, 0.12, 18)))),
        ("bspline: one control point", "bspline", {}, {8 * 3 + 3: 0.45}),
        ("bspline, control_points=(6, 6)", "bspline", {"control_points": (6, 6)}, dict(enumerate(rng.normal(0, 0.12, 72)))),
        ("flow, shape=(30, 40)", "flow", {"shape": (30, 40)}, dict(enumerate(field))),
        ("radial, k1 < 0", "radial", {}, {0: -0.13}),
        ("radial, k1 > 0", "radial", {}, {0: 0.2}),
        ("bounded: rotation up to 0.2", "bounded", {"transform": "rotation", "low": -0.2, "high": 0.2}, {0: 5.0}),
        ("compose: similarity, radial", "compose", {"transforms": ["similarity", "radial"]}, {0: 0.3, 1: 0.2, 4: 0.2}),
    ]


def draw_registration() -> Any:
    """Register a photo with a copy of itself through a homography, of another brightness, and draw before and after."""
    with get_sample_data("grace_hopper.jpg", asfileobj=True) as file:
        photo = imread(file, format="jpg")[40:488].astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    truth = [1.02, 0.09, 0.06, -0.07, 1.0, -0.05, 0.03, -0.04]
    fixed = 0.6 * stn.warp(photo, truth, "projective", kernel="bicubic", padding="border") + 70
    fixed += np.random.default_rng(0).normal(0, 2, fixed.shape)
    result = stn.register(photo, fixed, "projective")
    assert result.success
    return registration_figure(fixed, photo, result.warp(photo, fill=np.nan)).flat[0]


def _grid_image() -> NDArray[np.float64]:
    """Lines of a grid, and an F that shows what is turned and what is mirrored."""
    height, width = SIZE
    y, x = np.mgrid[:height, :width]
    image = np.full(SIZE, 0.85)
    image[(x % 20 < 2) | (y % 20 < 2) | (x >= width - 2) | (y >= height - 2)] = 0.35
    image[36:88, 66:74] = image[36:44, 66:98] = image[56:64, 66:90] = 0.0
    return image


def _smooth_field(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Displacements of pixels, all x and then all y, as sums of a few waves."""
    x, y = stn.base_points(shape).T
    waves = [np.sin(rng.uniform(2, 7) * x + rng.uniform(2, 7) * y + rng.uniform(0, 6)) for _ in range(6)]
    return 0.06 * np.concatenate([sum(waves[:3]), sum(waves[3:])])


if __name__ == "__main__":
    main(sys.argv[1:])
