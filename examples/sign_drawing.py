"""Draw traffic signs in random scenes: 43 classes of unequal frequency, rotated, tilted, dark, blurred and noisy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

import stn_numba as stn

__all__ = ["SIGNS", "contact_sheet", "draw_scene", "draw_sign", "draw_signs"]

SIDE = 128  # pixels of a sign as it is drawn
RED, BLUE, YELLOW, GREEN = (190, 20, 30), (20, 70, 170), (250, 190, 20), (20, 140, 60)
WHITE, BLACK, GRAY = (245, 245, 245), (20, 20, 20), (110, 110, 110)
MOST_TO_FEWEST = 12  # ratio of the images of the most and the least frequent class

Point = tuple[float, float]
Color = tuple[int, int, int]
Mark = tuple[str, object]  # ("lines", points), so "dots", "lights" and "area", or ("text", text)


def line(*points: Point) -> Mark:
    """A line through points; x and y from -1 to 1, y downward."""
    return "lines", points


# The signs: name, board, marks on it.
ARROW_UP = [line((0, 0.5), (0, -0.45)), line((-0.25, -0.15), (0, -0.5), (0.25, -0.15))]
ARROW_RIGHT = [line((-0.35, 0.45), (-0.35, -0.1), (0.4, -0.1)), line((0.1, -0.4), (0.45, -0.1), (0.1, 0.2))]
UP_RIGHT = [line((-0.2, 0.5), (-0.2, -0.5)), line((-0.4, -0.25), (-0.2, -0.5), (0, -0.25)), line((-0.2, 0.1), (0.45, 0.1)),
            line((0.25, -0.1), (0.45, 0.1), (0.25, 0.3))]  # fmt: skip
KEEP_RIGHT = [line((-0.4, -0.4), (0.35, 0.35)), line((0.4, -0.1), (0.4, 0.4), (-0.1, 0.4))]
CARS = [line((-0.3, 0.25), (-0.3, -0.25)), line((0.3, 0.25), (0.3, -0.25))]
TRUCK: list[Mark] = [("area", ((-0.5, 0.2), (-0.5, -0.3), (0.1, -0.3), (0.1, -0.1), (0.5, -0.1), (0.5, 0.2))),
                     ("dots", ((-0.3, 0.3), (0.3, 0.3)))]  # fmt: skip
SLASH = [line((0.55, -0.55), (-0.55, 0.55))]
PERSON: list[Mark] = [("dots", ((0, -0.3),)), line((0, -0.2), (0, 0.2), (-0.15, 0.5)), line((0, 0.2), (0.15, 0.5)),
                      line((-0.2, 0), (0.2, 0))]  # fmt: skip


def mirrored(marks: list[Mark]) -> list[Mark]:
    """Marks with left and right exchanged."""
    return [(kind, tuple((-x, y) for x, y in points)) for kind, points in marks]


def beside(marks: list[Mark]) -> list[Mark]:
    """Marks twice, side by side."""
    return [(kind, tuple((0.75 * x + shift, y) for x, y in points)) for shift in (-0.25, 0.25) for kind, points in marks]


TRIANGLES: dict[str, list[Mark]] = {
    "bend-left": [line((0.15, 0.5), (0.15, 0.1), (-0.2, -0.2))],
    "bend-right": [line((-0.15, 0.5), (-0.15, 0.1), (0.2, -0.2))],
    "bicycle": [("dots", ((-0.3, 0.35), (0.3, 0.35))), line((-0.3, 0.35), (0, 0), (0.3, 0.35))],
    "bumps": [("area", ((-0.5, 0.4), (-0.25, 0.1), (0, 0.4), (0.25, 0.1), (0.5, 0.4)))],
    "children": beside(PERSON),
    "crossing": [line((-0.3, 0.45), (0.3, -0.1)), line((0.3, 0.45), (-0.3, -0.1))],
    "danger": [line((0, -0.3), (0, 0.2)), ("dots", ((0, 0.45),))],
    "double-bend": [line((0.15, 0.5), (0.15, 0.3), (-0.15, 0.1), (-0.15, -0.1), (0.1, -0.3))],
    "lights": [("lights", ((0, -0.3), (0, 0.1), (0, 0.5)))],
    "narrow": [line((-0.25, 0.5), (-0.25, 0.2), (-0.1, -0.2)), line((0.25, 0.5), (0.25, 0.2), (0.1, -0.2))],
    "pedestrians": PERSON,
    "priority-here": [("area", ((0, -0.4), (0.15, 0.5), (-0.15, 0.5))), line((-0.35, 0.15), (0.35, 0.15))],
    "slippery": [("area", ((-0.25, -0.1), (0.25, -0.1), (0.3, 0.15), (-0.3, 0.15))), line((-0.3, 0.5), (-0.1, 0.3)),
                 line((0.1, 0.5), (0.3, 0.3))],
    "snow": [line((0, -0.25), (0, 0.5)), line((-0.35, -0.05), (0.35, 0.35)), line((0.35, -0.05), (-0.35, 0.35))],
    "work": [line((-0.35, 0.45), (0.05, -0.2)), ("area", ((0, 0.5), (0.25, 0.05), (0.5, 0.5)))],
}  # fmt: skip
SIGNS: dict[str, tuple[str, list[Mark]]] = {
    **{f"limit-{number}": ("ring", [("text", str(number))]) for number in (20, 30, 50, 60, 70, 80, 100, 120)},
    "no-overtaking": ("ring", CARS),
    "no-trucks": ("ring", TRUCK),
    "no-pedestrians": ("ring", PERSON),
    "no-vehicles": ("ring", []),
    "no-entry": ("red disk", [("area", ((-0.6, -0.15), (0.6, -0.15), (0.6, 0.15), (-0.6, 0.15)))]),
    "end-80": ("gray ring", [("text", "80"), *SLASH]),
    "end-all": ("gray ring", SLASH),
    "end-no-overtaking": ("gray ring", [*CARS, *SLASH]),
    "end-no-trucks": ("gray ring", [*TRUCK, *SLASH]),
    **{f"warning-{name}": ("triangle", marks) for name, marks in TRIANGLES.items()},
    "stop": ("octagon", [("text", "STOP")]),
    "yield": ("yield", []),
    "priority": ("diamond", []),
    "straight": ("blue disk", ARROW_UP),
    "right": ("blue disk", ARROW_RIGHT),
    "left": ("blue disk", mirrored(ARROW_RIGHT)),
    "straight-or-right": ("blue disk", UP_RIGHT),
    "straight-or-left": ("blue disk", mirrored(UP_RIGHT)),
    "keep-right": ("blue disk", KEEP_RIGHT),
    "keep-left": ("blue disk", mirrored(KEEP_RIGHT)),
    "roundabout": ("blue disk", [line((-0.1, -0.45), (0.4, -0.2), (0.4, 0.3)), line((0.2, 0.5), (-0.35, 0.4), (-0.5, 0)),
                                 ("dots", ((-0.45, -0.25), (0.05, 0.5), (0.45, 0.3)))]),
}  # fmt: skip


def regular(corners: int, radius: float, turn: float = 0.0) -> list[Point]:
    """Corners of a regular polygon in pixels."""
    angles = 2 * np.pi * (np.arange(corners) + turn) / corners
    return [(SIDE / 2 * (1 + radius * np.sin(a)), SIDE / 2 * (1 - radius * np.cos(a))) for a in angles]


# Boards: polygons from the outside inward (corners, radius, turn, color), the color and the size of marks, their shift down.
BOARDS: dict[str, tuple[list[tuple[int, float, float, Color]], Color, float, float]] = {
    "ring": ([(60, 0.95, 0, RED), (60, 0.72, 0, WHITE)], BLACK, 0.9, 0.0),
    "gray ring": ([(60, 0.95, 0, GRAY), (60, 0.87, 0, WHITE)], GRAY, 0.95, 0.0),
    "red disk": ([(60, 0.95, 0, RED)], WHITE, 1.0, 0.0),
    "blue disk": ([(60, 0.95, 0, WHITE), (60, 0.9, 0, BLUE)], WHITE, 1.0, 0.0),
    "triangle": ([(3, 0.98, 0, RED), (3, 0.72, 0, WHITE)], BLACK, 0.68, 0.08),
    "yield": ([(3, 0.98, 0.5, RED), (3, 0.6, 0.5, WHITE)], BLACK, 1.0, 0.0),
    "octagon": ([(8, 0.97, 0.5, WHITE), (8, 0.9, 0.5, RED)], WHITE, 1.0, 0.0),
    "diamond": ([(4, 0.97, 0, WHITE), (4, 0.88, 0, BLACK), (4, 0.8, 0, WHITE), (4, 0.6, 0, YELLOW)], BLACK, 1.0, 0.0),
}


def draw_sign(name: str) -> np.ndarray:
    """Return a sign (SIDE, SIDE, 4) of float32 from 0 to 1; its colors are multiplied by the opacity, the last channel."""
    board, marks = SIGNS[name]
    polygons, color, size, shift = BOARDS[board]
    image = Image.new("RGBA", (SIDE, SIDE))
    pen = ImageDraw.Draw(image)
    for corners, radius, turn, fill in polygons:
        pen.polygon(regular(corners, radius, turn), fill=(*fill, 255))

    def pixels(points: object) -> list[Point]:
        return [(SIDE / 2 * (1 + size * x), SIDE / 2 * (1 + size * y + shift)) for x, y in points]  # type: ignore[attr-defined]

    for kind, what in marks:
        MARKS[kind](pen, pixels(what) if kind != "text" else what, color, size)
    array = np.asarray(image, np.float32) / 255
    array[..., :3] *= array[..., 3:]
    return array


def draw_lines(pen: ImageDraw.ImageDraw, points: list[Point], color: Color, size: float) -> None:
    """A thick line with round corners."""
    pen.line(points, fill=color, width=round(SIDE * size / 12), joint="curve")


def draw_dots(pen: ImageDraw.ImageDraw, points: list[Point], color: Color, size: float) -> None:
    """Round dots."""
    radius = SIDE * size / 16
    for x, y in points:
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)


def draw_lights(pen: ImageDraw.ImageDraw, points: list[Point], color: Color, size: float) -> None:
    """A red, a yellow and a green dot."""
    for point, own in zip(points, (RED, YELLOW, GREEN), strict=True):
        draw_dots(pen, [point], own, 2 * size)


def draw_area(pen: ImageDraw.ImageDraw, points: list[Point], color: Color, size: float) -> None:
    """A filled polygon."""
    pen.polygon(points, fill=color)


def draw_text(pen: ImageDraw.ImageDraw, text: str, color: Color, size: float) -> None:
    """Text in the middle, as high as its length allows."""
    font = ImageFont.load_default({2: SIDE * 0.52, 3: SIDE * 0.4}.get(len(text), SIDE * 0.34))
    pen.text((SIDE / 2, SIDE / 2), text, fill=color, font=font, anchor="mm", stroke_width=2, stroke_fill=color)


MARKS: dict[str, Callable[..., None]] = {
    "lines": draw_lines,
    "dots": draw_dots,
    "lights": draw_lights,
    "area": draw_area,
    "text": draw_text,
}


def draw_scene(sign: np.ndarray, rng: np.random.Generator) -> Image.Image:
    """Return an RGB image of a sign somewhere in front of a random background, 20 to 80 pixels wide and high."""
    side = np.exp(rng.uniform(np.log(20), np.log(80)))
    h, w = (int(np.clip(round(side * rng.uniform(0.9, 1.1)), 20, 80)) for _ in range(2))
    zoom, angle, stretch = rng.uniform(1.05, 1.6), np.deg2rad(rng.normal(0, 6)), rng.uniform(0.9, 1.1)
    c, s = np.cos(angle) * zoom, np.sin(angle) * zoom
    shift, tilt = rng.uniform(-0.25, 0.25, 2) * zoom, rng.normal(0, 0.08, 2)
    theta = [c * stretch, -s, shift[0], s * stretch, c, shift[1], *tilt]
    seen = stn.warp(sign, theta, "projective", shape=(h, w), antialias=True, num_threads=1)
    scene = background(h, w, rng) * (1 - seen[..., 3:]) + seen[..., :3] * rng.uniform(0.6, 1.1)
    light = rng.uniform(0.25, 1.15) * (1 + 0.3 * rng.uniform(-1, 1) * np.linspace(-1, 1, w)[:, None])
    image = Image.fromarray(as_bytes(scene * light * rng.normal(1, 0.05, 3)))
    image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.025) * min(h, w)))
    return Image.fromarray(as_bytes(np.asarray(image) / 255 + rng.normal(0, rng.uniform(0, 0.06), (h, w, 3))))


def background(h: int, w: int, rng: np.random.Generator) -> np.ndarray:
    """Return colors (h, w, 3): a few blurred colors, or sky over something darker, with a pole or wall."""
    gray, color = (rng.random((4, 5, channels), np.float32) for channels in (1, 3))
    coarse = (gray + 0.5 * color) * np.float32(rng.uniform(0.2, 0.6))
    scene = stn.data.resize(coarse, (h, w), num_threads=1)
    if rng.random() < 0.4:
        scene[: rng.integers(1, h)] = rng.uniform((0.5, 0.5, 0.6), (0.9, 0.9, 1))
    if rng.random() < 0.5:
        left = rng.integers(0, w)
        scene[:, left : left + rng.integers(2, max(3, w // 4))] = rng.random(3) * rng.uniform(0.2, 0.9)
    return scene


def as_bytes(levels: np.ndarray) -> np.ndarray:
    """Return levels from 0 to 1 as bytes."""
    return np.rint(np.clip(levels, 0, 1) * 255).astype(np.uint8)


def draw_signs(folder: Path, count: int, seed: int = 0) -> None:
    """Write `count` images to a folder, one subfolder a class: frequent classes have twelve times as many as rare ones."""
    rng = np.random.default_rng(seed)
    frequency = MOST_TO_FEWEST ** -np.linspace(0, 1, len(SIGNS))
    frequency = rng.permutation(frequency / frequency.sum())
    for name, share in zip(SIGNS, frequency, strict=True):
        (folder / name).mkdir(parents=True, exist_ok=True)
        sign = draw_sign(name)
        for number in range(max(2, round(share * count))):
            draw_scene(sign, rng).save(folder / name / f"{number:05}.png")


def contact_sheet(seed: int = 0, columns: int = 10, cell: int = 80) -> Image.Image:
    """Return a picture of all signs: the first in each row as it is drawn, the others in scenes."""
    rng = np.random.default_rng(seed)
    sheet = Image.new("RGB", (columns * cell, len(SIGNS) * cell))
    for row, name in enumerate(SIGNS):
        sign = draw_sign(name)
        plain = Image.fromarray(as_bytes(sign[..., :3] + 0.5 * (1 - sign[..., 3:]))).resize((cell, cell))
        for column, image in enumerate([plain, *(draw_scene(sign, rng) for _ in range(columns - 1))]):
            sheet.paste(image, (column * cell, row * cell))
    return sheet


if __name__ == "__main__":
    contact_sheet().save("signs.png")
