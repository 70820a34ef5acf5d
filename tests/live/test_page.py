"""The live page reads digits and warps images as the library does."""

import base64
import json
import re

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.data.distortions.similarity import similarity
from stn_numba.plot import region_outline
from tests.live.page import box_of, move_slider, press, reading, strokes_of, warping
from tests.live.scripts import live_model, live_page

ABOUT = json.loads((live_page.SOURCES / "digits.json").read_text())


@pytest.fixture(scope="module")
def model():
    return stn.load(live_page.SOURCES / "digits.safetensors")


def sample(number):
    return np.frombuffer(base64.b64decode(ABOUT["samples"][number]["pixels"]), np.uint8).reshape(28, 28, 1) / np.float32(255)


def check_reading(page, model):
    """Compare what the page shows with what the library says of the same pixels; return the prediction."""
    shown = reading(page)
    X = shown["scene"].reshape(1, 60, 60, 1)
    np.testing.assert_allclose(shown["theta"], model.theta(X)[0], atol=1e-4)
    np.testing.assert_allclose(shown["probabilities"], model.predict_proba(X)[0], atol=1e-4)
    np.testing.assert_allclose(shown["transformed"].reshape(28, 28, 1), model.transform(X)[0], atol=1e-4)
    np.testing.assert_allclose(shown["pixels"][:, 0], shown["transformed"] * 255, atol=1)
    corners = region_outline("affine", model.theta(X)[0], (60, 60))[:, 0]
    np.testing.assert_allclose(box_of(page), corners, atol=0.01)
    digit = model.predict(X)[0]
    assert re.match(rf"It reads an? {digit}, with \d", shown["answer"])
    return digit


def draw(page, digit):
    page.locator("#pad").scroll_into_view_if_needed()
    box = page.locator("#pad").bounding_box()
    for first, *rest in strokes_of(digit):
        page.mouse.move(*(box[axis] + box["width"] * value for axis, value in zip("xy", first, strict=True)))
        page.mouse.down()
        for point in rest:
            page.mouse.move(*(box[axis] + box["width"] * value for axis, value in zip("xy", point, strict=True)), steps=5)
        page.mouse.up()


@pytest.mark.parametrize("number", range(0, len(ABOUT["samples"]), 3))
def test_a_picked_digit_is_read_as_by_the_library(number, page, model):
    label = ABOUT["samples"][number]["label"]
    page.get_by_role("button", name=f"A test digit: {label}").nth(number % 2).click()
    move_slider(page, "placement-pieces", 3)
    assert check_reading(page, model) == label


@pytest.mark.parametrize("digit", [0, 1, 2, 3, 4, 7, 8])
def test_a_drawn_digit_is_read(digit, page, model):
    page.get_by_role("button", name="Clear the drawing").click()
    draw(page, digit)
    for name, value in {"x": -0.5, "y": 0.5, "degrees": 0, "pieces": 4}.items():
        move_slider(page, f"placement-{name}", value)
    assert check_reading(page, model) == digit


def test_a_digit_is_drawn_by_keys(open_page, model):
    page = open_page()
    page.locator("#pad").focus()
    press(page, "Space", *["ArrowDown"] * 14)
    move_slider(page, "placement-degrees", 0)
    assert check_reading(page, model) == 1
    page.locator("#pad").focus()
    press(page, "Tab", "Tab", "Enter")  # past the button that clears, to the first test digit
    assert page.locator("#samples button[aria-pressed=true]").count() == 1


def test_a_cleared_drawing_is_empty(open_page):
    page = open_page()
    page.get_by_role("button", name="Clear the drawing").click()
    move_slider(page, "placement-pieces", 0)
    assert reading(page)["scene"].max() == 0


def test_digits_are_placed_as_in_training(open_page):
    page = open_page()
    page.get_by_role("button", name="A test digit: 5").first.click()
    chosen = {"x": -0.6, "y": 0.35, "degrees": 33, "scale": 1.2, "pieces": 0}
    for name, value in chosen.items():
        move_slider(page, f"placement-{name}", value)
    shift = [[(60 - 28 * 1.2) / 2 * place for place in (-0.6, 0.35)]]
    theta = similarity(np.array([33.0]), np.array([1.2]), np.array(shift), (60, 60))
    expected = live_model.Scene(0).warp(sample(10)[None], theta)
    np.testing.assert_allclose(reading(page)["scene"], expected.ravel(), atol=1e-5)


def test_clutter_is_added_and_drawn_anew(open_page):
    page = open_page()
    move_slider(page, "placement-pieces", 0)
    clean = reading(page)["scene"]
    move_slider(page, "placement-pieces", 12)
    first = reading(page)["scene"]
    page.get_by_role("button", name="New clutter").click()
    second = reading(page)["scene"]
    assert (first >= clean - 1e-6).all()
    assert (first != second).any()
    for scene in (first, second):
        assert scene.max() <= 1
        assert 0 < np.count_nonzero(scene - clean) <= 12 * 36


def test_a_digit_is_dragged(open_page):
    page = open_page()
    page.get_by_role("button", name="Place at random").click()
    for name in ("x", "y"):
        move_slider(page, f"placement-{name}", 0)
    page.locator("#scene").scroll_into_view_if_needed()
    box = page.locator("#scene").bounding_box()
    middle = [box[axis] + box["width"] / 2 for axis in "xy"]
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + box["width"] / 10, middle[1], steps=4)
    page.mouse.up()
    assert float(page.locator("#placement-x").input_value()) > 0.2
    assert float(page.locator("#placement-y").input_value()) == 0


MOVES = {"scale": 0.7, "degrees": -40, "shear": 0.3, "x": 0.25, "y": -0.4}


@pytest.mark.parametrize("moves", [{}, {"x": 0.5}, MOVES])
def test_sliders_warp_as_the_library_does(moves, page):
    for name, value in moves.items():
        move_slider(page, f"affine-{name}", value)
    shown = warping(page)
    theta = expected_theta(**moves)
    np.testing.assert_allclose(shown["theta"], theta, atol=1e-6)
    image = shown["image"].reshape(160, 160, 3)
    out = stn.warp(image, np.float32(theta))
    np.testing.assert_allclose(shown["out"].reshape(out.shape), out, atol=1e-3)
    np.testing.assert_allclose(shown["pixels"], out.reshape(-1, 3) * 255, atol=1)
    page.get_by_role("button", name="Back to the identity").click()
    np.testing.assert_allclose(warping(page)["theta"], [1, 0, 0, 0, 1, 0])


def expected_theta(scale=1.0, degrees=0.0, shear=0.0, x=0.0, y=0.0):
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    matrix = scale * np.array([[cos, -sin], [sin, cos]]) @ [[1, shear], [0, 1]]
    return np.column_stack([matrix, [x, y]]).ravel()


def test_a_file_of_the_visitor_is_warped(open_page, tmp_path):
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    pixels = np.random.default_rng(0).integers(0, 256, (160, 160, 3), np.uint8)
    pillow.fromarray(pixels).save(tmp_path / "own.png")
    page = open_page()
    page.locator("#file").set_input_files(tmp_path / "own.png")
    page.locator("input[value=file]:checked").wait_for()
    np.testing.assert_allclose(warping(page)["image"].reshape(pixels.shape) * 255, pixels, atol=0.01)
    (tmp_path / "text.png").write_text("no image")
    page.locator("#file").set_input_files(tmp_path / "text.png")
    page.get_by_text("text.png: expected an image that this browser can open").wait_for()


def test_the_scene_is_warped_and_followed(open_page):
    page = open_page()
    page.get_by_label("The scene above").check()
    before = warping(page)["image"]
    page.get_by_role("button", name="New clutter").click()
    scene, after = reading(page)["scene"].reshape(60, 60), warping(page)["image"].reshape(160, 160, 3)
    assert (before != after.ravel()).any()
    np.testing.assert_allclose(after[1::8, 1::8, 0], scene[::3, ::3], atol=1 / 255)
