"""The built site in Chromium: no errors, nothing from elsewhere, search, dark mode, and a phone's width."""

import re

import pytest

from .pages import built_pages

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
DESKTOP = {"width": 1280, "height": 900}
TOO_WIDE = "document.documentElement.scrollWidth > window.innerWidth"
KEY_PAGES = (
    "index.html",
    "tutorials/first-warp.html",
    "how-to/remap.html",
    "auto_gallery/plot_transforms.html",
    "reference/generated/stn_numba.warp.html",
    "benchmarks.html",
)


def luminance(color):
    """How bright a color of CSS is, from 0 to 1."""
    red, green, blue = (float(number) / 255 for number in re.findall(r"[\d.]+", color)[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def style(page, selector, name):
    return page.eval_on_selector(selector, f"element => getComputedStyle(element)['{name}']")


def test_each_page_loads_without_an_error_and_fits_a_phone_and_a_desk(built, open_page, address):
    page, problems = open_page("index.html", **PHONE)
    wrong = {}
    for path in built_pages():
        name = path.relative_to(built).as_posix()
        problems.clear()
        page.set_viewport_size(PHONE["viewport"])
        page.goto(address + name)
        if page.evaluate(TOO_WIDE):
            problems.append("wider than a phone")
        if "generated" not in path.parts:  # these are many, and alike
            page.set_viewport_size(DESKTOP)
            if page.evaluate(TOO_WIDE):
                problems.append("wider than a desk")
        if problems:
            wrong[name] = list(problems)
    assert wrong == {}


def test_an_error_in_the_console_is_seen(open_page):
    page, problems = open_page("index.html")
    page.evaluate("console.error('planted')")
    page.evaluate("fetch('https://elsewhere.invalid/x').catch(() => 0)")
    page.wait_for_timeout(100)
    assert "planted" in problems
    assert "elsewhere: https://elsewhere.invalid/x" in problems


@pytest.mark.parametrize(
    ("query", "address_of_hit"),
    [("sample_gradients", "reference/generated/stn_numba.sample_gradients.html"), ("cv2.remap", "how-to/remap.html")],
)
def test_search_finds(open_page, query, address_of_hit):
    page, problems = open_page(f"search.html?q={query}")
    page.wait_for_selector("ul.search li a")
    page.wait_for_function("document.querySelector('p.search-summary').innerText.length > 0")
    hits = page.eval_on_selector_all("ul.search li a", "links => links.map(link => link.href)")
    assert any(address_of_hit in hit for hit in hits)
    assert problems == []


def test_the_search_field_opens_and_leads_to_results(open_page):
    page, problems = open_page("index.html", viewport=DESKTOP)
    page.keyboard.press("Control+k")
    page.keyboard.type("register_stack")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=register_stack")
    page.wait_for_selector("ul.search li a")
    assert "stn_numba.register_stack" in page.inner_text("ul.search")
    assert problems == []


@pytest.mark.parametrize("name", KEY_PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_mode(open_page, name, scheme):
    page, problems = open_page(name, color_scheme=scheme, viewport=DESKTOP)
    ground, text = luminance(style(page, "body", "backgroundColor")), luminance(style(page, "article h1", "color"))
    assert (ground < 0.2 and text > 0.7) if scheme == "dark" else (ground > 0.9 and text < 0.3)
    if page.query_selector("div.highlight"):
        code = luminance(style(page, "div.highlight pre", "backgroundColor"))
        assert code < 0.3 if scheme == "dark" else code > 0.8
    assert problems == []


def test_the_menu_of_a_phone_opens(open_page):
    page, problems = open_page("sampling.html", **PHONE)
    assert not page.is_visible("text=Section Navigation")
    page.click("button.primary-toggle")
    page.wait_for_selector("text=Section Navigation", state="visible")
    assert problems == []
