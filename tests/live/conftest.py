"""The built page, and a browser that shows it."""

import contextlib

import pytest

from tests.live.page import settle
from tests.live.scripts import live_page
from tests.live.serving import chromium, served


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    pytest.importorskip("onnx", reason="onnx is not installed")
    folder = tmp_path_factory.mktemp("site") / "live"
    try:
        live_page.build(folder)
    except live_page.MissingRuntimeError as error:
        pytest.skip(str(error))
    return folder


@pytest.fixture(scope="session")
def address(built):
    with served(built) as address:
        yield address


@pytest.fixture(scope="module")  # Playwright allows one at a time in a process, and keeps an event loop running
def browser():
    with chromium() as browser:
        yield browser


@contextlib.contextmanager
def opened(browser, address, **options):
    """Yield the page, ready, in a browser's context with these options; errors and foreign requests fail at the end."""
    problems = []
    try:
        with browser.new_context(**options) as context:
            page = context.new_page()
            watch(page, address, problems)
            page.goto(f"{address}/index.html")
            page.get_by_text("Ready.", exact=True).wait_for()
            settle(page)
            yield page
    finally:
        assert problems == []  # also if the page is never ready, since they tell why


def watch(page, address, problems):
    """Collect what goes wrong on a page, and addresses elsewhere."""
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: request.url.startswith((address, "data:", "blob:")) or problems.append(request.url))
    page.on("response", lambda response: response.ok or problems.append(f"{response.url} {response.status}"))


@pytest.fixture
def open_page(browser, address):
    """A function that opens the page anew, with options of a browser's context."""
    with contextlib.ExitStack() as pages:
        yield lambda **options: pages.enter_context(opened(browser, address, **options))


@pytest.fixture(scope="module")
def page(browser, address):
    """The page, as other tests left it: for tests that set all that they look at. It takes a second to open."""
    with opened(browser, address) as page:
        yield page
