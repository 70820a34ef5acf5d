"""The built site, served on this machine, and Chromium to look at it."""

import http.server
import shutil
import threading

import pytest

from .pages import BUILT

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *arguments):
        super().__init__(*arguments, directory=str(BUILT))

    def log_message(self, *arguments):
        """Nothing is written."""


@pytest.fixture(scope="session")
def built():
    if not (BUILT / "searchindex.js").is_file():
        pytest.skip("the site is not built: make docs")
    return BUILT


@pytest.fixture(scope="session")
def address(built):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: extra docs")
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=program, args=OPTIONS.split())
        yield chromium
        chromium.close()


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
        page.on("requestfailed", lambda request: problems.append(f"not loaded: {request.url}"))
        page.on("request", lambda request: problems.append(f"elsewhere: {request.url}") if leaves(request.url) else None)
        page.goto(address + name)
        return page, problems

    def leaves(url):
        return not url.startswith((address, "data:", "blob:"))

    yield open_one
    for context in contexts:
        context.close()
