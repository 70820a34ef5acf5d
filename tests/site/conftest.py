"""The built site, served on this machine, and Chromium to look at it."""

import pytest

from tests.live.serving import chromium, served

from .pages import BUILT


@pytest.fixture(scope="session")
def built():
    if not (BUILT / "searchindex.js").is_file():
        pytest.skip("the site is not built: make docs")
    return BUILT


@pytest.fixture(scope="session")
def address(built):
    with served(built) as address:
        yield f"{address}/"


@pytest.fixture(scope="module")  # Playwright allows one at a time in a process, and keeps an event loop running
def browser(built):
    with chromium() as browser:
        yield browser


@pytest.fixture
def open_page(browser, address):
    """Return a function that opens a page, and the list of what went wrong on it."""
    contexts = []

    def open_one(name, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page, problems = context.new_page(), []
        page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("requestfailed", lambda request: problems.append(f"not loaded: {request.url}") if lost(request) else None)
        page.on("request", lambda request: problems.append(f"elsewhere: {request.url}") if leaves(request.url) else None)
        page.goto(address + name)
        return page, problems

    def lost(request):
        return request.failure != "net::ERR_ABORTED"  # as when the next page is opened before all of this one is there

    def leaves(url):
        return not url.startswith((address, "data:", "blob:"))

    yield open_one
    for context in contexts:
        context.close()
