"""What the page shows, and what a visitor does."""

import base64

import numpy as np

# Strokes of digits: points x,y in percent of the drawing area.
STROKES = {
    0: ["50,15 33,25 27,50 33,75 50,85 67,75 73,50 67,25 50,15"],
    1: ["50,15 50,85"],
    2: ["30,30 36,18 50,14 65,20 68,35 58,52 30,82 74,82"],
    3: ["30,20 50,14 66,22 66,38 46,47 68,58 70,75 52,86 28,80"],
    4: ["36,15 28,52 72,52", "66,20 62,88"],
    7: ["25,18 74,18 60,50 50,88"],
    8: ["62,20 45,14 34,26 42,42 62,58 68,74 52,87 36,76 42,56 62,40 66,26 58,16"],
}


def strokes_of(digit):
    """The strokes with which one writes a digit."""
    return [[tuple(int(value) / 100 for value in point.split(",")) for point in stroke.split()] for stroke in STROKES[digit]]


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def move_slider(page, name, value):
    """Move a slider as a visitor does, by an event of input."""
    page.locator(f"#{name}").fill(str(value))


def settle(page):
    """Wait until the page shows its latest state."""
    page.evaluate("""async () => {
        const { reading, warping } = await (await import("./scripts/main.js")).page;
        await reading.request.settled();
        await warping.request.settled();
    }""")


# Arrays travel as base64: as numbers in JSON they would take seconds.
READ = """async ([part, canvas]) => {
    const { result } = (await (await import("./scripts/main.js")).page)[part];
    const { width, height } = canvas;
    const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
    const encoded = ({ buffer, byteOffset, byteLength }) =>
        btoa(Array.from(new Uint8Array(buffer, byteOffset, byteLength), (byte) => String.fromCharCode(byte)).join(""));
    return Object.fromEntries(Object.entries({ ...result, pixels }).map(([name, values]) => [name, encoded(values)]));
}"""


def arrays(page, part, canvas):
    """The arrays of a part of the page, and the red, green and blue of a canvas as it is shown."""
    settle(page)
    found = page.evaluate(READ, [part, page.locator(canvas).element_handle()])
    found = {name: base64.b64decode(text) for name, text in found.items()}
    pixels = np.frombuffer(found.pop("pixels"), np.uint8).reshape(-1, 4)[:, :3]
    return {name: np.frombuffer(content, np.float32) for name, content in found.items()} | {"pixels": pixels}


def reading(page):
    """The arrays of the first part, and its answer."""
    return arrays(page, "reading", "#view") | {"answer": page.locator("#answer").inner_text()}


def box_of(page):
    """The corners (x, y) of the drawn region, in pixels of the scene."""
    points = page.locator("#box polygon").get_attribute("points")
    return [[float(value) for value in point.split(",")] for point in points.split()]


def warping(page):
    """The arrays of the second part."""
    return arrays(page, "warping", "#warped")
