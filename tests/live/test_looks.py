"""The live page on small screens, in the dark, and for screen readers."""

import pytest

UNNAMED = """() => [...document.querySelectorAll("input, button, canvas, [role]")]
    .filter((element) => !element.hidden && !element.closest("button > canvas"))
    .filter((element) => !(element.ariaLabel || element.labels?.length || element.textContent.trim()))
    .map((element) => element.outerHTML)"""
BRIGHTNESS = """() => {
    const [red, green, blue] = getComputedStyle(document.body)[NAME].match(/[0-9.]+/g).map(Number);
    return (red + green + blue) / 3;
}"""


def brightness(page, name):
    return page.evaluate(BRIGHTNESS.replace("NAME", repr(name)))


@pytest.mark.parametrize("width", [320, 375, 768, 1280])
def test_nothing_is_wider_than_the_screen(width, page):
    page.set_viewport_size({"width": width, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_dark_mode_is_followed(open_page):
    light, dark = open_page(color_scheme="light"), open_page(color_scheme="dark")
    assert brightness(light, "backgroundColor") > 200 > 100 > brightness(light, "color")
    assert brightness(dark, "backgroundColor") < 50 < 200 < brightness(dark, "color")


def test_everything_has_a_name(page):
    assert page.evaluate(UNNAMED) == []


def test_a_finger_draws(open_page):
    page = open_page(viewport={"width": 375, "height": 700}, has_touch=True, is_mobile=True)
    page.locator("#pad").tap()
    assert page.locator("#samples button[aria-pressed=true]").count() == 0


def test_a_failure_is_shown(browser, address):
    page = browser.new_page()
    page.route("**/digits.onnx", lambda route: route.fulfill(status=404))
    page.goto(f"{address}/index.html")
    page.get_by_text("This does not work here: ").wait_for()
    assert "404" in page.locator("#status").inner_text()
    page.close()
