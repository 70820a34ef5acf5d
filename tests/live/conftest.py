"""The built page, and a browser that shows it."""

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


@pytest.fixture
def open_page(browser, address):
    """A function that opens the page, ready, with options of a browser's context; errors and foreign requests fail the test."""
    contexts, problems = [], []

    def open_page(**options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: request.url.startswith((address, "data:", "blob:")) or problems.append(request.url))
        page.on("response", lambda response: response.ok or problems.append(f"{response.url} {response.status}"))
        page.goto(f"{address}/index.html")
        page.get_by_text("Ready.", exact=True).wait_for()
        settle(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []
