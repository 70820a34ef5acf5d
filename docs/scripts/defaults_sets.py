"""The data sets of docs/training-defaults.md: digits in clutter, scaled, rotated, and traffic signs drawn with NumPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

import stn_numba as stn
from stn_numba.data import Digits
from stn_numba.data.distortions.clutter import Clutter
from stn_numba.data.distortions.similarity import RotationTranslationScale, similarity

__all__ = ["SETS", "make_set"]

Floats = NDArray[np.float32]
Split = tuple[Floats, NDArray[np.int64]]

SIGN_SIZE = 40
SHAPES = ("circle", "triangle", "square", "diamond", "octagon")
SIGN_CLASSES = 20  # five shapes, each with a bright or a dark rim, and a bar or a dot


class Clutter40(Clutter):
    """A digit at a random place of 40 x 40 pixels, with eight pieces of other digits."""

    canvas, pieces = (40, 40), 8


class Scale(RotationTranslationScale):
    """A digit scaled by 0.5 to 1.5, at a random place of 42 x 42 pixels."""

    canvas = (42, 42)

    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw scales, and places at which the digit's frame lies within the canvas."""
        scale = rng.uniform(0.5, 1.5, n)
        slack = (42 - 28 * scale) / 2
        return similarity(np.zeros(n), scale, slack[:, None] * rng.uniform(-1, 1, (n, 2)), self.canvas)


def make_set(name: str, digits: Digits, *, n_train: int, n_test: int, seed: int = 0) -> tuple[Split, Split]:
    """Return training and test images of a set, which differ in everything random."""
    rng = np.random.default_rng([seed, list(SETS).index(name)])
    make = SETS[name]
    if make is draw_signs:
        return draw_signs(n_train, rng), draw_signs(n_test, rng)
    distort = make()
    return (
        (distort(digits.train_images[:n_train], rng), digits.train_labels[:n_train]),
        (distort(digits.test_images[:n_test], rng), digits.test_labels[:n_test]),
    )


def draw_signs(n: int, rng: np.random.Generator) -> Split:
    """Draw n signs (N, 40, 40, 3) in front of a noisy background, and their classes.

    Place, size, angle, light and colors vary. Every class has its shape, the brightness of its rim, and its glyph.
    """
    labels = rng.integers(0, SIGN_CLASSES, n)
    coarse = rng.uniform(0, 1, (n, 1, 1, 3)) * 0.5 + rng.uniform(0, 0.5, (n, 5, 5, 3))
    images = stn.warp(coarse.astype(np.float32), np.tile(np.float32([1, 0, 0, 0, 1, 0]), (n, 1)), shape=(SIGN_SIZE, SIGN_SIZE))
    y, x = np.mgrid[:SIGN_SIZE, :SIGN_SIZE] + 0.5
    for image, label in zip(images, labels, strict=True):
        shape, dark, bar = SHAPES[label % 5], label // 5 % 2, label // 10
        radius, angle = rng.uniform(7, 14), np.deg2rad(rng.uniform(-15, 15))
        center = rng.uniform(radius, SIGN_SIZE - radius, 2)
        u = (np.cos(angle) * (x - center[0]) + np.sin(angle) * (y - center[1])) / radius
        v = (np.cos(angle) * (y - center[1]) - np.sin(angle) * (x - center[0])) / radius
        rim, face = rng.uniform(0.6, 1, 3), rng.uniform(0, 0.4, 3)
        if dark:
            rim, face = face, rim
        distance = _distance(shape, u, v)
        glyph = (abs(u) < 0.45) & (abs(v) < 0.14) if bar else u**2 + v**2 < 0.25**2
        _paint(image, rim, distance < 1)
        _paint(image, face, distance < 0.7)
        _paint(image, rim, glyph)
    images *= rng.uniform(0.5, 1, (n, 1, 1, 1)).astype(np.float32)
    images += rng.normal(0, 0.05, images.shape).astype(np.float32)
    return np.clip(images, 0, 1), labels


def _distance(shape: str, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far out a position is: 1 on the edge of a shape of radius 1."""
    if shape == "circle":
        return np.hypot(u, v)
    corners, turn = {"triangle": (3, -np.pi / 2), "square": (4, np.pi / 4), "diamond": (4, 0), "octagon": (8, np.pi / 8)}[shape]
    sides = turn + np.pi / corners + 2 * np.pi / corners * np.arange(corners)
    reach = np.max([u * np.cos(a) + v * np.sin(a) for a in sides], axis=0)
    return reach / np.cos(np.pi / corners)


def _paint(image: Floats, color: NDArray[np.float64], where: NDArray[np.bool_]) -> None:
    image[where] = color


SETS: dict[str, Callable[..., object]] = {
    "clutter": Clutter40,
    "scale": Scale,
    "rotation": lambda: stn.data.get_distortion("R"),
    "signs": draw_signs,
    "RTS": lambda: stn.data.get_distortion("RTS"),
}
